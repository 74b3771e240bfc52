"""The headline claims by chapter, until every chapter has CLAIMS of its own; then this file goes."""

# until every chapter has CLAIMS

from __future__ import annotations

from collections.abc import Sequence

from frugal_lib.chapters import common
from frugal_lib.chapters.baseline.labelled import LabelledRow, outcomes, row_of
from frugal_lib.chapters.lora.claims import matches, modules_matter, overfits_less, tolerates
from frugal_lib.chapters.quantization.claims import collapses, damages, keeps_quality, restores
from frugal_lib.chapters.synthetic.claims import (
    flash_beats_pro,
    keeps_generality,
    more_hurts,
    printed,
    stronger_is_not_better,
)
from frugal_lib.chapters.synthetic.results import SyntheticResults, capacity_gap
from frugal_lib.report.cells import cell
from frugal_lib.report.claim import Claim
from frugal_lib.report.measures import paired
from frugal_lib.report.verdict import Verdict, higher, lower


def beats_last_layer(labelled: Sequence[LabelledRow], base: str, task: str) -> Verdict | None:
    """Full fine-tuning has a higher dev accuracy than the last layer alone, paired by example and seed."""
    rows = [row for row in labelled if row.task == task]
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


def wants_capacity(found: SyntheticResults, base: str) -> Verdict | None:
    """Pro transfers worse for want of capacity: beside Flash, the larger base gains more from Pro than the smaller."""
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


CLAIMS = {
    "baseline": (
        Claim("sst", "Full fine-tuning beats the last layer (SST)", "Table 1",
              lambda rows, base: beats_last_layer(rows, base, "sst")),
        Claim("cfimdb", "Full fine-tuning beats the last layer (CFIMDB)", "Table 1",
              lambda rows, base: beats_last_layer(rows, base, "cfimdb")),
    ),
    "lora": (
        Claim("matches", "LoRA matches full fine-tuning", "Table 3", matches),
        Claim("tolerates", "LoRA tolerates higher learning rates", "Table 3, Figure 4", tolerates),
        Claim("overfits", "LoRA overfits less", "Figure 4", overfits_less),
        Claim("modules", "Adapting attention and MLP beats attention alone", "Table 6", modules_matter),
    ),
    "quantization": (
        Claim("bf16", "BF16 keeps the quality", "Figure 2",
              lambda found, base: keeps_quality(found, base, "bf16", "BF16")),
        Claim("fp8", "FP8 keeps the quality", "Figure 2", lambda found, base: keeps_quality(found, base, "fp8", "FP8")),
        Claim("collapses", "INT4 collapses without QAFT", "Figure 2", collapses),
        Claim("restores", "QAFT restores INT4", "Figure 2", restores),
        Claim("damages", "QAFT (INT8) damages zero-shot ability", "Figure 5",
              lambda found, base: damages(found, base, "int8-tensor", "INT8")),
    ),
    "synthetic": (
        Claim("keeps", "Synthetic data keeps zero-shot ability", "Table 7",
              lambda found, base: keeps_generality(found, base, "flash")),
        Claim("stronger", "A stronger teacher is not always better", "Figure 3",
              lambda found, base: stronger_is_not_better(found, base, "")),
        Claim("stronger, clean", "The same, without held-out text in the lessons", "Figure 3",
              lambda found, base: stronger_is_not_better(found, base, common.CLEAN)),
        Claim("flash", "Flash is the best teacher", "Figure 3",
              lambda found, base: flash_beats_pro(found, base, "")),
        Claim("flash, clean", "The same, without held-out text in the lessons", "Figure 3",
              lambda found, base: flash_beats_pro(found, base, common.CLEAN)),
        Claim("capacity", "Pro transfers worse for want of capacity", "Figure 3", wants_capacity),
        Claim("more", "More Flash Lite data hurts", "Figure 3", more_hurts),
    ),
}  # fmt: skip
