"""How fast does a sonnet run train, beside what the machine's matrix products could do?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from frugal_lib import data, likelihood, models, runs, sonnet_runs, train
from frugal_lib.profiles import Profile
from frugal_lib.runs import Record, Result, Run

SIZE, EPOCHS = 2048, 3


def planned(profile: Profile) -> list[Run]:
    """One measurement: chapter 1's full fine-tuning on the sonnets, cut to a few epochs."""
    run = sonnet_runs.full_run(profile, 0, profile.sonnets.learning_rates[0])
    return [replace(run, method="speed", epochs=EPOCHS)]


def seconds_of(work: Callable[[], object], device: str) -> float:
    """Wall-clock seconds of `work`; on a GPU until it has finished."""
    started = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def gemm_rate(device: str, repeats: int = 7) -> float:
    """FP32 matrix products of 2048 x 2048, in GFLOP/s: the median of some repeats."""
    a, b = (torch.randn(SIZE, SIZE, device=device) for _ in range(2))

    seconds_of(lambda: a @ b, device)  # the first one warms up
    return 2 * SIZE**3 / statistics.median(seconds_of(lambda: a @ b, device) for _ in range(repeats)) / 1e9


def compute(run: Run, device: str) -> Result:
    """Tokens per second of `train.fine_tune`, and 6 x parameters x that beside the matrix products.

    Six floating-point operations a parameter and token is the convention of Kaplan et al. 2020 for a
    forward and a backward pass. Padding is not counted as work, and matrix products are measured
    before and after, in this process, on as many threads.
    """
    tokenizer = models.load_tokenizer(run.base)
    model = models.load_model(run.base, run.dropout).to(device)
    texts = [sonnet.text for sonnet in data.load_sonnets(run.edition).train[: run.train_limit]]
    examples = likelihood.language_examples(texts, tokenizer)
    schedule = train.Schedule(run.learning_rate, run.epochs, run.batch_size, run.epochs, run.weight_decay, run.seed)
    objective = train.Objective(
        collate=lambda rows: likelihood.collate(rows, tokenizer.eos_token_id),
        judge=lambda model: {"dev_loss": 0.0},  # training alone is timed
    )
    before = gemm_rate(device)
    _, seconds = train.fine_tune(model, examples, schedule, objective, device)
    gemm = (before + gemm_rate(device)) / 2
    tokens = run.epochs * sum(len(example["input_ids"]) for example in examples)
    rate = 6 * model.num_parameters() * tokens / seconds / 1e9
    return Result({
        "gemm_gflops": gemm,
        "training_gflops": rate,
        "share_of_gemm": rate / gemm,
        "tokens_per_second": tokens / seconds,
        "parameters": model.num_parameters(),
    })  # fmt: skip


def measured_once(run: Run, compute: Callable[[Run, str], Result], results: Path, device: str, again: bool) -> Record:
    """The record of a measurement; it is made where there is none, or where it is asked for `again`."""
    record = None if again else runs.read(run, results)
    if record is None:
        record = runs.execute(run, compute, device)
        runs.write(record, results)
    return record


def measure(profile: Profile, results: Path, device: str = "auto", again: bool = False) -> Record:
    """The record of chapter 1's benchmark."""
    return measured_once(planned(profile)[0], compute, results, device, again)


def summary(record: Record) -> str:
    """The record in a sentence."""
    found, run, place = record.metrics, record.run, record.environment
    return (
        f"{found['tokens_per_second']:,.0f} tokens a second: {found['training_gflops']:.0f} GFLOP/s "
        f"(6 x {found['parameters']:,} parameters a token), {found['share_of_gemm']:.2f} of the "
        f"{found['gemm_gflops']:.0f} GFLOP/s of FP32 matrix products of {SIZE} x {SIZE} in the same process; base "
        f"{run.base}, batch size {run.batch_size}, dropout {run.dropout:g}, {place['threads']} thread, "
        f"{place['device_name']}."
    )
