"""Which runs a chapter consists of, and the spot check of its records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from frugal_lib import (
    choose,
    classify,
    controls,
    data,
    labelled,
    lora,
    models,
    quantization,
    runs,
    synthetic,
)
from frugal_lib.profiles import Profile
from frugal_lib.runs import Record, Run, Sweep
from frugal_lib.sonnet_runs import base_run, edition_of, floor_run, full_run, on_public_domain, with_spot_check
from frugal_lib.tasks import registry


def floor_runs(profile: Profile, seed: int) -> list[Run]:
    """The completions that need no model: nothing, random training lines, random training words."""
    lines = floor_run(profile, seed)
    return [replace(lines, method="floor-given", samples=1), lines, replace(lines, method="floor-words")]


def data_run(profile: Profile, task: str, edition: str, digest: str) -> Run:
    """The task's data in numbers."""
    return Run(
        chapter="baseline",
        task=task,
        method="data",
        edition=edition,
        data_digest=digest,
        seed=0,
        samples=0,
        base=profile.base,
        base_digest=models.base_digest(profile.base),
    )


def labelled_runs(profile: Profile, task: str, seed: int) -> list[Run]:
    """The grids of one labelled task at the first seed, its floors, and its data in numbers."""
    plan = profile.labelled[task]
    edition = labelled.edition_of(task, plan.edition)
    about = data_run(profile, task, edition, labelled.edition_digest(task, edition))
    limited = replace(about, train_limit=plan.train_limit, held_out_limit=plan.held_out_limit)
    floors = [replace(limited, method=method, base="", base_digest="") for method in classify.FLOORS]
    tuned = [
        replace(
            limited,
            method=method,
            seed=seed,
            learning_rate=rate,
            batch_size=batch_size,
            epochs=search.epochs,
            patience=search.patience,
            dropout=plan.dropout,
        )
        for method, search in plan.methods.items()
        for batch_size in search.batch_sizes
        for rate in search.learning_rates
    ]
    return [*tuned, *floors, about]


def sonnet_runs(profile: Profile, seed: int) -> list[Run]:
    """The grid of the sonnets at the first seed, their floors, the base as it is, the data in numbers.

    Where the profile wants the paper's files, two runs more are on the public-domain text.
    """
    edition, seeds = edition_of(profile), range(seed, seed + profile.sonnets.seeds)
    tuned = [full_run(profile, seed, rate) for rate in profile.sonnets.learning_rates]
    extra = with_spot_check(profile, on_public_domain(spot_run(tuned)), epochs=2)
    about = data_run(profile, "sonnets", edition, data.digest(edition))
    return [*tuned, *extra, *(base_run(profile, i) for i in seeds), *floor_runs(profile, seed), about]


def baseline(profile: Profile, seed: int, sweep: Sweep) -> list[Record]:
    """Chapter 1: floors, grids at the first seed, and the best setting of each method at the other seeds."""
    tasks = ("cfimdb", "quora", "sst")  # long runs first, so that no worker waits at the end
    first = [run for task in tasks for run in labelled_runs(profile, task, seed)] + sonnet_runs(profile, seed)
    records = sweep(first)
    seeds = {"sonnets": profile.sonnets.seeds} | {task: profile.labelled[task].seeds for task in tasks}
    tuned = dict.fromkeys((run.task, run.method) for run in first if run.learning_rate)
    finished = [pair for pair in tuned if choose.grid(records, *pair)]
    winners = [choose.best(records, *pair).run for pair in finished]
    return records + sweep([replace(run, seed=seed + i) for run in winners for i in range(1, seeds[run.task])])


@dataclass(frozen=True)
class Chapter:
    """Which records a chapter consists of, and which of its runs is the spot check."""

    records: Callable[[Profile, int, Sweep], list[Record]]
    spot_run: Callable[[Sequence[Run]], Run]


def records_of(
    chapter: str,
    profile: Profile,
    results: Path,
    seed: int = 0,
    device: str = "auto",
    workers: int | None = None,
    retry: bool = False,
) -> list[Record]:
    """The records of a chapter; those that are not there yet are computed.

    Raises:
        ValueError: there is no such chapter.
    """
    if chapter not in CHAPTERS:
        raise ValueError(f"chapter {chapter!r} is unknown; choose one of {', '.join(CHAPTERS)}.")

    def sweep(wanted: list[Run]) -> list[Record]:
        return runs.sweep(wanted, registry.compute, results, device, workers, retry)

    return CHAPTERS[chapter].records(profile, seed, sweep)


def spot_run(runs: Sequence[Run]) -> Run:
    """Chapter 1's cheapest fine-tuning run on the sonnets: the highest rate is the first to overfit and stop."""
    sonnet = [run for run in runs if run.task == "sonnets" and run.learning_rate]
    return max(sonnet, key=lambda run: (run.learning_rate, -run.seed))


CHAPTERS = {
    "baseline": Chapter(baseline, spot_run),
    "lora": Chapter(lora.chapter, lora.spot_run),
    "quantization": Chapter(quantization.chapter, quantization.spot_run),
    "synthetic": Chapter(synthetic.chapter, synthetic.spot_run),
    "controls": Chapter(controls.chapter, controls.spot_run),
}


def spot_check(chapter: str, records: Sequence[Record], device: str = "auto") -> tuple[Record, Record]:
    """Compute one run of the chapter from scratch: its record as it was, and the one of now.

    Of the chapter's kind of fine-tuning, on text that this machine can have, it is the run that took least time.
    """
    here = (data.available_edition(), "public-domain")
    choices = [r for r in records if r.run.edition in here and r.run.task == "sonnets" and r.status == "ok"]
    kind = kind_of(CHAPTERS[chapter].spot_run([record.run for record in choices]))
    same = [record for record in choices if kind_of(record.run) == kind]
    then = min(same, key=lambda record: record.environment["seconds"])
    return then, runs.execute(then.run, registry.compute, device)


def kind_of(run: Run) -> tuple[str, bool, bool]:
    """What is trained, with a teacher or without, with held-out sonnets among the lessons or without."""
    return run.method, bool(run.teacher), bool(run.doses)
