"""The figures of the book, drawn from records and saved as SVG and PNG."""

from __future__ import annotations

from html import escape
from pathlib import Path

import matplotlib
import seaborn
from IPython.display import HTML
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from frugal_lib.report.html import keep

COLOURS = seaborn.color_palette("colorblind")
OURS, FLOOR, PAPER = COLOURS[0], (0.45, 0.45, 0.45), COLOURS[3]
STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "0.9",
    "legend.frameon": False,
    "figure.dpi": 100,
    "svg.hashsalt": "frugal-gpt2",  # the same figure is the same file
}


LEAST = 0.62  # of its size to which a figure shrinks on a phone; below it scrolls sideways, so that it can be read


def show(figure: Figure, folder: Path, name: str, caption: str) -> None:
    """Show a figure with its caption, and write it as `name.svg` and `name.png` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(STYLE):
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight")
        figure.savefig(folder / f"{name}.png", dpi=160, bbox_inches="tight")
    plt.close(figure)
    svg = (folder / f"{name}.svg").read_text(encoding="utf-8")
    note = escape(caption)
    narrowest = f"min-width:{LEAST * 96 * figure.get_figwidth():.0f}px"
    picture = svg[svg.index("<svg") :].replace("<svg", f'<svg style="{narrowest}" role="img" aria-label="{note}"', 1)
    keep(name, HTML(f'<figure class="frugal">{picture}<figcaption>{note}</figcaption></figure>'), note)


def unique_handles(axes: Axes) -> tuple[list, list[str]]:
    """Legend handles and labels, each label once."""
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    return list(handles.values()), list(handles)
