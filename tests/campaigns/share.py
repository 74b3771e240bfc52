"""Several processes on one sweep: `python -m campaigns.share [RUNS] [SECONDS]`, with `tests` in PYTHONPATH.

Right is: every run has one record, and at most one run was computed twice for each process beside the first.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from campaigns import common


def shared(folder: Path, processes: int, runs: int, seconds: float) -> tuple[str, int]:
    """What is wrong, or nothing, where so many processes sweep the same runs; and how many were computed twice."""
    results = folder / "results"
    programs = [common.sweeping(results, runs, seconds, 1) for _ in range(processes)]
    ends = [program.end() for program in programs]
    twice = common.computed(results) - runs
    if any(status for status, _ in ends):
        return f"refused: {ends}", twice
    if not common.all_valid(results, runs) or common.hidden(results):
        return "not every run has one record, and nothing else", twice
    return f"{twice} runs computed twice" if twice >= processes else "", twice


def sharded(folder: Path, shards: int, runs: int, seconds: float) -> tuple[str, int]:
    """The same for shards, one after the other: each computes its share alone, and the last finds all there."""
    results = folder / "results"
    for number in range(1, shards + 1):
        status, said = common.sweeping(results, runs, seconds, 1, f"{number}/{shards}").end()
        if status != (0 if number == shards else 3):
            return f"shard {number}: status {status}, {said}", 0
        if len(common.records(results)) != len(range(0, runs, shards)) * number:
            return f"shard {number}: {len(common.records(results))} records", 0
    twice = common.computed(results) - runs
    return "" if common.all_valid(results, runs) and not twice else f"{twice} runs computed twice", twice


def campaign(runs: int, seconds: float) -> tuple[Counter, dict[str, int]]:
    """2 and 4 processes, and 4 shards: right or wrong, and how many runs were computed twice."""
    found, twice = Counter(), {}
    for attempt, count in ((shared, 2), (shared, 4), (sharded, 4)):
        kind = f"{count} x 1 {'processes' if attempt is shared else 'shards'}"
        twice[kind] = common.tried(found, kind, attempt, count, runs, seconds)
    return found, twice


def main(runs: str = "80", seconds: str = "0.1") -> None:
    """The campaign, and its table."""
    found, twice = campaign(int(runs), float(seconds))
    print(common.table("share", found))
    print(f"computed twice, of {runs} runs: {twice}")


if __name__ == "__main__":
    main(*sys.argv[1:])
