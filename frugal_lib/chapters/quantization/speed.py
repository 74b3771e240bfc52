"""Tokens per second of generation by weight format, one prompt and twelve at once."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from frugal_lib.chapters import common
from frugal_lib.chapters.quantization import plan as quantization_plan
from frugal_lib.core import timing
from frugal_lib.core.machine import Unsupported
from frugal_lib.core.runs import Record, Result, Run
from frugal_lib.data import sonnets as sonnet_data
from frugal_lib.models import bases
from frugal_lib.models import formats as weight_formats
from frugal_lib.models.cache import growing_cache
from frugal_lib.profiles import Profile
from frugal_lib.report.measured import Benchmark

PROMPTS = (1, 12)


def generate_seconds(model: nn.Module, batch: dict[str, torch.Tensor], tokens: int, device: str) -> float:
    """Seconds to read the prompts and to continue each greedily by exactly so many tokens."""
    asked = {name: values.to(model.device) for name, values in batch.items()}
    settings = {"do_sample": False, "max_new_tokens": tokens, "min_new_tokens": tokens}
    cache = growing_cache(model.config)
    return timing.seconds_of(lambda: model.generate(**asked, **settings, past_key_values=cache), device)


def measured(run: Run, format: str, tokens: int, device: str) -> dict[int, float]:
    """Tokens per second of one format by the number of prompts, computed in the stored type on a CPU too.

    Raises:
        Unsupported: the device cannot run the format.
    """
    weight_formats.check_format(format, device)
    tokenizer = bases.load_tokenizer(run.base)
    prompts = [sonnet.given + "\n" for sonnet in sonnet_data.load_sonnets(run.edition).dev]
    model = weight_formats.convert(bases.load_model(run.base, 0.0).to(device), format, device).eval()
    found = {}
    for count in PROMPTS:
        batch = tokenizer(prompts[:count], return_tensors="pt", padding=True)
        generate_seconds(model, batch, 2, device)  # the first tokens warm up
        found[count] = count * tokens / generate_seconds(model, batch, tokens, device)
    return found


def compute(run: Run, device: str, formats: Sequence[str], tokens: int, rounds: int) -> Result:
    """A `speed` run: a row for each format, measured in turns so that a slow minute slows them all."""
    trials: dict[str, dict[int, list[float]]] = {name: {count: [] for count in PROMPTS} for name in formats}
    unsupported: dict[str, str] = {}
    for turn in range(rounds):
        for name in formats if turn % 2 == 0 else reversed(formats):
            try:
                for count, rate in measured(run, name, tokens, device).items():
                    trials[name][count].append(rate)
            except Unsupported as error:
                unsupported[name] = str(error)
    rows = [{"format": name, "unsupported": unsupported[name]} for name in unsupported]
    for name in (name for name in formats if name not in unsupported):
        medians = {f"prompts_{count}": statistics.median(rates) for count, rates in trials[name].items()}
        rows.append({"format": name, "trials": {str(k): v for k, v in trials[name].items()}} | medians)
    return Result({"tokens": tokens, "gemm_gflops": timing.gemm_rate(device)}, rows)


def computing(profile: Profile, run: Run) -> Callable[[Run, str], Result]:
    """`compute` with the formats and rounds of a profile."""
    plan = profile.quantization
    return partial(compute, formats=["fp32", *plan.formats], tokens=plan.speed_tokens, rounds=plan.speed_rounds)


def speed_run(profile: Profile) -> Run:
    """The measurement on the first base of chapter 3, on the text that every machine has."""
    start = common.without_checks(quantization_plan.start(profile, next(iter(profile.quantization.bases)), 0))
    return replace(common.on_public_domain(start), method="speed", samples=0)


def speed_runs(profile: Profile) -> list[Run]:
    """That measurement, where the profile has such a base."""
    return [speed_run(profile)] if profile.quantization.bases else []


BENCHMARK = Benchmark("quantization", speed_runs, computing)
measure, shown = BENCHMARK.measure, BENCHMARK.shown


def relative(record: Record) -> tuple[dict[str, float], float]:
    """At twelve prompts: each format's speed over FP32's, and how far the trials of one format are apart at most."""
    rows = {row["format"]: row for row in record.examples if "prompts_12" in row}
    factors = {name: row["prompts_12"] / rows["fp32"]["prompts_12"] for name, row in rows.items() if name != "fp32"}
    return factors, max(max(row["trials"]["12"]) / min(row["trials"]["12"]) for row in rows.values())


def summary(record: Record) -> str:
    """The record in a sentence for the terminal."""
    rates = ", ".join(f"{row['format']} {row['prompts_12']:,.0f}" for row in record.examples if "prompts_12" in row)
    return f"{record.run.base}: tokens per second at twelve prompts: {rates}"
