"""The controls of chapter 5: what twelve sonnets can show, which measures see, and what to take away from it all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from frugal_lib.chapters.baseline.sonnets import NAMES, ScoreRow
from frugal_lib.chapters.quantization.tables import ALIKE, heads
from frugal_lib.chapters.synthetic.results import TEACHER_NAMES
from frugal_lib.chapters.synthetic.text import copies_sentence
from frugal_lib.chapters.what_breaks.chance import NONE, cube
from frugal_lib.chapters.what_breaks.claims import Book
from frugal_lib.chapters.what_breaks.contamination import DoseResults, came_back
from frugal_lib.core.runs import Record, Run
from frugal_lib.core.stats import detectable_difference, mean_interval, needed_items, sign_flip_p
from frugal_lib.paper import published
from frugal_lib.report.arm import gap
from frugal_lib.report.cells import cell, signed
from frugal_lib.report.measures import bpc_matrix, loss_matrix

COPIED = 138  # the dev sonnet that the paper's student of Flash has by heart


def row_named(rows: Sequence[ScoreRow], method: str) -> ScoreRow:
    """The row of a method of chapter 1."""
    return next(row for row in rows if row.name == NAMES[method])


def released_sentence(book: Book) -> str:
    """Whether the numbers of the paper's released files come from these, or from our committed records of them."""
    records = (book.lora.paper_record, book.quantization.zero_shot, book.synthetic.generations)
    if all(record.metrics["from_file"] for record in records):
        return (
            "The paper's sweep, its zero-shot answers and its generations were read and scored by this book's code, "
            "from the files as released."
        )
    return (
        "The paper's released files cannot be had on this machine: what this book says of its sweep, its zero-shot "
        "answers and its generations comes from the committed records of reading and scoring them elsewhere."
    )


def release_scores(book: Book) -> pd.DataFrame:
    """chrF of the paper's released dev generations: a row a sonnet, a column a model."""
    rows = pd.DataFrame(book.synthetic.generations.examples)
    return rows[rows.split == "dev"].pivot(index="id", columns="model", values="chrf")


def release_table(book: Book) -> pd.DataFrame:
    """The paper's released generations against each other: differences and exact tests, with and without the copy."""
    scores, lines = release_scores(book), []
    for one, other in (("flash", "full fine-tuning"), ("flash-lite", "full fine-tuning"), ("flash", "flash-lite")):
        differences = scores[one] - scores[other]
        kept = differences.drop(COPIED)
        lines.append({
            "difference, dev": f"{TEACHER_NAMES.get(one, one)} − {TEACHER_NAMES.get(other, other)}",
            "chrF": cell(mean_interval(differences.to_numpy()), 2, "+"),
            "p": f"{sign_flip_p(differences):.3f}",
            f"without {COPIED}": cell(mean_interval(kept.to_numpy()), 2, "+"),
            f"p without {COPIED}": f"{sign_flip_p(kept):.3f}",
            "smallest that twelve can show": f"{detectable_difference(float(kept.std()), len(scores)):.2f}",
        })  # fmt: skip
    return pd.DataFrame(lines).set_index("difference, dev")


def paper_differences() -> dict[str, float]:
    """Differences of dev chrF that the paper draws conclusions from."""
    table1 = published.table("table1_baseline").query("dataset == 'sonnets'").set_index("method").dev
    modules = published.table("table6_lora_modules").set_index("modules").dev_chrf
    formats = published.table("figure2_quantization").set_index("format").ptq_chrf
    teachers = published.table("figure3_synthetic").set_index("teacher").n1000
    return {
        "best LoRA − full fine-tuning (Table 1)": table1["best LoRA"] - table1["full fine-tuning"],
        "attention and MLP − attention (Table 6)": modules["attention + MLP"] - modules["attention only"],
        "BF16 − FP32 (Figure 2)": formats["BF16"] - formats["FP32"],
        "INT8 − FP32 (Figure 2)": formats["INT8"] - formats["FP32"],
        "INT4 − FP32 (Figure 2)": formats["INT4"] - formats["FP32"],
        "Flash − Pro (Figure 3)": teachers["Gemini 2.5 Flash"] - teachers["Gemini 2.5 Pro"],
    }


def release_spread(book: Book) -> float:
    """Standard deviation of the difference in chrF between two of the paper's released models, over dev sonnets."""
    scores = release_scores(book)
    return float((scores["flash-lite"] - scores["full fine-tuning"]).std())


