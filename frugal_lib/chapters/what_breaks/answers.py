"""The first page in three answers: each of the paper's takeaways, its verdicts, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from frugal_lib.chapters import common
from frugal_lib.chapters.baseline.sonnets import ScoreRow
from frugal_lib.chapters.lora.claims import matches, table3
from frugal_lib.chapters.lora.results import gain
from frugal_lib.chapters.lora.results import gap as lora_gap
from frugal_lib.chapters.quantization.claims import collapses, damages, keeps_quality
from frugal_lib.chapters.quantization.tables import ALIKE, heads
from frugal_lib.chapters.synthetic.claims import flash_beats_pro, printed, stronger_is_not_better
from frugal_lib.chapters.what_breaks.claims import Book
from frugal_lib.chapters.what_breaks.power import row_named
from frugal_lib.paper import published
from frugal_lib.report.arm import gap as format_gap
from frugal_lib.report.cells import cell
from frugal_lib.report.verdict import Verdict


def answers(book: Book, rows: Sequence[ScoreRow]) -> str:
    """The three takeaways of the paper, and what the records say of each."""
    found = (lora_answer(book, rows), quantization_answer(book), teacher_answer(book))
    return "\n".join(f"1. {answer}" for answer in found if answer)


def spoken(book: Book, test: Callable[[str], Verdict | None]) -> str:
    """The verdicts of one test, each with its bases: **contradicted** on `micro`, **supported** on `nano`."""
    by_word: dict[str, list[str]] = {}
    for verdict in filter(None, map(test, book.bases)):
        by_word.setdefault(verdict.verdict, []).append(f"`{verdict.base}`")
    return ", ".join(f"**{word}** on {' and '.join(bases)}" for word, bases in by_word.items()) or "not tested"


def lora_answer(book: Book, rows: Sequence[ScoreRow]) -> str:
    """LoRA matches full fine-tuning?"""
    scores, floor = table3().dev_chrf, row_named(rows, "floor-lines").intervals["dev_chrf"]
    best, full = scores.max(), scores["full"]
    blind = sum(floor.low <= score <= floor.high for score in (best, full))
    where = ("neither of them within", "one of them within", "both of them within")[blind]
    gaps = [f"{cell(lora_gap(book.lora.best(b), book.lora.full(b), 'test'), 3, '+')} on `{b}`" for b in book.lora.bases]
    wins = [f"{gain(book.lora, base, 'test').mean:.3f}" for base in book.lora.bases]
    return (
        f"*LoRA matches full fine-tuning*: {spoken(book, lambda base: matches(book.lora, base))}. The paper's chrF is "
        f"{best:.2f} against {full:.2f}, {where} what eleven random lines score, {cell(floor)}. The likelihood of the "
        f"true lines sees more: in nats per token LoRA costs {' and '.join(gaps)}, of {' and '.join(wins)} that full "
        "fine-tuning wins."
    )


def quantization_answer(book: Book) -> str:
    """Quantization keeps the task and quietly damages generality?"""
    found = book.quantization
    formats = published.table("figure2_quantization").set_index("format").ptq_chrf
    accuracy = published.table("figure5_zero_shot").set_index("bar")["value"]
    tuned, qaft = (accuracy[f"paraphrase accuracy, zero-shot from sonnet {name}"] for name in ("full FT", "QAFT INT8"))
    base = found.bases[0]
    alike = 100 * np.mean(heads(found.full(base))["same"] >= ALIKE)
    scales = {"with one scale a matrix": "int4-tensor", "with a scale for every 64 weights (NF4)": "nf4"}
    arms = {name: found.arm(base, "full", format) for name, format in scales.items()}
    costs = [f"{name} {cell(format_gap(a, found.full(base), 'test'), 3, '+')}" for name, a in arms.items() if a]
    keeps, falls, harm = (
        spoken(book, test)
        for test in (
            lambda b: keeps_quality(found, b, "bf16", "BF16"),
            lambda b: collapses(found, b),
            lambda b: damages(found, b, "int8-tensor", "INT8"),
        )
    )
    lost = f" In four bits `{base}` loses, in nats per token, {' and '.join(costs)}." if costs else ""
    return (
        f"*Quantization keeps the task and quietly damages generality*: that BF16 keeps it is {keeps}, that INT4 "
        f"collapses is {falls} (the paper: chrF {formats['FP32']:.2f} in FP32, {formats['BF16']:.2f} in BF16, "
        f"{formats['INT4']:.2f} in INT4), that QAFT does damage is {harm}.{lost} The paper's damage is a zero-shot "
        f"accuracy of {qaft:.2f} after QAFT and {tuned:.2f} before, by a head that was never trained: {alike:.0f} % of "
        f"such heads give {100 * ALIKE:.0f} % of the pairs one answer."
    )


def teacher_answer(book: Book) -> str:
    """A stronger teacher does not always make a better student?"""
    found = book.synthetic
    if not {"flash-lite", "flash", "pro"} <= set(found.teachers):
        return ""
    scores = found.generations.metrics
    clean = common.CLEAN
    lead = [f"{v.number} per token on `{base}`" for base in found.bases if (v := flash_beats_pro(found, base, clean))]
    return (
        f"*A stronger teacher does not always make a better student*: "
        f"{spoken(book, lambda b: stronger_is_not_better(found, b, ''))}; without held-out text in the lessons "
        f"{spoken(book, lambda b: stronger_is_not_better(found, b, clean))}. The paper's dev chrF is "
        f"{printed('flash-lite'):.2f} with Flash Lite, {printed('flash'):.2f} with Flash, {printed('pro'):.2f} with "
        f"Pro. But {100 * found.copies('flash').mean():.0f} % of Flash's sonnets are Shakespeare's, held-out ones "
        f"among them: what its student wrote scores {scores['flash_dev_chrf']:.2f}, and "
        f"{scores['flash_dev_chrf_without_copies']:.2f} without the one sonnet that is a copy. Without held-out text, "
        f"Flash minus Pro is {', '.join(lead)}."
    )
