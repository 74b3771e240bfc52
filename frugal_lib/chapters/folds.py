"""Cross-validation over all sonnets: the runs that more than one chapter compares its own with.

Rates are chosen by the inner dev split of the first fold at the first seed, and then used in every fold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from frugal_lib.chapters.common import taught, tuned
from frugal_lib.core import fetch, select
from frugal_lib.core.runs import Record, Run, Sweep
from frugal_lib.data import folds, minimal_pairs, sonnets, unrelated
from frugal_lib.metrics import grammar
from frugal_lib.models import bases
from frugal_lib.models.adapt import ALL
from frugal_lib.profiles import Profile


def start(profile: Profile, base: str) -> Run:
    """What all runs of one base share: the base as it is, on the first fold at the first seed."""
    return Run(
        chapter="baseline",
        task=select.FOLDED,
        method="base",
        edition=folds.EDITION,
        data_digest=sonnets.digest(folds.EDITION),
        seed=0,
        samples=0,
        base=base,
        base_digest=bases.base_digest(base),
        train_limit=profile.sonnets.train_limit,
        held_out_limit=profile.sonnets.held_out_limit,
        folds=profile.folds.count,
    )


def recall_run(profile: Profile, base: str) -> Run:
    """Whether the base knows the sonnets by heart; shown with the bases, hence its chapter."""
    run = replace(start(profile, base), chapter="embedded", task="sonnets", method="recall", folds=0, samples=1)
    greedy = {"temperature": 0.0, "max_new_tokens": profile.sonnets.max_new_tokens, "train_limit": None}
    return taught(replace(run, **greedy), profile.folds.matched)


def recall_runs(profile: Profile) -> list[Run]:
    """The same of every base of the cross-validation, where the profile asks for it."""
    return [recall_run(profile, base) for base in of_bases(profile)] if profile.folds and profile.folds.matched else []


def on_grammar(run: Run, edition: str, pairs: int) -> Run:
    """The run with checks of generality: so many minimal pairs of each set, and other prose and verse."""
    parts = [run.data_digest, minimal_pairs.digest(edition), *unrelated.digest_parts()]
    return replace(run, minimal_pairs=pairs, pair_sets=f"{grammar.TASK}/{edition}", data_digest=fetch.digest(parts))


def full_runs(profile: Profile, base: str) -> list[Run]:
    """Full fine-tuning of the first fold at every rate."""
    grid, first = profile.folds.bases[base], checked(profile, start(profile, base))
    return [tuned(first, grid, profile.sonnets.dropout, "full", rate) for rate in grid.full_learning_rates]


def adapter_runs(profile: Profile, base: str, modules: str = ALL) -> list[Run]:
    """LoRA of the first fold at every rank and rate."""
    grid, first = profile.folds.bases[base], replace(checked(profile, start(profile, base)), chapter="lora")
    return [
        tuned(first, grid, profile.sonnets.dropout, "lora", rate, rank=rank, alpha=grid.alpha, modules=modules)
        for rank in grid.ranks
        for rate in grid.lora_learning_rates
    ]


def checked(profile: Profile, run: Run) -> Run:
    """The run with the profile's checks of generality."""
    edition = minimal_pairs.available_edition() if profile.edition == "available" else "blimp"
    return on_grammar(run, edition, profile.folds.minimal_pairs)


def chosen(records: Sequence[Record]) -> Run:
    """The run of the lowest loss on the inner dev split.

    Raises:
        ValueError: none of them has finished.
    """
    finished = [record for record in records if record.status == "ok"]
    if not finished:
        raise ValueError("no run of the first fold has finished; see the records for why, then sweep --retry-failed.")
    return min(finished, key=select.selection_loss).run


def everywhere(profile: Profile, run: Run, seed: int) -> list[Run]:
    """A run of the first fold in every fold and at every seed."""
    seeds = range(seed, seed + profile.folds.seeds)
    return [replace(run, seed=s, fold=fold) for s in seeds for fold in range(profile.folds.count)]


def base_runs(profile: Profile, base: str) -> list[Run]:
    """The base as it is, in every fold; no seed changes it."""
    run = checked(profile, start(profile, base))
    return [replace(run, fold=fold) for fold in range(profile.folds.count)]


def of_bases(profile: Profile, adapters: bool = False) -> Iterator[str]:
    """The bases of the cross-validation, or of its adapters; none where the profile has none."""
    bases = profile.folds.bases if profile.folds else {}
    yield from (base for base, grid in bases.items() if grid.lora_learning_rates or not adapters)


def best_full(profile: Profile, base: str, seed: int, sweep: Sweep) -> Run:
    """Full fine-tuning at the rate that is best on the first fold."""
    return chosen(sweep([replace(run, seed=seed) for run in full_runs(profile, base)]))


def best_adapter(profile: Profile, base: str, seed: int, sweep: Sweep, modules: str = ALL) -> Run:
    """LoRA at the rank and rate that are best on the first fold."""
    return chosen(sweep([replace(run, seed=seed) for run in adapter_runs(profile, base, modules)]))
