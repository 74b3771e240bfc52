"""The sentences of chapter 3 whose numbers come from records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from frugal_lib.chapters.quantization.results import FORMAT_NAMES, QuantizationResults
from frugal_lib.chapters.quantization.tables import ALIKE, NEAR, heads, majority_share
from frugal_lib.core.runs import Record
from frugal_lib.data.labelled import SOURCES
from frugal_lib.paper import published
from frugal_lib.report.cells import rate_text

MEANING = {
    "cpu": "These are times on a CPU, of a small model. Integers are made FP32 again at every step "
    "and FP16 and BF16 are computed with as they are, at whatever speed this CPU has for them: the numbers say what a "
    "format costs here, not what it gains where the speed is that of reading weights, as it is on a GPU and with large "
    "models. That is not measured here; what is saved here is memory.",
    "cuda": "These are times on a GPU, with the kernels of bitsandbytes and torchao where a format is theirs.",
}


def quantization_how(found: QuantizationResults) -> str:
    """What was trained how, and what the checks were made on."""
    lines = []
    for base in found.bases:
        full, rates = found.full(base), sorted({r.run.learning_rate for r in found.tried if r.run.base == base})
        kept = {arm.format: arm.records[0].run.learning_rate for arm in found.qaft(base)}
        run, adapter = full.records[0].run, found.arm(base, "lora")
        lines.append(
            f"`{base}` ({full.fact('parameters') / 1e6:.1f} M parameters, {len(full.records)} seeds): full fine-tuning "
            f"at {rate_text(run.learning_rate)}, "
            + (f"LoRA and QLoRA of rank {adapter.records[0].run.rank} at "
               f"{rate_text(adapter.records[0].run.learning_rate)}, " if adapter else "")
            + f"QAFT at the rate of the lowest dev loss of {', '.join(map(rate_text, rates))} ("
            + ", ".join(f"{FORMAT_NAMES[name]} {rate_text(rate)}" for name, rate in kept.items())
            + f"); batch size {run.batch_size}, at most {run.epochs} epochs, patience {run.patience}"
        )  # fmt: skip
    run = found.full(found.bases[0]).records[0].run
    sets = "; ".join(SOURCES[tuple(name.split("/"))] for name in run.pair_sets.split())
    return (
        f"*How it was measured.* {'. '.join(lines)}. QAFT starts from the base, as full fine-tuning does: only the "
        f"rounding differs. Generality: {run.pairs} pairs of each set to train a probe on and as many to ask about "
        f"({sets}). Intervals are 95 %, with items and seeds both taken as random; differences are paired by both."
    )


def sizes_sentence(found: QuantizationResults) -> str:
    """What the paper's sizes are, and how much of our file the embeddings are."""
    note = published.published()["figure2_quantization"]["note"]
    parts = []
    for arm in (a for base in found.bases for a in found.formats(base) if a.format == "int4-tensor"):
        nominal = arm.fact("parameters") / 2
        parts.append(f"`{arm.base}` in INT4 takes {arm.fact('file_bytes') / nominal:.1f} times its bits × parameters")
    ours = (
        f" {'; '.join(parts)}: the embeddings stay as they are, and in a small model they weigh more." if parts else ""
    )
    return f"Of the paper's sizes: {note}{ours}"


def unsupported_sentence(found: QuantizationResults) -> str:
    """What the device that made the records cannot run."""
    reasons = sorted({record.error for record in found.unsupported})
    if not reasons:
        return "The device that made the records could run every format."
    return "Not run on the device that made the records: " + " ".join(reasons)


def zero_shot_sentence(found: QuantizationResults) -> str:
    """What the paper's zero-shot accuracies are, by its released answers and by our untrained heads."""
    accuracy = published.table("figure5_zero_shot").set_index("bar")["value"]
    full, trained = (
        accuracy[f"paraphrase accuracy, zero-shot from sonnet {name}"] for name in ("full FT", "QAFT INT8")
    )
    rows, no = found.zero_shot.examples, majority_share(found)
    (pairs,), (yes,) = ({row[key] for row in rows} for key in ("pairs", "yes"))
    arm = found.full(found.bases[0])
    same, seen = heads(arm)["same"], heads(arm)["accuracy"]
    near = np.mean((np.abs(seen - no) <= NEAR) | (np.abs(seen - 1 + no) <= NEAR))
    return (
        f"The paper reports an accuracy of {full:.4f} after full fine-tuning and {trained:.4f} after QAFT; the two add "
        f"up to {full + trained:.4f}. The zero-shot answers it released, of two models, are one and the same file: of "
        f"{pairs:,} pairs, {yes:,} are called paraphrases. On `{arm.base}` after full fine-tuning, "
        f"{100 * np.mean(same >= ALIKE):.0f} % of {len(same):,} untrained heads give at least "
        f"{100 * ALIKE:.0f} % of the pairs the same answer, and {100 * near:.0f} % of them score within a point of "
        f"{no:.3f} or {1 - no:.3f}, the shares of the two labels among our pairs; at the label rate of the paper's, "
        f"the same constants score {full:.4f} and {trained:.4f}. Which of the two it is, the draw of the head decides."
    )  # fmt: skip


def speed_sentence(records: Sequence[Record]) -> str:
    """What was timed, how far formats and trials are apart, and what a number of this device means."""
    (record,) = records
    place, run = record.environment, record.run
    rows = {row["format"]: row for row in record.examples if "prompts_12" in row}
    factors = {name: row["prompts_12"] / rows["fp32"]["prompts_12"] for name, row in rows.items() if name != "fp32"}
    slow, fast = min(factors, key=factors.get), max(factors, key=factors.get)
    spread = max(max(row["trials"]["12"]) / min(row["trials"]["12"]) for row in rows.values())
    where = f"{place['device_name']}, {place['threads']} thread" + "s" * (place["threads"] != 1)
    return (
        f"Greedy generation of {record.metrics['tokens']} tokens behind the first lines of dev sonnets, base "
        f"`{run.base}`, {where}; FP32 matrix products run at {record.metrics['gemm_gflops']:.0f} GFLOP/s there. At "
        f"twelve prompts the formats run at {factors[slow]:.2f} ({FORMAT_NAMES[slow]}) to {factors[fast]:.2f} "
        f"({FORMAT_NAMES[fast]}) times the speed of FP32, and the trials of one format are up to {spread:.2f} times "
        f"apart, so that smaller differences mean nothing. {MEANING[place['device']]} The paper's numbers are of GPT-2 "
        f"Small on an L4 at batch size 8."
    )
