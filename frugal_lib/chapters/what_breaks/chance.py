"""How far chance moves a score, and which differences a test of twelve sonnets can detect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from frugal_lib.chapters.lora.paper_sweep import best_of
from frugal_lib.chapters.synthetic.results import TEACHER_NAMES
from frugal_lib.chapters.what_breaks.claims import Book
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import (
    detectable_difference,
    mean_interval,
    needed_items,
    sign_flip_p,
    variance_parts,
)
from frugal_lib.paper import published
from frugal_lib.report.cells import NONE, cell, framed, signed
from frugal_lib.report.html import linked
from frugal_lib.report.measures import bpc_matrix, completion_scores, loss_matrix

PARTS = {"prompt": "prompt", "seed": "training seed", "both": "prompt × seed", "sample": "sample"}
METHODS = {"full": "full fine-tuning", "base": "base, not fine-tuned"}
TRIALS = (1, 10, 30, 369)  # 369 runs are in the paper's sweep
COPIED = 138  # the dev sonnet that the paper's student of Flash reproduces


def by_kind(records: Sequence[Record]) -> dict[tuple[str, str], list[Record]]:
    """The chapter's runs without a teacher by base (`""` for floors) and method, one record per seed."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record.status == "ok" and not record.run.teacher:
            found.setdefault((record.run.base, record.run.method), []).append(record)
    return found


def cube(records: Sequence[Record], split: str, column: str) -> np.ndarray:
    """One score of every completion: [seeds, sonnets, samples]."""
    return np.stack([completion_scores(record, split, column).to_numpy().T for record in records])


@framed
def variance_table(records: Sequence[Record], results: str | Path) -> Iterator[dict]:
    """chrF of a completion of a dev sonnet: standard deviation by source, and that of the score of one run."""
    for (base, method), found in by_kind(records).items():
        values = cube(found, "dev", "chrf") if base else np.empty((0, 0, 0))
        if min(values.shape) < 2:
            continue
        parts = variance_parts(values)
        shares = {name: f"({100 * part / sum(parts.values()):.0f} %)" for name, part in parts.items()}
        yield {
            "base": base,
            "model": METHODS[method],
            **{PARTS[name]: f"{np.sqrt(part):.2f} {shares[name]}" for name, part in parts.items()},
            "score of one run": f"{one_run(parts, values.shape[1]):.2f}",
            "completions": linked(f"{values.size:,}", found, results),
        }


def one_run(parts: dict[str, float], prompts: int) -> float:
    """Standard deviation of the score of one training run with one sample per prompt, the prompts given."""
    return float(np.sqrt(parts["seed"] + (parts["both"] + parts["sample"]) / prompts))


def draws_of(records: Sequence[Record]) -> list[float]:
    """The dev score of every sample of every seed: what one run of one model could have been reported with."""
    return [float(value) for r in records for value in completion_scores(r, "dev", "corpus_chrf").mean(axis=1)]


@framed
def luck_table(book: Book, records: Sequence[Record]) -> Iterator[dict]:
    """The maximum of n draws of one thing, random lines and each tuned model; a dash where there are too few draws."""
    draws = {"random lines": book.lora.draws}
    kinds = by_kind(records).items()
    draws |= {f"{METHODS['full']}, {base}": draws_of(found) for (base, method), found in kinds if method == "full"}
    for name, values in draws.items():
        enough = {n: n == 1 or n <= len(values) / 2 for n in TRIALS}
        best = {f"best of {n}": cell(best_of(values, n)) if enough[n] else NONE for n in TRIALS}
        yield {"drawn": name, "draws": f"{len(values):,}"} | best


def release_scores(book: Book) -> pd.DataFrame:
    """chrF of the paper's released dev generations: a row per sonnet, a column per model."""
    rows = pd.DataFrame(book.synthetic.generations.examples)
    return rows[rows.split == "dev"].pivot(index="id", columns="model", values="chrf")


@framed
def release_table(book: Book) -> Iterator[dict]:
    """The paper's released generations against each other: differences and exact tests, with and without the copy."""
    scores = release_scores(book)
    for one, other in (("flash", "full fine-tuning"), ("flash-lite", "full fine-tuning"), ("flash", "flash-lite")):
        differences = scores[one] - scores[other]
        kept = differences.drop(COPIED)
        yield {
            "difference, dev": f"{TEACHER_NAMES.get(one, one)} − {TEACHER_NAMES.get(other, other)}",
            "chrF": cell(mean_interval(differences.to_numpy()), 2, "+"),
            "p": f"{sign_flip_p(differences):.3f}",
            f"without {COPIED}": cell(mean_interval(kept.to_numpy()), 2, "+"),
            f"p without {COPIED}": f"{sign_flip_p(kept):.3f}",
            "smallest detectable": f"{detectable_difference(float(kept.std()), len(scores)):.2f}",
        }


