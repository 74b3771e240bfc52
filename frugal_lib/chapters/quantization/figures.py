"""Figures of chapter 3: the paper's Figures 2 and 5 beside ours, untrained heads, and what each model lost."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from frugal_lib.chapters.quantization.results import FORMAT_NAMES, QuantizationResults, gain
from frugal_lib.chapters.quantization.tables import heads, majority_share
from frugal_lib.core.stats import Interval
from frugal_lib.paper import published
from frugal_lib.report.arm import gap
from frugal_lib.report.drawing import COLOURS, FLOOR, PAPER, STYLE, unique_handles
from frugal_lib.report.generality import MEASURES

PLAIN, TRAINED, BAR = COLOURS[2], COLOURS[0], "0.8"


def short(name: str) -> str:
    """A model's name for an axis."""
    return name.replace("not fine-tuned", "base").replace("full fine-tuning", "full FT")


def name_ticks(axes: Axes, names: list[str]) -> None:
    """Formats below an axis, slanted."""
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=8.5)


def point(axes: Axes, x: float, interval: Interval, colour, label: str) -> None:
    """A mean with its interval."""
    axes.plot([x, x], [interval.low, interval.high], color=colour, lw=1.6)
    axes.plot(x, interval.mean, "o", color=colour, ms=5.5, ls="", label=label)


def size_bars(axes: Axes, names: list[str], sizes: list[float]) -> Axes:
    """Bars of MB on the left axis; returns the right axis for the scores."""
    axes.bar(range(len(names)), sizes, color=BAR, width=0.7, label="size (left)")
    name_ticks(axes, names)
    axes.grid(visible=False)
    right = axes.twinx()
    right.spines["right"].set_visible(True)
    right.grid(axis="y", color="0.9")
    return right


def sizes_and_scores(found: QuantizationResults) -> Figure:
    """The paper's Figure 2, and ours on the first base: size by format, and chrF without and with QAFT."""
    rows = published.table("figure2_quantization")
    base = found.bases[0]
    with matplotlib.rc_context(STYLE):
        widths = {"width_ratios": [1, 2]}
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.6), gridspec_kw=widths)
        scores = size_bars(left, list(rows.format), list(rows.size_mb))
        for column, colour, name in (("ptq_chrf", PLAIN, "quantized afterwards"), ("qaft_chrf", TRAINED, "QAFT")):
            scores.plot(range(len(rows)), rows[column], "-o", color=colour, ms=5.5, label=name)
        left.set_title("the paper, GPT-2 Small", loc="left", fontsize=10)
        left.set_ylabel("size, MB")
        ours = draw_ours(right, found, base)
        right.set_title(f"ours, {base}", loc="left", fontsize=10)
        ours.set_ylabel("dev chrF, whole sonnet")
        for axes in (scores, ours):
            axes.set_ylim(28, 44.5)
        figure.legend(*unique_handles(ours), loc="outside upper left", ncols=4)
        figure.set_layout_engine("constrained")
    return figure


def draw_ours(axes: Axes, found: QuantizationResults, base: str) -> Axes:
    """Our half of Figure 2, every format; the grey band is random training lines."""
    arms = found.formats(base)
    names = [FORMAT_NAMES[arm.format] for arm in arms]
    scores = size_bars(axes, names, [arm.fact("file_bytes") / 1e6 for arm in arms])
    floor = found.floor.chrf()
    scores.axhspan(floor.low, floor.high, color=FLOOR, alpha=0.25, lw=0, label="random lines")
    for x, arm in enumerate(arms):
        point(scores, x - 0.12, arm.chrf(), PLAIN, "quantized afterwards")
        if trained := found.arm(base, "qaft", arm.format):
            point(scores, x + 0.12, trained.chrf(), TRAINED, "QAFT")
    return scores


def loss_by_format(found: QuantizationResults) -> Figure:
    """Test loss by format, without and with QAFT, less that of the tuned model in FP32; dashed, the base's."""
    with matplotlib.rc_context(STYLE):
        figure, panels = plt.subplots(1, len(found.bases), figsize=(9.5, 4.4), sharey=True, squeeze=False)
        for axes, base in zip(panels[0], found.bases, strict=True):
            full, arms = found.full(base), found.formats(base)
            for x, arm in enumerate(arms):
                point(axes, x - 0.14, gap(arm, full, "test"), PLAIN, "quantized afterwards")
                if trained := found.arm(base, "qaft", arm.format):
                    point(axes, x + 0.14, gap(trained, full, "test"), TRAINED, "QAFT")
                if arm.format == "nf4" and (qlora := found.arm(base, "qlora", "nf4")):
                    point(axes, x + 0.14, gap(qlora, full, "test"), PAPER, "QLoRA")
            axes.axhline(gain(found, base, "test").mean, color=FLOOR, ls="--", label="base, never tuned")
            axes.axhline(0, color="black", lw=1)
            axes.set_yscale("symlog", linthresh=0.2, linscale=2)
            axes.set_yticks([-0.1, 0, 0.1, 0.2, 0.5, 1], ["−0.1", "0", "0.1", "0.2", "0.5", "1"])
            name_ticks(axes, [FORMAT_NAMES[arm.format] for arm in arms])
            axes.set_title(base, loc="left", fontsize=10)
        panels[0][0].set_ylabel("test loss, nats per token,\nminus full fine-tuning in FP32")
        figure.legend(*unique_handles(panels[0][0]), loc="outside upper left", ncols=4)
        figure.set_layout_engine("constrained")
    return figure


