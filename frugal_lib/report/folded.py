"""Cross-validation: arms in which every sonnet was held out once a seed, and differences between two of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from frugal_lib.core import select
from frugal_lib.core.cross_validation import Differences, detectable, fold_interval
from frugal_lib.core.runs import Record, Run
from frugal_lib.core.stats import Interval, ratio_values
from frugal_lib.data import folds
from frugal_lib.report.cells import NONE, cell, framed


@dataclass(frozen=True)
class FoldArm:
    """One way of making a model on one base: `by_seed` has a record a fold, for every seed that is complete."""

    run: Run
    by_seed: tuple[tuple[Record, ...], ...]

    @property
    def records(self) -> list[Record]:
        """All of them."""
        return [record for seed in self.by_seed for record in seed]

    @property
    def numbers(self) -> list[int]:
        """The sonnets, as the columns of `losses` have them."""
        return [row["id"] for row in held_out(self.by_seed[0])]

    @property
    def fold_of(self) -> np.ndarray:
        """The fold in which each sonnet was held out: [sonnets]."""
        return np.array(folds.fold_of(self.run.folds, self.numbers))

    def losses(self, unit: str) -> np.ndarray:
        """Values whose mean is the loss on lines 4-14 in nats per token, or bits per character: [seeds, sonnets]."""
        found = []
        for seed in self.by_seed:
            rows = held_out(seed)
            found.append(ratio_values([row["nll"] for row in rows], [row[unit] for row in rows]))
        return np.stack(found) / (np.log(2) if unit == "characters" else 1)


def held_out(records: Sequence[Record]) -> list[dict]:
    """The likelihood of every held-out sonnet, by number."""
    rows = [e for r in records for e in r.examples if e["kind"] == "likelihood" and e["split"] == "test"]
    return sorted(rows, key=lambda row: row["id"])


def arms_of(records: Iterable[Record]) -> list[FoldArm]:
    """The arms that are complete: at one seed at least, every fold is there."""
    found: dict[Run, dict[int, dict[int, Record]]] = defaultdict(lambda: defaultdict(dict))
    for record in records:
        if record.run.task == select.FOLDED and record.status == "ok":
            arm = replace(record.run, seed=0, fold=0)
            found[arm][record.run.seed][record.run.fold] = record
    arms = []
    for run, seeds in found.items():
        whole = [folds for _, folds in sorted(seeds.items()) if len(folds) == run.folds]
        if whole:
            arms.append(FoldArm(run, tuple(tuple(folds[i] for i in range(run.folds)) for folds in whole)))
    return arms


def difference(one: FoldArm, other: FoldArm, unit: str) -> np.ndarray:
    """Loss of `one` minus that of `other`, paired by sonnet and seed: [seeds, sonnets].

    A base that was not trained has no seeds, and stands for all of the other's.
    """
    first, second = one.losses(unit), other.losses(unit)
    if 1 not in (len(first), len(second)):
        seeds = min(len(first), len(second))
        first, second = first[:seeds], second[:seeds]
    return first - second


def find(arms: Iterable[FoldArm], base: str, method: str, **fields) -> FoldArm | None:
    """The arm of a base and method, in FP32, without a teacher and read in epochs unless `fields` say otherwise."""
    wanted = {"base": base, "method": method, "format": "fp32", "teacher": "", "passes": 0} | fields
    return next((arm for arm in arms if all(getattr(arm.run, name) == value for name, value in wanted.items())), None)


@framed
def cross_validation_table(arms: Sequence[FoldArm], name: Callable[[Run], str]) -> Iterator[dict]:
    """Every arm of every base that was fully fine-tuned: loss on all sonnets, and its difference from full fine-tuning.

    The last columns say from how many models, and which true difference they detect four times in five; `name`
    says in words what an arm is.
    """
    for arm, full in beside_full(arms):
        found = {unit: Differences(difference(arm, full, unit), arm.fold_of) for unit in ("tokens", "characters")}
        alone = arm is full
        yield {
            "base": arm.run.base,
            "model": name(arm.run),
            "nats per token": f"{arm.losses('tokens').mean():.3f}",
            "models": len(arm.records),
            "minus full, nats per token": NONE if alone else cell(fold_interval(found["tokens"]), 4, "+"),
            "minus full, bits per character": NONE if alone else cell(fold_interval(found["characters"]), 4, "+"),
            "detectable, nats per token": NONE if alone else f"{detectable(found['tokens']):.4f}",
        }


def differences(arms: Sequence[FoldArm]) -> Iterator[Interval]:
    """Loss of every arm that was trained minus that of full fine-tuning of its base, in nats per token."""
    for arm, full in beside_full(arms):
        if arm is not full and arm.records[0].history:
            yield minus(arm, full)


def minus(arm: FoldArm, other: FoldArm) -> Interval:
    """Loss of an arm minus that of another, in nats per token."""
    return fold_interval(Differences(difference(arm, other, "tokens"), arm.fold_of))


def beside_full(arms: Sequence[FoldArm]) -> Iterator[tuple[FoldArm, FoldArm]]:
    """Every arm with full fine-tuning of its base, base by base; without the bases that were not fully fine-tuned."""
    for base in dict.fromkeys(arm.run.base for arm in arms):
        if full := find(arms, base, "full"):
            yield from ((arm, full) for arm in arms if arm.run.base == base)
