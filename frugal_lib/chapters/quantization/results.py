"""Chapter 3 as data: an arm for each way of making a model, with its losses, bytes and measures of generality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from frugal_lib.chapters.quantization import plan
from frugal_lib.core import select
from frugal_lib.core.runs import Record, Run
from frugal_lib.core.stats import Interval
from frugal_lib.models.formats import FORMATS
from frugal_lib.paper import published
from frugal_lib.report import folded
from frugal_lib.report.arm import Arm, gap
from frugal_lib.report.contrast import Contrast, Side
from frugal_lib.report.folded import FoldArm
from frugal_lib.report.length_floor import LengthFloor

SCALES = {"tensor": "per tensor", "channel": "per channel", "block": "per block"}
FORMAT_NAMES = {
    "fp64": "FP64",
    "fp32": "FP32",
    "fp16": "FP16",
    "bf16": "BF16",
    "fp8": "FP8 (torchao)",
    "int8-bnb": "INT8 (bitsandbytes)",
    "int8-torchao": "INT8 (torchao)",
    "nf4": "NF4 (bitsandbytes)",
    "int4-torchao": "INT4 (torchao)",
} | {name: f"INT{kind.bits}, {SCALES[kind.scale]}" for name, kind in FORMATS.items() if kind.by == "ours"}
PAPER_FORMATS = {"fp64": "FP64", "fp32": "FP32", "bf16": "BF16", "fp8": "FP8"}
PAPER_FORMATS |= {"int8-tensor": "INT8", "int4-tensor": "INT4"}  # one scale per tensor
METHODS = {"base": "not fine-tuned", "full": "full fine-tuning", "lora": "LoRA", "qaft": "QAFT", "qlora": "QLoRA"}


def name_of(arm: FormatArm | Run) -> str:
    """How a model was trained and what its weights are stored as, in words."""
    tuned, stored = METHODS[arm.method], FORMAT_NAMES[arm.format]
    if arm.method == "full" and arm.format != "fp32":
        return f"{tuned}, then {stored}"
    return tuned if arm.format == "fp32" else f"{tuned}, {stored}"


@dataclass(frozen=True)
class FormatArm(Arm):
    """How a model was trained, and what its weights are stored as."""

    method: str
    format: str

    name = property(name_of)

    @property
    def nominal_bytes(self) -> float:
        """Bits x parameters, by which the paper states sizes."""
        return FORMATS[self.format].bits * self.fact("parameters") / 8


@dataclass(frozen=True)
class QuantizationResults:
    """All that chapter 3 reads: the arms, the floor, the paper's zero-shot answers, what the device could not run."""

    arms: tuple[FormatArm, ...]
    floor: Arm
    lengths: LengthFloor
    zero_shot: Record
    unsupported: tuple[Record, ...]
    tried: tuple[Record, ...]  # QAFT at every rate and seed
    folds: tuple[FoldArm, ...] = ()  # in cross-validation

    @property
    def bases(self) -> list[str]:
        return list(dict.fromkeys(arm.base for arm in self.arms))

    def arm(self, base: str, method: str, format: str = "fp32") -> FormatArm | None:
        """One arm, where it was run."""
        return next((a for a in self.arms if (a.base, a.method, a.format) == (base, method, format)), None)

    def full(self, base: str) -> FormatArm:
        """Full fine-tuning in FP32, with which all others are compared."""
        return self.arm(base, "full")

    def untuned(self, base: str) -> FormatArm:
        """The base as it is."""
        return self.arm(base, "base")

    def side(self, base: str, method: str, format: str = "fp32") -> Side:
        """An arm on the paper's split, and its counterpart in cross-validation."""
        return Side(self.arm(base, method, format), folded.find(self.folds, base, method, format=format))

    def contrast(self, base: str, one: tuple[str, str], other: tuple[str, str] = ("full", "fp32")) -> Contrast:
        """Two arms of one base, each by its method and format, compared."""
        sides = (self.side(base, *key) for key in (one, other, ("full",), ("base",)))
        return Contrast(*sides)

    def won(self, base: str) -> float:
        """What full fine-tuning wins over the base in bits per character, on the test sonnets."""
        return self.contrast(base, ("full", "fp32")).intervals["test"][1].mean

    def formats(self, base: str) -> list[FormatArm]:
        """The fully fine-tuned model in every format, widest first."""
        found = {a.format: a for a in self.arms if (a.base, a.method) == (base, "full")}
        return [found[name] for name in FORMATS if name in found]

    def qaft(self, base: str) -> list[FormatArm]:
        """QAFT in every format that was trained for, widest first."""
        return [arm for name in FORMATS if (arm := self.arm(base, "qaft", name))]

    def rates(self, base: str) -> list[float]:
        """The learning rates at which QAFT was tried."""
        return sorted({record.run.learning_rate for record in self.tried if record.run.base == base})

    def checked(self, base: str) -> list[FormatArm]:
        """The arms whose generality was checked, from the base to QLoRA."""
        mine = [a for a in self.arms if a.base == base and a.records[0].run.pairs]
        order = list(METHODS)
        return sorted(mine, key=lambda a: (order.index(a.method), list(FORMATS).index(a.format)))


def arms_of(records: Sequence[Record]) -> tuple[FormatArm, ...]:
    """Finished records by base, method and format, at the rate of lowest dev loss at the first seed."""
    kinds = plan.by_arm(records).items()
    kept = {key: sorted(select.kept(found), key=lambda record: record.run.seed) for key, found in kinds}
    return tuple(FormatArm(base, tuple(found), method, format) for (base, method, format), found in kept.items())


def quantization_results(records: Sequence[Record], folds: Sequence[Record] = ()) -> QuantizationResults:
    """The chapter's records and those of its cross-validation, sorted.

    Raises:
        ValueError: the base or full fine-tuning has not finished on some base.
    """
    by_method = {record.run.method: record for record in records}
    zero_shot, floor = by_method["released-zero-shot"], by_method["floor-lines"]
    ours = [r for r in records if r.run.edition == floor.run.edition and r.run.base]
    found = QuantizationResults(
        arms_of(ours),
        Arm("", (floor,)),
        LengthFloor(by_method["floor-lengths"]),
        zero_shot,
        tuple(r for r in ours if r.status == "unsupported"),
        tuple(r for r in ours if r.run.method == "qaft" and r.status == "ok"),
        tuple(folded.arms_of(folds)),
    )
    for base in {r.run.base for r in ours}:
        for method in ("base", "full"):
            if not found.arm(base, method):
                raise ValueError(f"{base}, {method}: no run has finished; see the records, then sweep --retry-failed.")
    return found


def gain(found: QuantizationResults, base: str, split: str) -> Interval:
    """What full fine-tuning wins over the base as it is, in nats per token."""
    return gap(found.untuned(base), found.full(base), split)


def paper_zero_shot() -> tuple[float, float]:
    """The paper's zero-shot accuracies, after full fine-tuning and after QAFT at INT8."""
    names = (f"paraphrase accuracy, zero-shot from sonnet {tuned}" for tuned in ("full FT", "QAFT INT8"))
    full, qaft = (published.value("figure5_zero_shot", "value", bar=name) for name in names)
    return full, qaft