def paper_differences() -> dict[str, float]:
    """Differences of dev chrF that the paper draws conclusions from."""
    table1 = published.table("table1_baseline").query("dataset == 'sonnets'").set_index("method").dev
    modules = published.table("table6_lora_modules").set_index("modules").dev_chrf
    formats = published.table("figure2_quantization").set_index("format").ptq_chrf
    teachers = published.table("figure3_synthetic").set_index("teacher").n1000
    return {
        "best LoRA − full fine-tuning (Table 1)": table1["best LoRA"] - table1["full fine-tuning"],
        "attention and MLP − attention (Table 6)": modules["attention + MLP"] - modules["attention only"],
        **{f"{name} − FP32 (Figure 2)": formats[name] - formats["FP32"] for name in ("BF16", "INT8", "INT4")},
        "Flash − Pro (Figure 3)": teachers["Gemini 2.5 Flash"] - teachers["Gemini 2.5 Pro"],
    }


def sonnets_needed(book: Book, difference: float) -> int:
    """How many sonnets a paired test needs to detect a difference, at the spread between two released models."""
    scores = release_scores(book)
    return needed_items(difference, float((scores["flash-lite"] - scores["full fine-tuning"]).std()))


@framed
def power_table(book: Book) -> Iterator[dict]:
    """How many sonnets a paired test would need to detect the paper's differences."""
    for name, value in paper_differences().items():
        yield {"difference": name, "dev chrF": signed(value), "sonnets needed": f"{sonnets_needed(book, value):,}"}


def distinct(records: Sequence[Record], split: str) -> np.ndarray:
    """Share of different words among those of a completion, samples averaged: [seeds, sonnets]."""

    def share(text: str) -> float:
        words = text.lower().split()
        return len(set(words)) / max(1, len(words))

    scored = completion_scores(records[0], split, "chrf").columns
    return np.stack([completion_scores(r, split, "text")[scored].map(share).mean().to_numpy() for r in records])


def scores_of(column: str) -> Callable[[Sequence[Record], str], np.ndarray]:
    """A measure of completions, samples averaged: [seeds, sonnets]."""
    return lambda records, split: cube(records, split, column).mean(axis=2)


METRICS: dict[str, Callable[[Sequence[Record], str], np.ndarray]] = {
    "chrF, whole sonnet": scores_of("chrf"),
    "chrF, lines 4–14": scores_of("chrf_continuation"),
    "nats per token": lambda records, split: loss_matrix(records, split, "tokens"),
    "bits per character": bpc_matrix,
    "rhyming pairs, share": scores_of("rhyme_share"),
    "different words, share": distinct,
}
LIKELIHOODS = ("nats per token", "bits per character")  # which floors do not have
OTHERS = {
    "base": "the base",
    "floor-lines": "random lines",
    "floor-tail": "Shakespeare's lines of another sonnet",
}


@framed
def metric_table(records: Sequence[Record]) -> Iterator[dict]:
    """Which metrics tell the tuned model, on test, from what it should differ from; and how many sonnets that takes."""
    kinds = by_kind(records)
    first = next(base for base, method in kinds if method == "base")
    for name, values in METRICS.items():
        tuned = values(kinds[first, "full"], "test")
        line = {"metric": name}
        for method, other in OTHERS.items():
            floor = method.startswith("floor")
            gaps = None
            if not (floor and name in LIKELIHOODS):
                gaps = tuned - values(kinds["" if floor else first, method], "test").mean(axis=0)
            line[f"tuned − {other}"] = NONE if gaps is None else detected(gaps)
        yield line


def detected(gaps: np.ndarray) -> str:
    """A difference with its interval, and how many sonnets a test needs to detect it: [seeds, sonnets] in."""
    effect, spread = float(gaps.mean()), float(gaps.mean(axis=0).std(ddof=1))
    enough = "over a million" if abs(effect) <= spread / 1000 else f"{needed_items(effect, spread):,}"
    return f"{cell(mean_interval(gaps), 3, '+')} · {enough} sonnets"
