"""Which setting of a grid is kept: the one that does best on dev at the grid's first seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from frugal_lib.core.runs import Record, Run

FOLDED = "sonnets-cv"  # the task of a run that is part of a cross-validation over all sonnets
SELECTION_METRIC: dict[str, Callable[[dict[str, float]], float]] = {
    **dict.fromkeys(("sonnets", FOLDED), lambda metrics: metrics["dev_nll"]),
    **dict.fromkeys(("sst", "cfimdb", "quora"), lambda metrics: -metrics["dev_accuracy"]),
}


def selection_loss(record: Record) -> float:
    """What the kept setting has least of: loss on the sonnets, missed labels on the other tasks."""
    return SELECTION_METRIC[record.run.task](record.metrics)


def main_records(records: Sequence[Record], task: str, method: str) -> list[Record]:
    """Finished records of a method, on the edition that most of the task's runs are on."""
    editions = [record.run.edition for record in records if record.run.task == task]
    main = max(set(editions), key=editions.count, default="")
    wanted = (task, method, main)
    return [r for r in records if (r.run.task, r.run.method, r.run.edition) == wanted and r.status == "ok"]


def first_seed(records: Sequence[Record]) -> list[Record]:
    """The records of the lowest seed, among which a setting is chosen."""
    first = min((record.run.seed for record in records), default=0)
    return [record for record in records if record.run.seed == first]


def kept(records: Sequence[Record]) -> list[Record]:
    """The records of the setting that is best at the first seed, one a seed; of several as good, the first."""
    winner = setting(min(first_seed(records), key=selection_loss).run)
    return [record for record in records if setting(record.run) == winner]


def grid(records: Sequence[Record], task: str, method: str) -> list[Record]:
    """The runs of the first seed, among which the setting is chosen."""
    return first_seed(main_records(records, task, method))


def best(records: Sequence[Record], task: str, method: str) -> Record:
    """The best run of the grid; the first of several that are equally good.

    Raises:
        ValueError: no run of the method has finished.
    """
    candidates = grid(records, task, method)
    if not candidates:
        raise ValueError(f"{task}, {method}: no run has finished; see the records for why, then sweep --retry-failed.")
    return min(candidates, key=selection_loss)


def chosen(records: Sequence[Record], task: str, method: str) -> list[Record]:
    """The records of the best setting, one a seed; as `best`."""
    best(records, task, method)
    return kept(main_records(records, task, method))


def setting(run: Run) -> Run:
    """A run without its seed: two runs of one setting are equal."""
    return replace(run, seed=0)
