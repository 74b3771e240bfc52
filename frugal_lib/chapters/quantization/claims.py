"""The paper's claims about quantization and what the records say of them. No verdict is typed."""

from __future__ import annotations

from frugal_lib.chapters.quantization.results import FORMAT_NAMES, FormatArm, QuantizationResults, gain
from frugal_lib.core import select
from frugal_lib.models.formats import FORMATS
from frugal_lib.paper import published
from frugal_lib.report.arm import gap
from frugal_lib.report.cells import cell
from frugal_lib.report.generality import judged_damage
from frugal_lib.report.verdict import (
    CONTRADICTED,
    MARGIN,
    OPEN,
    SUPPORTED,
    Verdict,
    against,
    higher,
    lower,
    margin_text,
    matched,
)


def printed(format: str, column: str) -> float | None:
    """A number of the paper's Figure 2."""
    return published.value("figure2_quantization", column, format=format)


def first_loss(arm: FormatArm) -> float:
    """Dev loss at the first seed, by which a format is chosen where several could be."""
    return select.badness(arm.records[0])


def four_bits(found: QuantizationResults, base: str, method: str) -> list[FormatArm]:
    """The INT4 and NF4 arms of one way of training."""
    arms = found.formats(base) if method == "full" else found.qaft(base)
    return [arm for arm in arms if FORMATS[arm.format].bits == 4]


def keeps_quality(found: QuantizationResults, base: str, format: str, paper_name: str) -> Verdict | None:
    """A format without further training keeps the fine-tuned model's quality."""
    arm, full, won = found.arm(base, "full", format), found.full(base), gain(found, base, "test")
    if arm is None:
        return None
    difference, scores = gap(arm, full, "test"), (printed(paper_name, "ptq_chrf"), printed("FP32", "ptq_chrf"))
    return Verdict(
        f"{paper_name} weights keep the quality of fine-tuning",
        base,
        f"chrF {scores[0]:.2f} against {scores[1]:.2f} in FP32",
        f"{against(f'{FORMAT_NAMES[format]} minus FP32', difference)}; {margin_text(MARGIN * won.mean)}",
        matched(difference, won),
        f"{cell(difference, 3, '+')} nats",
    )


def collapses(found: QuantizationResults, base: str) -> Verdict | None:
    """INT4 per tensor without QAFT collapses: the tuned model becomes worse than the base never tuned."""
    arm, untuned = found.arm(base, "full", "int4-tensor"), found.untuned(base)
    if arm is None:
        return None
    difference = gap(arm, untuned, "test")
    return Verdict(
        "INT4 collapses without QAFT (one scale per tensor, as in the paper)",
        base,
        f"chrF {printed('INT4', 'ptq_chrf'):.2f} against {printed('FP32', 'ptq_chrf'):.2f} in FP32",
        f"{against('the tuned model in INT4 minus the base never tuned', difference)}; against the tuned model in "
        f"FP32: {cell(gap(arm, found.full(base), 'test'), 3, '+')}",
        higher(difference),
        f"{cell(difference, 3, '+')} nats",
    )


def needs(found: QuantizationResults, base: str) -> Verdict | None:
    """INT4 needs QAFT: even with the best scale, INT4 without it misses the quality, and with it does better.

    Contradicted where the best four-bit format without QAFT matches full fine-tuning.
    """
    plain, trained = four_bits(found, base, "full"), four_bits(found, base, "qaft")
    if not (plain and trained):
        return None
    best, best_trained = min(plain, key=first_loss), min(trained, key=first_loss)
    won = gain(found, base, "test")
    missing, helped = gap(best, found.full(base), "test"), gap(best, best_trained, "test")
    keeps = matched(missing, won)
    return Verdict(
        "INT4 needs QAFT, whatever the scale",
        base,
        f"chrF {printed('INT4', 'ptq_chrf'):.2f} without, {printed('INT4', 'qaft_chrf'):.2f} with QAFT; one scale per "
        "tensor was tried",
        f"{against(f'the best without, {FORMAT_NAMES[best.format]}, minus FP32', missing)}; minus the best with QAFT, "
        f"{FORMAT_NAMES[best_trained.format]}: {cell(helped, 3, '+')}; {margin_text(MARGIN * won.mean)}",
        CONTRADICTED if keeps == SUPPORTED else higher(helped) if keeps == CONTRADICTED else OPEN,
        f"{cell(missing, 3, '+')} nats",
    )


