"""The paper's claims about quantization, and the test that the records put each to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from frugal_lib.chapters.quantization.results import (
    FORMAT_NAMES,
    PAPER_FORMATS,
    FormatArm,
    QuantizationResults,
    paper_zero_shot,
)
from frugal_lib.core import select
from frugal_lib.models.formats import FORMATS
from frugal_lib.paper import published
from frugal_lib.report.claim import Claim
from frugal_lib.report.contrast import decide
from frugal_lib.report.generality import damage_in
from frugal_lib.report.verdict import CONTRADICTED, HIGHER, KEEPS, LOWER, OPEN, SUPPORTED, Verdict, all_hold

AFTERWARDS = ("bf16", "fp8", "int8-tensor")  # of the paper's formats without QAFT all but INT4, which collapses there
WITH_QAFT = ("int8-tensor", "int4-tensor")
KEEPS_QUALITY = "{} weights keep the quality of fine-tuning"
KEEPS_TASK = "QAFT at {} keeps the task"
DAMAGES = "QAFT at {} damages generality"


def printed(format: str, column: str) -> float | None:
    """A number of the paper's Figure 2."""
    return published.value("figure2_quantization", column, format=format)


def best_in_four_bits(found: QuantizationResults, base: str, method: str) -> FormatArm | None:
    """Of the INT4 and NF4 arms of one way of training, the one with the lowest dev loss at the first seed."""
    arms = found.formats(base) if method == "full" else found.qaft(base)
    four = [arm for arm in arms if FORMATS[arm.format].bits == 4]
    return min(four, key=lambda arm: select.selection_loss(arm.records[0]), default=None)


def keeps(found: QuantizationResults, base: str, method: str, format: str) -> Verdict | None:
    """Whether an arm is within the margin of full fine-tuning in FP32."""
    name, column = PAPER_FORMATS[format], "ptq_chrf" if method == "full" else "qaft_chrf"
    paper = f"chrF {printed(name, column):.2f} against {printed('FP32', 'ptq_chrf'):.2f} in FP32"
    compared = f"{'QAFT, ' * (method == 'qaft')}{FORMAT_NAMES[format]} minus full fine-tuning in FP32"
    return decide(found.contrast(base, (method, format)), KEEPS, base, compared, paper)


def keeps_all(found: QuantizationResults, base: str, method: str, formats: Sequence[str]) -> Verdict | None:
    """Whether all of some arms keep the task: what is said of quantization as such.

    All must (an intersection-union test); one that does not is enough for the contrary (Bonferroni). The one that
    decides is shown.
    """
    told = [verdict for format in formats if (verdict := keeps(found, base, method, format))]
    if len(told) < len(formats):
        return None
    names = [name for name in told[0].choices if all(name in verdict.choices for verdict in told)]
    choices = {name: all_hold([verdict.choices[name] for verdict in told]) for name in names}
    word = all_hold([verdict.verdict for verdict in told])
    beyond = [verdict for verdict in told if verdict.verdict == CONTRADICTED]
    shown = min(beyond, key=lambda verdict: verdict.p) if beyond else max(told, key=lambda verdict: verdict.p)
    return replace(
        shown,
        paper="; ".join(f"{PAPER_FORMATS[f]} {verdict.paper}" for f, verdict in zip(formats, told, strict=True)),
        ours="; ".join(verdict.ours for verdict in told),
        verdict=word,
        p=min(1.0, len(told) * shown.p) if beyond else shown.p,
        choices=choices,
    )


def collapses(found: QuantizationResults, base: str) -> Verdict | None:
    """INT4 per tensor, as in the paper, collapses: the tuned model becomes worse than the base never tuned."""
    paper = f"chrF {printed('INT4', 'ptq_chrf'):.2f} against {printed('FP32', 'ptq_chrf'):.2f} in FP32"
    name = "the tuned model in INT4 (one scale per tensor) minus the base never tuned"
    return decide(found.contrast(base, ("full", "int4-tensor"), ("base", "fp32")), HIGHER, base, name, paper)


