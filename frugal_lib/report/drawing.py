"""The figures of the book, drawn from records and saved as SVG and PNG."""

from __future__ import annotations

import re
from html import escape
from io import StringIO
from pathlib import Path
from textwrap import fill

import seaborn
from IPython.display import HTML
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from frugal_lib.core.stats import Interval
from frugal_lib.report.html import exhibit, keep

COLOURS = seaborn.color_palette("colorblind")
# One colour for each role, in every figure of the book: the paper, what needs no model, copies of held-out text, full
# fine-tuning; each base, each teacher; how a weight format is reached.
PAPER, FLOOR, COPIES, FULL = COLOURS[3], (0.45, 0.45, 0.45), COLOURS[6], "black"
BASES = {"micro": COLOURS[0], "nano": COLOURS[9], "smollm2": (0.0, 0.2, 0.35)}
OURS = BASES["micro"]
TEACHERS = {
    "flash-lite": COLOURS[8],
    "flash": COLOURS[1],
    "pro": COLOURS[4],
    "human": COLOURS[5],
    "offline": COLOURS[7],
}
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
    "svg.fonttype": "none",  # text that can be searched, read aloud, and set in the page's own letters
}
plt.rcParams.update(STYLE)

HASHED = re.compile(r"(?<=[#\"])(?:[a-z]|image)[0-9a-f]{10}(?=[\")])")  # the id of a clip, a marker, a hatch, an image
NARROW = 4.2  # inches: the width of a figure on a phone, where its panels stand below each other


def show(figure: Figure, folder: Path, name: str, caption: str) -> None:
    """Show a figure with its caption, and write it as `name.svg` and `name.png` into `folder`.

    The page has it twice, for wide and for narrow screens, and shows one. Its background is the page's, so that it can
    be read in the dark; that of the PNG is white.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.png", dpi=160, bbox_inches="tight")
    wide = svg_of(figure, f"{name}-wide-")
    (folder / f"{name}.svg").write_text(wide, encoding="utf-8")
    stack(figure)
    narrow = svg_of(figure, f"{name}-narrow-")  # other ids: what a hidden picture defines is not drawn
    plt.close(figure)
    note = escape(caption.replace("`", ""))
    hidden = 'class="narrow" display="none"'  # what the book's style sheet shows on a phone
    pictures = "".join(
        picture[picture.index("<svg") :].replace("<svg", f'<svg {kind} role="img" aria-label="{note}"', 1)
        for kind, picture in (('class="wide"', wide), (hidden, narrow))
    )
    keep(name, HTML(exhibit("Figure", name, f'<div class="picture">{pictures}</div>', caption)), note)


def svg_of(figure: Figure, prefix: str) -> str:
    """The figure as SVG, without a background.

    What it defines is named by `prefix` and numbered: matplotlib names it by a hash of places, which the layout does
    not find twice to the last bit.
    """
    page = StringIO()
    for axes in figure.axes:
        axes.set_facecolor("none")
    figure.savefig(page, format="svg", metadata={"Date": None}, bbox_inches="tight", facecolor="none")
    numbers: dict[str, int] = {}
    return HASHED.sub(lambda found: f"{prefix}{numbers.setdefault(found[0], len(numbers))}", page.getvalue())


def stack(figure: Figure) -> None:
    """Put the panels of a figure below each other, as wide as a phone."""
    panels = list(dict.fromkeys(axes.get_subplotspec() for axes in figure.axes if axes.get_subplotspec()))
    rows = max((spec.rowspan.stop for spec in panels), default=1)
    grid = figure.add_gridspec(max(len(panels), 1), 1)
    for axes in figure.axes:
        if spec := axes.get_subplotspec():
            axes.set_subplotspec(grid[panels.index(spec)])
            axes.tick_params(labelleft=axes.yaxis.get_ticks_position() != "right", labelbottom=True)
            axes.set_title(fill(axes.get_title(loc="left"), 48), loc="left")
    for legend in list(figure.legends):
        names = [text.get_text() for text in legend.get_texts()]
        columns = 2 if max(map(len, names), default=0) < 22 else 1
        figure.legend(legend.legend_handles, names, loc="outside upper left", ncols=columns,
                      title=legend.get_title().get_text() or None)  # fmt: skip
        legend.remove()
    figure.set_size_inches(NARROW, figure.get_figheight() / rows * max(len(panels), 1))


def base_colour(base: str) -> tuple[float, float, float]:
    """The colour of a base; one that the book does not know is like `OURS`."""
    return BASES.get(base, OURS)


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
