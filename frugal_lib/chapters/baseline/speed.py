"""How fast does a sonnet run train, beside what the machine's matrix products could do?"""

from __future__ import annotations

from dataclasses import replace

from frugal_lib.chapters import common
from frugal_lib.core.runs import Record, Result, Run
from frugal_lib.core.timing import gemm_rate
from frugal_lib.data import sonnets
from frugal_lib.metrics import likelihood
from frugal_lib.models import bases, train
from frugal_lib.profiles import Profile
from frugal_lib.report.measured import Benchmark

EPOCHS = 3


def speed_runs(profile: Profile) -> list[Run]:
    """The chapter's full fine-tuning on the sonnets, cut to a few epochs, on each edition; the profile's own first."""
    run = common.full_run(profile, 0, profile.sonnets.learning_rates[0])
    editions = dict.fromkeys([run.edition, *sonnets.EDITIONS])
    return [replace(run, method="speed", edition=e, data_digest=sonnets.digest(e), epochs=EPOCHS) for e in editions]


def speed_run(profile: Profile) -> Run:
    """The one of `speed_runs` that this machine has the text for."""
    own, *others = speed_runs(profile)
    return own if own.edition in (sonnets.available_edition(), "public-domain") else others[-1]


def compute(run: Run, device: str) -> Result:
    """Tokens per second of `train.fine_tune`, and 6 x parameters x that beside the matrix products.

    Six floating-point operations a parameter and token is the convention of Kaplan et al. 2020 for a
    forward and a backward pass. Padding is not counted as work, and matrix products are measured
    before and after, in this process, on as many threads.
    """
    tokenizer = bases.load_tokenizer(run.base)
    model = bases.load_model(run.base, run.dropout).to(device)
    texts = [sonnet.text for sonnet in sonnets.load_sonnets(run.edition).train[: run.train_limit]]
    examples = likelihood.language_examples(texts, tokenizer)
    schedule = train.Schedule(run.learning_rate, run.epochs, run.batch_size, run.epochs, run.weight_decay, run.seed)
    objective = train.Objective(
        collate=lambda rows: likelihood.collate(rows, tokenizer.eos_token_id),
        evaluate=lambda model: {"dev_loss": 0.0},  # training alone is timed
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


BENCHMARK = Benchmark(
    "baseline", lambda profile: [speed_run(profile), *speed_runs(profile)], lambda profile, run: compute, one=True
)
measure, shown = BENCHMARK.measure, BENCHMARK.shown


def summary(record: Record) -> str:
    """The record in the command's one line."""
    found = record.metrics
    return (
        f"{found['tokens_per_second']:,.0f} tokens a second, {found['training_gflops']:.0f} GFLOP/s: "
        f"{found['share_of_gemm']:.2f} of what matrix products reach"
    )
