"""Runs computed: one after the other, by several processes, by several machines, each once."""

from __future__ import annotations

import os
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from joblib import Parallel, cpu_count, delayed, register_parallel_backend

from frugal_lib.core import claims, files, machine, precision, processes
from frugal_lib.core.fetch import DataError
from frugal_lib.core.records import Record, Result, Run, finished, lost, place, read, rounded, write

__all__ = ["Diverged", "Record", "Result", "Run", "execute", "finished", "place", "read", "rounded", "sweep", "write"]

POLL = 1.0  # seconds between two looks at what another process computes


class Diverged(Exception):
    """The loss became infinite or not a number; `history` holds the epochs before."""

    def __init__(self, history: list[dict]):
        super().__init__(f"the loss was no longer finite after {len(history)} epochs")
        self.history = history


class SweepError(OSError):
    """A sweep that cannot go on: one sentence for the user."""


class Elsewhere(Exception):
    """What a plan needs next is the share of other shards."""


Compute = Callable[[Run, str], Result]
Sweep = Callable[[list[Run]], list[Record]]
"""What gives a chapter the records of its runs; a chapter may ask for more once it has seen some."""


def execute(run: Run, compute: Compute, device: str = "auto") -> Record:
    """Run one run on one CPU thread or one GPU, and return its record, also when it fails.

    One thread, because then a result does not depend on the number of cores, and two workers on
    two cores lose nothing (FP32 matrix products: 2 x 88 against 180 GFLOP/s).
    """
    device = machine.pick_device(device)
    machine.keep_memory()
    with machine.one_thread(), precision.products(run.precision), machine.Meter(device) as meter:
        try:
            precision.check(run.precision, device)
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
    if names := lost(result.metrics):
        status, error = "diverged", f"not finite: {', '.join(names)}"
    return Record(run, status, result.metrics, result.examples, result.history, meter.environment(), error)


def is_missing(record: Record | None, device: str, retry: bool) -> bool:
    """Whether a run is to be computed: it never was, or failed and is tried again, or only another device could not."""
    if record is None or (retry and record.status == "failed"):
        return True
    return record.status == "unsupported" and record.environment["device"] != machine.pick_device(device)


def attempt(run: Run, compute: Compute, results: Path, device: str, retry: bool) -> tuple[Run, Record | None, bool]:
    """A run, its record, and whether that was computed now; no record where another process is at it.

    Raises:
        SweepError: the record cannot be written.
    """
    record = read(run, results)
    if not is_missing(record, device, retry):
        return run, record, False
    with claims.claimed(place(run, results)) as mine:
        if not mine:
            return run, None, False
        record = read(run, results)  # it may have come since
        if not is_missing(record, device, retry):
            return run, record, False
        record = execute(run, compute, device)
        try:
            write(record, results)
        except OSError as error:
            problem = f"this result was computed, and cannot be written ({error.strerror or error})"
            path = place(run, results)
            raise SweepError(f"{path}: {problem}; mend that, and the same command goes on.") from None
        return run, record, True


def run_and_write(run: Run, compute: Compute, results: Path, device: str, retry: bool) -> tuple[Record, bool]:
    """The record of `run` and whether it was computed now; where another process is at it, that is waited for."""
    while True:
        _, record, fresh = attempt(run, compute, results, device, retry)
        if record is not None:
            return record, fresh
        time.sleep(POLL)


def sweep(
    runs: Sequence[Run],
    compute: Compute,
    results: Path,
    device: str = "auto",
    workers: int | None = None,
    retry: bool = False,
    shard: tuple[int, int] | None = None,
    ray: str = "",
    asked: str | None = None,
) -> list[Record]:
    """The records of `runs` in their order; those that are missing are computed and written as they come.

    A killed sweep goes on where it was. Several processes, on one machine or several, may work on the same sweep:
    each run is claimed by one of them, and each process waits for the rest at the end.

    Args:
        compute: from a run and a device to its `Result`; a function of a module, so that it can be pickled.
        workers: processes at once; by default one per core (or `LOKY_MAX_CPU_COUNT`), or per GPU where there is one.
        retry: compute runs again whose record says `failed`.
        shard: (i, n): only every n-th run, from the i-th on.
        ray: the address of a Ray cluster whose processes compute the runs; `results` is a folder that all its nodes
            see.
        asked: the precision to train in; see `precision.chosen`.

    Raises:
        SweepError: nothing can be written in `results`, or workers are killed again and again.
        Elsewhere: the shard is done, and other shards are not.
    """
    runs = precision.applied(runs, precision.chosen(results, device, asked))
    files.sweep_up(results)
    claims.clear_all(results)
    found = {run: read(run, results) for run in runs}
    missing = [run for run in found if is_missing(found[run], device, retry)]
    share = set(list(found)[shard[0] - 1 :: shard[1]] if shard else found)
    mine = [run for run in missing if run in share]
    if mine:
        files.try_out(results)
    settings = (compute, results.resolve(), device, retry)
    pool = on_cluster(ray, device, workers) if ray else local(device, workers, len(mine))
    for record, _ in progress(rounds(mine, settings, pool), len(mine), pool["n_jobs"]):
        found[record.run] = record
    if others := len(missing) - len(mine):
        raise Elsewhere(f"{others} of {len(found)} runs are other shards'")
    return [found[run] for run in runs]


