"""One Run in, one Record out: what is run, where its result lies, and how many are run at once."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joblib import Parallel, cpu_count, delayed

from frugal_lib.core import machine
from frugal_lib.core.fetch import DataError
from frugal_lib.core.files import write_text


@dataclass(frozen=True)
class Run:
    """Everything that changes a result, and nothing else: no device, no workers, no paths.

    A field at its default is left out of the identity, so that a field added later does not
    rename the records of earlier runs.
    """

    chapter: str
    task: str
    method: str
    edition: str
    data_digest: str
    seed: int
    samples: int
    base: str = ""
    base_digest: str = ""
    learning_rate: float = 0.0
    batch_size: int = 0
    epochs: int = 0
    patience: int = 0
    dropout: float = 0.0
    weight_decay: float = 0.01
    train_limit: int | None = None
    held_out_limit: int | None = None
    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.9
    max_new_tokens: int = 128
    rank: int = 0
    alpha: float = 0.0
    modules: str = ""
    format: str = "fp32"
    pairs: int = 0
    pair_sets: str = ""
    teacher: str = ""
    items: int = 0
    selection: str = ""
    judge_steps: int = 0
    max_steps: int = 0
    keep: str = "best"
    doses: str = ""
    folds: int = 0
    fold: int = 0
    minimal_pairs: int = 0
    passes: int = 0
    exposure: int = 0

    def canonical(self) -> str:
        """The run as JSON with sorted keys, without the fields that have their default."""
        set_fields = {
            f.name: getattr(self, f.name)
            for f in dataclasses.fields(self)
            if f.default is dataclasses.MISSING or getattr(self, f.name) != f.default
        }
        return json.dumps(set_fields, sort_keys=True, separators=(",", ":"))

    @property
    def key(self) -> str:
        """The first eight hex digits of the SHA-256 of `canonical()`."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:8]

    @property
    def path(self) -> str:
        """Where its record lies below a results folder: readable settings first, then the key.

        Chapter 1 has one base on the paper's split, all others are named.
        """
        base = f"-{self.base}" if self.base and (self.chapter != "baseline" or self.folds) else ""
        adapter = f"-r{self.rank:03d}-a{self.alpha:g}-{self.modules}" if self.rank else ""
        format = "" if self.format == "fp32" else f"-{self.format}"
        taught = f"-{self.teacher}" + f"{self.items:04d}" * (self.items > 0) if self.teacher else ""
        taught += f"-{self.selection}" if self.selection else ""
        taught += "" if self.keep == "best" else f"-{self.keep}"
        taught += f"-{self.doses.replace('+', '-')}" if self.doses else ""
        fold = f"f{self.fold}of{self.folds}-" if self.folds else ""
        rate = f"lr{self.learning_rate:.0e}-b{self.batch_size}-{fold}" if self.learning_rate else fold
        edition = "" if self.edition in ("folger", "released") else f"{self.edition}-"
        name = f"{self.task}{base}-{self.method}{format}{adapter}{taught}-{edition}{rate}s{self.seed}-{self.key}.json"
        return f"{self.chapter}/{name}"


@dataclass(frozen=True)
class Result:
    """What a computation gives back: numbers, per-example outputs, and a row per epoch."""

    metrics: dict[str, float]
    examples: list[dict] = field(default_factory=list)
    history: list[dict] = field(default_factory=list)


@dataclass(frozen=True)
class Record:
    """A run and what came of it.

    `status` is `ok`, `diverged`, `unsupported` (by the device) or `failed`; `error` says why.
    """

    run: Run
    status: str
    metrics: dict[str, float]
    examples: list[dict]
    history: list[dict]
    environment: dict[str, Any]
    error: str = ""

    def to_json(self) -> str:
        """The record as it is written to disk: an example a line, floats at 8 significant digits."""
        content = rounded(dataclasses.asdict(self))
        examples = ",\n".join(f"  {json.dumps(example, ensure_ascii=False)}" for example in content.pop("examples"))
        rest = json.dumps(content, indent=1, ensure_ascii=False).removesuffix("\n}")
        return f'{rest},\n "examples": [\n{examples}\n ]\n}}\n'

    @classmethod
    def from_json(cls, text: str) -> Record:
        """The record in `text`; a `ValueError`, `TypeError` or `KeyError` where it is none."""
        content = json.loads(text)
        return cls(**(content | {"run": Run(**content["run"])}))


class Diverged(Exception):
    """The loss became infinite or not a number; `history` holds the epochs before."""

    def __init__(self, history: list[dict]):
        super().__init__(f"the loss was no longer finite after {len(history)} epochs")
        self.history = history


Sweep = Callable[[list[Run]], list[Record]]
"""What gives a chapter the records of its runs; a chapter may ask for more once it has seen some."""


