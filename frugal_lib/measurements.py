"""Measurements of speed by chapter: what is planned, and one made again."""

from __future__ import annotations

from pathlib import Path

from frugal_lib import benchmark, runs, speed, steps
from frugal_lib.profiles import Profile
from frugal_lib.runs import Record, Run

BY_CHAPTER = {"baseline": benchmark, "lora": steps, "quantization": speed}
METHODS = ("speed", "steps")


def is_measured(run: Run) -> bool:
    """Whether a run's numbers are the clock's."""
    return run.method in METHODS


def planned(profile: Profile) -> list[Run]:
    """All measurements of a profile."""
    return [benchmark.speed_runs(profile)[0], *steps.step_runs(profile), speed.speed_run(profile)]


def measured(profile: Profile, run: Run, folder: Path, device: str) -> Record:
    """The measurement `run` as it comes out now, or came out before in `folder`."""
    if found := runs.read(run, folder):
        return found
    made = BY_CHAPTER[run.chapter].measure(profile, folder, device)
    return next(record for record in (made if isinstance(made, list) else [made]) if record.run == run)
