"""Does a larger base behave otherwise? The book's comparisons on the larger base minus those on the smaller."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from frugal_lib.chapters.what_breaks.chance import Comparison, comparisons, loss_gap, test_loss
from frugal_lib.chapters.what_breaks.claims import Book
from frugal_lib.core.stats import Interval
from frugal_lib.report.cells import cell
from frugal_lib.report.generality import MEASURES
from frugal_lib.report.measures import interaction

PROSE = next(measure for measure in MEASURES if measure.name == "unrelated prose")
NO_DIFFERENCE = "no difference to be seen"


@dataclass(frozen=True)
class Line:
    """One comparison on both bases, and on the larger minus on the smaller; above zero the first named is worse."""

    name: str
    unit: str
    large: Interval
    small: Interval
    gap: Interval

    @property
    def verdict(self) -> str:
        """What capacity does to the difference."""
        if self.gap.low <= 0 <= self.gap.high:
            return NO_DIFFERENCE
        return "costs the larger base more" if self.gap.low > 0 else "costs the smaller base more"


def matched_comparisons(book: Book) -> list[tuple[Comparison, Comparison]]:
    """Comparisons that both bases have, the larger base first; the best rank of LoRA may differ."""
    if len(book.bases) < 2:
        return []
    large, small = (comparisons(book, base) for base in (book.bases[0], book.bases[-1]))

    def kind(comparison: Comparison) -> str:
        return "LoRA" if comparison.name.startswith("LoRA") else comparison.name

    others = {kind(comparison): comparison for comparison in small}
    return [(one, others[kind(one)]) for one in large if kind(one) in others]


def loss_line(one: Comparison, other: Comparison) -> Line:
    """A comparison in test loss."""
    gap = interaction((one.first, one.second, other.first, other.second), test_loss)
    name = one.name if one.name == other.name else f"{one.name} ({other.name})"
    return Line(name, "nats per token", loss_gap(one), loss_gap(other), gap)


def prose_line(book: Book) -> Line | None:
    """What QAFT at INT8 does to unrelated prose; None where a base has no such runs."""
    found, bases = book.quantization, (book.bases[0], book.bases[-1])
    arms = [arm for base in bases for arm in (found.arm(base, "qaft", "int8-tensor"), found.full(base))]
    if not all(arm and arm.records[0].run.pairs for arm in arms):
        return None
    gap = interaction([arm.records for arm in arms], lambda records: PROSE.sign * PROSE.matrix(records))
    large, small = PROSE.damage(*arms[:2]), PROSE.damage(*arms[2:])
    return Line(f"{arms[0].name} − FP32, {PROSE.name}", PROSE.unit, large, small, gap)


def capacity_lines(book: Book) -> list[Line]:
    """Each of the paper's takeaways on both bases; nothing where a profile has one base."""
    lines = [loss_line(one, other) for one, other in matched_comparisons(book)]
    prose = prose_line(book) if lines else None
    return [*lines, prose] if prose else lines


def capacity_table(book: Book) -> pd.DataFrame:
    """Each of the paper's takeaways on both bases, and whether the larger one loses more or less by it."""
    large, small = book.bases[0], book.bases[-1]
    lines = [
        {
            "difference": f"{line.name}, {line.unit}",
            large: cell(line.large, 3, "+"),
            small: cell(line.small, 3, "+"),
            f"{large} − {small}": cell(line.gap, 3, "+"),
            "capacity": line.verdict,
        }
        for line in capacity_lines(book)
    ]
    return pd.DataFrame(lines).set_index("difference") if lines else pd.DataFrame()


def capacity_sentence(book: Book) -> str:
    """How much larger the larger base is, and where that shows."""
    lines = capacity_lines(book)
    if not lines:
        return "This profile has one base, which says nothing of capacity."
    large, small = (book.quantization.full(base).fact("parameters") / 1e6 for base in (book.bases[0], book.bases[-1]))
    shown = [line.name for line in lines if line.verdict != NO_DIFFERENCE]
    return (
        f"`{book.bases[0]}` has {large:.1f} M parameters, `{book.bases[-1]}` {small:.1f} M. Of {len(lines)} "
        f"differences the two bases disagree on: {'; '.join(shown) or 'none'}."
    )
