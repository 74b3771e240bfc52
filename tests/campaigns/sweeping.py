"""A sweep of runs that only sleep: `python -m campaigns.sweeping RESULTS RUNS SECONDS WORKERS [SHARD [RAY]]`.

Each run that is computed adds a line to RESULTS.log. With a number in HANG, runs after so many lines take a minute;
with a path in DIE, run 1 ends its process where there is no such file, which it tries to make first.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from frugal_lib.core import runs
from frugal_lib.core.records import Result, Run


def sleeping_runs(count: int, seconds: float) -> list[Run]:
    """Runs that take so long each; their weight decay says how long, so that all is in the run."""
    common = {"chapter": "baseline", "task": "sleep", "method": "full", "edition": "none", "data_digest": "0" * 12}
    return [Run(**common, seed=seed, samples=1, weight_decay=seconds) for seed in range(count)]


def sleep(run: Run, device: str, log: Path) -> Result:
    """What such a run computes."""
    if (mark := os.environ.get("DIE")) and run.seed == 1 and not Path(mark).exists():
        with suppress(OSError):
            Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    done = len(log.read_text().splitlines()) if log.exists() else 0
    time.sleep(60 if done >= int(os.environ.get("HANG", sys.maxsize)) else run.weight_decay)
    with log.open("a") as file:
        file.write(f"{run.seed} {os.getpid()}\n")
    return Result({"seed_squared": float(run.seed**2)}, [{"id": run.seed, "text": "a line"}])


def main(results: str, count: str, seconds: str, workers: str, shard: str = "", ray: str = "") -> None:
    """Sweep; one sentence and status 2 where that cannot go on, status 3 where the rest is other shards'."""
    wanted, log = sleeping_runs(int(count), float(seconds)), Path(f"{results}.log").resolve()
    how = {"workers": int(workers), "shard": runs.shard_of(shard or None), "ray": ray}
    try:
        found = runs.sweep(wanted, partial(sleep, log=log), Path(results), "cpu", **how)
    except OSError as error:
        sys.exit(print(error, file=sys.stderr) or 2)
    except runs.Elsewhere as error:
        sys.exit(print(error, file=sys.stderr) or 3)
    assert [record.metrics["seed_squared"] for record in found] == [run.seed**2 for run in wanted]


if __name__ == "__main__":
    main(*sys.argv[1:])
