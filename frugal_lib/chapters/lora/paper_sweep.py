"""What the paper's own sweep says: its tables against its file, its noise, the best of many, chrF against loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from scipy.stats import norm

from frugal_lib.chapters.lora.results import LoraResults, draw_spread
from frugal_lib.core.stats import Interval, best_quantile, expected_best, rank_correlation
from frugal_lib.models import adapt
from frugal_lib.paper import evidence, published
from frugal_lib.paper.confirmed import LOSSES, Printed, sweep_numbers
from frugal_lib.paper.released import ReleasedRun
from frugal_lib.report.cells import NONE, cell, framed, rate_text

LEARNED = 0.3  # nats above the lowest dev loss: a run further up has not learned the task, or has diverged


def run_text(run: ReleasedRun) -> str:
    """A run of the paper in words."""
    how = f"rank {run.rank}, α {run.alpha:g}" if run.rank else "full fine-tuning"
    where = ", attention only" if run.modules == adapt.ATTENTION else ""
    return f"{how}{where}, rate {rate_text(run.learning_rate)}, batch {run.batch_size}"


def elsewhere(number: Printed, runs: Sequence[ReleasedRun]) -> str:
    """Which run of the file has the printed number, if one has."""
    with_it = (run for run in runs if replace(number, in_file=getattr(run, LOSSES[number.what])).confirmed)
    return "; ".join(dict.fromkeys(map(run_text, with_it))) or "no run"


@framed
def differing_table(found: LoraResults) -> Iterator[dict]:
    """The numbers of the paper's tables that its released file gives otherwise."""
    for number in sweep_numbers(found.paper):
        if not number.confirmed:
            yield {
                "where": number.place,
                "column": number.what,
                "printed": f"{number.value:.3f}",
                "in the file": f"{number.in_file:.3f}",
                "the file has the printed number for": elsewhere(number, found.paper),
            }


@framed
def noise_table(found: LoraResults) -> Iterator[dict]:
    """How many of the differences within each of the paper's tables are larger than noise."""
    tables = {
        "Table 3: ranks and full": published.table("table3_lora_rank").dev_chrf.tolist(),
        "Table 5: α up to 32": published.table("table5_lora_alpha").query("alpha <= 32").dev_chrf.tolist(),
        "Table 5: all α": published.table("table5_lora_alpha").dev_chrf.tolist(),
        "Table 6: modules": published.table("table6_lora_modules").dev_chrf.tolist(),
    }
    noises = {"random lines": found.floor.metrics["dev_chrf_sd"]} | {
        f"one tuned {base}, sample to sample": draw_spread(found, base) for base in found.bases
    }
    for name, deviation in noises.items():
        if np.isnan(deviation):
            continue
        threshold = visible_from(deviation)
        line = {"noise of a score": name, "standard deviation": f"{deviation:.2f}", "visible from": f"{threshold:.2f}"}
        yield line | {title: visible_pairs(scores, threshold) for title, scores in tables.items()}


def visible_from(deviation: float) -> float:
    """How far apart two scores must be to differ more than 95 % of pairs do that differ by the random draw alone."""
    return float(norm.ppf(0.975) * np.sqrt(2) * deviation)


def visible_pairs(scores: Sequence[float], threshold: float) -> str:
    """How many pairs of scores are further apart than `threshold`, of how many."""
    pairs = list(combinations(scores, 2))
    return f"{sum(abs(a - b) > threshold for a, b in pairs)} of {len(pairs)}"


def scores_of(found: LoraResults, adapters: bool) -> list[float]:
    """dev chrF of all of the paper's runs of LoRA, or of full fine-tuning; a run that stands twice counts once."""
    return [run.dev_chrf for run in evidence.distinct(found.paper) if bool(run.rank) == adapters]


def best_of(draws: Sequence[float], trials: int) -> Interval:
    """The expected maximum of so many draws, with the range of 95 % of such maxima."""
    low, high = (best_quantile(draws, trials, share) for share in (0.025, 0.975))
    return Interval(expected_best(draws, trials), low, high, 1, len(draws))


def learned(pairs: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The (loss, chrF) pairs whose loss is within `LEARNED` of the lowest."""
    lowest = min(loss for loss, _ in pairs)
    return [pair for pair in pairs if pair[0] <= lowest + LEARNED]


def loss_and_chrf(found: LoraResults) -> dict[str, list[tuple[float, float]]]:
    """(dev loss, dev chrF) of every run: the paper's at its last epoch, ours at the kept one."""
    pairs = {"the paper's sweep": [(run.dev_loss, run.dev_chrf) for run in found.paper if run.kind == "grid"]}
    for base in found.bases:
        tried = [record.metrics for arm in found.arms if arm.base == base for record in arm.tried]
        pairs[f"ours, {base}"] = [(metrics["dev_nll"], metrics["dev_chrf"]) for metrics in tried]
    return pairs


@framed
def agreement_table(found: LoraResults) -> Iterator[dict]:
    """Spearman's rank correlation of dev loss and dev chrF over runs; −1 would be agreement."""
    for name, pairs in loss_and_chrf(found).items():
        close = learned(pairs)
        yield {
            "runs": name,
            "all runs": correlation(pairs),
            f"runs within {LEARNED:g} nats of the best": correlation(close),
            "spread of chrF among these": f"{np.std([c for _, c in close], ddof=1):.2f}" if len(close) > 1 else NONE,
        }


def correlation(pairs: Sequence[tuple[float, float]]) -> str:
    """A rank correlation with its interval and the number of runs, or a dash where there are too few."""
    try:
        found = rank_correlation(*zip(*pairs, strict=True))
    except ValueError:
        return NONE
    return f"{cell(found)} (n = {found.items})"
