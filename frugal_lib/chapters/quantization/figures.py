"""Figures of chapter 3: the paper's Figures 2 and 5 beside ours, untrained heads, and what each model lost."""

from __future__ import annotations

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from frugal_lib.chapters.quantization.results import FORMAT_NAMES, QuantizationResults, gain
from frugal_lib.chapters.quantization.tables import heads, majority_share
from frugal_lib.core.stats import Interval
from frugal_lib.paper import published
from frugal_lib.report.arm import gap
from frugal_lib.report.drawing import COLOURS, FLOOR, PAPER, base_colour, draw_interval, legend_above, unique_handles
from frugal_lib.report.generality import MEASURES

PLAIN, TRAINED, BAR = COLOURS[2], COLOURS[0], "0.8"
POINT = {"ms": 5.5}


def short(name: str) -> str:
    """A model's name for an axis."""
    return name.replace("not fine-tuned", "base").replace("full fine-tuning", "full FT")


def name_ticks(axes: Axes, names: list[str]) -> None:
    """Formats below an axis, slanted."""
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=8.5)


def size_bars(axes: Axes, names: list[str], sizes: list[float]) -> Axes:
    """Bars of MB on the left axis; returns the right axis for the scores."""
    axes.bar(range(len(names)), sizes, color=BAR, width=0.7, label="size (left)")
    name_ticks(axes, names)
    axes.grid(visible=False)
    right = axes.twinx()
    right.spines["right"].set_visible(True)
    right.grid(axis="y", color="0.9")
    right.set_ylim(28, 44.5)
    return right


def sizes_and_scores(found: QuantizationResults) -> Figure:
    """The paper's Figure 2, and ours on the first base: size by format, and chrF without and with QAFT."""
    rows = published.table("figure2_quantization")
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.6), width_ratios=[1, 2])
    scores = size_bars(left, list(rows.format), list(rows.size_mb))
    for column, colour, name in (("ptq_chrf", PLAIN, "quantized afterwards"), ("qaft_chrf", TRAINED, "QAFT")):
        scores.plot(range(len(rows)), rows[column], "-o", color=colour, ms=5.5, label=name)
    left.set(title="the paper, GPT-2 Small", ylabel="size, MB")
    right.set_title(f"ours, {found.bases[0]}")
    legend_above(figure, draw_ours(right, found, found.bases[0]), ncols=4)
    return figure


def draw_ours(axes: Axes, found: QuantizationResults, base: str) -> Axes:
    """Our half of Figure 2, every format; the grey band is random training lines. Returns the axis of the scores."""
    arms = found.formats(base)
    names = [FORMAT_NAMES[arm.format] for arm in arms]
    scores = size_bars(axes, names, [arm.fact("file_bytes") / 1e6 for arm in arms])
    floor = found.floor.chrf()
    scores.axhspan(floor.low, floor.high, color=FLOOR, alpha=0.25, lw=0, label="random lines")
    for x, arm in enumerate(arms):
        draw_interval(scores, x - 0.12, arm.chrf(), PLAIN, label="quantized afterwards", **POINT)
        if trained := found.arm(base, "qaft", arm.format):
            draw_interval(scores, x + 0.12, trained.chrf(), TRAINED, label="QAFT", **POINT)
    scores.set_ylabel("dev chrF, whole sonnet")
    return scores


def loss_by_format(found: QuantizationResults) -> Figure:
    """Test loss by format, without and with QAFT, less that of the tuned model in FP32; dashed, the base's."""
    figure, panels = plt.subplots(1, len(found.bases), figsize=(9.5, 4.4), sharey=True, squeeze=False)
    for axes, base in zip(panels[0], found.bases, strict=True):
        formats = [arm.format for arm in found.formats(base)]
        for x, format in enumerate(formats):
            draw_loss(axes, x - 0.14, found, (base, "full", format), PLAIN, "quantized afterwards")
            draw_loss(axes, x + 0.14, found, (base, "qaft", format), TRAINED, "QAFT")
            draw_loss(axes, x + 0.14, found, (base, "qlora", format), COLOURS[7], "QLoRA")
        axes.axhline(gain(found, base, "test").mean, color=FLOOR, ls="--", label="base, never tuned")
        axes.axhline(0, color="black", lw=1)
        axes.set_yscale("symlog", linthresh=0.2, linscale=2)
        axes.set_yticks([-0.1, 0, 0.1, 0.2, 0.5, 1], ["−0.1", "0", "0.1", "0.2", "0.5", "1"])
        name_ticks(axes, [FORMAT_NAMES[format] for format in formats])
        axes.set_title(base)
    panels[0][0].set_ylabel("test loss, nats per token,\nminus full fine-tuning in FP32")
    legend_above(figure, panels[0][0], ncols=4)
    return figure


def draw_loss(axes: Axes, x: float, found: QuantizationResults, kind: tuple, colour, label: str) -> None:
    """The test loss of one arm, less that of the tuned model in FP32, if there is such an arm."""
    if arm := found.arm(*kind):
        draw_interval(axes, x, gap(arm, found.full(arm.base), "test"), colour, label=label, **POINT)


