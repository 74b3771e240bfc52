"""What a model is trained in: FP32, or on a GPU half precision where rounding allows it; a folder has one precision.

`bf16` is training under BF16 autocast, with TF32 for what FP32 products are left, evaluation among them: GPUs from
compute capability 8 on. `fp16` is training under FP16 autocast with loss scaling, and FP32 products: older GPUs,
which emulate BF16. Weights, gradients and the optimizer's state are FP32 in each (Micikevicius et al. 2018, "Mixed
precision training").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from frugal_lib.core import machine
from frugal_lib.core.records import Run

PRECISIONS = ("fp32", "bf16", "fp16")
TIMED = ("speed", "steps")  # methods whose numbers are the clock's, always in FP32
AMPERE = (8, 0)  # the first compute capability with BF16 and TF32 in its tensor cores


def of_device(device: str) -> str:
    """What a device trains in where nothing else is said; one that is asked for from afar counts as a recent GPU."""
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return "fp32"
    recent = not torch.cuda.is_available() or torch.cuda.get_device_capability() >= AMPERE
    return "bf16" if recent else "fp16"


def half(device: str) -> torch.dtype:
    """The type that four-bit weights are multiplied in: FP32 on a CPU, else the half precision of `of_device`."""
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[of_device(device)]


def check(precision: str, device: str) -> None:
    """Raise `Unsupported` where a device has no such precision."""
    if precision == "fp32" or (device == "cuda" and (precision == "fp16" or of_device(device) == "bf16")):
        return
    needs = "a GPU of compute capability 8" if precision == "bf16" else "a GPU"
    raise machine.Unsupported(f"precision {precision}: it needs {needs}, and this is {machine.device_name(device)}.")


@contextmanager
def products(precision: str) -> Iterator[None]:
    """Let FP32 products be computed in TF32 within the block, where the precision says so."""
    if precision != "bf16":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def among(runs: Iterable[Run]) -> str | None:
    """What runs were trained in, by the first of them that was; None where none was."""
    return next((run.precision for run in runs if run.learning_rate and run.method not in TIMED), None)


def of_folder(results: Path) -> str | None:
    """The same of the records in a folder, by their names; None where none is of a trained run."""
    for path in results.glob("*/[!.]*-lr*.json"):
        if not any(f"-{method}-" in path.name for method in TIMED):
            found = re.search(r"-(\w+)-autocast-", path.name)
            return found[1] if found else "fp32"
    return None


def chosen(results: Path, device: str, asked: str | None = None) -> str:
    """The precision of a sweep: that of the records that are there, else what was asked for, else the device's.

    What is compared is computed alike: a sweep that was begun on CPUs goes on in FP32 on a GPU, and records that a
    GPU made are found on a machine that has none.

    Raises:
        ValueError: no such precision, or not that of the records.
    """
    if asked not in (None, *PRECISIONS):
        raise ValueError(f"precision {asked!r} is unknown; choose one of {', '.join(PRECISIONS)}.")
    there = of_folder(results)
    if asked and there and asked != there:
        raise ValueError(f"{results}: its runs were trained in {there}, not {asked}; give another folder (--results).")
    return there or asked or of_device(device)


def applied(runs: Sequence[Run], precision: str) -> list[Run]:
    """The runs in that precision; those without a model have none to choose."""
    return [replace(run, precision=precision) if run.base and run.method not in TIMED else run for run in runs]
