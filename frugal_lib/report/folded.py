"""Cross-validation: arms in which every sonnet was held out once a seed, and differences between two of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from frugal_lib.core import select
from frugal_lib.core.runs import Record, Run
from frugal_lib.core.stats import ratio_values
from frugal_lib.data import folds


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
