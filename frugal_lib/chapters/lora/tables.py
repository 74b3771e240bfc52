"""Tables of chapter 2: ranks, losses, learning rates, alpha and modules, the paper's beside ours; cost of a step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from frugal_lib.chapters.lora.results import LoraArm, LoraResults, last, method_name, overfit
from frugal_lib.chapters.lora.steps import MEMORY, PARTS, factor
from frugal_lib.core.runs import Record, Run
from frugal_lib.core.stats import mean_interval
from frugal_lib.models import adapt
from frugal_lib.paper import published
from frugal_lib.paper.released import ReleasedRun, grid_at_16
from frugal_lib.report.arm import chrf_gap, gap
from frugal_lib.report.cells import NONE, cell, framed, megabytes, rate_text, signed
from frugal_lib.report.html import linked, published_link
from frugal_lib.report.length_floor import LengthFloor

GPT2_PER_RANK = 165_888  # trainable parameters of GPT-2 Small a rank; a test counts them


@framed
def rank_table(found: LoraResults, results: str | Path) -> Iterator[dict]:
    """Table 3: trainable parameters, best learning rate and dev chrF by rank, the paper's beside ours."""
    paper = {
        0 if row["rank"] == "full" else row["rank"]: row for _, row in published.table("table3_lora_rank").iterrows()
    }
    for rank in (*paper, *sorted({arm.rank for arm in found.arms} - set(paper))):
        row = paper.get(rank)
        line: dict[str, object] = {
            "rank": rank or "full",
            "GPT-2 Small: trained": f"{GPT2_PER_RANK * rank or int(row['trainable_parameters']):,}",
            "paper: rate": NONE if row is None else published_link(rate_text(row["best_learning_rate"])),
            "paper: chrF": NONE if row is None else published_link(f"{row['dev_chrf']:.3f}"),
        }
        for base in found.bases:
            arms = {arm.rank: arm for arm in (found.full(base), *found.ranks(base))}
            line |= rank_cells(base, arms.get(rank), found.lengths, results)
        yield line


def rank_cells(base: str, arm: LoraArm | None, lengths: LengthFloor, results: str | Path) -> dict[str, object]:
    """What Table 3 says of one rank of one base."""
    names, values = ("trained", "saved MB", "rate", "chrF", "random lines as long"), [NONE] * 5
    if arm:
        trained, saved = f"{arm.fact('trainable_parameters'):,.0f}", megabytes(arm.fact("saved_bytes"))
        score, floor = linked(cell(arm.chrf()), arm.records, results), f"{lengths.at(arm.records):.2f}"
        values = [trained, saved, rate_text(arm.rate), score, floor]
    return {f"{base}: {name}": value for name, value in zip(names, values, strict=True)}


@framed
def likelihood_table(found: LoraResults, results: str | Path) -> Iterator[dict]:
    """The same runs by the likelihood of the true lines: dev, test, and the difference from full fine-tuning."""
    for base in found.bases:
        full = found.full(base)
        for arm in (full, *found.ranks(base)):
            yield {
                "base": base,
                "method": arm.name,
                "dev, nats per token": linked(cell(arm.nats("dev"), 3), arm.records, results),
                "test": cell(arm.nats("test"), 3),
                "test, minus full": NONE if arm is full else cell(gap(arm, full, "test"), 3, "+"),
                "dev, minus full": NONE if arm is full else cell(gap(arm, full, "dev"), 3, "+"),
                "chrF, dev, minus full": NONE if arm is full else cell(chrf_gap(arm, full, "dev"), sign="+"),
                "seeds": len(arm.records),
            }


@framed
def overfit_table(found: LoraResults, results: str | Path) -> Iterator[dict]:
    """Train and dev loss of each arm at its best rate, at the epoch that was kept and at the last one."""
    for base in found.bases:
        for arm in (found.full(base), *found.ranks(base)):
            kept, end = [kept_epoch(r) for r in arm.records], [last(r) for r in arm.records]
            gaps = overfit(arm)
            text = cell(mean_interval(gaps), 3, "+") if len(gaps) > 1 else signed(gaps[0], 3)
            yield {
                "base": base,
                "method": arm.name,
                "rate": rate_text(arm.rate),
                "kept epoch": f"{mean_of(kept, 'epoch'):.1f}",
                "train, dev": f"{mean_of(kept, 'train_loss'):.3f}, {mean_of(kept, 'dev_loss'):.3f}",
                "last epoch": f"{mean_of(end, 'epoch'):.1f}",
                "train, dev ": f"{mean_of(end, 'train_loss'):.3f}, {mean_of(end, 'dev_loss'):.3f}",
                "dev minus train, last": linked(text, arm.records, results),
            }


def kept_epoch(record: Record) -> dict:
    """The epoch whose weights were kept: that of the lowest dev loss after the base's own."""
    return min(record.history[1:], key=lambda row: row["dev_loss"])


def mean_of(epochs: Sequence[dict], name: str) -> float:
    """A number of some epochs, averaged."""
    return float(np.mean([epoch[name] for epoch in epochs]))


@framed
def tolerance_table(found: LoraResults, results: str | Path) -> Iterator[dict]:
    """Dev loss at every learning rate: full fine-tuning, the best rank, and the difference where both were tried."""
    for rate in sorted({rate for arm in found.arms for rate in arm.rates}):
        line: dict[str, object] = {"rate": rate_text(rate)}
        for base in found.bases:
            full, best = found.full(base).at_rate(rate), found.best(base).at_rate(rate)
            line[f"{base}: full"] = loss_cell(full, results)
            line[f"{base}: rank {best.rank}"] = loss_cell(best, results)
            both = full.records and best.records
            line[f"{base}: LoRA minus full"] = cell(gap(best, full, "dev"), 3, "+") if both else NONE
        yield line | paper_losses(found.paper, rate)