def shard_of(text: str | None) -> tuple[int, int] | None:
    """The shard that `i/n` names; none for None.

    Raises:
        ValueError: it is not two numbers, or i is not among 1 to n.
    """
    if text is None:
        return None
    parts = text.split("/")
    if len(parts) == 2 and all(part.isascii() and part.isdigit() for part in parts):
        number, count = map(int, parts)
        if 1 <= number <= count:
            return number, count
    raise ValueError(f"--shard {text!r} is no shard; give I/N with I from 1 to N, such as 3/16.")


def local(device: str, workers: int | None, jobs: int) -> dict:
    """How joblib is to compute on this machine: in processes that end when this one does."""
    gpus = machine.gpus() if machine.pick_device(device) == "cuda" else []
    workers = max(1, min(workers or len(gpus) or cpu_count(), jobs))
    watched = {"initializer": processes.begin, "initargs": (os.getpid(), gpus)} if workers > 1 else {}
    return {"n_jobs": workers} | watched


def on_cluster(address: str, device: str, workers: int | None) -> dict:
    """How joblib is to compute on a Ray cluster: by default a process for each of its CPUs, or GPUs for `cuda`.

    A process counts as half a CPU, so that those of a node that is lost find room on the others, where Ray starts
    them again with the run that each was at.

    Raises:
        SweepError: there is no Ray here, or no cluster at that address.
    """
    try:
        import ray
        from ray.util.joblib.ray_backend import RayBackend
    except ImportError:
        raise SweepError("--ray: the package ray is missing; install frugal-gpt2[cluster].") from None
    try:
        if (server := address.removeprefix("ray://")) != "auto":  # Ray itself would try for minutes
            host, _, port = server.rpartition(":")
            socket.create_connection((host, int(port)), timeout=10).close()
        ray.init(address=address, ignore_reinit_error=True, logging_level="ERROR", log_to_driver=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise SweepError(
            f"--ray {address}: no cluster answers there ({type(error).__name__}); see `ray status`."
        ) from None

    class Streaming(RayBackend):
        """Ray's backend, whose results may come one by one: what joblib says it lacks is its parent's, not Ray's."""

        supports_return_generator = True

    register_parallel_backend("ray", Streaming)
    unit = "GPU" if device == "cuda" else "CPU"
    each = {"num_gpus": 1, "num_cpus": 0} if device == "cuda" else {"num_cpus": 0.5}
    again = {"max_restarts": -1, "max_task_retries": -1, "scheduling_strategy": "SPREAD"}
    workers = workers or max(1, int(ray.cluster_resources().get(unit, 1)))
    return {"backend": "ray", "n_jobs": workers, "ray_remote_args": each | again}


def rounds(missing: Sequence[Run], settings: tuple, pool: dict) -> Iterator[tuple[Record, bool]]:
    """Records as they come, and whether they were computed by this process, until each run has one.

    What another process has claimed is looked for again at the end of a round. Where a worker was killed, what was
    in flight is computed again, each run alone; one that is killed then, too, is left out.

    Raises:
        SweepError: runs were left out.
    """
    left, suspects, deadly = list(missing), [], []
    while left:
        batch, elsewhere = suspects[:1] or left, set()
        jobs = (delayed(attempt)(run, *settings) for run in tuple(batch))
        try:
            for run, record, fresh in Parallel(**pool, return_as="generator_unordered", batch_size=1)(jobs):
                if record is None:
                    elsewhere.add(run)
                else:
                    left.remove(run)
                    yield record, fresh
            suspects = suspects[1:]
        except BrokenProcessPool:
            if suspects:
                deadly.append(suspects.pop(0))
                left.remove(deadly[-1])
            else:  # runs are given out in their order
                suspects = [run for run in left if run not in elsewhere][: pool["n_jobs"]]
                print("a worker was killed; what was in flight is computed again, a run at a time.", file=sys.stderr)
        while left and all(claims.is_held(claims.claim_of(place(run, settings[1]))) for run in left):
            time.sleep(POLL)
    if deadly:
        names = ", ".join(run.path for run in deadly)
        raise SweepError(f"{names}: whatever computes this is killed, perhaps for want of memory; give it more.")


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
