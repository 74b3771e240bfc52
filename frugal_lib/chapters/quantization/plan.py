"""Chapter 3: which runs answer what a weight format costs, on the task and off it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from frugal_lib.chapters import common, folds
from frugal_lib.chapters.common import STAND_INS, on_pairs, pair_editions, tuned, without_checks
from frugal_lib.core import select
from frugal_lib.core.runs import Record, Run, Sweep
from frugal_lib.models import adapt
from frugal_lib.paper import released
from frugal_lib.profiles import Profile


def start(profile: Profile, base: str, seed: int) -> Run:
    """What all runs of one base share: the base as it is, with all checks."""
    samples = profile.quantization.bases[base].samples
    run = common.start(profile, seed, "quantization", base, samples)
    return on_pairs(run, pair_editions(profile), profile.quantization.pairs)


def trained_runs(profile: Profile, base: str, seed: int) -> list[Run]:
    """Everything that is trained at one seed: QLoRA, QAFT in each format at every rate, LoRA, full fine-tuning."""
    plan, first = profile.quantization, start(profile, base, seed)
    grid, dropout = plan.bases[base], profile.sonnets.dropout
    adapter = {"rank": grid.rank, "alpha": grid.alpha, "modules": adapt.ALL}
    return [
        tuned(first, grid, dropout, "qlora", grid.lora_learning_rate, format="nf4", **adapter),
        *(
            tuned(first, grid, dropout, "qaft", rate, format=format)
            for format in plan.qaft_formats
            for rate in grid.qaft_learning_rates
        ),
        tuned(first, grid, dropout, "lora", grid.lora_learning_rate, **adapter),
        full_run(profile, base, seed),
    ]


def full_run(profile: Profile, base: str, seed: int) -> Run:
    """Full fine-tuning of one base, in FP32."""
    grid = profile.quantization.bases[base]
    return tuned(start(profile, base, seed), grid, profile.sonnets.dropout, "full", grid.full_learning_rate)


def format_runs(profile: Profile, base: str, seed: int) -> list[Run]:
    """The fully fine-tuned model of one seed in every format; generality is checked of some."""
    plan, full = profile.quantization, full_run(profile, base, seed)
    runs = [replace(full, format=format) for format in plan.formats]
    return [run if run.format in plan.checked_formats else without_checks(run) for run in runs]


def by_arm(records: Sequence[Record]) -> dict[tuple[str, str, str], list[Record]]:
    """Records that ended well, by what is compared: base, method and format. A rate is chosen within."""
    arms: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        if record.status == "ok":
            arms.setdefault((record.run.base, record.run.method, record.run.format), []).append(record)
    return arms


def repeats(profile: Profile, records: Sequence[Record]) -> list[Run]:
    """QAFT in each format at the rate that had the lowest dev loss, at the other seeds."""
    tried = [found for (_, method, _), found in by_arm(records).items() if method == "qaft"]
    best = [min(found, key=select.selection_loss).run for found in tried]
    return [
        replace(run, seed=run.seed + i) for run in best for i in range(1, profile.quantization.bases[run.base].seeds)
    ]


def records(profile: Profile, seed: int, sweep: Sweep) -> list[Record]:
    """What is trained at the first seed; the other seeds; and the first model of each seed in every format."""
    plan = profile.quantization
    seeds = {base: range(seed, seed + grid.seeds) for base, grid in plan.bases.items()}
    first = [run for base in plan.bases for run in trained_runs(profile, base, seed)]
    others = [run for base in plan.bases for i in seeds[base][1:] for run in trained_runs(profile, base, i)]
    others = [run for run in others if run.method != "qaft"]
    bases = [start(profile, base, seed) for base in plan.bases]
    extra = common.with_spot_check(profile, first, lambda runs: on_public_domain(spot_run(runs)), epochs=2, pairs=16)
    known = [common.floor_run(profile, seed), common.length_run(profile, seed), released.zero_shot_run()]
    records = sweep([*first, *others, *bases, *extra, *known])
    formats = [run for base in plan.bases for i in seeds[base] for run in format_runs(profile, base, i)]
    return records + sweep([*repeats(profile, records[: len(first)]), *formats])


def on_public_domain(run: Run) -> Run:
    """The same run on what every machine has: the other edition of the sonnets, and stand-ins for the pairs."""
    return on_pairs(common.on_public_domain(run), STAND_INS, run.pairs)


def spot_run(runs: Sequence[Run]) -> Run:
    """The cheapest run that has everything in it: QAFT on the last base, INT4 per channel where there is one."""
    trained = [run for run in runs if run.method == "qaft"]
    last = [run for run in trained if run.base == trained[-1].base]
    return max(last, key=lambda run: (run.format == "int4-channel", run.learning_rate, -run.seed))


def fold_arms(profile: Profile, best_full: Run, best_adapter: Run) -> list[Run]:
    """The first fold of what is compared with full fine-tuning: its model in every format, QAFT, QLoRA."""
    plan, full = profile.quantization, replace(best_full, chapter="quantization")
    trained = [replace(full, method="qaft", format=format) for format in plan.fold_qaft_formats]
    formats = [replace(full, format=format) for format in plan.fold_formats]
    formats = [run if run.format in plan.fold_checked_formats else without_checks(run) for run in formats]
    return [*trained, replace(best_adapter, chapter="quantization", method="qlora", format="nf4"), *formats]


def fold_records(profile: Profile, seed: int, sweep: Sweep) -> list[Record]:
    """Chapter 3 in cross-validation, beside chapter 1's runs; the formats are made of each fold's tuned model."""
    runs: list[Run] = []
    for base in folds.of_bases(profile) if profile.quantization.fold_formats else ():
        full, adapter = (best(profile, base, seed, sweep) for best in (folds.best_full, folds.best_adapter))
        sweep(folds.everywhere(profile, full, seed))  # whose weights are kept
        arms = fold_arms(profile, full, adapter)
        runs += [run for arm in arms for run in folds.everywhere(profile, arm, seed)]
    return sweep(runs)
