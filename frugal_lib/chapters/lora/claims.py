"""Claims of the paper and what the records say of them. No verdict is typed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from frugal_lib.chapters.lora.paper_sweep import visible_from, visible_pairs
from frugal_lib.chapters.lora.results import Arm, LoraResults, gain, gap, last
from frugal_lib.core.stats import mean_interval
from frugal_lib.paper import published
from frugal_lib.paper.released import grid_at_16
from frugal_lib.report.cells import cell, rate_text
from frugal_lib.report.verdict import (
    MARGIN,
    OPEN,
    Verdict,
    higher,
    lower,
    matched,
)


def best_paper(found: LoraResults, adapters: bool) -> float:
    """The lowest dev loss of the paper's runs at batch size 16."""
    return min(run.dev_loss for run in grid_at_16(found.paper) if bool(run.rank) == adapters)


def table3() -> pd.DataFrame:
    """The paper's Table 3 by rank; full fine-tuning is `full`."""
    return published.table("table3_lora_rank").set_index("rank")


def matches(found: LoraResults, base: str) -> Verdict:
    """LoRA matches full fine-tuning: on the test sonnets, on which nothing was chosen."""
    best, full, printed = found.best(base), found.full(base), table3()
    difference, won = gap(best, full, "test"), gain(found, base, "test")
    margin = f"{MARGIN * won.mean:+.3f}".replace("-", "−")
    return Verdict(
        "LoRA matches full fine-tuning",
        base,
        f"chrF {printed.dev_chrf.max():.2f} against {printed.dev_chrf['full']:.2f} as printed; in its file the lowest "
        f"dev loss is {best_paper(found, True):.3f} against {best_paper(found, False):.3f}",
        f"rank {best.rank} minus full, test: {cell(difference, 3, '+')} nats per token; a match is at most "
        f"{margin}, {100 * MARGIN:.0f} % of what full fine-tuning wins",
        matched(difference, won),
        f"{cell(difference, 3, '+')} nats",
    )


def common_rates(one: Arm, other: Arm) -> list[float]:
    """Learning rates that both were tried at."""
    rates = [{record.run.learning_rate for record in arm.tried} for arm in (one, other)]
    return sorted(rates[0] & rates[1])


def at_rate(arm: Arm, rate: float) -> Arm:
    """The arm's run at one learning rate, first seed."""
    chosen = tuple(record for record in arm.tried if record.run.learning_rate == rate)
    return Arm(arm.base, arm.rank, arm.alpha, arm.modules, chosen, chosen[:1])


def tolerates(found: LoraResults, base: str) -> Verdict:
    """LoRA tolerates higher learning rates: at the highest rate that both were tried at."""
    best, full = found.best(base), found.full(base)
    rates = table3().best_learning_rate
    paper = f"best rates up to {rate_text(rates.max())} for LoRA, {rate_text(rates['full'])} for full fine-tuning"
    claim = "LoRA tolerates higher learning rates"
    rates = common_rates(best, full)
    if not rates:
        return Verdict(claim, base, paper, "no learning rate was tried with both", OPEN)
    difference = gap(at_rate(best, rates[-1]), at_rate(full, rates[-1]), "dev")
    return Verdict(
        claim,
        base,
        paper,
        f"rank {best.rank} minus full at rate {rate_text(rates[-1])}, dev: {cell(difference, 3, '+')} nats per token; "
        f"best rates {rate_text(best.rate)} and {rate_text(full.rate)}",
        lower(difference),
        f"{cell(difference, 3, '+')} nats",
    )


def overfit(arm: Arm) -> np.ndarray:
    """dev loss minus train loss at the last epoch: one value a seed."""
    return np.array([last(record)["dev_loss"] - last(record)["train_loss"] for record in arm.kept])


def overfits_less(found: LoraResults, base: str) -> Verdict:
    """LoRA overfits less: dev loss minus train loss at the last epoch, each at its best rate, paired by seed."""
    best, full = found.best(base), found.full(base)
    seeds = min(len(best.kept), len(full.kept))
    claim = "LoRA overfits less"
    paper = "train loss falls faster and dev loss rises sooner with full fine-tuning (Figure 4)"
    if seeds < 2:
        return Verdict(claim, base, paper, "one seed, which has no spread", OPEN)
    difference = mean_interval(overfit(best)[:seeds] - overfit(full)[:seeds])
    return Verdict(
        claim,
        base,
        paper,
        f"dev minus train loss at the last epoch, rank {best.rank} minus full: {cell(difference, 3, '+')} nats per "
        f"token ({seeds} seeds)",
        lower(difference),
        f"{cell(difference, 3, '+')} nats",
    )


def modules_matter(found: LoraResults, base: str) -> Verdict:
    """Attention and MLP beat attention alone: on the test sonnets, each at its best rate."""
    best, attention = found.best(base), found.attention(base)
    difference = gap(attention, best, "test")
    both, alone = (row for _, row in published.table("table6_lora_modules").iterrows())
    return Verdict(
        "Adapting attention and MLP beats attention alone",
        base,
        f"chrF {both.dev_chrf:.2f} against {alone.dev_chrf:.2f}, dev loss {both.dev_loss:.3f} against "
        f"{alone.dev_loss:.3f} as printed",
        f"attention alone minus both, rank {best.rank}, test: {cell(difference, 3, '+')} nats per token",
        higher(difference),
        f"{cell(difference, 3, '+')} nats",
    )


def lora_verdicts(found: LoraResults) -> list[Verdict]:
    """Every claim of chapter 2 on every base."""
    claims = (matches, tolerates, overfits_less, modules_matter)
    return [claim(found, base) for claim in claims for base in found.bases]


def verdict_sentence(found: LoraResults) -> str:
    """The chapter's question and its answer for every base."""
    parts = []
    for base in found.bases:
        verdict, best = matches(found, base), found.best(base)
        won, missed = gain(found, base, "test"), gap(best, found.full(base), "test")
        parts.append(
            f"on `{base}` it is **{verdict.verdict}**: full fine-tuning wins {cell(won, 3)} nats per token over the "
            f"base on the test sonnets, and LoRA of rank {best.rank} differs from it by {cell(missed, 3, '+')}"
        )
    visible = visible_pairs(table3().dev_chrf, visible_from(found.floor.metrics["dev_chrf_sd"]))
    return (
        f"Does LoRA match full fine-tuning? By the likelihood of the true lines, {'; '.join(parts)}. In the paper's "
        f"own sweep the lowest dev loss of LoRA is {best_paper(found, True):.3f}, that of full fine-tuning "
        f"{best_paper(found, False):.3f}. By chrF, {visible} pairs of scores in its Table 3 are further "
        f"apart than two draws of random lines would be."
    )
