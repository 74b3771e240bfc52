"""Which runs a chapter consists of, who computes them, and the spot check of its records."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from frugal_lib import data, models, runs, sonnets
from frugal_lib.profiles import Profile
from frugal_lib.runs import Record, Result, Run

COMPUTE: dict[str, Callable[[Run, str], Result]] = {"sonnets": sonnets.compute}


def compute(run: Run, device: str) -> Result:
    """The result of any run, by its task."""
    return COMPUTE[run.task](run, device)


def edition_of(profile: Profile) -> str:
    """The edition of the sonnets a profile runs on, on this machine."""
    return data.available_edition() if profile.edition == "available" else profile.edition


def baseline(profile: Profile, seed: int = 0) -> list[Run]:
    """Chapter 1: the floors, the base as it is, and full fine-tuning over learning rates and seeds.

    Where the edition is `folger`, one run more is on the public-domain text: the spot check of
    machines that cannot have the paper's files.
    """
    grid, edition = profile.sonnets, edition_of(profile)
    floor = Run(
        "baseline",
        "sonnets",
        "floor-lines",
        edition,
        data.digest(edition),
        seed,
        grid.floor_draws,
        train_limit=grid.train_limit,
        held_out_limit=grid.held_out_limit,
    )
    base = dataclasses.replace(
        floor,
        method="base",
        samples=grid.samples,
        base=profile.base,
        base_digest=models.base_digest(profile.base),
        max_new_tokens=grid.max_new_tokens,
    )
    full = dataclasses.replace(
        base,
        method="full",
        batch_size=grid.batch_size,
        epochs=grid.epochs,
        patience=grid.patience,
        dropout=grid.dropout,
    )
    floors = [
        dataclasses.replace(floor, method="floor-given", samples=1),
        floor,
        dataclasses.replace(floor, method="floor-words"),
    ]
    tuned = [
        dataclasses.replace(full, learning_rate=rate, seed=seed + i)
        for i in range(grid.seeds)
        for rate in grid.learning_rates
    ]
    bases = [dataclasses.replace(base, seed=seed + i) for i in range(grid.seeds)]
    extra = [on_public_domain(spot_run(tuned))] if edition == "folger" else []
    return [*floors, *bases, *tuned, *extra]


CHAPTERS: dict[str, Callable[[Profile, int], list[Run]]] = {"baseline": baseline}


def runs_of(chapter: str, profile: Profile, seed: int = 0) -> list[Run]:
    """All runs of a chapter under a profile, the first seed being `seed`.

    Raises:
        ValueError: there is no such chapter.
    """
    if chapter not in CHAPTERS:
        raise ValueError(f"chapter {chapter!r} is unknown; choose one of {', '.join(CHAPTERS)}.")
    return CHAPTERS[chapter](profile, seed)


def records_of(
    chapter: str,
    profile: Profile,
    results: Path,
    seed: int = 0,
    device: str = "auto",
    workers: int | None = None,
    retry: bool = False,
) -> list[Record]:
    """The records of a chapter; those that are not there yet are computed."""
    return runs.sweep(runs_of(chapter, profile, seed), compute, results, device, workers, retry)


def on_public_domain(run: Run) -> Run:
    """The same run on the other edition."""
    return dataclasses.replace(run, edition="public-domain", data_digest=data.digest("public-domain"))


def spot_run(tuned: list[Run]) -> Run:
    """The cheapest of a chapter's fine-tuning runs: the highest rate is the first to overfit and stop."""
    return max((run for run in tuned if run.learning_rate), key=lambda run: (run.learning_rate, -run.seed))


def spot_check(records: list[Record], device: str = "auto") -> tuple[Record, Record]:
    """Compute one run of the chapter from scratch: its record as it was, and the one of now.

    The run is on the paper's edition where this machine can have it, else on the other one.
    """
    edition = data.available_edition()
    choices = [record for record in records if record.run.edition == edition] or records
    run = spot_run([record.run for record in choices])
    then = next(record for record in choices if record.run == run)
    return then, runs.execute(run, compute, device)