def loss_cell(arm: LoraArm, results: str | Path) -> object:
    """The dev loss of an arm at one rate, or a dash where it was not tried or did not end well."""
    return linked(f"{arm.fact('dev_nll'):.3f}", arm.records, results) if arm.records else NONE


def paper_losses(runs: Sequence[ReleasedRun], rate: float) -> dict[str, str]:
    """The paper's dev losses at one rate: full fine-tuning and the best of its ranks, batch size 16, last epoch."""
    grid = [run for run in grid_at_16(runs) if run.learning_rate == rate]
    full, adapters = ([r.dev_loss for r in grid if bool(r.rank) == wanted] for wanted in (False, True))
    return {
        "paper: full": f"{full[0]:.3f}" if full else NONE,
        "paper: best rank": f"{min(adapters):.3f}" if adapters else NONE,
    }


@framed
def alpha_table(found: LoraResults, results: str | Path) -> Iterator[dict]:
    """Table 5: alpha at the best rank and rate. The paper's and ours, one seed each."""
    paper = dict(published.table("table5_lora_alpha").itertuples(index=False))
    file = {run.alpha: run for run in found.paper if run.kind == "alpha"}
    arms = {base: {arm.alpha: arm for arm in found.alphas(base)} for base in found.bases}
    for alpha in sorted({*paper, *(a for by_alpha in arms.values() for a in by_alpha)}):
        released_run = file.get(alpha)
        line: dict[str, object] = {
            "alpha": f"{alpha:g}",
            "paper: chrF": published_link(f"{paper[alpha]:.3f}") if alpha in paper else NONE,
            "its file: chrF": f"{released_run.dev_chrf:.3f}" if released_run else NONE,
            "its file: dev loss": f"{released_run.dev_loss:.3f}" if released_run else NONE,
        }
        for base, by_alpha in arms.items():
            arm = by_alpha.get(alpha)
            line[f"{base}: chrF"] = linked(cell(arm.chrf()), arm.records, results) if arm else NONE
            line[f"{base}: dev loss"] = cell(arm.nats("dev"), 3) if arm else NONE
        yield line


@framed
def module_table(found: LoraResults, results: str | Path) -> Iterator[dict]:
    """Table 6: attention and MLP against attention alone. The paper's, its file's, and ours."""
    paper = published.table("table6_lora_modules").set_index("modules")
    names = {adapt.ALL: "attention + MLP", adapt.ATTENTION: "attention only"}
    columns = ("where", "modules", "train loss, last epoch", "dev loss, last epoch", "dev chrF", "best dev loss",
               "test loss")  # fmt: skip
    for modules, name in names.items():
        (run,) = (r for r in found.paper if r.kind == "modules" and r.modules == modules)
        for where, row in (("paper, as printed", paper.loc[name]), ("paper, its file", run)):
            scores = (f"{value:.3f}" for value in (row.train_loss, row.dev_loss, row.dev_chrf))
            yield dict(zip(columns, (where, name, *scores, NONE, NONE), strict=True))
    for base in found.bases:
        for arm in (found.best(base), found.attention(base)):
            end = [last(record) for record in arm.records]
            losses = (f"{mean_of(end, name):.3f}" for name in ("train_loss", "dev_loss"))
            scores = linked(cell(arm.chrf()), arm.records, results), cell(arm.nats("dev"), 3), cell(arm.nats("test"), 3)
            line = (f"{base}, rank {arm.rank}", names[arm.modules], *losses, *scores)
            yield dict(zip(columns, line, strict=True))


@framed
def step_table(records: Sequence[Record], results: str | Path) -> Iterator[dict]:
    """Time and memory of one step by method; memory is counted part by part, the peak is measured."""
    for record in records:
        for row in record.examples:
            yield {
                "base": record.run.base,
                "method": method_name(row["rank"], row["modules"]),
                "ms a step": linked(f"{1000 * row['seconds']:.0f}", [record], results),
                "fastest to slowest": f"{1000 * min(row['trials']):.0f} to {1000 * max(row['trials']):.0f}",
                "times as fast": f"{factor(record, row):.2f}",
                "by operations": f"{record.examples[0]['operations'] / row['operations']:.2f}",
                **{f"{name}, MB": megabytes(row[key]) for name, key in MEMORY.items()},
                "peak, MB": f"{row['peak_mb']:.0f}",
                "saved file, MB": megabytes(row["saved_bytes"]),
            }


@framed
def profile_table(records: Sequence[Record]) -> Iterator[dict]:
    """Where the time of one step goes, in ms: full fine-tuning beside LoRA of each rank."""
    for record in records:
        for row in record.examples:
            parts = {part: f"{1000 * row['profile'][part]:.0f}" for part in (*PARTS, "everything else")}
            products = {"number of products": f"{row['profile']['products']:.0f}"}
            yield {"base": record.run.base, "method": method_name(row["rank"], row["modules"])} | parts | products


def arm_name(run: Run) -> str:
    """A way of fine-tuning in words."""
    return "not fine-tuned" if run.method == "base" else method_name(run.rank, run.modules)
