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
CAPTIONS = {
    "01_scores": "Score and likelihood of each method, with 95 % intervals. Filled: dev; open: test. The grey band is "
    "the interval of random training lines on dev; diamonds are what the paper reports for GPT-2 Small.",
    "01_learning_curves": "Loss by epoch: a colour per learning rate, a thin line per seed, their mean thick. A ring "
    "marks the epoch whose weights were kept.",
    "01_accuracy": "Accuracy of each method, with 95 % intervals. Filled: dev; open: test, where it has labels. Grey: "
    "methods without a language model; diamonds are what the paper reports.",
    "01_data_sst": "The paper's figure 6: the sentences of SST by split and label, and how long they are.",
    "01_data_cfimdb": "The paper's figure 7: the film reviews of CFIMDB by split and label, and how long they are.",
    "01_data_quora": "The paper's figure 8: Quora's question pairs by split and label, and how long their prompts are.",
    "01_data_sonnets": "The paper's figure 9: Shakespeare's sonnets by split, and how long they are.",
    "01_confusion": "What full fine-tuning answers on dev for each true class, in % of that class, all seeds together.",
    "01_labelled_curves": "Full fine-tuning by epoch: a colour per learning rate, a thin line per seed, their mean "
    "thick. A ring marks the epoch whose weights were kept, the one with the highest dev accuracy.",
    "03_sizes_and_scores": "The paper's figure 2 and ours: size by format (bars) and dev chrF with 95 % intervals. "
    "Grey band: eleven random training lines, their 95 % interval.",
    "03_loss_by_format": "Loss on the true lines of the test sonnets by format, less that of the tuned model in FP32, "
    "with 95 % intervals paired by sonnet and seed: lower is better. Even steps up to 0.2, then wider ones.",
    "03_zero_shot": "Left and middle: the bars of the paper's figure 5, ours as points. Right: accuracies of "
    "untrained heads on our models; dotted, what a constant answer scores.",
    "03_generality": "How much worse than full fine-tuning in FP32 each model is in what it was not fine-tuned for, "
    "with 95 % intervals paired by item and seed; right of zero is worse. Shaded: what counts as no damage.",
    "04_gains": "The paper's figure 3 and ours, students of the files as released, with 95 % intervals. Above: dev "
    "chrF by number of synthetic sonnets. Below: gain over none, in %, with as many as there are.",
    "04_losses": "Loss on the true lines of the test sonnets, less that of students of Shakespeare alone, with 95 % "
    "intervals paired by sonnet and seed: lower is better. Filled: as released; open: without held-out text.",
    "04_generations": "The paper's released generations, scored here: a bar a sonnet, red for copies; dotted and "
    "in the title, the score of all. 155 and 156 are scored against the sonnets they are versions of, 138 and 144.",
    "04_leak": "Loss of students of Flash as released less that of students of Flash without held-out text, by sonnet "
    "(132–143 are dev, 145–154 test); red: a copy of it is in Flash's file.",
    "05_doses": "Held-out sonnets put into otherwise clean lessons, so many copies of each: loss of the true lines "
    "minus that without a copy, chrF, and lines that come back word for word, with 95 % bands over sonnets. Grey: what "
    "the released file of Flash holds of 138, 146 and 147. Squares: these three, with that very file as lessons. Red: "
    "what the paper's own student of it wrote.",
    "05_floors": "Every dev chrF that the paper prints or released, and every one of this book, beside what needs no "
    "model. Red: the paper, on GPT-2 Small; blue: ours.",
    "90_embedded": "Left: loss on the held-out works along pre-training; dashed, what an n-gram model trained on all "
    "of the text needs. Right: a dot for each held-out work; below the diagonal the model needs fewer bits.",
}


def show(figure: Figure, folder: Path, name: str, caption: str | None = None) -> None:
    """Show a figure with its caption, and write it as `name.svg` and `name.png` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(STYLE):
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight")
        figure.savefig(folder / f"{name}.png", dpi=160, bbox_inches="tight")
    plt.close(figure)
    svg = (folder / f"{name}.svg").read_text(encoding="utf-8")
    note = escape(caption or CAPTIONS[name])
    narrowest = f"min-width:{LEAST * 96 * figure.get_figwidth():.0f}px"
    picture = svg[svg.index("<svg") :].replace("<svg", f'<svg style="{narrowest}" role="img" aria-label="{note}"', 1)
    keep(name, HTML(f'<figure class="frugal">{picture}<figcaption>{note}</figcaption></figure>'), note)


def unique_handles(axes: Axes) -> tuple[list, list[str]]:
    """Legend handles and labels, each label once."""
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    return list(handles.values()), list(handles)
