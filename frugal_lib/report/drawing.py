"""The figures of the book, drawn from records and saved as SVG and PNG."""

from __future__ import annotations

from html import escape
from pathlib import Path

import seaborn
from IPython.display import HTML
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from frugal_lib.core.stats import Interval
from frugal_lib.report.html import keep

COLOURS = seaborn.color_palette("colorblind")
OURS, FLOOR, PAPER = COLOURS[0], (0.45, 0.45, 0.45), COLOURS[3]
STYLE = {
    "font.size": 10,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "0.9",
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "svg.hashsalt": "frugal-gpt2",  # the same figure is the same file
}
plt.rcParams.update(STYLE)

LEAST = 0.62  # of its size to which a figure shrinks on a phone; below it scrolls sideways, so that it can be read


def show(figure: Figure, folder: Path, name: str, caption: str) -> None:
    """Show a figure with its caption, and write it as `name.svg` and `name.png` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight")
    figure.savefig(folder / f"{name}.png", dpi=160, bbox_inches="tight")
    plt.close(figure)
    svg = (folder / f"{name}.svg").read_text(encoding="utf-8")
    note = escape(caption)
    narrowest = f"min-width:{LEAST * 96 * figure.get_figwidth():.0f}px"
    picture = svg[svg.index("<svg") :].replace("<svg", f'<svg style="{narrowest}" role="img" aria-label="{note}"', 1)
    keep(name, HTML(f'<figure class="frugal">{picture}<figcaption>{note}</figcaption></figure>'), note)


def unique_handles(*panels: Axes) -> tuple[list, list[str]]:
    """Legend handles and labels of some panels, each label once."""
    found = [pair for axes in panels for pair in zip(*axes.get_legend_handles_labels(), strict=True)]
    handles = {label: handle for handle, label in found}
    return list(handles.values()), list(handles)


def legend_above(figure: Figure, *panels: Axes, **settings) -> None:
    """One legend over the whole figure, of all that is drawn in some panels."""
    figure.legend(*unique_handles(*panels), loc="outside upper left", **settings)


def draw_interval(axes: Axes, place: float, interval: Interval, colour, across: bool = False, **point) -> None:
    """A mean with its interval: a point and a line, upright at x = `place`, or `across` at that height."""
    ends, mean = ([interval.low, interval.high], [place] * 2), (interval.mean, place)
    settings = {"marker": "o", "ls": "", "color": colour} | point
    axes.plot(*(ends if across else ends[::-1]), color=colour, lw=1.6)
    axes.plot(*(mean if across else mean[::-1]), **settings)