def zero_shot_bars(found: QuantizationResults) -> Figure:
    """The paper's Figure 5, and what stands behind its last two bars: accuracies of untrained heads, ours."""
    with matplotlib.rc_context(STYLE):
        widths = {"width_ratios": [1, 1, 1.8]}
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=(10.5, 3.8), gridspec_kw=widths)
        draw_task(left, found)
        rows = [row for row in published.table("figure5_zero_shot").itertuples() if "paraphrase" in row.bar]
        names = ["paraphrase\nfull FT", "from sonnet\nfull FT", "from sonnet\nQAFT INT8"]
        middle.bar(names, [row.value for row in rows], color=PAPER, width=0.6)
        for x, row in enumerate(rows):
            middle.annotate(f"{row.value:.4g}", (x, row.value), ha="center", va="bottom", fontsize=9)
        middle.set_ylim(0, 1)
        middle.set_ylabel("accuracy on Quora pairs")
        middle.set_title("the paper", loc="left", fontsize=10, pad=16)
        for axes in (left, middle):
            axes.tick_params(axis="x", labelsize=7.5)
        draw_heads(right, found)
        figure.set_layout_engine("constrained")
    return figure


def draw_task(axes: Axes, found: QuantizationResults) -> None:
    """The sonnet bars of Figure 5: chrF after full fine-tuning and after QAFT at INT8, the paper's and ours."""
    base = found.bases[0]
    rows = [row for row in published.table("figure5_zero_shot").itertuples() if "chrF" in row.bar]
    arms = [found.full(base), found.arm(base, "qaft", "int8-tensor")]
    axes.bar(["full FT", "QAFT INT8"], [row.value for row in rows], color=PAPER, width=0.6, label="the paper")
    for x, arm in enumerate(arms):
        if arm:
            point(axes, x, arm.chrf(), TRAINED, f"ours, {base}")
    axes.axhline(found.floor.chrf().mean, color="black", lw=1, ls="--", label="random lines")
    axes.set_ylim(0, 64)
    axes.set_ylabel("dev chrF on sonnets")
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
    axes.set_xlabel("accuracy of an untrained head")
    axes.set_ylabel("% of heads")
    axes.set_title(f"ours, {base}", loc="left", fontsize=10, pad=16)
    axes.legend()


def generality_chart(found: QuantizationResults) -> Figure:
    """How much worse than full fine-tuning each model is in each measure of generality, with 95 % intervals."""
    with matplotlib.rc_context(STYLE):
        rows = max(len(found.checked(base)) for base in found.bases)
        figure, panels = plt.subplots(1, len(MEASURES), figsize=(11, 1.2 + 0.42 * rows), sharey=True)
        names = [arm.name for arm in found.checked(found.bases[0]) if arm is not found.full(arm.base)]
        for axes, measure in zip(panels, MEASURES, strict=True):
            for place, base in enumerate(found.bases):
                for arm in (a for a in found.checked(base) if a.name in names):
                    worse = measure.damage(arm, found.full(base))
                    y, colour = len(names) - 1 - names.index(arm.name) - 0.18 * place, COLOURS[place]
                    axes.plot([worse.low, worse.high], [y, y], color=colour, lw=1.6)
                    axes.plot(worse.mean, y, "o", color=colour, ms=5, ls="", label=base)
            axes.axvline(0, color="black", lw=1)
            margins = [measure.margin(found.untuned(base), found.won(base)) for base in found.bases]
            axes.axvspan(-max(margins), max(margins), color=FLOOR, alpha=0.12, lw=0)
            axes.set_title(
                measure.name.replace(", ", ",\n").replace("unrelated ", "unrelated\n"), loc="left", fontsize=9
            )
            axes.set_xlabel(measure.unit.replace("bits per ", "bits per\n"), fontsize=9)
            axes.tick_params(axis="x", labelsize=8)
        panels[0].set_yticks(range(len(names)), [short(name) for name in reversed(names)], fontsize=9)
        figure.legend(*unique_handles(panels[0]), loc="outside upper left", ncols=2)
        figure.set_layout_engine("constrained")
    return figure
