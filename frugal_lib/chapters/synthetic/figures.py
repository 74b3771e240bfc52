"""Figures of chapter 4: the paper's Figure 3 beside ours, losses by number of sonnets, the leak by sonnet."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from frugal_lib.chapters import common
from frugal_lib.chapters.synthetic.results import PAPER_NAMES, TEACHER_NAMES, Student, SyntheticResults, by_sonnet
from frugal_lib.core.stats import mean_interval
from frugal_lib.paper import published, released
from frugal_lib.report.arm import gap
from frugal_lib.report.drawing import COPIES, FLOOR, PAPER, base_colour, legend_above
from frugal_lib.report.drawing import TEACHERS as TEACHER_COLOURS
from frugal_lib.report.measures import chrf_matrix

OFFSET = 0.04  # between teachers at the same number, as a factor


def students_of(found: SyntheticResults, base: str, teacher: str, selection: str = "") -> list[Student]:
    """The students of a teacher, fewest sonnets first."""
    arms = [found.student(base, teacher, items, selection) for items in found.sizes(base)]
    return [arm for arm in arms if arm]


def paper_scores() -> dict[str, pd.Series]:
    """The paper's dev chrF by number of sonnets, for each teacher."""
    rows = published.table("figure3_synthetic").set_index("teacher")
    columns = {"n100": 100, "n500": 500, "n1000": 1000}
    return {t: rows.loc[name, list(columns)].rename(columns).dropna() for t, name in PAPER_NAMES.items()}


def gains_chart(found: SyntheticResults) -> Figure:
    """The paper's Figure 3, both panels, and ours: dev chrF by number of sonnets, and the gain over none in %."""
    bases, baseline = found.bases, published.published()["figure3_synthetic"]["baseline_chrf"]
    figure, panels = plt.subplots(2, 1 + len(bases), figsize=(9.8, 6.2), sharey="row", squeeze=False)
    draw_paper(panels[0][0], baseline)
    draw_bars(panels[1][0], {t: 100 * (s.iloc[-1] / baseline - 1) for t, s in paper_scores().items()})
    for (upper, lower), base in zip(panels.T[1:], bases, strict=True):
        draw_scores(upper, found, base)
        plain = found.plain(base).chrf().mean
        arms = {t: found.largest(base, t) for t in found.teachers}
        draw_bars(lower, {t: 100 * (arm.chrf().mean / plain - 1) for t, arm in arms.items() if arm})
        upper.set_title(f"ours, {base}")
    panels[0][0].set(title="the paper, GPT-2 Small", ylabel="dev chrF, whole sonnet")
    panels[1][0].set_ylabel("gain over no synthetic\nsonnets, most of them, %")
    legend_above(figure, *panels[0], ncols=4)
    return figure


def number_axis(axes: Axes, numbers: list[int]) -> None:
    """Numbers of sonnets on a logarithmic axis."""
    axes.set_xscale("log")
    axes.set_xticks(numbers, [f"{number:,}" for number in numbers])
    axes.set_xticks([], minor=True)
    axes.set(xlim=(min(numbers) / 1.6, max(numbers) * 1.6), xlabel="synthetic sonnets")


def draw_paper(axes: Axes, baseline: float) -> None:
    """The upper panel of the paper's figure."""
    for teacher, scores in paper_scores().items():
        axes.plot(scores.index, scores, "-o", color=TEACHER_COLOURS[teacher], ms=5, label=TEACHER_NAMES[teacher])
    large = published.published()["figure3_synthetic"]["gpt2_large_pro_n1000"]
    axes.plot(1000, large, "D", color=TEACHER_COLOURS["pro"], mfc="white", ms=6, ls="", label="Pro, GPT-2 Large")
    axes.axhline(baseline, color="black", ls=":", label="no synthetic sonnets")
    number_axis(axes, [100, 500, 1000])


def draw_scores(axes: Axes, found: SyntheticResults, base: str) -> None:
    """dev chrF of our students with intervals; the grey band is random training lines."""
    floor = mean_interval(chrf_matrix([found.floor], "dev", "corpus_chrf"))
    axes.axhspan(floor.low, floor.high, color=FLOOR, alpha=0.2, lw=0, label="random lines")
    axes.axhline(found.plain(base).chrf().mean, color="black", ls=":")
    for k, teacher in enumerate(found.teachers):
        arms = students_of(found, base, teacher)
        places = [arm.items * (1 + OFFSET * (2 * k - len(found.teachers) + 1)) for arm in arms]
        draw_line(axes, places, [arm.chrf() for arm in arms], TEACHER_COLOURS[teacher], TEACHER_NAMES[teacher])
    number_axis(axes, found.sizes(base))


def draw_line(axes: Axes, places, intervals, colour, label: str, filled: bool = True) -> None:
    """Means joined by a line, with their intervals."""
    style = {"ls": "-" if filled else "--", "mfc": colour if filled else "white"}
    axes.plot(places, [i.mean for i in intervals], marker="o", ms=5, color=colour, label=label, **style)
    axes.vlines(places, [i.low for i in intervals], [i.high for i in intervals], color=colour, lw=1.4)