def zero_shot_bars(found: QuantizationResults, trained: Interval | None = None) -> Figure:
    """The paper's Figure 5, and what stands behind its last two bars: accuracies of untrained heads, ours.

    `trained` is our accuracy of a model that was fine-tuned on paraphrases, which chapter 1 has.
    """
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(10.5, 3.8), width_ratios=[1, 1, 1.8])
    draw_task(left, found)
    rows = [row for row in published.table("figure5_zero_shot").itertuples() if "paraphrase" in row.bar]
    names = ["paraphrase\nfull FT", "from sonnet\nfull FT", "from sonnet\nQAFT INT8"]
    middle.bar(names, [row.value for row in rows], color=PAPER, width=0.6, label="the paper")
    for x, row in enumerate(rows):
        middle.annotate(f"{row.value:.4g}", (x, row.value), ha="center", va="bottom", fontsize=9)
    draw_accuracies(middle, found, trained)
    middle.set(ylim=(0, 1.25), ylabel="accuracy on Quora pairs")
    middle.legend(*unique_handles(middle), loc="upper right", fontsize=7.5)
    for axes in (left, middle):
        axes.tick_params(axis="x", labelsize=7.5)
    draw_heads(right, found)
    return figure


def draw_accuracies(axes: Axes, found: QuantizationResults, trained: Interval | None) -> None:
    """Ours beside the paper's accuracies: after training on pairs, and of untrained heads the range of 95 %."""
    base = found.bases[0]
    if trained:
        draw_interval(axes, 0.2, trained, base_colour(base), label=f"ours, {base}", **POINT)
    for x, arm in ((1, found.full(base)), (2, found.arm(base, "qaft", "int8-tensor"))):
        if arm:
            accuracy = heads(arm)["accuracy"]
            low, high = np.quantile(accuracy, [0.025, 0.975])
            axes.plot([x + 0.2] * 2, [low, high], color=base_colour(base), lw=4, alpha=0.35, label="95 % of our heads")
            axes.plot(x + 0.2, accuracy.mean(), "o", color=base_colour(base), label=f"ours, {base}", **POINT)


def draw_task(axes: Axes, found: QuantizationResults) -> None:
    """The sonnet bars of Figure 5: chrF after full fine-tuning and after QAFT at INT8, the paper's and ours."""
    base = found.bases[0]
    rows = [row for row in published.table("figure5_zero_shot").itertuples() if "chrF" in row.bar]
    arms = [found.full(base), found.arm(base, "qaft", "int8-tensor")]
    axes.bar(["full FT", "QAFT INT8"], [row.value for row in rows], color=PAPER, width=0.6, label="the paper")
    for x, arm in enumerate(arms):
        if arm:
            draw_interval(axes, x, arm.chrf(), base_colour(base), label=f"ours, {base}", **POINT)
    axes.axhline(found.floor.chrf().mean, color="black", lw=1, ls="--", label="random lines")
    axes.set(ylim=(0, 64), ylabel="dev chrF on sonnets")
    axes.legend(*unique_handles(axes), loc="upper left", fontsize=8)


def draw_heads(axes: Axes, found: QuantizationResults) -> None:
    """How often an untrained head has which accuracy, before and after QAFT at INT8, on the first base."""
    base, no = found.bases[0], majority_share(found)
    arms = [found.untuned(base), found.full(base), found.arm(base, "qaft", "int8-tensor")]
    bins = np.linspace(0.2, 0.8, 61)
    for arm, colour in zip([a for a in arms if a], (FLOOR, PLAIN, TRAINED), strict=False):
        accuracy = heads(arm)["accuracy"]
        axes.hist(accuracy, bins, weights=np.full(len(accuracy), 100 / len(accuracy)), histtype="step", lw=1.8,
                  color=colour, label=short(arm.name))  # fmt: skip
    for value, name in ((no, "all “no”"), (1 - no, "all “yes”")):
        axes.axvline(value, color="black", lw=1, ls=":")
        axes.annotate(name, (value, 1.0), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=9)
    axes.set(xlabel="accuracy of an untrained head", ylabel="% of heads")
    axes.set_title(f"ours, {base}", pad=16)
    axes.legend()


def generality_chart(found: QuantizationResults) -> Figure:
    """How much worse than full fine-tuning each model is in each measure of generality, with 95 % intervals."""
    rows = max(len(found.checked(base)) for base in found.bases)
    figure, panels = plt.subplots(1, len(MEASURES), figsize=(11, 1.2 + 0.42 * rows), sharey=True)
    names = [arm.name for arm in found.checked(found.bases[0]) if arm is not found.full(arm.base)]
    for axes, measure in zip(panels, MEASURES, strict=True):
        for place, base in enumerate(found.bases):
            for arm in (a for a in found.checked(base) if a.name in names):
                worse, y = measure.damage(arm, found.full(base)), len(names) - 1 - names.index(arm.name) - 0.18 * place
                draw_interval(axes, y, worse, base_colour(base), across=True, ms=5, label=base)
        axes.axvline(0, color="black", lw=1)
        margins = [measure.margin(found.untuned(base), found.won(base)) for base in found.bases]
        axes.axvspan(-max(margins), max(margins), color=FLOOR, alpha=0.12, lw=0)
        axes.set_title(measure.name.replace(", ", ",\n").replace("unrelated ", "unrelated\n"), fontsize=9)
        axes.set_xlabel(measure.unit.replace("bits per ", "bits per\n"), fontsize=9)
        axes.tick_params(axis="x", labelsize=8)
    panels[0].set_yticks(range(len(names)), [short(name) for name in reversed(names)], fontsize=9)
    legend_above(figure, panels[0], ncols=2)
    return figure
