"""Figures of chapter 5: every score beside what ignores the prompt, and what copies of held-out sonnets do."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from frugal_lib.chapters.baseline.sonnets import ScoreRow, row_of
from frugal_lib.chapters.synthetic.results import SyntheticResults
from frugal_lib.chapters.what_breaks.claims import Book
from frugal_lib.chapters.what_breaks.contamination import (
    Contaminated,
    copies_in_file,
    effects,
    levels,
    measured_in_file,
)
from frugal_lib.core.stats import Interval
from frugal_lib.paper import published
from frugal_lib.paper.released import grid_at_16
from frugal_lib.report.drawing import FLOOR, OURS, PAPER, base_colour, legend_above


def paper_groups(book: Book) -> dict[str, list[float]]:
    """The paper's dev chrF by table and figure."""
    table1 = published.table("table1_baseline").query("dataset == 'sonnets'")
    formats = published.table("figure2_quantization")
    teachers = published.table("figure3_synthetic").set_index("teacher")
    return {
        "Table 1": table1.dev.dropna().tolist(),
        "Table 3: LoRA by rank": published.table("table3_lora_rank").dev_chrf.tolist(),
        "its sweep, batch 16": [run.dev_chrf for run in grid_at_16(book.lora.paper)],
        "Figure 2: formats": formats.ptq_chrf.dropna().tolist() + formats.qaft_chrf.dropna().tolist(),
        "Figure 3: synthetic data": teachers[["n100", "n500", "n1000"]].stack().dropna().tolist(),
    }


def our_groups(book: Book, rows: Sequence[ScoreRow]) -> dict[str, list[float]]:
    """Our dev chrF by chapter, means over seeds and samples."""
    tuned = [arm.chrf().mean for arm in book.quantization.arms if arm.method != "base"]
    lora = [r.metrics["dev_chrf"] for arm in book.lora.arms for r in arm.tried]
    return {
        "base, not fine-tuned": [row_of(rows, "base").intervals["dev_chrf"].mean],
        "full fine-tuning": [row_of(rows, "full").intervals["dev_chrf"].mean],
        "LoRA and full, all runs": lora,
        "formats and QAFT": tuned,
        "students of teachers": [student.chrf().mean for student in book.synthetic.students],
    }


def floors_chart(book: Book, rows: Sequence[ScoreRow]) -> Figure:
    """Every dev chrF as a dot, in groups; bands: random training lines, random words; dashed: the prompt alone."""
    groups = [(name, values, PAPER) for name, values in paper_groups(book).items()]
    groups += [(name, values, OURS) for name, values in our_groups(book, rows).items()]
    figure, axes = plt.subplots(figsize=(5.8, 4.8))
    for y, (_, values, colour) in enumerate(reversed(groups)):
        axes.plot(values, [y] * len(values), "o", color=colour, ms=6, alpha=0.45, mec="none")
    draw_floors(axes, rows)
    axes.set_yticks(range(len(groups)), [name for name, _, _ in reversed(groups)])
    axes.axhline(len(groups) - len(paper_groups(book)) - 0.5, color="0.6", lw=0.8)
    for colour, label in ((PAPER, "the paper"), (OURS, "ours")):
        axes.plot([], [], "o", color=colour, label=label)
    axes.set_xlabel("dev chrF over the whole sonnet")
    legend_above(figure, axes, ncols=3)
    return figure


def draw_floors(axes: Axes, rows: Sequence[ScoreRow]) -> None:
    """What needs no model: bands of 95 %, and a line."""
    for method, shade, name in (("floor-lines", 0.3, "random lines"), ("floor-words", 0.15, "random words")):
        interval = row_of(rows, method).intervals["dev_chrf"]
        axes.axvspan(interval.low, interval.high, color=FLOOR, alpha=shade, lw=0, label=name)
    axes.axvline(row_of(rows, "floor-given").intervals["dev_chrf"].mean, color=FLOOR, ls="--", label="given lines")


NO_COPY = 0.5  # where zero stands on the axis of copies, which is logarithmic


def copies_chart(found: Contaminated, book: SyntheticResults) -> Figure:
    """Loss, chrF and verbatim lines by copies among the training examples, a line per base; shaded: Flash's file."""
    panels_of = (
        (effects, "nats", "loss minus no copy, nats per token"),
        (levels, "chrf", "chrF of the sonnet"),
        (levels, "verbatim", "lines word for word, of 11"),
    )
    held = copies_in_file(book)
    figure, panels = plt.subplots(1, 3, figsize=(9.8, 4))
    for axes, (values, measure, label) in zip(panels, panels_of, strict=True):
        if held:
            axes.axvspan(min(held.values()), max(held.values()), color="0.85", lw=0, label="Flash's file")
        for base, records in found.ladders.items():
            start = {0: Interval(0, 0, 0, 1, 0)} if values is effects else {}
            draw_curve(axes, start | values(records, measure), base_colour(base), f"ours, {base}")
        copies_axis(axes, [copies for records in found.ladders.values() for copies in levels(records, measure)])
        axes.set_ylabel(label)
    for base in found.ladders:
        told = measured_in_file(book, base)
        panels[0].plot([held[i] for i in told], list(told.values()), "s", color=base_colour(base), mfc="white", ms=6)
    if held:
        rows = [row for row in book.generations.examples if row["model"] == "flash" and row["id"] in held]
        scores = [row["chrf"] for row in rows]
        panels[1].plot([held[r["id"]] for r in rows], scores, "D", color=PAPER, label="the paper, Flash")
    legend_above(figure, panels[1], ncols=5)
    return figure


def draw_curve(axes: Axes, curve: dict[int, Interval], colour, label: str) -> None:
    """Means joined by a line, with 95 % bands."""
    places = [copies or NO_COPY for copies in curve]
    low, mean, high = ([getattr(i, name) for i in curve.values()] for name in ("low", "mean", "high"))
    axes.plot(places, mean, "-o", color=colour, ms=5, label=label)
    axes.fill_between(places, low, high, color=colour, alpha=0.2)


def copies_axis(axes: Axes, copies: Sequence[int]) -> None:
    """Numbers of copies on a logarithmic axis that has a place for none."""
    ticks = sorted(set(copies))
    axes.set_xscale("log")
    axes.set_xticks([c or NO_COPY for c in ticks], [str(c) for c in ticks])
    axes.set_xticks([], minor=True)
    axes.set(xlim=(NO_COPY / 1.3, 1.3 * max(ticks, default=1)), xlabel="copies among the training examples")
