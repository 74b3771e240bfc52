"""How chapter 2's runs trained: overfitting, the learning rates they tolerate, what diverged, how it was measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from frugal_lib.chapters.lora.claims import at_rate, overfit
from frugal_lib.chapters.lora.results import Arm, LoraResults, gap, last
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import mean_interval
from frugal_lib.data.sonnets import EDITIONS
from frugal_lib.paper.released import ReleasedRun, grid_at_16
from frugal_lib.report.cells import NONE, cell, rate_text
from frugal_lib.report.html import linked
from frugal_lib.report.verdict import MARGIN

TOLERANCE = 0.1  # nats: within it of its lowest dev loss, the paper's own early stopping saw no change


def kept_epoch(record: Record) -> dict:
    """The epoch whose weights were kept: that of the lowest dev loss after the base's own."""
    return min(record.history[1:], key=lambda row: row["dev_loss"])


def overfit_table(found: LoraResults, results: str | Path) -> pd.DataFrame:
    """Train and dev loss of each arm at its best rate, at the epoch that was kept and at the last one."""
    lines = []
    for base in found.bases:
        for arm in (found.full(base), *found.ranks(base)):
            kept, end = [kept_epoch(r) for r in arm.kept], [last(r) for r in arm.kept]
            gaps = overfit(arm)
            lines.append({
                "base": base,
                "method": arm.name,
                "rate": rate_text(arm.rate),
                "kept epoch": f"{np.mean([row['epoch'] for row in kept]):.1f}",
                "train, dev": losses(kept),
                "last epoch": f"{np.mean([row['epoch'] for row in end]):.1f}",
                "train, dev ": losses(end),
                "dev minus train, last": linked(gap_text(gaps), arm.kept, results),
            })  # fmt: skip
    return pd.DataFrame(lines).set_index("base")


def losses(rows: Sequence[dict]) -> str:
    """Mean train and dev loss of some epochs."""
    return ", ".join(f"{np.mean([row[name] for row in rows]):.3f}" for name in ("train_loss", "dev_loss"))


def gap_text(gaps: np.ndarray) -> str:
    """A gap with its interval over seeds, or alone where there is one seed."""
    return cell(mean_interval(gaps), 3, "+") if len(gaps) > 1 else f"{gaps[0]:+.3f}".replace("-", "−")


def tolerance_table(found: LoraResults, results: str | Path) -> pd.DataFrame:
    """Dev loss at every learning rate: full fine-tuning, the best rank, and the difference where both were tried."""
    rates = sorted({r.run.learning_rate for arm in found.arms for r in arm.tried})
    lines = []
    for rate in rates:
        line: dict[str, object] = {"rate": rate_text(rate)}
        for base in found.bases:
            full, best = at_rate(found.full(base), rate), at_rate(found.best(base), rate)
            line[f"{base}: full"] = loss_cell(full, results)
            line[f"{base}: rank {best.rank}"] = loss_cell(best, results)
            both = full.kept and best.kept
            line[f"{base}: LoRA minus full"] = cell(gap(best, full, "dev"), 3, "+") if both else NONE
        lines.append(line | paper_losses(found.paper, rate))
    return pd.DataFrame(lines).set_index("rate")


def loss_cell(arm: Arm, results: str | Path) -> object:
    """The dev loss of an arm at one rate, or a dash where it was not tried or did not end well."""
    return linked(f"{arm.kept[0].metrics['dev_nll']:.3f}", arm.kept, results) if arm.kept else NONE


def paper_losses(runs: Sequence[ReleasedRun], rate: float) -> dict[str, str]:
    """The paper's dev losses at one rate: full fine-tuning and the best of its ranks, batch size 16, last epoch."""
    grid = [run for run in grid_at_16(runs) if run.learning_rate == rate]
    full, adapters = ([r.dev_loss for r in grid if bool(r.rank) == wanted] for wanted in (False, True))
    return {
        "paper: full": f"{full[0]:.3f}" if full else NONE,
        "paper: best rank": f"{min(adapters):.3f}" if adapters else NONE,
    }


def highest_rate(losses_by_rate: dict[float, float]) -> float:
    """The highest learning rate whose dev loss is within `TOLERANCE` of the lowest."""
    lowest = min(losses_by_rate.values())
    return max(rate for rate, loss in losses_by_rate.items() if loss <= lowest + TOLERANCE)


