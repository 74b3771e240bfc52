"""How fast does a sonnet run train, beside what the machine's matrix products could do?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from frugal_lib import data, likelihood, models, runs, sonnet_runs, train
from frugal_lib.profiles import Profile, load_profile
from frugal_lib.runs import Record, Result, Run

SIZE, EPOCHS = 2048, 3
PUBLISHED = "micro"  # the profile whose records are in the repository


def speed_runs(profile: Profile) -> list[Run]:
    """The chapter's full fine-tuning on the sonnets, cut to a few epochs, on each edition; the profile's own first."""
    run = sonnet_runs.full_run(profile, 0, profile.sonnets.learning_rates[0])
    editions = dict.fromkeys([run.edition, *data.EDITIONS])
    return [replace(run, method="speed", edition=e, data_digest=data.digest(e), epochs=EPOCHS) for e in editions]


def speed_run(profile: Profile) -> Run:
    """The one of `speed_runs` that this machine has the text for."""
    own, *others = speed_runs(profile)
    return own if own.edition in (data.available_edition(), "public-domain") else others[-1]


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


@dataclass(frozen=True)
class Measured:
    """What a chapter shows of a speed: records, the folder they lie in, and the command that measures it here.

    `profile` is the one whose records they are; it is another one than `asked` where that has none.
    """

    records: Sequence[Record]
    folder: Path
    profile: str
    asked: str
    chapter: str

    def command(self, profile: str) -> str:
        """What measures the speed of a profile."""
        chapter = "" if self.chapter == "baseline" else f" {self.chapter}"
        return f"python -m frugal_lib benchmark{chapter} --profile {profile}"

    @property
    def source(self) -> str:
        """The command that made the records, or would make them."""
        return self.command(self.profile)

    def say(self, sentence: Callable[[Sequence[Record]], str]) -> str:
        """What `sentence` says of the records, and how to measure what was not, or for another profile."""
        if not self.records:
            return f"No speed was measured for this page; `{self.source}` does, with nothing else running."
        if self.profile == self.asked:
            return sentence(self.records)
        return (
            f"{sentence(self.records)} That is the published record, of profile `{self.profile}`; "
            f"`{self.command(self.asked)}` measures profile `{self.asked}` on this machine."
        )


def recorded(chapter: str, runs_of: Callable[[Profile], Sequence[Run]], profile: Profile, results: Path) -> Measured:
    """Speed as it was measured: the records in `results`, else the published ones; nothing is measured here.

    A chapter is built while others are: it would show how busy the machine was, and leave that behind as a record.
    """
    published = load_profile(PUBLISHED)
    for wanted, folder in ((profile, Path(results)), (published, published.results_folder())):
        if found := [record for run in runs_of(wanted) if (record := runs.read(run, folder))]:
            return Measured(found, folder, wanted.name, profile.name, chapter)
    return Measured([], Path(results), profile.name, profile.name, chapter)


def measured(run: Run, compute: Callable[[Run, str], Result], results: Path, device: str) -> Record:
    """The record of a measurement, made and written now, in place of an earlier one."""
    record = runs.execute(run, compute, device)
    runs.write(record, results)
    return record


def measure(profile: Profile, results: Path, device: str = "auto") -> Record:
    """Measure chapter 1's benchmark."""
    return measured(speed_run(profile), compute, results, device)


def shown(profile: Profile, results: Path) -> Measured:
    """What chapter 1 shows: one record, of two the one that this machine would make."""
    found = recorded("baseline", lambda profile: [speed_run(profile), *speed_runs(profile)], profile, results)
    return replace(found, records=found.records[:1])


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
