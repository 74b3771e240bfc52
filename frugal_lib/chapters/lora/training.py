"""What training takes of a worker, by method: tokens per second beside its matrix products, and memory."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from frugal_lib.chapters import common, folds
from frugal_lib.chapters.training_rate import training_rate
from frugal_lib.core import machine, runs
from frugal_lib.core.runs import Record, Result, Run
from frugal_lib.models import adapt, bases
from frugal_lib.profiles import Profile, load_profile
from frugal_lib.report.cells import NONE, framed
from frugal_lib.report.measured import Benchmark

SIZE = "small"  # the profile of the paper's size
SONNETS = 32  # two batches: about 5,000 tokens, 50 seconds a method at 135 M parameters


def training_runs(profile: Profile) -> list[Run]:
    """A measurement for each base of the cross-validation, on the text that every machine has."""
    measured = []
    for base in folds.of_bases(profile):
        grid, start = profile.folds.bases[base], folds.start(profile, base)
        run = replace(start, chapter="lora", task="sonnets", folds=0, train_limit=SONNETS, held_out_limit=None)
        tuned = common.tuned(run, grid, profile.sonnets.dropout, "speed", min(grid.full_learning_rates))
        measured.append(replace(tuned, epochs=1, patience=0))
    return measured


def methods(profile: Profile, run: Run) -> list[Run]:
    """Full fine-tuning, and what the profile has besides: LoRA of its lowest rank, QAFT, QLoRA."""
    grid, formats = profile.folds.bases[run.base], profile.quantization.fold_qaft_formats
    adapter = {"rank": min(grid.ranks, default=0), "alpha": grid.alpha, "modules": adapt.ALL}
    chosen = [replace(run, method="full")]
    if grid.lora_learning_rates:
        chosen += [replace(run, method="lora", **adapter), replace(run, method="qlora", format="nf4", **adapter)]
    return chosen + [replace(run, method="qaft", format=format) for format in formats[:1]]


def measured(run: Run, device: str) -> dict:
    """One method: its rate, and the peak of all the memory that the process takes meanwhile."""
    machine.reset_peak_memory(device)
    model = adapt.adapt(bases.load_model(run.base, run.dropout).to(device), run)
    row = {"method": run.method, "format": run.format, "rank": run.rank}
    row |= {"trainable_parameters": adapt.trainable_parameters(model)}
    return row | training_rate(run, model, device) | {"peak_mb": machine.peak_memory_mb(device)}


def compute(run: Run, device: str, chosen: Sequence[Run]) -> Result:
    """A row a method, one after the other in this process."""
    rows = [measured(one, device) for one in chosen]
    return Result({"gemm_gflops": statistics.median(row["gemm_gflops"] for row in rows)}, rows)


def computing(profile: Profile, run: Run) -> Callable[[Run, str], Result]:
    """`compute` with the methods of a profile."""
    return partial(compute, chosen=methods(profile, run))


BENCHMARK = Benchmark("training", training_runs, computing)
measure = BENCHMARK.measure


def on_file(instead: str = "") -> list[Record]:
    """The records there are at the paper's size, whatever profile a page is of; none is made. `instead`: a folder."""
    profile = load_profile(SIZE)
    return runs.finished(training_runs(profile), profile.results_folder(instead))


def share(row: dict) -> float | None:
    """6 x parameters x tokens over the matrix products' rate; None where not all parameters are trained."""
    return row["share_of_gemm"] if row["trainable_parameters"] == row["parameters"] else None


@framed
def training_table(records: Sequence[Record]) -> Iterator[dict]:
    """A line a method: tokens per second, their share of the matrix products, and memory of a worker."""
    names = {"full": "full fine-tuning", "lora": "LoRA", "qlora": "QLoRA", "qaft": "QAFT"}
    for record in records:
        for row in record.examples:
            details = (
                f", rank {row['rank']}" if row["rank"] else f", {row['format']}" if row["method"] == "qaft" else ""
            )
            found = share(row)
            yield {
                "method": names[row["method"]] + details,
                "base": record.run.base,
                "tokens per second": f"{row['tokens_per_second']:,.0f}",
                "share of the matrix products' rate": NONE if found is None else f"{found:.2f}",
                "peak memory, GB": f"{row['peak_mb'] / 1e3:.1f}",
            }


def summary(record: Record) -> str:
    """The record in a sentence for the terminal."""
    spoken = [
        f"{row['method']} {row['tokens_per_second']:,.0f} tokens a second"
        + (f" ({share(row):.2f} of what matrix products reach)" if share(row) is not None else "")
        + f" in {row['peak_mb'] / 1e3:.1f} GB"
        for row in record.examples
    ]
    return f"{record.run.base}: {', '.join(spoken)}"