def power_table(book: Book) -> pd.DataFrame:
    """How many sonnets a paired test would need to find the paper's differences, at the spread of its generations."""
    spread = release_spread(book)
    lines = [
        {"difference": name, "dev chrF": signed(value),
         "sonnets needed": f"{needed_items(value, spread):,}"}
        for name, value in paper_differences().items()
    ]  # fmt: skip
    return pd.DataFrame(lines).set_index("difference")


def takeaways(book: Book, rows: Sequence[ScoreRow], dosed: DoseResults) -> str:
    """What someone who tunes small models may take home, each with its number."""
    full, floor = (row_named(rows, method).intervals["dev_chrf"] for method in ("full", "floor-lines"))
    name, value = next(iter(paper_differences().items()))
    needed = needed_items(value, release_spread(book))
    base = book.quantization.bases[0]
    arms = [book.quantization.arm(base, "full", name) for name in ("int4-tensor", "nf4")]
    four = [f"{arm.name} {cell(gap(arm, book.quantization.full(base), 'test'), 3, '+')}" for arm in arms if arm]
    same = heads(book.quantization.full(base))["same"]
    lines = [
        f"**Find the floor of a score before comparing.** Eleven random lines reach a chrF of {cell(floor)} on dev, "
        f"full fine-tuning {cell(full)}.",
        f"**Ask how small a difference the test set can show.** {name} is {signed(value)} chrF: to find "
        f"it, were it real, takes {needed:,} sonnets, and there are twelve.",
        f"**Check generality with something that was trained.** Of untrained heads, {100 * np.mean(same >= ALIKE):.0f}"
        f" % give at least {100 * ALIKE:.0f} % of the pairs the same answer.",
        f"**Look for the test set in synthetic data.** {copies_sentence(book.synthetic)}"
        f"{came_back(dosed, book.synthetic)} `python -m frugal_lib audit SYNTHETIC --against HELDOUT` takes a second.",
    ]
    if four:
        scales = f"Loss over FP32 on `{base}`, nats per token: {'; '.join(four)}."
        lines.insert(2, f"**Give four bits more than one scale.** {scales}")
    return "\n".join(f"- {line}" for line in lines)


def distinct(records: Sequence[Record], split: str) -> np.ndarray:
    """Share of different words among those of a completion, samples averaged: [seeds, sonnets]."""
    found = []
    for record in records:
        rows = [e for e in record.examples if e["kind"] == "completion" and e["split"] == split and "chrf" in e]
        words = [row["text"].lower().split() for row in rows]
        frame = pd.DataFrame({"id": [r["id"] for r in rows], "share": [len(set(w)) / max(1, len(w)) for w in words]})
        found.append(frame.groupby("id").share.mean().to_numpy())
    return np.stack(found)


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
LIKELIHOODS = ("nats per token", "bits per character")


def enough(effect: float, spread: float) -> str:
    """How many sonnets a test needs, where that is a number one can think of."""
    if abs(effect) <= spread / 1000:
        return "over a million"
    return f"{needed_items(effect, spread):,}"


OTHERS = {
    "base": "the base",
    "floor-lines": "random lines",
    "floor-tail": "Shakespeare's lines of another sonnet",
}


def metric_table(records: Sequence[Record]) -> pd.DataFrame:
    """What tells the tuned model from what it should differ from, on test; and how many sonnets that takes."""
    by_method = {run.method: found for run, found in grouped(records)}
    lines = []
    for name, values in METRICS.items():
        tuned = values(by_method["full"], "test")
        line = {"measure": name}
        for method, other in OTHERS.items():
            blind = name in LIKELIHOODS and method != "base"
            line[f"tuned − {other}"] = NONE if blind else seen(tuned - values(by_method[method], "test").mean(axis=0))
        lines.append(line)
    return pd.DataFrame(lines).set_index("measure")


def grouped(records: Sequence[Record]) -> list[tuple[Run, list[Record]]]:
    """Runs of the first base and floors, on the edition of the floors, by what differs in no more than the seed."""
    floors = [record for record in records if record.run.method.startswith("floor")]
    edition = floors[0].run.edition
    first = next(record.run.base for record in records if record.run.method == "base")
    mine = [r for r in records if r.run.edition == edition and not r.run.teacher and r.run.base in ("", first)]
    kinds: dict[Run, list[Record]] = {}
    for record in (r for r in mine if r.status == "ok"):
        kinds.setdefault(replace(record.run, seed=0), []).append(record)
    return list(kinds.items())


def seen(gaps: np.ndarray) -> str:
    """A difference with its interval, and how many sonnets a test needs to find it: [seeds, sonnets] in."""
    mean, spread = float(gaps.mean()), float(gaps.mean(axis=0).std(ddof=1))
    return f"{cell(mean_interval(gaps), 3, '+')} · {enough(mean, spread)} sonnets"