def draw_bars(axes: Axes, gains: dict[str, float]) -> None:
    """The lower panel: a bar for each teacher."""
    axes.bar(range(len(gains)), list(gains.values()), color=[TEACHER_COLOURS[t] for t in gains], width=0.6)
    for x, value in enumerate(gains.values()):
        axes.annotate(f"{value:+.1f}".replace("-", "−"), (x, max(value, 0)), (0, 2), textcoords="offset points",
                      ha="center", fontsize=9)  # fmt: skip
    axes.axhline(0, color="black", lw=1)
    axes.set_xticks(range(len(gains)), [TEACHER_NAMES[t].replace(" ", "\n") for t in gains], fontsize=9)
    axes.grid(axis="x", visible=False)
    axes.margins(y=0.15)


def losses_by_number(found: SyntheticResults) -> Figure:
    """Test loss minus that without synthetic sonnets; solid as released, dashed without held-out text."""
    figure, panels = plt.subplots(1, len(found.bases), figsize=(9.5, 4), squeeze=False)
    kinds = [(k, t, filled) for k, t in enumerate(found.teachers) for filled in (True, False)]
    for axes, base in zip(panels[0], found.bases, strict=True):
        for k, teacher, filled in kinds:
            arms = students_of(found, base, teacher, "" if filled else common.CLEAN)
            shift = 1 + OFFSET * (2 * k - len(found.teachers) + 1 + 0.7 * (not filled))
            gaps = [gap(arm, found.plain(base), "test") for arm in arms]
            label = TEACHER_NAMES[teacher] if filled else None
            draw_line(axes, [arm.items * shift for arm in arms], gaps, TEACHER_COLOURS[teacher], label, filled)
        axes.axhline(0, color="black", lw=1)
        number_axis(axes, found.sizes(base))
        axes.set_title(base)
    panels[0][0].set_ylabel("test loss, nats per token,\nminus no synthetic sonnets")
    legend_above(figure, panels[0][-1], ncols=5)
    return figure


def draw_sonnets(axes: Axes, numbers: Sequence[int], values: Sequence[float], copied: Sequence[bool], colour) -> None:
    """A bar a sonnet, hatched where it is a copy."""
    looks = {"no copy": {"color": colour}, "a copy": {"facecolor": COPIES, "hatch": "///", "edgecolor": "black"}}
    for (name, look), wanted in zip(looks.items(), (False, True), strict=True):
        bars = [(x, y) for x, (y, copy) in enumerate(zip(values, copied, strict=True)) if bool(copy) is wanted]
        if bars:
            axes.bar(*zip(*bars, strict=True), width=0.75, label=name, **look)
    axes.set_xticks(range(len(numbers)), numbers, rotation=90, fontsize=8.5)
    axes.grid(axis="x", visible=False)


def generations_chart(found: SyntheticResults) -> Figure:
    """chrF of the released generations, a bar a sonnet; hatched where it is a copy."""
    rows = pd.DataFrame(found.generations.examples)
    figure, panels = plt.subplots(1, 3, figsize=(9.8, 3.4), sharey=True)
    for axes, model, split in zip(panels, ("flash-lite", "flash", "flash"), ("dev", "dev", "test"), strict=True):
        mine = rows[(rows.model == model) & (rows.split == split)]
        draw_sonnets(axes, mine.id, mine.chrf, mine.chrf >= released.COPY, PAPER)
        axes.axhline(mine.corpus_chrf.mean(), color="black", ls=":", lw=1.4, label="score of all")
        axes.set_title(f"{TEACHER_NAMES[model]}, {split}: {mine.corpus_chrf.mean():.1f}")
    panels[0].set_ylabel("chrF of the sonnet")
    legend_above(figure, *panels, ncols=3)
    return figure


def leak_chart(found: SyntheticResults) -> Figure:
    """What Flash as released gives over Flash without held-out text, sonnet by sonnet, for each kind of student."""
    pairs, rows = found.leak_pairs, max(1, len(found.leak_pairs))
    figure, panels = plt.subplots(rows, 1, figsize=(9.5, 1.2 + 1.7 * rows), sharex=True, squeeze=False)
    for axes, ((base, long), arms) in zip(panels[:, 0], pairs.items(), strict=False):
        whole, clean = (by_sonnet(arm, "dev") | by_sonnet(arm, "test") for arm in arms)
        gaps = [whole[number] - clean[number] for number in whole]
        leaked = [number in found.leaked("flash") for number in whole]
        draw_sonnets(axes, list(whole), gaps, leaked, base_colour(base))
        axes.axhline(0, color="black", lw=1)
        axes.set_title(f"{base}{', long training' * long}")
    figure.supylabel("loss, nats per token, with minus without", fontsize=10)
    legend_above(figure, *panels[:, 0], ncols=3)
    return figure
