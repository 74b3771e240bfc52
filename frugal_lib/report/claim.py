"""A claim of the paper: its words, its place, and the test that our records put it to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from frugal_lib.report.verdict import Verdict


@dataclass(frozen=True)
class Claim:
    """One claim, once: each chapter has its own in `claims.CLAIMS`, and chapter 5 shows those of all.

    A test takes the chapter's results and a base, and gives None where a profile or a base has no runs for it.
    `headline` claims stand in the table of the first page.
    """

    name: str
    text: str
    place: str
    test: Callable[[Any, str], Verdict | None]
    headline: bool = True


def verdicts(claims: Sequence[Claim], results: Any, bases: Sequence[str]) -> list[Verdict]:
    """Every claim, in its own words, on every base that has runs for it."""
    told = [(claim, claim.test(results, base)) for claim in claims for base in bases]
    return [replace(verdict, claim=claim.text) for claim, verdict in told if verdict]
