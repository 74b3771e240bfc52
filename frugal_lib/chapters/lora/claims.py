"""The paper's claims about LoRA and what the records say of them. No verdict is typed."""

from __future__ import annotations

import pandas as pd

from frugal_lib.chapters.lora.results import LoraResults, gain, overfit
from frugal_lib.core.stats import Interval, mean_interval
from frugal_lib.paper import published
from frugal_lib.paper.released import grid_at_16
from frugal_lib.report.arm import gap
from frugal_lib.report.cells import cell, rate_text
from frugal_lib.report.claim import Claim
from frugal_lib.report.verdict import MARGIN, OPEN, Verdict, against, higher, lower, margin_text, matched

MATCHES = "LoRA matches full fine-tuning"
TOLERATES = "LoRA tolerates higher learning rates"
OVERFITS_LESS = "LoRA overfits less"
MODULES_MATTER = "Adapting attention and MLP beats attention alone"


def best_paper(found: LoraResults, adapters: bool) -> float:
    """The lowest dev loss of the paper's runs at batch size 16."""
    return min(run.dev_loss for run in grid_at_16(found.paper) if bool(run.rank) == adapters)


def table3() -> pd.DataFrame:
    """The paper's Table 3 by rank; full fine-tuning is `full`."""
    return published.table("table3_lora_rank").set_index("rank")


def nats(difference: Interval) -> str:
    """A difference in loss, as chapter 5 shows it."""
    return f"{cell(difference, 3, '+')} nats"


def matches(found: LoraResults, base: str) -> Verdict:
    """By test loss, on which nothing was chosen."""
    best, full, printed = found.best(base), found.full(base), table3()
    difference, won = gap(best, full, "test"), gain(found, base, "test")
    return Verdict(
        MATCHES,
        base,
        f"chrF {printed.dev_chrf.max():.2f} against {printed.dev_chrf['full']:.2f} as printed; in its file the lowest "
        f"dev loss is {best_paper(found, True):.3f} against {best_paper(found, False):.3f}",
        f"{against(f'rank {best.rank} minus full', difference)}; {margin_text(MARGIN * won.mean)}",
        matched(difference, won),
        nats(difference),
    )


def tolerates(found: LoraResults, base: str) -> Verdict:
    """By dev loss at the highest rate that both were tried at."""
    best, full, printed = found.best(base), found.full(base), table3().best_learning_rate
    paper = f"best rates up to {rate_text(printed.max())} for LoRA, {rate_text(printed['full'])} for full fine-tuning"
    rate = max(set(best.rates) & set(full.rates), default=None)
    if rate is None:
        return Verdict(TOLERATES, base, paper, "no learning rate was tried with both", OPEN)
    difference = gap(best.at_rate(rate), full.at_rate(rate), "dev")
    return Verdict(
        TOLERATES,
        base,
        paper,
        f"rank {best.rank} minus full at rate {rate_text(rate)}, dev: {nats(difference)} per token; "
        f"best rates {rate_text(best.rate)} and {rate_text(full.rate)}",
        lower(difference),
        nats(difference),
    )


def overfits_less(found: LoraResults, base: str) -> Verdict:
    """By dev loss minus train loss at the last epoch, each at its best rate, paired by seed."""
    best, full = found.best(base), found.full(base)
    seeds = min(len(best.records), len(full.records))
    paper = "train loss falls faster and dev loss rises sooner with full fine-tuning (Figure 4)"
    if seeds < 2:
        return Verdict(OVERFITS_LESS, base, paper, "one seed, which has no spread", OPEN)
    difference = mean_interval(overfit(best)[:seeds] - overfit(full)[:seeds])
    return Verdict(
        OVERFITS_LESS,
        base,
        paper,
        f"dev minus train loss at the last epoch, rank {best.rank} minus full: {nats(difference)} per token "
        f"({seeds} seeds)",
        lower(difference),
        nats(difference),
    )


def modules_matter(found: LoraResults, base: str) -> Verdict:
    """By test loss, each at its best rate."""
    best = found.best(base)
    difference = gap(found.attention(base), best, "test")
    both, alone = (row for _, row in published.table("table6_lora_modules").iterrows())
    return Verdict(
        MODULES_MATTER,
        base,
        f"chrF {both.dev_chrf:.2f} against {alone.dev_chrf:.2f}, dev loss {both.dev_loss:.3f} against "
        f"{alone.dev_loss:.3f} as printed",
        against(f"attention alone minus both, rank {best.rank}", difference),
        higher(difference),
        nats(difference),
    )


CLAIMS = (
    Claim("lora_matches", MATCHES, "Table 3", matches),
    Claim("lora_tolerates", TOLERATES, "Table 3, Figure 4", tolerates),
    Claim("lora_overfits_less", OVERFITS_LESS, "Figure 4", overfits_less),
    Claim("lora_modules", MODULES_MATTER, "Table 6", modules_matter),
)
