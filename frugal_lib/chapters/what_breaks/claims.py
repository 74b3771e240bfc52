"""The headline claims of chapters 1 to 4, with their verdicts from the results of all chapters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import import_module

import numpy as np
from IPython.display import HTML

from frugal_lib.chapters.baseline.labelled import LabelledRow, labelled_rows
from frugal_lib.chapters.lora.results import LoraResults, lora_results
from frugal_lib.chapters.quantization.results import QuantizationResults, quantization_results
from frugal_lib.chapters.synthetic.results import SyntheticResults, synthetic_results
from frugal_lib.core.runs import Record
from frugal_lib.report.cells import NONE, framed
from frugal_lib.report.claim import Claim, verdicts
from frugal_lib.report.verdict import Verdict, corrected, mark

CHAPTERS = {  # the section of each with its claims, and the field of `Book` that its claims' tests take
    "baseline": ("01_baseline.html#sentiment-and-paraphrase", "labelled"),
    "lora": ("02_lora.html#what-survives", "lora"),
    "quantization": ("03_quantization.html#what-survives", "quantization"),
    "synthetic": ("04_synthetic.html#what-survives", "synthetic"),
}


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

    @property
    def has_released_files(self) -> bool:
        """Whether this machine read the paper's released files; else committed records of that stand in."""
        records = (self.lora.paper_record, self.quantization.zero_shot, self.synthetic.generations)
        return all(record.metrics["from_file"] for record in records)

    def parameters(self, base: str) -> float:
        """Millions of parameters of a base."""
        return self.quantization.full(base).fact("parameters") / 1e6


def book_of(records: Mapping[str, Sequence[Record]], folds: Mapping[str, Sequence[Record]]) -> Book:
    """The results of the records of each chapter, and of those of its cross-validation, by its name."""
    return Book(
        tuple(labelled_rows(records["baseline"])),
        lora_results(records["lora"], folds["lora"]),
        quantization_results(records["quantization"], folds["quantization"]),
        synthetic_results(records["synthetic"], folds["synthetic"]),
    )


def collected() -> list[tuple[str, str, Claim]]:
    """The headline claims of chapters 1 to 4, each with its page and the field of `Book` that its test takes."""
    claims = {chapter: import_module(f"frugal_lib.chapters.{chapter}.claims").CLAIMS for chapter in CHAPTERS}
    return [(*place, claim) for name, place in CHAPTERS.items() for claim in claims[name] if claim.headline]


def evaluated(book: Book) -> list[tuple[str, Claim, list[Verdict]]]:
    """Every headline claim with its page and its verdicts, one per base; without those that nothing was run for.

    Holm's correction is for all of them together.
    """
    found = [(page, claim, verdicts([claim], getattr(book, field), book.bases)) for page, field, claim in collected()]
    after = iter(corrected([verdict for _, _, told in found for verdict in told]))
    return [(page, claim, [next(after) for _ in told]) for page, claim, told in found if told]


@framed
def claim_table(book: Book) -> Iterator[dict]:
    """Claim and its place, the paper's numbers and what its files show, our verdict and difference for each base."""
    for page, claim, found in evaluated(book):
        yield {
            "claim": HTML(f'<a href="{page}">{claim.text}</a> <small>({claim.place})</small>'),
            "the paper and its files": found[0].paper,
            "verdict": HTML("<br>".join(f"{escape(v.base)}: {mark(v.verdict, notes(v))}" for v in found)),
            "ours, difference": HTML("<br>".join(f"{escape(v.base)}: {escape(v.number)}" for v in found)),
        }


FLIPS, FALLS = "†", "‡"  # marks of a verdict: another choice would turn it; Holm's correction would not leave it


def notes(verdict: Verdict) -> str:
    """The marks of a verdict."""
    return FLIPS * bool(verdict.fragile) + FALLS * (not verdict.survives)


@framed
def robustness_table(book: Book) -> Iterator[dict]:
    """Every verdict, what it rests on, and the choices under which it would be another."""
    for _, claim, found in evaluated(book):
        for v in found:
            yield {
                "claim": claim.text,
                "base": v.base,
                "verdict": HTML(mark(v.verdict, notes(v))),
                "by": v.source,
                "detectable": f"{v.detectable:.4f}" if np.isfinite(v.detectable) else NONE,
                "p": f"{v.p:.2g}" if np.isfinite(v.p) else NONE,
                "another verdict under": "; ".join(f"{name}: {v.choices[name]}" for name in v.flips) or NONE,
                "the same under": ", ".join(name for name in v.choices if name not in v.flips) or NONE,
            }
