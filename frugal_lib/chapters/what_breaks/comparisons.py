"""What the paper's takeaways rest on, as this book ran it: exact tests, what four bits cost, and two sizes of base."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from frugal_lib.chapters import common
from frugal_lib.chapters.quantization.results import FormatArm
from frugal_lib.chapters.quantization.tables import ALIKE, heads
from frugal_lib.chapters.synthetic.results import STRENGTH
from frugal_lib.chapters.what_breaks.claims import Book
from frugal_lib.core.stats import Interval, sign_flip_p
from frugal_lib.report.arm import Arm, gap, token_losses
from frugal_lib.report.cells import cell, framed, signed
from frugal_lib.report.generality import MEASURES
from frugal_lib.report.measures import chrf_matrix, interaction

PROSE = next(measure for measure in MEASURES if measure.name == "unrelated prose")
NO_DIFFERENCE = "no detectable difference"
PER_SONNET = {"chrf": lambda records: chrf_matrix(records, "dev", "chrf"), "nats": token_losses("test")}


@dataclass(frozen=True)
class Comparison:
    """Two models of one base."""

    name: str
    first: Arm
    second: Arm

    @property
    def base(self) -> str:
        return self.first.base

    @property
    def kind(self) -> str:
        """What is the same on every base: the best rank of LoRA may differ."""
        return "LoRA" if self.name.startswith("LoRA") else self.name

    def loss(self) -> Interval:
        """Test loss of the first minus the second in nats per token, paired by sonnet and seed."""
        return gap(self.first, self.second, "test")

    def differences(self, measure: str) -> np.ndarray:
        """dev `chrf` or test loss in `nats`, first minus second, averaged over samples and seeds: [sonnets]."""
        first, second = (PER_SONNET[measure](arm.records).mean(axis=0) for arm in (self.first, self.second))
        return first - second


def comparisons(book: Book, base: str) -> list[Comparison]:
    """What the takeaways rest on, on one base; what a profile did not run is left out."""
    found: list[Comparison] = []
    if base in book.lora.bases:
        best, full = book.lora.best(base), book.lora.full(base)
        found.append(Comparison(f"{best.name} − full fine-tuning", best, full))
    if base in book.quantization.bases:
        full = book.quantization.full(base)
        kinds = ("full", "int4-tensor"), ("full", "nf4"), ("qaft", "int4-tensor")
        arms = [book.quantization.arm(base, *kind) for kind in kinds]
        found += [Comparison(f"{arm.name} − FP32", arm, full) for arm in arms if arm]
    if base in book.synthetic.bases:
        plain = book.synthetic.plain(base)
        students = [book.synthetic.largest(base, teacher, common.CLEAN) for teacher in STRENGTH]
        found += [Comparison(f"{one.name} − Shakespeare alone", one, plain) for one in students if one]
    return found


def all_comparisons(book: Book) -> list[Comparison]:
    """Those of every base."""
    return [comparison for base in book.bases for comparison in comparisons(book, base)]


@framed
def exact_table(book: Book) -> Iterator[dict]:
    """The book's own comparisons: differences in dev chrF and in test loss, each with the p of all flips of sign."""
    for comparison in all_comparisons(book):
        scores, losses = comparison.differences("chrf"), comparison.differences("nats")
        yield {
            "base": comparison.base,
            "difference": comparison.name,
            "dev chrF": signed(scores.mean()),
            "p, chrF": f"{sign_flip_p(scores):.3f}",
            "test loss, nats per token": cell(comparison.loss(), 3, "+"),
            "p, loss": f"{sign_flip_p(losses):.3f}",
        }


def detected(found: Sequence[Comparison], measure: str) -> int:
    """How many of the differences in a measure an exact test tells from zero at 5 %."""
    return sum(sign_flip_p(comparison.differences(measure)) <= 0.05 for comparison in found)


def four_bits(book: Book) -> list[tuple[FormatArm, Interval]]:
    """The first base in INT4 with one scale per tensor and in NF4: the arm, and its test loss minus that in FP32."""
    found, base = book.quantization, book.quantization.bases[0]
    arms = [found.arm(base, "full", name) for name in ("int4-tensor", "nf4")]
    return [(arm, gap(arm, found.full(base), "test")) for arm in arms if arm]


def constant_heads(book: Book) -> float:
    """The share of untrained heads on the first base that give (nearly) all pairs the same answer."""
    return float(np.mean(heads(book.quantization.full(book.quantization.bases[0]))["same"] >= ALIKE))


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
        """Which base the difference costs more."""
        if self.gap.low <= 0 <= self.gap.high:
            return NO_DIFFERENCE
        return "costs the larger base more" if self.gap.low > 0 else "costs the smaller base more"


def loss_line(one: Comparison, other: Comparison) -> Line:
    """A comparison in test loss."""
    name = one.name if one.name == other.name else f"{one.name} ({other.name})"
    sides = [arm.records for arm in (one.first, one.second, other.first, other.second)]
    difference = interaction(sides, token_losses("test"))
    return Line(name, "nats per token", one.loss(), other.loss(), difference)


def prose_line(book: Book) -> Line | None:
    """What QAFT at INT8 does to unrelated prose; None where a base has no such runs."""
    found, bases = book.quantization, (book.bases[0], book.bases[-1])
    arms = [arm for base in bases for arm in (found.arm(base, "qaft", "int8-tensor"), found.full(base))]
    if not all(arm and arm.records[0].run.pairs for arm in arms):
        return None
    difference = interaction([arm.records for arm in arms], lambda records: PROSE.sign * PROSE.matrix(records))
    large, small = PROSE.damage(*arms[:2]), PROSE.damage(*arms[2:])
    return Line(f"{arms[0].name} − FP32, {PROSE.name}", PROSE.unit, large, small, difference)


def capacity_lines(book: Book) -> list[Line]:
    """The comparisons that the first (larger) base and the last share; none where a profile has one base."""
    if len(book.bases) < 2:
        return []
    small = {comparison.kind: comparison for comparison in comparisons(book, book.bases[-1])}
    large = [comparison for comparison in comparisons(book, book.bases[0]) if comparison.kind in small]
    lines = [loss_line(comparison, small[comparison.kind]) for comparison in large]
    return [*lines, *filter(None, [prose_line(book) if lines else None])]


@framed
def capacity_table(book: Book) -> Iterator[dict]:
    """Each of the paper's takeaways on both bases, and whether the larger one loses more or less by it."""
    large, small = book.bases[0], book.bases[-1]
    for line in capacity_lines(book):
        yield {
            "difference": f"{line.name}, {line.unit}",
            large: cell(line.large, 3, "+"),
            small: cell(line.small, 3, "+"),
            f"{large} − {small}": cell(line.gap, 3, "+"),
            "capacity": line.verdict,
        }