def needs(found: QuantizationResults, base: str) -> Verdict | None:
    """INT4 needs QAFT: even at the best granularity, INT4 without it misses the quality, and with it does better.

    Not so where the best four-bit format without QAFT matches full fine-tuning.
    """
    plain, trained = best_in_four_bits(found, base, "full"), best_in_four_bits(found, base, "qaft")
    if not (plain and trained):
        return None
    paper = (
        f"chrF {printed('INT4', 'ptq_chrf'):.2f} without, {printed('INT4', 'qaft_chrf'):.2f} with QAFT; only one "
        "scale per tensor was tried"
    )
    own, other = ("full", plain.format), ("qaft", trained.format)
    missing = decide(
        found.contrast(base, own), KEEPS, base, f"the best without, {FORMAT_NAMES[plain.format]}, minus FP32", paper
    )
    name = f"minus the best with QAFT, {FORMAT_NAMES[trained.format]}"
    helped = decide(found.contrast(base, own, other), HIGHER, base, name, paper)
    words = {SUPPORTED: CONTRADICTED, CONTRADICTED: helped.verdict, OPEN: OPEN}
    return replace(
        missing,
        ours=f"{missing.ours}; {helped.ours}",
        verdict=words[missing.verdict],
        p=missing.p if missing.verdict == SUPPORTED else max(missing.p, helped.p),
        choices={},
    )


def restores(found: QuantizationResults, base: str) -> Verdict | None:
    """QAFT at INT4 per tensor, as in the paper, is better than quantizing afterwards to the same format."""
    paper = f"chrF {printed('INT4', 'qaft_chrf'):.2f} against {printed('INT4', 'ptq_chrf'):.2f}"
    contrast = found.contrast(base, ("qaft", "int4-tensor"), ("full", "int4-tensor"))
    return decide(contrast, LOWER, base, "one scale per tensor, as in the paper, with QAFT minus without", paper)


def damages(found: QuantizationResults, base: str, format: str) -> Verdict | None:
    """QAFT damages generality, beyond what full fine-tuning does."""
    damage = damage_in(found.contrast(base, ("qaft", format)))
    if damage is None:
        return None
    before, after = paper_zero_shot()
    paper = f"zero-shot accuracy {after:.4f} against {before:.4f} at INT8, through an output layer with random weights"
    ours = f"worse than full fine-tuning, {damage.differences}"
    return Verdict("", base, paper, ours, damage.word, damage.number, damage.p, source=damage.source)


def of_format(text: str, place: str, test: Callable[..., Verdict | None], format: str, name: str) -> Claim:
    """The claim that a test makes of one format."""
    format_name = PAPER_FORMATS[format]
    return Claim(f"{name}_{format_name.lower()}", text.format(format_name), place, partial(test, format=format))


CLAIMS = (
    Claim("preserves", "Quantization preserves the target task, without QAFT (BF16, FP8, INT8)", "Figure 2",
          partial(keeps_all, method="full", formats=AFTERWARDS)),
    *(of_format(KEEPS_QUALITY, "Figure 2", partial(keeps, method="full"), format, "keeps_quality")
      for format in AFTERWARDS),
    Claim("collapses", "INT4 collapses without QAFT", "Figure 2", collapses),
    Claim("needs", "INT4 needs QAFT at every granularity", "Figure 2", needs),
    Claim("restores", "QAFT restores INT4", "Figure 2", restores),
    Claim("preserves_qaft", "Quantization preserves the target task, with QAFT (INT8, INT4)", "Figure 2",
          partial(keeps_all, method="qaft", formats=WITH_QAFT)),
    *(of_format(KEEPS_TASK, "Figure 2", partial(keeps, method="qaft"), format, "keeps_task") for format in WITH_QAFT),
    *(of_format(DAMAGES, "Figure 5", damages, format, "damages") for format in WITH_QAFT),
)  # fmt: skip
