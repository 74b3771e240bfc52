"""Chapter 1: which runs are the baselines of all four tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from frugal_lib.chapters import folds
from frugal_lib.chapters.common import (
    base_run,
    edition_of,
    floor_run,
    full_run,
    length_run,
    on_public_domain,
    with_spot_check,
)
from frugal_lib.core import select
from frugal_lib.core.runs import Record, Run, Sweep
from frugal_lib.data import labelled, sonnets
from frugal_lib.models import bases
from frugal_lib.profiles import Profile
from frugal_lib.tasks import classify


def floor_runs(profile: Profile, seed: int) -> list[Run]:
    """The completions that need no model: nothing, random training lines, also by length, random training words."""
    lines = floor_run(profile, seed)
    words, given = (replace(lines, method=method) for method in ("floor-words", "floor-given"))
    return [replace(given, samples=1), lines, words, length_run(profile, seed)]


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
        base_digest=bases.base_digest(profile.base),
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
    extra = with_spot_check(profile, tuned, lambda runs: on_public_domain(spot_run(runs)), epochs=2)
    about = data_run(profile, "sonnets", edition, sonnets.digest(edition))
    return [*tuned, *extra, *(base_run(profile, i) for i in seeds), *floor_runs(profile, seed), about]


def records(profile: Profile, seed: int, sweep: Sweep) -> list[Record]:
    """Chapter 1: floors, grids at the first seed, and the best setting of each method at the other seeds."""
    tasks = [task for task in ("cfimdb", "quora", "sst") if task in profile.labelled]  # long runs first
    first = [run for task in tasks for run in labelled_runs(profile, task, seed)] + sonnet_runs(profile, seed)
    records = sweep(first)
    seeds = {"sonnets": profile.sonnets.seeds} | {task: profile.labelled[task].seeds for task in tasks}
    tuned = dict.fromkeys((run.task, run.method) for run in first if run.learning_rate)
    finished = [pair for pair in tuned if select.grid(records, *pair)]
    winners = [select.best(records, *pair).run for pair in finished]
    return records + sweep([replace(run, seed=seed + i) for run in winners for i in range(1, seeds[run.task])])


def spot_run(runs: Sequence[Run]) -> Run:
    """Chapter 1's cheapest fine-tuning run on the sonnets: the highest rate is the first to overfit and stop."""
    sonnet = [run for run in runs if run.task == "sonnets" and run.learning_rate]
    return max(sonnet, key=lambda run: (run.learning_rate, -run.seed))


def fold_records(profile: Profile, seed: int, sweep: Sweep) -> list[Record]:
    """Chapter 1 in cross-validation: each base as it is, and fully fine-tuned; last, whether it knows the sonnets."""
    runs: list[Run] = []
    for base in folds.of_bases(profile):
        best = folds.best_full(profile, base, seed, sweep)
        runs += [*folds.everywhere(profile, best, seed), *folds.base_runs(profile, base)]
    return sweep([*runs, *folds.recall_runs(profile)])
