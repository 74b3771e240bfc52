"""What chance does to a score: variance by source, the best of many draws, exact tests of what the book compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from frugal_lib.chapters import common
from frugal_lib.chapters.what_breaks.claims import Book
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import Interval, best_quantile, expected_best, sign_flip_p, variance_parts
from frugal_lib.paper import published
from frugal_lib.report.cells import cell, signed
from frugal_lib.report.html import linked
from frugal_lib.report.measures import chrf_matrix, completion_scores, loss_matrix, paired

PARTS = {"prompt": "prompt", "seed": "training seed", "both": "prompt × seed", "sample": "sample"}
METHODS = {"full": "full fine-tuning", "base": "base, not fine-tuned"}
TRIALS = (1, 10, 30, 369)  # 369 runs are in the paper's sweep
NONE = "–"


def sampled(records: Sequence[Record]) -> dict[tuple[str, str], list[Record]]:
    """The runs with many samples a prompt, by base and method, a record a seed."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        run = record.run
        if record.status == "ok" and run.method in METHODS and not run.teacher:
            found.setdefault((run.base, run.method), []).append(record)
    return found


def cube(records: Sequence[Record], split: str, column: str) -> np.ndarray:
    """One score of every completion: [seeds, sonnets, samples]."""
    return np.stack([completion_scores(record, split, column).to_numpy().T for record in records])


def variance_table(records: Sequence[Record], results: str | Path) -> pd.DataFrame:
    """chrF of a completion of a dev sonnet: standard deviation by source, and that of the score of one run."""
    lines = []
    for (base, method), found in sampled(records).items():
        values = cube(found, "dev", "chrf")
        if min(values.shape) < 2:
            continue
        parts = variance_parts(values)
        shares = {PARTS[name]: f"{np.sqrt(part):.2f} ({100 * part / sum(parts.values()):.0f} %)"
                  for name, part in parts.items()}  # fmt: skip
        count = linked(f"{values.size:,}", found, results)
        run = f"{one_run(parts, values.shape[1]):.2f}"
        lines.append({"base": base, "model": METHODS[method]} | shares
                     | {"score of one run": run, "completions": count})  # fmt: skip
    return pd.DataFrame(lines).set_index("base") if lines else pd.DataFrame()


def one_run(parts: dict[str, float], prompts: int) -> float:
    """Standard deviation of the score of one training run with one sample a prompt, the prompts given."""
    return float(np.sqrt(parts["seed"] + (parts["both"] + parts["sample"]) / prompts))


def draws_of(records: Sequence[Record]) -> list[float]:
    """The dev score of every sample of every seed: what one run of one model could have been reported with."""
    return [float(value) for r in records for value in completion_scores(r, "dev", "corpus_chrf").mean(axis=1)]


def luck_table(book: Book, records: Sequence[Record]) -> pd.DataFrame:
    """What the best of so many draws scores, nothing else being changed: random lines, and each tuned model."""
    draws = {"random lines": [row["chrf"] for row in book.lora.floor.examples]}
    found = sampled(records)
    draws |= {f"{METHODS['full']}, {base}": draws_of(r) for (base, method), r in found.items() if method == "full"}
    lines = [
        {"the same thing again and again": name, "draws": f"{len(values):,}"}
        | {f"best of {trials}": best_cell(values, trials) for trials in TRIALS}
        for name, values in draws.items()
    ]
    return pd.DataFrame(lines).set_index("the same thing again and again")


def best_cell(values: Sequence[float], trials: int) -> str:
    """The expected best of so many draws, with the range of 95 % of bests; a dash where there are too few draws."""
    if trials > len(values) / 2 and trials > 1:
        return NONE
    low, high = (f"{best_quantile(values, trials, share):.2f}" for share in (0.025, 0.975))
    return f"{expected_best(values, trials):.2f} [{low}, {high}]"


def luck_sentence(book: Book) -> str:
    """The paper's best LoRA beside the best of as many draws of random lines."""
    draws = [row["chrf"] for row in book.lora.floor.examples]
    trials = min(TRIALS[-1], len(draws))
    printed = published.value("table1_baseline", "dev", dataset="sonnets", method="best LoRA")
    low, high = (best_quantile(draws, trials, share) for share in (0.025, 0.975))
    return (
        f"The paper's best LoRA, the highest of {TRIALS[-1]} runs, has {printed:.2f}. The highest of {trials} draws of "
        f"random lines has {expected_best(draws, trials):.2f} (95 % of such bests: {low:.2f} to {high:.2f})."
    )


