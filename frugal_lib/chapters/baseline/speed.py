"""How fast does a sonnet run train, beside what the machine's matrix products could do?"""

from __future__ import annotations

from dataclasses import replace

from frugal_lib.chapters import common
from frugal_lib.chapters.training_rate import training_rate
from frugal_lib.core.runs import Record, Result, Run
from frugal_lib.data import sonnets
from frugal_lib.models import bases
from frugal_lib.profiles import Profile
from frugal_lib.report.measured import Benchmark

EPOCHS = 3


def speed_runs(profile: Profile) -> list[Run]:
    """The chapter's full fine-tuning on the sonnets, cut to a few epochs, on each edition; the profile's own first.

    None where the profile does not train on the paper's split.
    """
    if not profile.sonnets.learning_rates:
        return []
    run = common.full_run(profile, 0, profile.sonnets.learning_rates[0])
    editions = dict.fromkeys([run.edition, *sonnets.EDITIONS])
    return [replace(run, method="speed", edition=e, data_digest=sonnets.digest(e), epochs=EPOCHS) for e in editions]


def speed_run(profile: Profile) -> Run:
    """The one of `speed_runs` that this machine has the text for."""
    own, *others = speed_runs(profile)
    return own if own.edition in (sonnets.available_edition(), "public-domain") else others[-1]


def compute(run: Run, device: str) -> Result:
    """The rate of full fine-tuning."""
    return Result(training_rate(run, bases.load_model(run.base, run.dropout).to(device), device))


BENCHMARK = Benchmark(
    "baseline",
    lambda profile: speed_runs(profile) and [speed_run(profile), *speed_runs(profile)],
    lambda profile, run: compute,
    one=True,
)
measure, shown = BENCHMARK.measure, BENCHMARK.shown


def summary(record: Record) -> str:
    """The record in the command's one line."""
    found = record.metrics
    return (
        f"{found['tokens_per_second']:,.0f} tokens a second, {found['training_gflops']:.0f} GFLOP/s: "
        f"{found['share_of_gemm']:.2f} of what matrix products reach"
    )
