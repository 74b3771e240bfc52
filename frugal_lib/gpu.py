"""What `make gpu` does: everything that needs a CUDA device, in steps of bounded time, and one report of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from frugal_lib.core import machine, precision
from frugal_lib.core.files import write_text
from frugal_lib.verify import files

FOLDER = machine.ROOT / "_build" / "gpu"
SHOWN = 15  # last lines of a step's output in the report
GRACE = 5.0  # seconds between asking a step to end and ending it


@dataclass(frozen=True)
class Step:
    """A command as the words behind `python -m`, and the share of the whole time that it may take of what is left."""

    name: str
    words: tuple[str, ...]
    share: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """What came of a step; `status` is None where its time was up."""

    step: Step
    seconds: float
    status: int | None
    output: str

    @property
    def verdict(self) -> str:
        if self.status is None:
            return "stopped, its time was up; the same command goes on"
        return "ok" if self.status == 0 else f"FAILED with status {self.status}"


def steps(results: Path) -> list[Step]:
    """The tests that need a GPU, one run of each committed kind in FP32, then profile `small` in its own precision."""
    small = ("--profile", "small", "--device", "cuda", "--results", str(results))
    return [
        Step("tests that need a GPU", ("pytest", "-q", "-n0", "-m", "cuda"), 0.15),
        Step(
            "one run of each kind of `micro`, again in FP32",
            ("frugal_lib", "verify", "--profile", "micro", "--rerun", "kinds", "--minutes", "10", "--device", "cuda"),
            0.3,
        ),
        *(
            Step(f"`small`, {chapter}", ("frugal_lib", "sweep", chapter, *small))
            for chapter in ("baseline", "lora", "quantization", "synthetic")
        ),
    ]


def check_cuda() -> None:
    """Raise a `ValueError` of one sentence where torch sees no CUDA device."""
    if not torch.cuda.is_available():
        build = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        raise ValueError(
            f"no CUDA device: torch {torch.__version__} ({build}) sees none, and nothing was run; "
            "use a machine with an NVIDIA GPU and a torch built for it."
        )


def run(step: Step, seconds: float) -> Outcome:
    """One step in a process of its own, ended with all that it started where it takes longer than `seconds`."""
    command, started = [sys.executable, "-m", *step.words], time.perf_counter()
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    with subprocess.Popen(command, cwd=machine.ROOT, start_new_session=True, **how) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
            status = process.returncode
        except subprocess.TimeoutExpired:
            output, status = ended(process), None
    return Outcome(step, time.perf_counter() - started, status, output)


def ended(process: subprocess.Popen) -> str:
    """End a process and its group, first in peace; what it had printed."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=GRACE)[0]
    return ""


def all_of(wanted: Sequence[Step], minutes: float) -> Iterator[Outcome]:
    """The steps one after the other, within so many minutes together; one for which no time is left is not begun."""
    deadline = time.perf_counter() + 60 * minutes
    for step in wanted:
        left = deadline - time.perf_counter()
        yield run(step, min(left, step.share * 60 * minutes)) if left > 1 else Outcome(step, 0.0, None, "")


def device_lines() -> list[str]:
    """The GPU and what is on it, a line each."""
    facts = torch.cuda.get_device_properties(0)
    return [
        f"- {facts.name}, compute capability {facts.major}.{facts.minor}, {facts.total_memory / 1e9:.1f} GB; "
        f"{torch.cuda.device_count()} of them",
        f"- trains in {precision.of_device('cuda')}; torch {torch.__version__}, CUDA {torch.version.cuda}",
        f"- commit {machine.commit()}",
    ]


def record_lines(results: Path) -> list[str]:
    """A row for each record that was made, and for each file that is none."""
    records, problems = files.load(results)
    rows = [
        f"| `{name}` | {record.status} | {record.environment['seconds']:.1f} | "
        f"{record.environment['peak_memory_mb']:,.0f} | {shown(record.metrics.get('dev_nll'))} | "
        f"{shown(record.metrics.get('test_nll'))} |"
        for name, record in records.items()
    ]
    wrong = [f"- `{problem.path}`: {problem.what}" for problem in problems]
    head = ["| record | status | seconds | peak MB | dev, nats per token | test |", "|---|---|---|---|---|---|"]
    return [*head, *rows, "", *wrong] if records else ["none", "", *wrong]


def shown(value: float | None) -> str:
    """A loss, or a dash."""
    return "-" if value is None else f"{value:.4f}"


def report(device: Sequence[str], outcomes: Sequence[Outcome], results: Path) -> str:
    """All of it as one Markdown text."""
    table = [
        f"| {one.step.name} | `python -m {' '.join(one.step.words)}` | {one.seconds:.0f} | {one.verdict} |"
        for one in outcomes
    ]
    said = []
    for one in outcomes:
        said += [f"## {one.step.name}", "```", *one.output.splitlines()[-SHOWN:], "```", ""]
    head = ["| step | command | seconds | outcome |", "|---|---|---|---|"]
    kept = ["# What a GPU did", *device, "", *head, *table, "", *said, "## Records of `small`", *record_lines(results)]
    return "\n".join(kept) + "\n"


def everything(minutes: float) -> tuple[Path, list[Outcome]]:
    """Run the steps and write the report; where it is, and what came of each.

    Raises:
        ValueError: as `check_cuda`.
    """
    check_cuda()
    results, device = FOLDER / "small", device_lines()
    results.mkdir(parents=True, exist_ok=True)
    path, outcomes = FOLDER / "report.md", []
    for outcome in all_of(steps(results), minutes):
        outcomes.append(outcome)
        print(f"{outcome.step.name}: {outcome.verdict}, {outcome.seconds:.0f} s", file=sys.stderr, flush=True)
        write_text(path, report(device, outcomes, results))  # so that a run that is stopped leaves one
    return path, outcomes