@dataclass(frozen=True)
class Comparison:
    """Two of the book's models on the same sonnets, a record a seed on each side."""

    name: str
    base: str
    first: tuple[Record, ...]
    second: tuple[Record, ...]


def comparisons(book: Book, base: str) -> list[Comparison]:
    """What the paper's takeaways rest on, as this book ran it; what a profile did not run is left out."""
    found: list[tuple[str, Sequence[Record], Sequence[Record]]] = []
    if base in book.lora.bases:
        best, full = book.lora.best(base), book.lora.full(base)
        found.append((f"{best.name} − full fine-tuning", best.kept, full.kept))
    if base in book.quantization.bases:
        full = book.quantization.full(base)
        arms = [book.quantization.arm(base, *kind) for kind in (("full", "int4-tensor"), ("full", "nf4"),
                                                                 ("qaft", "int4-tensor"))]  # fmt: skip
        found += [(f"{arm.name} − FP32", arm.records, full.records) for arm in arms if arm]
    if base in book.synthetic.bases:
        plain = book.synthetic.plain(base)
        for teacher in ("flash-lite", "flash", "pro"):
            student = book.synthetic.largest(base, teacher, common.CLEAN)
            if student:
                found.append((f"{student.name} − Shakespeare alone", student.records, plain.records))
    return [Comparison(name, base, tuple(one), tuple(other)) for name, one, other in found]


def test_loss(records: Sequence[Record]) -> np.ndarray:
    """Nats per token on the true lines of the test sonnets: [seeds, sonnets]."""
    return loss_matrix(records, "test", "tokens")


def loss_gap(comparison: Comparison) -> Interval:
    """Test loss of the first minus the second, paired by sonnet and seed."""
    return paired(comparison.first, comparison.second, test_loss)


def by_sonnet(comparison: Comparison, measure: str, split: str) -> np.ndarray:
    """Differences in a measure (`chrf` or `nats`), averaged over samples and seeds: [sonnets]."""

    def values(records: Sequence[Record]) -> np.ndarray:
        table = loss_matrix(records, split, "tokens") if measure == "nats" else chrf_matrix(records, split, "chrf")
        return table.mean(axis=0)

    return values(comparison.first) - values(comparison.second)


def exact_table(book: Book) -> pd.DataFrame:
    """The book's own comparisons: differences in dev chrF and in test loss, each with the p of all flips of sign."""
    lines = []
    for comparison in (c for base in book.bases for c in comparisons(book, base)):
        scores, losses = by_sonnet(comparison, "chrf", "dev"), by_sonnet(comparison, "nats", "test")
        lines.append({
            "base": comparison.base,
            "difference": comparison.name,
            "dev chrF": signed(scores.mean()),
            "p, chrF": f"{sign_flip_p(scores):.3f}",
            "test loss, nats per token": cell(loss_gap(comparison), 3, "+"),
            "p, loss": f"{sign_flip_p(losses):.3f}",
        })  # fmt: skip
    return pd.DataFrame(lines).set_index("base")


def exact_sentence(book: Book) -> str:
    """How many of the comparisons each measure can tell from zero."""
    found = [c for base in book.bases for c in comparisons(book, base)]
    seen = {m: sum(sign_flip_p(by_sonnet(c, m, split)) <= 0.05 for c in found)
            for m, split in (("chrf", "dev"), ("nats", "test"))}  # fmt: skip
    dev, test = (len(by_sonnet(found[0], "nats", split)) for split in ("dev", "test"))
    return (
        f"Of these {len(found)} differences, averaged over seeds and samples, chrF tells **{seen['chrf']}** from zero "
        f"at 5 %, the likelihood of the true lines **{seen['nats']}**. A test takes all flips of the signs of "
        f"its sonnets, {2**dev:,} for {dev} of dev, {2**test:,} for {test} of test; it asks about these models, and "
        "does not generalise over seeds as the intervals do."
    )
