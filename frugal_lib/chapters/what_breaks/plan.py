"""Chapter 5: which runs say how far chance moves a score, and what contaminated training examples do to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from frugal_lib.chapters import common
from frugal_lib.chapters.synthetic import plan as synthetic_plan
from frugal_lib.core.runs import Record, Run, Sweep
from frugal_lib.paper import reports
from frugal_lib.profiles import Profile

RECORDS = "controls"  # what the chapter is called in its runs, and so in the names of committed records


def sampling_runs(profile: Profile, base: str, seed: int) -> list[Run]:
    """Many samples of each prompt by the base as it is, and by the fully fine-tuned model of chapter 3."""
    plan, grid = profile.what_breaks, profile.quantization.bases[base]
    untuned = common.start(profile, seed, RECORDS, base, plan.samples)
    full = common.tuned(untuned, grid, profile.sonnets.dropout, "full", grid.full_learning_rate)
    return [full, untuned]


def contaminated_run(profile: Profile, base: str, doses: str, seed: int) -> Run:
    """A student of clean examples, some replaced by copies of held-out sonnets, trained to the last epoch."""
    grid = profile.what_breaks.bases[base]
    start = common.start(profile, seed, RECORDS, base, grid.samples)
    names = ("learning_rate", "batch_size", "epochs", "items")
    settings = {name: getattr(grid, name) for name in names} | {"patience": grid.epochs, "keep": "last"}
    run = replace(start, method="full", dropout=profile.sonnets.dropout, **settings)
    return common.taught(run, grid.teacher, selection=common.CLEAN, doses=doses)


def contaminated_runs(profile: Profile, base: str, seed: int) -> list[Run]:
    """Every pattern of copies at all of its seeds."""
    patterns = profile.what_breaks.bases[base].doses
    return [
        contaminated_run(profile, base, doses, i)
        for doses, count in patterns.items()
        for i in range(seed, seed + count)
    ]


def floor_runs(profile: Profile, seed: int) -> list[Run]:
    """Completions that ignore the prompt: random lines, and eleven consecutive lines of another sonnet."""
    lines = replace(common.floor_run(profile, seed), chapter=RECORDS)
    return [lines, replace(lines, method="floor-tail")]


def records(profile: Profile, seed: int, sweep: Sweep) -> list[Record]:
    """Contaminated students first, which take longest, then the samples, then what needs no model.

    Among the latter is what the paper's repository has of its own runs and no other chapter asks for.
    """
    plan = profile.what_breaks
    seeds = range(seed, seed + plan.seeds)
    taught = [run for base in plan.bases for run in contaminated_runs(profile, base, seed)]
    sampled = [run for base in plan.bases for i in seeds for run in sampling_runs(profile, base, i)]
    extra = common.with_spot_check(profile, taught, twin_of, epochs=2, patience=2, items=16)
    return sweep([*taught, *sampled, *extra, *floor_runs(profile, seed), reports.reports_run()])


def twin_of(runs: Sequence[Run]) -> Run:
    """The spot check's run on what every machine has."""
    return synthetic_plan.on_public_domain(spot_run(runs))


def spot_run(runs: Sequence[Run]) -> Run:
    """The cheapest contaminated run: the shortest pattern on the last base."""
    found = [run for run in runs if run.doses]
    return min((run for run in found if run.base == found[-1].base), key=lambda run: (len(run.doses), run.seed))


def fold_records(profile: Profile, seed: int, sweep: Sweep) -> list[Record]:
    """No cross-validation of its own: the claims are those of the other chapters."""
    return []
