"""The paper's claims about LoRA and what the records say of them. No verdict is typed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from frugal_lib.chapters.lora.results import LoraResults, last, overfit
from frugal_lib.core.stats import Interval, mean_interval
from frugal_lib.models import adapt
from frugal_lib.paper import published
from frugal_lib.paper.released import grid_at_16
from frugal_lib.report.arm import chrf_gap, gap
from frugal_lib.report.cells import cell, rate_text
from frugal_lib.report.claim import Claim, told
from frugal_lib.report.contrast import decide
from frugal_lib.report.folded import FoldArm
from frugal_lib.report.verdict import HIGHER, KEEPS, LOWER, OPEN, Verdict, all_hold

NATS = "nats per token"
CLOSE = 1.0  # chrF: how far ranks may lie apart by the paper


def best_paper(found: LoraResults, adapters: bool) -> float:
    """The lowest dev loss of the paper's runs at batch size 16."""
    return min(run.dev_loss for run in grid_at_16(found.paper) if bool(run.rank) == adapters)


def table3() -> pd.DataFrame:
    """The paper's Table 3 by rank; full fine-tuning is `full`."""
    return published.table("table3_lora_rank").set_index("rank")


def matches(found: LoraResults, base: str) -> Verdict | None:
    """By the loss on held-out sonnets."""
    best, full, printed = found.best(base), found.full(base), table3()
    paper = (
        f"chrF {printed.dev_chrf.max():.2f} against {printed.dev_chrf['full']:.2f} as printed; in its file the lowest "
        f"dev loss is {best_paper(found, True):.3f} against {best_paper(found, False):.3f}"
    )
    return decide(found.contrast(best, full), KEEPS, base, "LoRA minus full", paper)


def ranks_close(found: LoraResults, base: str) -> Verdict:
    """By dev chrF, every rank up to 128 beside the highest: each at most one point below it."""
    arms = [arm for arm in found.ranks(base) if arm.rank <= 128]
    best = max(arms, key=lambda arm: arm.chrf().mean)
    gaps = {arm.rank: chrf_gap(best, arm, "dev") for arm in arms if arm is not best}
    words = [KEEPS.beside(difference, CLOSE) for difference in gaps.values()]
    rank, widest = max(gaps.items(), key=lambda item: item[1].high)
    printed = table3().drop("full").query("rank != 256").dev_chrf
    number = f"{cell(widest, 2, '+')} chrF"
    return Verdict(
        "",
        base,
        f"dev chrF from {printed.min():.2f} to {printed.max():.2f}",
        f"dev, rank {best.rank} minus the rank that may lie furthest below, {rank}: {number}",
        all_hold(words),
        number,
        max(difference.p_value(CLOSE) for difference in gaps.values()),
    )


def tolerates(found: LoraResults, base: str) -> Verdict:
    """By dev loss at the highest rate that both were tried at."""
    best, full, printed = found.best(base), found.full(base), table3().best_learning_rate
    paper = f"best rates up to {rate_text(printed.max())} for LoRA, {rate_text(printed['full'])} for full fine-tuning"
    rate = max(set(best.rates) & set(full.rates), default=None)
    if rate is None:
        return Verdict("", base, paper, "no learning rate was tried with both", OPEN)
    name = (
        f"rank {best.rank} minus full at rate {rate_text(rate)}, dev (best rates {rate_text(best.rate)} and "
        f"{rate_text(full.rate)})"
    )
    return told(LOWER, gap(best.at_rate(rate), full.at_rate(rate), "dev"), base, name, paper, NATS)


def overfit_in_folds(one: FoldArm, other: FoldArm) -> Interval:
    """Dev minus train loss at the last epoch, `one` minus `other`, paired by the model's fold and seed."""
    values = [[last(r)["dev_loss"] - last(r)["train_loss"] for r in arm.records] for arm in (one, other)]
    count = min(map(len, values))
    return mean_interval(np.subtract(values[0][:count], values[1][:count]))


def overfits_less(found: LoraResults, base: str) -> Verdict:
    """By dev loss minus train loss at the last epoch, each at its best rate, paired by seed or model."""
    best, full = found.best(base), found.full(base)
    sides = [found.side(base, arm).folds for arm in (best, full)]
    paper = "train loss falls faster and dev loss rises sooner with full fine-tuning (Figure 4)"
    if all(sides):
        name = f"dev minus train loss at the last epoch, LoRA minus full, {len(sides[0].records)} models"
        return told(LOWER, overfit_in_folds(*sides), base, name, paper, NATS)
    seeds = min(len(best.records), len(full.records))
    if seeds < 2:
        return Verdict("", base, paper, "one seed, which has no spread", OPEN)
    difference = mean_interval(overfit(best)[:seeds] - overfit(full)[:seeds])
    name = f"dev minus train loss at the last epoch, rank {best.rank} minus full, {seeds} seeds"
    return told(LOWER, difference, base, name, paper, NATS)


def modules_matter(found: LoraResults, base: str) -> Verdict | None:
    """By the loss on held-out sonnets, each at its best rate."""
    both, alone = (row for _, row in published.table("table6_lora_modules").iterrows())
    in_file = {run.modules: run.dev_loss for run in found.paper if run.kind == "modules"}
    paper = (
        f"chrF {both.dev_chrf:.2f} against {alone.dev_chrf:.2f}, dev loss {both.dev_loss:.3f} against "
        f"{alone.dev_loss:.3f} as printed, {in_file[adapt.ALL]:.3f} against {in_file[adapt.ATTENTION]:.3f} in its file"
    )
    contrast = found.contrast(found.attention(base), found.best(base))
    return decide(contrast, HIGHER, base, "attention alone minus both", paper)


CLAIMS = (
    Claim("lora_matches", "LoRA matches full fine-tuning", "Table 3", matches),
    Claim("lora_ranks", "Ranks 1–128 stay within about one chrF point", "Table 3", ranks_close),
    Claim("lora_tolerates", "LoRA tolerates higher learning rates", "Table 3, Figure 4", tolerates),
    Claim("lora_overfits_less", "LoRA avoids the strongest overfitting", "Figure 4", overfits_less),
    Claim("lora_modules", "Adapting attention and MLP beats attention alone", "Table 6", modules_matter),
)
