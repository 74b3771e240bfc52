"""The figure of the appendix: pre-training, and bits of each held-out work."""

from __future__ import annotations

import math

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from frugal_lib.chapters.embedded.results import SCORER_NAMES, best_ngram, training
from frugal_lib.metrics.reference_models import BASES
from frugal_lib.report.drawing import FLOOR, base_colour


def embedded_chart(found: dict) -> Figure:
    """Pre-training loss of both bases beside the n-gram model's, and the bits of each held-out work."""
    best = best_ngram(found)
    tokens = sum(row["tokens"] for row in found["works"])
    floor = sum(row["bits"][best] for row in found["works"]) * math.log(2) / tokens
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8))
    for base in BASES:
        colour = base_colour(base)
        curve = training(base)["curve"]
        left.plot([p["tokens"] / 1e6 for p in curve], [p["valid"] for p in curve], color=colour, lw=2, label=base)
        bits = {name: [work["bits"][name] / work["characters"] for work in found["works"]] for name in (best, base)}
        right.plot(bits[best], bits[base], "o", color=colour, ms=5, alpha=0.8, label=base)
    left.axhline(floor, color=FLOOR, ls="--", label=SCORER_NAMES[best])
    left.set_ylim(top=floor + 1.5)
    left.set(xlabel="million tokens read", ylabel="nats per token, held-out works")
    right.axline((2, 2), slope=1, color=FLOOR, ls="--")
    right.set(xlabel=f"{SCORER_NAMES[best]}: bits per character", ylabel="model: bits per character")
    for axes in (left, right):
        axes.legend()
    return figure
