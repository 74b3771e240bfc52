"""Two ways of making a model, compared by their losses on held-out lines: what follows, and under other choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from frugal_lib.core.cross_validation import Differences, bootstrap_interval, detectable, fold_interval
from frugal_lib.core.stats import Interval, mean_interval
from frugal_lib.report import folded
from frugal_lib.report.arm import Arm
from frugal_lib.report.cells import cell, signed
from frugal_lib.report.folded import FoldArm
from frugal_lib.report.measures import loss_matrix
from frugal_lib.report.verdict import KEEPS, MARGIN, OTHER_MARGINS, WORSE_PERHAPS, Rule, Verdict, worse_perhaps

UNIT = "bits per character"
FOLDS, SPLITS = "cross-validation", {"test": ("test",), "dev": ("dev",), "dev and test": ("dev", "test")}


@dataclass(frozen=True)
class Side:
    """A way of making a model: on the paper's split, and in cross-validation, as far as it was run there."""

    arm: Arm | None = None
    folds: FoldArm | None = None


def losses(arm: Arm, splits: Sequence[str]) -> np.ndarray:
    """Values whose mean is bits per character of the true lines 4-14 of some splits: [seeds, sonnets]."""
    return np.concatenate([loss_matrix(arm.records, split, "characters") for split in splits], axis=1) / np.log(2)


def on_splits(one: Side, other: Side, splits: Sequence[str]) -> np.ndarray | None:
    """Differences on the paper's split, paired by seed and sonnet; a model without training stands for all seeds."""
    if one.arm is None or other.arm is None:
        return None
    first, second = losses(one.arm, splits), losses(other.arm, splits)
    trained = [len(side) for side, arm in ((first, one.arm), (second, other.arm)) if arm.records[0].history]
    seeds = min(trained, default=1)
    return first[:seeds] - second[:seeds]


def in_folds(one: Side, other: Side) -> Differences | None:
    """Differences in cross-validation, where both were run there."""
    if one.folds is None or other.folds is None:
        return None
    return Differences(folded.difference(one.folds, other.folds, "characters"), one.folds.fold_of)


@dataclass(frozen=True)
class Contrast:
    """The loss of `one` minus that of `other` in bits per character, and what full fine-tuning wins over the base."""

    one: Side
    other: Side
    full: Side
    untuned: Side

    @cached_property
    def folds(self) -> Differences | None:
        return in_folds(self.one, self.other)

    @cached_property
    def intervals(self) -> dict[str, tuple[Interval, Interval]]:
        """By held-out text the difference, and what full fine-tuning wins there; cross-validation first."""
        found = {}
        if self.folds is not None and (won := in_folds(self.untuned, self.full)) is not None:
            found[FOLDS] = fold_interval(self.folds), fold_interval(won)
        for name, splits in SPLITS.items():
            values, won = on_splits(self.one, self.other, splits), on_splits(self.untuned, self.full, splits)
            if values is not None and won is not None:
                found[name] = mean_interval(values), mean_interval(won)
        return found

    @property
    def decisive(self) -> tuple[str, Interval, Interval] | None:
        """What decides: the held-out text, the difference and what was won; cross-validation, else test, else None."""
        source = next((name for name in (FOLDS, "test") if name in self.intervals), None)
        return (source, *self.intervals[source]) if source else None

    def others(self) -> dict[str, list[Interval]]:
        """The difference in cross-validation without each fold, without each seed, and by bootstrap.

        What is left out moves the estimate; the width stays that of the whole. Of two folds that are left of three, an
        interval of their own has one degree of freedom: it would leave two verdicts of three open, also where no
        fold matters.
        """
        if (found := self.folds) is None:
            return {}
        whole = fold_interval(found)
        rest = {"a fold left out": [found.without_fold(k) for k in np.unique(found.fold_of)]}
        if len(found.values) > 1:
            rest["a seed left out"] = [found.without_seed(k) for k in range(len(found.values))]
        moved = {name: [whole.about(float(part.items.mean())) for part in parts] for name, parts in rest.items()}
        return moved | {"bootstrap": [bootstrap_interval(found)]}


def choices(contrast: Contrast, rule: Rule) -> dict[str, str]:
    """The verdict under every reasonable choice, by its name; of several cases the one that differs, if one does."""
    main, difference, won = contrast.decisive
    word = rule.word(difference, won)
    found = {name: rule.word(*pair) for name, pair in contrast.intervals.items() if name != main}
    if rule == KEEPS:
        found |= {f"margin {100 * share:.0f} %": rule.word(difference, won, share) for share in OTHER_MARGINS}
    for name, cases in contrast.others().items():
        words = [rule.word(case, won) for case in cases]
        found[name] = next((other for other in words if other != word), word)
    return found


def decide(contrast: Contrast, rule: Rule, base: str, name: str, paper: str) -> Verdict | None:
    """The verdict on a base, by cross-validation where it was run, else by the paper's test split; None where neither.

    Args:
        name: what is compared, such as `rank 4 minus full`.
        paper: what the paper says, with its numbers.
    """
    if (found := contrast.decisive) is None:
        return None
    source, difference, won = found
    bound = rule.bound(won)
    margin = f"; a match is at most {signed(bound, 4)}, {100 * MARGIN:.0f} % of what full fine-tuning gains"
    margin += f": {WORSE_PERHAPS}" * worse_perhaps(difference, bound)
    return Verdict(
        "",
        base,
        paper,
        f"{name}, {source}: {cell(difference, 4, '+')} {UNIT}" + margin * (rule == KEEPS),
        rule.word(difference, won),
        f"{cell(difference, 4, '+')} bits",
        difference.p_value(bound),
        choices(contrast, rule),
        source,
        detectable(contrast.folds) if source == FOLDS else np.nan,
    )
