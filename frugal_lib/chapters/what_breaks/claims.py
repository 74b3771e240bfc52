"""The headline claims of chapters 1 to 4, with their verdicts from the results of all chapters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module

from IPython.display import HTML

from frugal_lib.chapters.baseline.labelled import LabelledRow, labelled_rows
from frugal_lib.chapters.baseline.sonnets import NAMES, ScoreRow
from frugal_lib.chapters.lora.results import LoraResults, lora_results
from frugal_lib.chapters.quantization.results import QuantizationResults, quantization_results
from frugal_lib.chapters.synthetic.results import SyntheticResults, synthetic_results
from frugal_lib.core.runs import Record
from frugal_lib.report.cells import framed
from frugal_lib.report.claim import Claim, verdicts
from frugal_lib.report.verdict import Verdict, mark

CHAPTERS = {  # the page of each, and the field of `Book` that its claims' tests take
    "baseline": ("01_baseline", "labelled"),
    "lora": ("02_lora", "lora"),
    "quantization": ("03_quantization", "quantization"),
    "synthetic": ("04_synthetic", "synthetic"),
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


def book_of(records: dict[str, Sequence[Record]]) -> Book:
    """The results of the records of each chapter, by its name."""
    return Book(
        tuple(labelled_rows(records["baseline"])),
        lora_results(records["lora"]),
        quantization_results(records["quantization"]),
        synthetic_results(records["synthetic"]),
    )


def row_named(rows: Sequence[ScoreRow], method: str) -> ScoreRow:
    """The row of a method of chapter 1."""
    return next(row for row in rows if row.name == NAMES[method])


def claims_of(chapter: str) -> Sequence[Claim]:
    """The claims of a chapter."""
    return import_module(f"frugal_lib.chapters.{chapter}.claims").CLAIMS


def collected() -> list[tuple[str, str, Claim]]:
    """The headline claims of chapters 1 to 4, each with its page and the field of `Book` that its test takes."""
    return [(*place, claim) for chapter, place in CHAPTERS.items() for claim in claims_of(chapter) if claim.headline]


def evaluated(book: Book) -> list[tuple[str, Claim, list[Verdict]]]:
    """Every headline claim with its page and its verdicts, one per base; without those that nothing was run for."""
    found = [(page, claim, verdicts([claim], getattr(book, field), book.bases)) for page, field, claim in collected()]
    return [line for line in found if line[2]]


def bases_by_word(test: Callable[[str], Verdict | None], bases: Sequence[str]) -> dict[str, list[str]]:
    """The words of a test's verdicts, each with the bases that it holds on."""
    found: dict[str, list[str]] = {}
    for verdict in filter(None, map(test, bases)):
        found.setdefault(verdict.verdict, []).append(verdict.base)
    return found


@framed
def claim_table(book: Book) -> Iterator[dict]:
    """Claim, verdict, our difference with its interval for each base, the paper's numbers."""
    for page, claim, found in evaluated(book):
        yield {
            "claim": HTML(f'<a href="{page}.html">{claim.text}</a>'),
            "verdict": HTML("<br>".join(f"{v.base}: {mark(v.verdict)}" for v in found)),
            "ours, difference": HTML("<br>".join(f"{v.base}: {v.number}" for v in found)),
            "paper": found[0].paper + f" ({claim.place})" * (claim.place not in found[0].paper),
        }
