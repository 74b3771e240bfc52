"""The paper's claims about quantization, and the test that the records put each to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from frugal_lib.chapters.quantization.results import (
    FORMAT_NAMES,
    PAPER_FORMATS,
    FormatArm,
    QuantizationResults,
    gain,
    paper_zero_shot,
)
from frugal_lib.core import select
from frugal_lib.models.formats import FORMATS
from frugal_lib.paper import published
from frugal_lib.report.arm import gap
from frugal_lib.report.cells import cell
from frugal_lib.report.claim import Claim
from frugal_lib.report.generality import damage_of
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

KEEPS_QUALITY = "{} weights keep the quality of fine-tuning"
COLLAPSES = "INT4 collapses without QAFT"
NEEDS = "INT4 needs QAFT at every granularity"
RESTORES = "QAFT restores INT4"
KEEPS_TASK = "QAFT at {} keeps the task"
DAMAGES = "QAFT at {} damages generality"


def printed(format: str, column: str) -> float | None:
    """A number of the paper's Figure 2."""
    return published.value("figure2_quantization", column, format=format)


def best_in_four_bits(found: QuantizationResults, base: str, method: str) -> FormatArm | None:
    """Of the INT4 and NF4 arms of one way of training, the one with the lowest dev loss at the first seed."""
    arms = found.formats(base) if method == "full" else found.qaft(base)
    four = [arm for arm in arms if FORMATS[arm.format].bits == 4]
    return min(four, key=lambda arm: select.badness(arm.records[0]), default=None)


def keeps(
    found: QuantizationResults, arm: FormatArm | None, text: str, paper_name: str, column: str, name: str
) -> Verdict | None:
    """Whether an arm is within the margin of full fine-tuning in FP32; `name` is that of their difference."""
    if arm is None:
        return None
    difference, won = gap(arm, found.full(arm.base), "test"), gain(found, arm.base, "test")
    return Verdict(
        text.format(paper_name),
        arm.base,
        f"chrF {printed(paper_name, column):.2f} against {printed('FP32', 'ptq_chrf'):.2f} in FP32",
        f"{against(name, difference)}; {margin_text(MARGIN * won.mean)}",
        matched(difference, won),
        f"{cell(difference, 3, '+')} nats",
    )


def keeps_quality(found: QuantizationResults, base: str, format: str, paper_name: str) -> Verdict | None:
    """A format without further training keeps the fine-tuned model's quality."""
    arm, name = found.arm(base, "full", format), f"{FORMAT_NAMES[format]} minus FP32"
    return keeps(found, arm, KEEPS_QUALITY, paper_name, "ptq_chrf", name)


def keeps_task(found: QuantizationResults, base: str, format: str, paper_name: str) -> Verdict | None:
    """QAFT keeps the target task."""
    arm, name = found.arm(base, "qaft", format), f"QAFT, {FORMAT_NAMES[format]}, minus full fine-tuning"
    return keeps(found, arm, KEEPS_TASK, paper_name, "qaft_chrf", name)


def collapses(found: QuantizationResults, base: str) -> Verdict | None:
    """INT4 per tensor, as in the paper, collapses: the tuned model becomes worse than the base never tuned."""
    arm, untuned = found.arm(base, "full", "int4-tensor"), found.untuned(base)
    if arm is None:
        return None
    difference = gap(arm, untuned, "test")
    return Verdict(
        COLLAPSES,
        base,
        f"chrF {printed('INT4', 'ptq_chrf'):.2f} against {printed('FP32', 'ptq_chrf'):.2f} in FP32",
        f"{against('the tuned model in INT4 (one scale per tensor) minus the base never tuned', difference)}; "
        f"against the tuned model in FP32: {cell(gap(arm, found.full(base), 'test'), 3, '+')}",
        higher(difference),
        f"{cell(difference, 3, '+')} nats",
    )


def needs(found: QuantizationResults, base: str) -> Verdict | None:
    """INT4 needs QAFT: even at the best granularity, INT4 without it misses the quality, and with it does better.

    Contradicted where the best four-bit format without QAFT matches full fine-tuning.
    """
    plain, trained = best_in_four_bits(found, base, "full"), best_in_four_bits(found, base, "qaft")
    if not (plain and trained):
        return None
    won = gain(found, base, "test")
    missing, helped = gap(plain, found.full(base), "test"), gap(plain, trained, "test")
    kept = matched(missing, won)
    return Verdict(
        NEEDS,
        base,
        f"chrF {printed('INT4', 'ptq_chrf'):.2f} without, {printed('INT4', 'qaft_chrf'):.2f} with QAFT; only one "
        "scale per tensor was tried",
        f"{against(f'the best without, {FORMAT_NAMES[plain.format]}, minus FP32', missing)}; minus the best with QAFT, "
        f"{FORMAT_NAMES[trained.format]}: {cell(helped, 3, '+')}; {margin_text(MARGIN * won.mean)}",
        CONTRADICTED if kept == SUPPORTED else higher(helped) if kept == CONTRADICTED else OPEN,
        f"{cell(missing, 3, '+')} nats",
    )


def restores(found: QuantizationResults, base: str) -> Verdict | None:
    """QAFT at INT4 per tensor, as in the paper, is better than quantizing afterwards to the same format."""
    trained, plain = found.arm(base, "qaft", "int4-tensor"), found.arm(base, "full", "int4-tensor")
    if not (trained and plain):
        return None
    difference = gap(trained, plain, "test")
    return Verdict(
        RESTORES,
        base,
        f"chrF {printed('INT4', 'qaft_chrf'):.2f} against {printed('INT4', 'ptq_chrf'):.2f}",
        against("one scale per tensor, as in the paper, with QAFT minus without", difference),
        lower(difference),
        f"{cell(difference, 3, '+')} nats",
    )


def damages(found: QuantizationResults, base: str, format: str, paper_name: str) -> Verdict | None:
    """QAFT damages generality, beyond what full fine-tuning does."""
    arm = found.arm(base, "qaft", format)
    if arm is None:
        return None
    damage, (before, after) = damage_of(arm, found.full(base), found.untuned(base)), paper_zero_shot()
    return Verdict(
        DAMAGES.format(paper_name),
        base,
        f"zero-shot accuracy {after:.4f} against {before:.4f}, by a head that was never trained",
        f"worse than full fine-tuning by {damage.differences}",
        damage.word,
        damage.number,
    )


def of_format(text: str, place: str, test: Callable[..., Verdict | None], format: str, headline: bool = False) -> Claim:
    """The claim that a test makes of one format; its name is that of the test and the format."""
    name = PAPER_FORMATS[format]
    bound = partial(test, format=format, paper_name=name)
    return Claim(f"{test.__name__}_{name.lower()}", text.format(name), place, bound, headline)


CLAIMS = (
    of_format(KEEPS_QUALITY, "Figure 2", keeps_quality, "bf16", headline=True),
    of_format(KEEPS_QUALITY, "Figure 2", keeps_quality, "fp8", headline=True),
    of_format(KEEPS_QUALITY, "Figure 2", keeps_quality, "int8-tensor"),
    Claim("collapses", COLLAPSES, "Figure 2", collapses),
    Claim("needs", NEEDS, "Figure 2", needs, headline=False),
    Claim("restores", RESTORES, "Figure 2", restores),
    of_format(KEEPS_TASK, "Figure 2", keeps_task, "int8-tensor"),
    of_format(KEEPS_TASK, "Figure 2", keeps_task, "int4-tensor"),
    of_format(DAMAGES, "Figure 5", damages, "int8-tensor", headline=True),
    of_format(DAMAGES, "Figure 5", damages, "int4-tensor"),
)
