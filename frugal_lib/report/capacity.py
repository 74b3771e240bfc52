"""Does a larger base behave otherwise? The book's comparisons on the larger base minus those on the smaller."""

from __future__ import annotations

import pandas as pd

from frugal_lib.report.chance import Comparison, comparisons, loss_gap, test_loss
from frugal_lib.report.claims import Book
from frugal_lib.report.sonnets import cell, interaction
from frugal_lib.stats import Interval


def matched_comparisons(book: Book) -> list[tuple[Comparison, Comparison]]:
    """Comparisons that both bases have, the larger base first; the best rank of LoRA may differ."""
    if len(book.bases) < 2:
        return []
    large, small = (comparisons(book, base) for base in (book.bases[0], book.bases[-1]))

    def kind(comparison: Comparison) -> str:
        return "LoRA" if comparison.name.startswith("LoRA") else comparison.name

    others = {kind(comparison): comparison for comparison in small}
    return [(one, others[kind(one)]) for one in large if kind(one) in others]


def capacity_gap(one: Comparison, other: Comparison) -> Interval:
    """What the comparison says on the larger base, in test loss, minus what it says on the smaller."""
    return interaction((one.first, one.second, other.first, other.second), test_loss)


def verdict(difference: Interval) -> str:
    """What capacity does to a difference in loss."""
    if difference.low <= 0 <= difference.high:
        return "no difference to be seen"
    return "costs the larger base more" if difference.low > 0 else "costs the smaller base more"


def capacity_table(book: Book) -> pd.DataFrame:
    """Each of the paper's takeaways on both bases, and whether the larger one loses more or less by it."""
    pairs = matched_comparisons(book)
    if not pairs:
        return pd.DataFrame()
    large, small = book.bases[0], book.bases[-1]
    lines = []
    for one, other in pairs:
        gap = capacity_gap(one, other)
        lines.append({
            "test loss, nats per token": one.name if one.name == other.name else f"{one.name} ({other.name})",
            large: cell(loss_gap(one), 3, "+"),
            small: cell(loss_gap(other), 3, "+"),
            f"{large} − {small}": cell(gap, 3, "+"),
            "capacity": verdict(gap),
        })  # fmt: skip
    return pd.DataFrame(lines).set_index("test loss, nats per token")


def capacity_sentence(book: Book) -> str:
    """How much larger the larger base is, and where that shows."""
    pairs = matched_comparisons(book)
    if not pairs:
        return "This profile has one base, which says nothing of capacity."
    large, small = (records[0].metrics["parameters"] for records in (pairs[0][0].second, pairs[0][1].second))
    shown = [one.name for one, other in pairs if verdict(capacity_gap(one, other)) != "no difference to be seen"]
    names = "; ".join(shown) if shown else "none"
    return (
        f"`{book.bases[0]}` has {large / 1e6:.1f} M parameters, `{book.bases[-1]}` {small / 1e6:.1f} M. Of "
        f"{len(pairs)} differences in test loss the two bases disagree on: {names}."
    )