def rounded(value: Any) -> Any:
    """The same structure with floats at 8 significant digits: far below any noise, half the bytes.

    A float that is not finite becomes None: JSON has no word for it.
    """
    if isinstance(value, float):
        return float(f"{value:.8g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def write(record: Record, results: Path) -> Path:
    """Write a record, in full or not at all."""
    path = results / record.run.path
    write_text(path, record.to_json())
    return path


def read(run: Run, results: Path) -> Record | None:
    """The record of `run`, or None. One that does not parse, or is another run's, is moved aside and reported."""
    path = results / run.path
    try:
        record = Record.from_json(path.read_text(encoding="utf-8"))
        if record.run != run:
            raise ValueError("another run's record")
        return record
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        aside = path.with_suffix(".unreadable")
        os.replace(path, aside)
        print(f"{path}: not the record of its run ({error}); moved to {aside.name}.", file=sys.stderr)
        return None


def execute(run: Run, compute: Callable[[Run, str], Result], device: str = "auto") -> Record:
    """Run one run on one CPU thread or one GPU, and return its record, also when it fails.

    One thread, because then a result does not depend on the number of cores, and two workers on
    two cores lose nothing (FP32 matrix products: 2 x 88 against 180 GFLOP/s).
    """
    device = machine.pick_device(device)
    machine.keep_memory()
    with machine.one_thread(), machine.Meter(device) as meter:
        try:
            result, status, error = compute(run, device), "ok", ""
        except Diverged as diverged:
            result, status, error = Result({}, history=diverged.history), "diverged", str(diverged)
        except machine.Unsupported as unsupported:
            result, status, error = Result({}), "unsupported", str(unsupported)
            print(f"{run.path}: {error}", file=sys.stderr)
        except DataError:
            raise  # says nothing of the run, only that this machine lacks the data
        except Exception as problem:  # a failed run is a record too: the sweep goes on
            result, status = Result({}), "failed"
            error = "".join(traceback.format_exception(problem))
            print(f"{run.path}: {error.strip().splitlines()[-1]}", file=sys.stderr)
    return Record(run, status, result.metrics, result.examples, result.history, meter.environment(), error)


def is_missing(record: Record | None, device: str, retry: bool) -> bool:
    """Whether a run is to be computed: it never was, or failed and is tried again, or only another device could not."""
    if record is None or (retry and record.status == "failed"):
        return True
    return record.status == "unsupported" and record.environment["device"] != machine.pick_device(device)


def run_and_write(run: Run, compute: Callable, results: Path, device: str, retry: bool) -> tuple[Record, bool]:
    """The record of `run` and whether it was computed now: another process may have been first."""
    record = read(run, results)
    if not is_missing(record, device, retry):
        return record, False
    record = execute(run, compute, device)
    write(record, results)
    return record, True


def sweep(
    runs: Sequence[Run],
    compute: Callable[[Run, str], Result],
    results: Path,
    device: str = "auto",
    workers: int | None = None,
    retry: bool = False,
) -> list[Record]:
    """The records of `runs` in their order; those that are missing are computed and written as they come.

    A killed sweep goes on where it was. Several processes may work on the same sweep.

    Args:
        compute: from a run and a device to its `Result`; a function of a module, so that it can be pickled.
        workers: processes at once; by default one per core (or `LOKY_MAX_CPU_COUNT`), or one where there is a GPU.
        retry: compute runs again whose record says `failed`.
    """
    found = {run: read(run, results) for run in runs}
    missing = [run for run in found if is_missing(found[run], device, retry)]
    if workers is None:
        workers = 1 if machine.pick_device(device) == "cuda" else cpu_count()
    jobs = [delayed(run_and_write)(run, compute, results, device, retry) for run in missing]
    workers = max(1, min(workers, len(jobs)))
    parallel = Parallel(n_jobs=workers, return_as="generator_unordered")
    for record, _ in progress(parallel(jobs), len(jobs), workers):
        found[record.run] = record
    return [found[run] for run in runs]


def progress(done: Iterator[tuple[Record, bool]], total: int, workers: int) -> Iterator[tuple[Record, bool]]:
    """Pass records on, with a line for each on standard error: what it was, and how the sweep stands."""
    started, bad = time.perf_counter(), 0
    for number, (record, fresh) in enumerate(done, start=1):
        left = (time.perf_counter() - started) / number * (total - number) / 60
        bad += record.status in ("failed", "diverged")
        note = "" if fresh else " (by another process)"
        print(
            f"[{number}/{total}] {record.status:8} {record.run.path}{note}; {min(workers, total - number)} running, "
            f"{bad} failed or diverged, {left:.1f} min left",
            file=sys.stderr,
            flush=True,
        )
        yield record, fresh
