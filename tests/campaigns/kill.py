"""Kills of a sweep at random moments: `python -m campaigns.kill [TRIES [SEED]]`, with `tests` in PYTHONPATH.

Right is: nothing is lost beyond what was in flight, no process is left after five seconds, and after the next start
no temporary file.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from campaigns import common

RUNS, SECONDS = 8, 0.1
LIMIT = 5.0  # seconds within which every process is to be gone


def kill(program: common.Program, whole: bool) -> None:
    """SIGKILL to the parent alone, or to its whole group."""
    (os.killpg if whole else os.kill)(program.process.pid, signal.SIGKILL)
    program.process.communicate() if whole else program.process.wait()


def sweep(rng: random.Random, folder: Path, kind: str) -> str:
    """Kill a sweep once it has begun, let it go on, and compare; what is wrong, or nothing."""
    target, workers = kind.split(", ")
    workers = int(workers.split()[0])
    results = folder / "results"
    hang = rng.randrange(2 * RUNS)  # then the workers are at something long, which they would finish without a parent
    program = common.sweeping(results, RUNS, SECONDS, workers, HANG=str(hang))
    started = time.monotonic()
    while not (results / "baseline").is_dir() and program.process.poll() is None:
        time.sleep(0.01)
    time.sleep(rng.uniform(0, RUNS * SECONDS / workers + min(1.0, time.monotonic() - started)))
    if program.process.poll() is not None:
        return "it ended before it was killed"
    kill(program, target == "group")
    if not program.gone_within(LIMIT):
        return f"processes lived on after {LIMIT:g} s"
    before, done = common.records(results), common.computed(results)
    if done - len(before) > workers:
        return f"{done} runs computed, {len(before)} records: more than what was in flight is lost"
    status, said = common.sweeping(results, RUNS, SECONDS, workers).end()
    if status:
        return f"refused: {said.strip().splitlines()[-1:]}"
    after = common.records(results)
    if {path: after.get(path) for path in before} != before:
        return "a record was written again"
    if not common.all_valid(results, RUNS) or common.computed(results) > RUNS + done - len(before):
        return "not every run has one record"
    return f"left behind: {[path.name for path in hidden]}" if (hidden := common.hidden(results)) else ""


SWEEPS = [f"{target}, {workers}" for target in ("parent", "group") for workers in ("1 worker", "2 workers")]


def campaign(attempt: Callable[[random.Random, Path, str], str], kinds: list[str], tries: int, seed: int) -> Counter:
    """So many tries, the kinds in turn; a line for each that is not right."""
    found: Counter = Counter()
    for number in range(tries):
        kind, again = kinds[number % len(kinds)], 0
        while True:
            with tempfile.TemporaryDirectory() as folder:
                problem = attempt(random.Random(f"{seed} {number} {again}"), Path(folder), kind)
            if problem != "it ended before it was killed":
                break
            again += 1
        verdict = "refused" if problem.startswith("refused") else "wrong" if problem else "right"
        found[kind, verdict] += 1
        if problem:
            print(f"{number} ({kind}): {problem}", file=sys.stderr, flush=True)
    return found


def main(tries: str = "100", seed: str = "0") -> None:
    """The campaign, and its table."""
    print(common.table("kill: sweep", campaign(sweep, SWEEPS, int(tries), int(seed))))


if __name__ == "__main__":
    main(*sys.argv[1:])
