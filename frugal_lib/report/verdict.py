"""What an interval says of a claim: the words, the rule, the margin, and the table of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from frugal_lib.core.stats import Interval
from frugal_lib.report.cells import cell, framed

SUPPORTED, CONTRADICTED, OPEN = "holds", "not reproduced", "cannot be told"
NOT_TESTABLE = "not testable at this size"  # where the base lacks what the claim is about
OPPOSITE = {SUPPORTED: CONTRADICTED, CONTRADICTED: SUPPORTED, OPEN: OPEN, NOT_TESTABLE: NOT_TESTABLE}
DECIDED = (SUPPORTED, CONTRADICTED)
MARGIN, OTHER_MARGINS = 0.1, (0.05, 0.2)  # of what full fine-tuning wins over the base: a loss within it is a match
LEVEL = 0.05
WORSE_PERHAPS = "worse, perhaps within the margin"  # what can be said besides where the interval lies above zero


@dataclass(frozen=True)
class Verdict:
    """One claim on one base: the paper's evidence, ours in words and as a number, and what follows.

    `p` is that of the decision, not a number where there was none; `choices` has the verdicts under other
    reasonable choices by their name.
    """

    claim: str
    base: str
    paper: str
    ours: str
    verdict: str
    number: str = ""
    p: float = np.nan
    choices: Mapping[str, str] = field(default_factory=dict)
    source: str = "test"
    detectable: float = np.nan
    survives: bool = True  # Holm's correction for all verdicts of the book

    @property
    def flips(self) -> list[str]:
        """The choices under which the verdict would be another."""
        return [name for name, word in self.choices.items() if word != self.verdict]

    @property
    def fragile(self) -> list[str]:
        """Those of them that count: the opposite, or open under another margin, fold, seed or resample.

        That the few sonnets of the paper's splits leave it open is no reason to doubt it.
        """
        return [name for name in self.flips if name in self.contrary or name not in ("test", "dev", "dev and test")]

    @property
    def contrary(self) -> list[str]:
        """Those of them under which it would be the opposite, not merely open for want of sonnets."""
        return [name for name in self.flips if self.verdict in DECIDED and self.choices[name] == OPPOSITE[self.verdict]]


@dataclass(frozen=True)
class Rule:
    """How a claim is decided by a difference, a loss of the first named minus that of the second.

    - `lower`, `higher`: it holds where the whole interval lies on that side of zero, and is not reproduced where the
      whole interval lies on the other.
    - `keeps`: it holds where the whole interval lies within the margin, at most a share of what full fine-tuning wins
      (a non-inferiority test; Schuirmann 1987), and is not reproduced where the whole interval lies beyond it.

    Else it cannot be told. All are one-sided, as the paper's claims are: what is better than full fine-tuning keeps its
    quality too. Only that ranks lie within a chrF point of each other has two sides, and there each is compared with
    the highest.
    """

    kind: Literal["lower", "higher", "keeps"]

    def bound(self, won: Interval | None, share: float = MARGIN) -> float:
        """What the difference is compared with."""
        return share * won.mean if self.kind == "keeps" else 0.0

    def word(self, difference: Interval, won: Interval | None = None, share: float = MARGIN) -> str:
        """The verdict; where nothing was won there is nothing to keep."""
        if self.kind == "keeps" and won.low <= 0:
            return NOT_TESTABLE if won.high <= 0 else OPEN
        return self.beside(difference, self.bound(won, share))

    def beside(self, difference: Interval, bound: float) -> str:
        """The verdict of a difference beside what it is compared with."""
        below, above = (CONTRADICTED, SUPPORTED) if self.kind == "higher" else (SUPPORTED, CONTRADICTED)
        if difference.high < bound or (self.kind == "keeps" and difference.high == bound):
            return below
        return above if difference.low > bound else OPEN


LOWER, HIGHER, KEEPS = Rule("lower"), Rule("higher"), Rule("keeps")


def worse_perhaps(difference: Interval, margin: float) -> bool:
    """Whether a loss is above zero, and perhaps within the margin: the most that can be said where it is open."""
    return 0 < difference.low <= margin < difference.high


def all_hold(words: Sequence[str]) -> str:
    """The verdict of a claim that is made of several: it holds where all do (Berger 1982, intersection-union tests)."""
    if CONTRADICTED in words:
        return CONTRADICTED
    return words[0] if words and len(set(words)) == 1 else OPEN


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Adjusted p-values of a family of tests; what is no number is no test, and stays one.

    The p-values are two-sided (`Interval.p_value`), though each verdict looks at one side: the rule can decide either
    way, and at the bound itself both ways are wrong. So at 0.05 the chance of any wrong verdict is at most 5 %, and a
    verdict alone survives exactly where its 95 % interval decides.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    p = np.asarray(p_values, float)
    adjusted, tests = np.full(len(p), np.nan), np.flatnonzero(np.isfinite(p))
    order = tests[np.argsort(p[tests], kind="stable")]
    steps = p[order] * (len(order) - np.arange(len(order)))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(steps)) if len(order) else steps
    return adjusted


def corrected(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts, each with whether it survives Holm's correction for all of them; what is open decides nothing."""
    decided = [verdict.p if verdict.verdict in DECIDED else np.nan for verdict in verdicts]
    return [
        replace(verdict, survives=bool(np.isnan(p) or p <= LEVEL))
        for verdict, p in zip(verdicts, holm(decided), strict=True)
    ]


@framed
def verdict_table(verdicts: Sequence[Verdict]) -> Iterator[dict]:
    """Claim, base, the paper's evidence, ours, verdict."""
    for v in verdicts:
        yield {"claim": v.claim, "verdict": v.verdict, "base": v.base, "ours": v.ours, "paper": v.paper}


MARKS = {SUPPORTED: "holds", CONTRADICTED: "not", OPEN: "open", NOT_TESTABLE: "open"}  # classes of the style sheet


def mark(verdict: str, note: str = "") -> str:
    """A verdict in its colour, and what is to be noted of it; the word says it, the colour helps."""
    return f'<strong class="verdict {MARKS[verdict]}">{verdict}</strong>{note}'


def against(name: str, difference: Interval, source: str = "test", unit: str = "nats per token") -> str:
    """A difference in loss, in words."""
    return f"{name}, {source}: {cell(difference, 3, '+')} {unit}"
