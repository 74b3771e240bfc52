"""Every claim of the paper, as data: our words for it, its place, the chapter that tests it, and the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
from IPython.display import HTML

from frugal_lib.chapters import common
from frugal_lib.chapters.baseline.labelled import LabelledRow, labelled_rows, outcomes, row_of
from frugal_lib.chapters.lora.claims import matches, modules_matter, overfits_less, tolerates
from frugal_lib.chapters.lora.results import LoraResults, lora_results
from frugal_lib.chapters.quantization.claims import collapses, damages, keeps_quality, restores
from frugal_lib.chapters.quantization.results import QuantizationResults, quantization_results
from frugal_lib.chapters.synthetic.claims import (
    flash_beats_pro,
    keeps_generality,
    more_hurts,
    printed,
    stronger_is_not_better,
)
from frugal_lib.chapters.synthetic.results import SyntheticResults, capacity_gap, synthetic_results
from frugal_lib.core.runs import Record
from frugal_lib.report.cells import cell
from frugal_lib.report.measures import paired
from frugal_lib.report.verdict import MARGIN, MARKS, Verdict, higher, lower, mark


@dataclass(frozen=True)
class Book:
    """The results of all chapters."""

    labelled: tuple[LabelledRow, ...]
    lora: LoraResults
    quantization: QuantizationResults
    synthetic: SyntheticResults

    @property
    def bases(self) -> list[str]:
        return list(dict.fromkeys([*self.lora.bases, *self.quantization.bases, *self.synthetic.bases]))


def book_of(records: dict[str, Sequence[Record]]) -> Book:
    """The results of the records of each chapter, by its name."""
    return Book(
        tuple(labelled_rows(records["baseline"])),
        lora_results(records["lora"]),
        quantization_results(records["quantization"]),
        synthetic_results(records["synthetic"]),
    )


@dataclass(frozen=True)
class Claim:
    """One claim: what the paper says, where it says it, the page that tests it, and the test on one base.

    A test gives None where a profile or a base has no runs for it.
    """

    text: str
    place: str
    page: str
    test: Callable[[Book, str], Verdict | None]


def beats_last_layer(book: Book, base: str, task: str) -> Verdict | None:
    """Full fine-tuning has a higher dev accuracy than the last layer alone, paired by example and seed."""
    rows = [row for row in book.labelled if row.task == task]
    if not rows or rows[-1].records[0].run.base != base:
        return None
    full, last = (row_of(rows, task, method) for method in ("full", "last-layer"))
    difference = paired(full.records, last.records, lambda records: outcomes(records, "dev")[1].astype(float))
    return Verdict(
        f"Full fine-tuning beats the last layer on {full.data}",
        base,
        f"accuracy {full.paper['dev']:.3f} against {last.paper['dev']:.3f} on dev",
        f"accuracy on dev, full minus last layer: {cell(difference, 3, '+')}",
        higher(difference),
        f"{cell(difference, 3, '+')} accuracy",
    )


def wants_capacity(book: Book, base: str) -> Verdict | None:
    """Pro transfers worse for want of capacity: beside Flash, the larger base gains more from Pro than the smaller."""
    found = book.synthetic
    difference = capacity_gap(found, "pro", "flash")
    if difference is None or base != found.bases[0]:
        return None
    larger, smaller = found.bases[0], found.bases[-1]
    return Verdict(
        "Pro transfers worse for want of capacity",
        f"{larger} − {smaller}",
        f"dev chrF {printed('pro'):.2f} against {printed('flash'):.2f} of Flash; Pro's sonnets are said to be too hard",
        f"test loss, Pro minus Flash without held-out text, on {larger} minus on {smaller}: "
        f"{cell(difference, 3, '+')} nats per token",
        lower(difference),
        f"{cell(difference, 3, '+')} nats",
    )


CLAIMS = (
    Claim("Full fine-tuning beats the last layer (SST)", "Table 1", "01_baseline",
          lambda book, base: beats_last_layer(book, base, "sst")),
    Claim("Full fine-tuning beats the last layer (CFIMDB)", "Table 1", "01_baseline",
          lambda book, base: beats_last_layer(book, base, "cfimdb")),
    Claim("LoRA matches full fine-tuning", "Table 3", "02_lora",
          lambda book, base: matches(book.lora, base)),
    Claim("LoRA tolerates higher learning rates", "Table 3, Figure 4", "02_lora",
          lambda book, base: tolerates(book.lora, base)),
    Claim("LoRA overfits less", "Figure 4", "02_lora", lambda book, base: overfits_less(book.lora, base)),
    Claim("Adapting attention and MLP beats attention alone", "Table 6", "02_lora",
          lambda book, base: modules_matter(book.lora, base)),
    Claim("BF16 keeps the quality", "Figure 2", "03_quantization",
          lambda book, base: keeps_quality(book.quantization, base, "bf16", "BF16")),
    Claim("FP8 keeps the quality", "Figure 2", "03_quantization",
          lambda book, base: keeps_quality(book.quantization, base, "fp8", "FP8")),
    Claim("INT4 collapses without QAFT", "Figure 2", "03_quantization",
          lambda book, base: collapses(book.quantization, base)),
    Claim("QAFT restores INT4", "Figure 2", "03_quantization",
          lambda book, base: restores(book.quantization, base)),
    Claim("QAFT (INT8) damages zero-shot ability", "Figure 5", "03_quantization",
          lambda book, base: damages(book.quantization, base, "int8-tensor", "INT8")),
    Claim("Synthetic data keeps zero-shot ability", "Table 7", "04_synthetic",
          lambda book, base: keeps_generality(book.synthetic, base, "flash")),
    Claim("A stronger teacher is not always better", "Figure 3", "04_synthetic",
          lambda book, base: stronger_is_not_better(book.synthetic, base, "")),
    Claim("The same, without held-out text in the lessons", "Figure 3", "04_synthetic",
          lambda book, base: stronger_is_not_better(book.synthetic, base, common.CLEAN)),
    Claim("Flash is the best teacher", "Figure 3", "04_synthetic",
          lambda book, base: flash_beats_pro(book.synthetic, base, "")),
    Claim("The same, without held-out text in the lessons", "Figure 3", "04_synthetic",
          lambda book, base: flash_beats_pro(book.synthetic, base, common.CLEAN)),
    Claim("Pro transfers worse for want of capacity", "Figure 3", "04_synthetic", wants_capacity),
    Claim("More Flash Lite data hurts", "Figure 3", "04_synthetic",
          lambda book, base: more_hurts(book.synthetic, base)),
)  # fmt: skip


def judged(book: Book) -> list[tuple[Claim, list[Verdict]]]:
    """Every claim with its verdicts, one a base; claims that nothing was run for are left out."""
    found = [(claim, [v for base in book.bases if (v := claim.test(book, base))]) for claim in CLAIMS]
    return [(claim, told) for claim, told in found if told]


def claim_table(book: Book) -> pd.DataFrame:
    """Claim, the paper's numbers, ours with an interval for each base, the verdict."""
    lines = []
    for claim, told in judged(book):
        ours = "<br>".join(f"{v.base}: {v.number}" for v in told)
        words = "<br>".join(f"{v.base}: {mark(v.verdict)}" for v in told)
        lines.append({
            "claim": HTML(f'<a href="{claim.page}.html">{claim.text}</a>'),
            "verdict": HTML(words),
            "ours, difference": HTML(ours),
            "paper": told[0].paper if claim.place in told[0].paper else f"{told[0].paper} ({claim.place})",
        })  # fmt: skip
    return pd.DataFrame(lines).set_index("claim")


def claim_sentence(book: Book) -> str:
    """How many claims stand on how many bases."""
    words = [verdict.verdict for _, told in judged(book) for verdict in told]
    counts = ", ".join(f"**{words.count(word)} {word}**" for word in MARKS)
    sizes = {base: book.quantization.full(base).fact("parameters") / 1e6 for base in book.bases}
    bases = " and ".join(f"`{base}` ({size:.1f} M parameters)" for base, size in sizes.items())
    return (
        f"{len(judged(book))} claims of the paper, tested on small GPT-2 models of our own, {bases}: of {len(words)} "
        f"verdicts, {counts}."
    )


def claim_how() -> str:
    """How a verdict comes about."""
    return (
        "*How a verdict comes about.* Losses are nats per token on the true lines 4–14 of the test sonnets, on which "
        "nothing was chosen; below zero the first named is better. Intervals are 95 %, with sonnets and seeds both "
        f"taken as random. A method keeps or matches quality where it loses no more than {100 * MARGIN:.0f} % of what "
        "full fine-tuning wins over the base, by the whole interval. Each line opens to the chapter with the test, "
        "its records and its margins."
    )
