"""Chapter 2: which runs answer whether LoRA matches full fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from frugal_lib.chapters import common, folds
from frugal_lib.chapters.lora.settings import LoraGrid
from frugal_lib.core import select
from frugal_lib.core.runs import Record, Run, Sweep
from frugal_lib.models.adapt import ALL, ATTENTION
from frugal_lib.paper import released
from frugal_lib.profiles import Profile


def start(profile: Profile, base: str, seed: int) -> Run:
    """What all runs of one base share: the base as it is, completing the held-out sonnets."""
    return common.start(profile, seed, "lora", base, profile.lora.bases[base].samples)


def tuned(start: Run, grid: LoraGrid, dropout: float, rate: float, batch_size: int, **adapter) -> Run:
    """Full fine-tuning, or LoRA where `adapter` gives `rank`, `alpha` and `modules`."""
    return replace(
        start,
        method="lora" if adapter else "full",
        learning_rate=rate,
        batch_size=batch_size,
        epochs=grid.epochs,
        patience=grid.patience,
        dropout=dropout,
        **adapter,
    )


def grid_runs(profile: Profile, base: str, seed: int) -> list[Run]:
    """Full fine-tuning and every rank, at every learning rate and batch size; the base itself first."""
    grid, first, dropout = profile.lora.bases[base], start(profile, base, seed), profile.sonnets.dropout
    full = [tuned(first, grid, dropout, *point) for point in product(grid.full_learning_rates, grid.batch_sizes)]
    adapters = [
        tuned(first, grid, dropout, rate, size, rank=rank, alpha=grid.alpha, modules=ALL)
        for rank in sorted(grid.ranks, reverse=True)  # long runs first, so that no worker waits at the end
        for rate, size in product(grid.learning_rates, grid.batch_sizes)
    ]
    return [first, *full, *adapters]


def by_arm(records: Sequence[Record]) -> dict[tuple, list[Record]]:
    """Fine-tuned records that ended well, by what is compared: base, method, rank, alpha and modules."""
    arms: dict[tuple, list[Record]] = {}
    for record in records:
        if record.run.learning_rate and record.status == "ok":
            arms.setdefault(arm(record.run), []).append(record)
    return arms


def arm(run: Run) -> tuple:
    """What a run is compared as; its learning rate and batch size are chosen within."""
    return run.base, run.method, run.rank, run.alpha, run.modules


def best_adapter(records: Sequence[Record], base: str) -> Record | None:
    """The rank, rate and batch size of the lowest dev loss on attention and MLP, at the grid's alpha."""
    found = [r for r in records if r.run.base == base and r.run.method == "lora" and r.status == "ok"]
    return min(found, key=select.selection_loss, default=None)


def follow_ups(profile: Profile, records: Sequence[Record]) -> list[Run]:
    """At the best rank and rate: every other alpha; at the best rank: every rate on attention alone."""
    runs = []
    for base, grid in profile.lora.bases.items():
        if best := best_adapter(records, base):
            runs += [replace(best.run, alpha=alpha) for alpha in grid.alphas if alpha != best.run.alpha]
            runs += [replace(best.run, modules=ATTENTION, learning_rate=rate) for rate in grid.learning_rates]
    return runs


def repeats(profile: Profile, records: Sequence[Record]) -> list[Run]:
    """The best point of full fine-tuning, of each rank and of each choice of modules, at the other seeds."""
    runs = []
    for (base, *_, alpha, _), found in by_arm(records).items():
        grid = profile.lora.bases[base]
        if alpha in (0, grid.alpha):  # Table 5 has one seed, as in the paper
            best = min(found, key=select.selection_loss).run
            runs += [replace(best, seed=best.seed + i) for i in range(1, grid.seeds)]
    return runs


def records(profile: Profile, seed: int, sweep: Sweep) -> list[Record]:
    """The grids, then what depends on their best points, then the other seeds; and the floor's draws."""
    bases = list(profile.lora.bases)
    floor = replace(
        common.floor_run(profile, seed), chapter="lora", method="floor-draws", samples=profile.lora.floor_draws
    )
    grids = [run for base in bases for run in grid_runs(profile, base, seed)]
    extra = common.with_spot_check(profile, grids, lambda runs: common.on_public_domain(spot_run(runs)), epochs=2)
    others = sweep([*grids, *extra, floor, common.length_run(profile, seed), released.sweep_run()])
    records = others[: len(grids)]
    records += sweep(follow_ups(profile, records))
    return records + sweep(repeats(profile, records)) + others[len(grids) :]


def spot_run(runs: Sequence[Run]) -> Run:
    """The cheapest run: the lowest rank on the last base, at a rate that neither diverges nor takes long."""
    adapted = [run for run in runs if run.method == "lora"]
    last = [run for run in adapted if run.base == adapted[-1].base]
    rates = sorted({run.learning_rate for run in last})
    return min((run for run in last if run.learning_rate == rates[len(rates) // 2]), key=lambda run: run.rank)


def fold_records(profile: Profile, seed: int, sweep: Sweep) -> list[Record]:
    """Chapter 2 in cross-validation: LoRA on all layers or on attention alone, beside chapter 1's runs."""
    runs: list[Run] = []
    for base in folds.of_bases(profile, adapters=True):
        choices = profile.folds.bases[base].modules
        best = [folds.best_adapter(profile, base, seed, sweep, modules) for modules in choices]
        runs += [run for arm in best for run in folds.everywhere(profile, arm, seed)]
    return sweep(runs)
