"""Which runs a chapter consists of, who computes them, and the spot check of its records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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


def floor_runs(profile: Profile, seed: int) -> list[Run]:
    """The completions that need no model: nothing, random training lines, random training words."""
    grid, edition = profile.sonnets, edition_of(profile)
    lines = Run(
        chapter="baseline",
        task="sonnets",
        method="floor-lines",
        edition=edition,
        data_digest=data.digest(edition),
        seed=seed,
        samples=grid.floor_draws,
        train_limit=grid.train_limit,
        held_out_limit=grid.held_out_limit,
    )
    return [replace(lines, method="floor-given", samples=1), lines, replace(lines, method="floor-words")]


def base_run(profile: Profile, seed: int) -> Run:
    """The base as it is, completing the held-out sonnets."""
    return replace(
        floor_runs(profile, seed)[0],
        method="base",
        samples=profile.sonnets.samples,
        base=profile.base,
        base_digest=models.base_digest(profile.base),
        max_new_tokens=profile.sonnets.max_new_tokens,
    )


def full_run(profile: Profile, seed: int, learning_rate: float) -> Run:
    """Full fine-tuning at one learning rate."""
    grid = profile.sonnets
    settings = {name: getattr(grid, name) for name in ("batch_size", "epochs", "patience", "dropout")}
    return replace(base_run(profile, seed), method="full", learning_rate=learning_rate, **settings)


def baseline(profile: Profile, seed: int = 0) -> list[Run]:
    """Chapter 1: the floors, the base as it is, and full fine-tuning over learning rates and seeds.

    Where the edition is `folger`, one run more is on the public-domain text: the spot check of
    machines that cannot have the paper's files.
    """
    seeds = range(seed, seed + profile.sonnets.seeds)
    tuned = [full_run(profile, i, rate) for i in seeds for rate in profile.sonnets.learning_rates]
    extra = [on_public_domain(spot_run(tuned))] if edition_of(profile) == "folger" else []
    return [*floor_runs(profile, seed), *(base_run(profile, i) for i in seeds), *tuned, *extra]


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
    return replace(run, edition="public-domain", data_digest=data.digest("public-domain"))


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