def tolerated(found: LoraResults) -> dict[str, tuple[float, float]]:
    """The highest tolerated rate of full fine-tuning and of LoRA, by source, at the last epoch."""
    grid = grid_at_16(found.paper)
    full = {r.learning_rate: r.dev_loss for r in grid if not r.rank}
    by_rank = [{r.learning_rate: r.dev_loss for r in grid if r.rank == rank} for rank in {r.rank for r in grid} - {0}]
    rates = {"the paper": (highest_rate(full), max(map(highest_rate, by_rank)))}
    for base in found.bases:
        pair = [end_losses([found.full(base)]), end_losses(found.ranks(base))]
        rates[base] = (max(map(highest_rate, pair[0])), max(map(highest_rate, pair[1])))
    return rates


def end_losses(arms: Sequence[Arm]) -> list[dict[float, float]]:
    """Dev loss at the last epoch by learning rate, one dictionary an arm."""
    return [{r.run.learning_rate: last(r)["dev_loss"] for r in arm.tried} for arm in arms]


def failures(found: LoraResults) -> str:
    """What was tolerated, in a sentence, and what diverged or failed."""
    parts = [
        f"{rate_text(full)} in full and {rate_text(adapters)} with LoRA ({name})"
        for name, (full, adapters) in tolerated(found).items()
    ]
    states = [record.status for record in found.others]
    ended = ", ".join(f"{states.count(state)} {state}" for state in ("diverged", "failed") if state in states)
    return (
        f"The highest rate whose dev loss at the last epoch is within {TOLERANCE:g} nats of the lowest: "
        f"{'; '.join(parts)}. Rates are those of the grids, so each may be a step too low. "
        + (f"Runs that did not end well: {ended}." if ended else "No run of this chapter diverged or failed.")
    )


def lora_how(found: LoraResults) -> str:
    """What was run on what, and how the numbers of the chapter are to be read."""
    parts = []
    for base in found.bases:
        full, ranks, best = found.full(base), found.ranks(base), found.best(base)
        rates = [", ".join(map(rate_text, tried_rates(arm))) for arm in (full, best)]
        parts.append(
            f"`{base}` ({found.untuned[base].metrics['parameters'] / 1e6:.1f} M parameters): full fine-tuning at "
            f"{rates[0]}; LoRA of rank {', '.join(str(arm.rank) for arm in ranks)} at {rates[1]}"
        )
    run = found.full(found.bases[0]).kept[0].run
    run_alpha = found.best(found.bases[0]).alpha
    trials = len({record.run for arm in found.arms for record in (*arm.tried, *arm.kept)})
    return (
        f"*How it was measured.* {'; '.join(parts)}. Sonnets: {EDITIONS[run.edition]}. Batch size {run.batch_size}, up "
        f"to {run.epochs} epochs, stopped after {run.patience} without a lower dev loss, {run.samples} samples a "
        f"prompt, dropout {run.dropout:g}. α is {run_alpha:g}. {trials} runs in all. The setting of each "
        f"rank is the one with the lowest dev loss at the first seed, and LoRA had more settings to choose from than "
        f"full fine-tuning: dev is optimistic, test is not.{at_the_edge(found)} A match is a test loss that is not "
        f"higher by more than {100 * MARGIN:.0f} % of what full fine-tuning wins over the base; *supported* wants the "
        f"whole interval there, *contradicted* an interval above zero, and anything else is *not distinguishable*. "
        f"Intervals are 95 %, with sonnets and seeds both taken as random."
    )


def at_the_edge(found: LoraResults) -> str:
    """Which of the compared settings are at the lowest or highest rate that was tried: a better one may lie outside."""
    names = []
    for base in found.bases:
        for arm in (found.full(base), found.best(base)):
            rates = tried_rates(arm)
            if len(rates) > 1 and arm.rate in (rates[0], rates[-1]):
                edge = "lowest" if arm.rate == rates[0] else "highest"
                names.append(f"{arm.name} on `{base}` ({edge})")
    if not names:
        return ""
    return f" The kept rate is at an edge of its grid for {', '.join(names)}, so that a better one may lie beyond it."


def tried_rates(arm: Arm) -> list[float]:
    """The learning rates of an arm's grid."""
    return sorted({record.run.learning_rate for record in arm.tried})
