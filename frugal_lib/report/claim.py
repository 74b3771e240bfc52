"""A claim of the paper: its words, its place, and the test that our records put it to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from frugal_lib.core.stats import Interval
from frugal_lib.report.cells import cell
from frugal_lib.report.verdict import Rule, Verdict

ELSEWHERE = ("left open in the paper", "not in the paper")  # places of questions that the paper does not answer


@dataclass(frozen=True)
class Claim:
    """One claim, once: each chapter has its own in `claims.CLAIMS`, and chapter 5 shows those of all.

    A test takes the chapter's results and a base, and gives None where a profile or a base has no runs for it.
    """

    name: str
    text: str
    place: str
    test: Callable[[Any, str], Verdict | None]

    @property
    def headline(self) -> bool:
        """Whether it is the paper's, and so stands in the table of all claims."""
        return self.place not in ELSEWHERE


def verdicts(claims: Sequence[Claim], results: Any, bases: Sequence[str]) -> list[Verdict]:
    """Every claim, in its own words, on every base that has runs for it."""
    told = [(claim, claim.test(results, base)) for claim in claims for base in bases]
    return [replace(verdict, claim=claim.text) for claim, verdict in told if verdict]


def bases_by_word(test: Callable[[str], Verdict | None], bases: Sequence[str]) -> dict[str, list[str]]:
    """The words of a test's verdicts, each with the bases that it holds on."""
    found: dict[str, list[str]] = {}
    for verdict in filter(None, map(test, bases)):
        found.setdefault(verdict.verdict, []).append(verdict.base)
    return found


def on_bases(test: Callable[[str], Verdict | None], bases: Sequence[str]) -> str:
    """A test's verdicts, each word once: **not reproduced** on `micro`, **holds** on `nano`."""
    found = bases_by_word(test, bases).items()
    return ", ".join(f"**{word}** on `{'` and `'.join(where)}`" for word, where in found) or "not tested"


def told(rule: Rule, difference: Interval, base: str, name: str, paper: str, unit: str, digits: int = 3) -> Verdict:
    """The verdict of a single difference beside zero, in a unit of its own; `name` says what is compared."""
    number = f"{cell(difference, digits, '+')} {unit}"
    return Verdict("", base, paper, f"{name}: {number}", rule.word(difference), number, difference.p_value())