def restores(found: QuantizationResults, base: str) -> Verdict | None:
    """QAFT at INT4 per tensor is better than quantizing afterwards to the same format."""
    trained, plain = found.arm(base, "qaft", "int4-tensor"), found.arm(base, "full", "int4-tensor")
    if not (trained and plain):
        return None
    difference = gap(trained, plain, "test")
    return Verdict(
        "QAFT restores INT4 (one scale per tensor)",
        base,
        f"chrF {printed('INT4', 'qaft_chrf'):.2f} against {printed('INT4', 'ptq_chrf'):.2f}",
        against("with QAFT minus without", difference),
        lower(difference),
        f"{cell(difference, 3, '+')} nats",
    )


def keeps_task(found: QuantizationResults, base: str, format: str, paper_name: str) -> Verdict | None:
    """QAFT keeps the target task."""
    arm, won = found.arm(base, "qaft", format), gain(found, base, "test")
    if arm is None:
        return None
    difference = gap(arm, found.full(base), "test")
    return Verdict(
        f"QAFT at {paper_name} keeps the task",
        base,
        f"chrF {printed(paper_name, 'qaft_chrf'):.2f} against {printed('FP32', 'ptq_chrf'):.2f} in FP32",
        f"{against(f'QAFT, {FORMAT_NAMES[format]}, minus full fine-tuning', difference)}; "
        f"{margin_text(MARGIN * won.mean)}",
        matched(difference, won),
        f"{cell(difference, 3, '+')} nats",
    )


def damages(found: QuantizationResults, base: str, format: str, paper_name: str) -> Verdict | None:
    """QAFT damages generality, beyond what full fine-tuning does."""
    arm = found.arm(base, "qaft", format)
    if arm is None:
        return None
    word, text, worst = judged_damage(arm, found.full(base), found.untuned(base))
    accuracy = published.table("figure5_zero_shot").set_index("bar")["value"]
    before, after = (
        accuracy[f"paraphrase accuracy, zero-shot from sonnet {tuned}"] for tuned in ("full FT", "QAFT INT8")
    )
    return Verdict(
        f"QAFT at {paper_name} damages generality",
        base,
        f"zero-shot accuracy {after:.4f} against {before:.4f}, by a head that was never trained",
        f"worse than full fine-tuning by {text}",
        word,
        worst,
    )


def quantization_verdicts(found: QuantizationResults) -> list[Verdict]:
    """Every claim of chapter 3 on every base; a claim whose runs a profile does not have is left out."""
    claims = [
        lambda base: keeps_quality(found, base, "bf16", "BF16"),
        lambda base: keeps_quality(found, base, "fp8", "FP8"),
        lambda base: keeps_quality(found, base, "int8-tensor", "INT8"),
        lambda base: collapses(found, base),
        lambda base: needs(found, base),
        lambda base: restores(found, base),
        lambda base: keeps_task(found, base, "int8-tensor", "INT8"),
        lambda base: keeps_task(found, base, "int4-tensor", "INT4"),
        lambda base: damages(found, base, "int8-tensor", "INT8"),
        lambda base: damages(found, base, "int4-tensor", "INT4"),
    ]
    return [verdict for claim in claims for base in found.bases if (verdict := claim(base))]


def quantization_sentence(found: QuantizationResults) -> str:
    """The chapter's questions and their answers for every base."""
    parts = []
    for base in found.bases:
        asked = (
            keeps_task(found, base, "int8-tensor", "INT8"),
            damages(found, base, "int8-tensor", "INT8"),
            damages(found, base, "int4-tensor", "INT4"),
            needs(found, base),
        )
        answers = [f"{verdict.claim} – **{verdict.verdict}**" for verdict in asked if verdict]
        parts.append(f"On `{base}`: {'; '.join(answers)}.")
    return f"Does quantization keep the task and quietly damage generality? {' '.join(parts)}"
