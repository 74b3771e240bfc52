"""Who computes a run: one table, looked up by its chapter, task and method, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from frugal_lib.core import select
from frugal_lib.core.runs import Result, Run
from frugal_lib.data import labelled
from frugal_lib.paper import released, reports
from frugal_lib.tasks import classify, completion, data_summary, recall, stages, students

Compute = Callable[[Run, str], Result]
Key = tuple[str, str, str]
ANY = "*"  # every chapter

# What a run on the sonnets goes through, by chapter and method.
STAGES: dict[str, dict[str, stages.Stages]] = {
    "baseline": dict.fromkeys(("base", "full"), stages.PLAIN),
    "lora": dict.fromkeys(("base", "full", "lora"), stages.PLAIN),
    "quantization": dict.fromkeys(("base", "lora", "qaft", "qlora"), stages.STORED) | {"full": stages.STORED_ONCE},
    "synthetic": dict.fromkeys(("base", "full"), stages.TAUGHT),
    "controls": dict.fromkeys(("base", "full"), stages.DOSED),
}


def each(chapter: str, tasks: Iterable[str], methods: Iterable[str], compute: Compute) -> dict[Key, Compute]:
    """One row of the table for every pair of a task and a method."""
    return {(chapter, task, method): compute for task in tasks for method in methods}


# The same in cross-validation over all sonnets, where a model is evaluated by its losses alone.
FOLDED: dict[str, dict[str, stages.Stages]] = {
    "baseline": {"base": stages.FOLDED, "full": stages.FOLDED_ONCE},
    "lora": {"lora": stages.FOLDED},
    "quantization": {"full": stages.FOLDED_ONCE, "qaft": stages.FOLDED, "qlora": stages.FOLDED},
    "synthetic": {"full": stages.FOLDED_TAUGHT},
}


def staged(task: str, table: Mapping[str, Mapping[str, stages.Stages]]) -> dict[Key, Compute]:
    """The rows of a table of stages."""
    return {(c, task, method): found.compute for c, methods in table.items() for method, found in methods.items()}


REGISTRY: dict[Key, Compute] = {
    **each(ANY, ("sonnets", *labelled.TASKS), ("data",), data_summary.compute),
    **each(ANY, ("sonnets",), completion.FLOORS, completion.floor),
    **each(ANY, ("sonnets",), ("floor-lengths",), completion.floor_lengths),
    **each("lora", ("sonnets",), ("floor-draws",), completion.floor_draws),
    **each("lora", ("sonnets",), ("released-sweep",), released.sweep),
    **each("quantization", ("quora",), ("released-zero-shot",), released.zero_shot),
    **each("synthetic", ("sonnets",), ("released-generations",), released.generations),
    **each("controls", ("sonnets",), ("released-reports",), reports.reports),
    **each("synthetic", ("sonnets",), ("audit",), students.audited),
    **each("embedded", ("sonnets",), ("recall",), recall.computed),
    **each("baseline", labelled.TASKS, classify.FLOORS, classify.floor),
    **each("baseline", labelled.TASKS, ("full",), classify.tuned),
    **each("baseline", labelled.TASKS, ("last-layer",), classify.tuned_head),
    **staged("sonnets", STAGES),
    **staged(select.FOLDED, FOLDED),
}


def compute(run: Run, device: str, registry: Mapping[Key, Compute] = REGISTRY) -> Result:
    """The result of any run.

    Raises:
        ValueError: nobody computes such a run.
    """
    for chapter in (run.chapter, ANY):
        if found := registry.get((chapter, run.task, run.method)):
            return found(run, device)
    raise ValueError(f"chapter {run.chapter!r}, task {run.task!r}, method {run.method!r}: nobody computes such a run.")
