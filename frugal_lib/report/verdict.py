"""What an interval says of a claim: the words, the margin, and the table of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from frugal_lib.core.stats import Interval
from frugal_lib.report.cells import cell

SUPPORTED, CONTRADICTED, OPEN = "supported", "contradicted", "not distinguishable"
MARGIN = 0.1  # of what full fine-tuning wins over the base: a loss within it counts as a match


@dataclass(frozen=True)
class Verdict:
    """One claim on one base: the paper's evidence, ours in words and as a number, and what follows."""

    claim: str
    base: str
    paper: str
    ours: str
    verdict: str
    number: str = ""


def not_worse(loss: Interval, margin: float) -> str:
    """Is a loss, paired with another, not higher by more than `margin`?

    Supported where the whole interval is below the margin (a non-inferiority test; Schuirmann 1987),
    contradicted where the whole interval lies above zero and may exceed the margin.
    """
    if loss.high <= margin:
        return SUPPORTED
    return CONTRADICTED if loss.low > 0 else OPEN


def matched(loss: Interval, won: Interval) -> str:
    """Is a loss within `MARGIN` of what full fine-tuning won? Where nothing was won there is nothing to match."""
    return not_worse(loss, MARGIN * won.mean) if won.low > 0 else OPEN


def lower(difference: Interval) -> str:
    """Is a difference below zero?"""
    if difference.high < 0:
        return SUPPORTED
    return CONTRADICTED if difference.low > 0 else OPEN


def higher(difference: Interval) -> str:
    """Is a difference above zero?"""
    return lower(Interval(-difference.mean, -difference.high, -difference.low, difference.seeds, difference.items))


def verdict_table(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """Claim, base, the paper's evidence, ours, verdict."""
    rows = [
        {"claim": v.claim, "verdict": v.verdict, "base": v.base, "ours": v.ours, "paper": v.paper} for v in verdicts
    ]
    return pd.DataFrame(rows).set_index("claim")


MARKS = {SUPPORTED: "#1a7f37", CONTRADICTED: "#b3261e", OPEN: "#6b6b6b"}


def mark(verdict: str) -> str:
    """A verdict in its colour; the word says it, the colour helps."""
    return f'<strong style="color:{MARKS[verdict]}">{verdict}</strong>'


def against(name: str, difference: Interval) -> str:
    """A difference in test loss, in words."""
    return f"{name}, test: {cell(difference, 3, '+')} nats per token"


def margin_text(margin: float) -> str:
    """What counts as a match."""
    text = f"{margin:+.3f}".replace("-", "−")
    return f"a match is at most {text}, {100 * MARGIN:.0f} % of what full fine-tuning wins"
