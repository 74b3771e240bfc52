"""Measurements of speed by chapter: what is planned, and one made again."""

from __future__ import annotations

from pathlib import Path

from frugal_lib import benchmark, speed, steps
from frugal_lib.profiles import Profile
from frugal_lib.runs import Record, Run

BY_CHAPTER = {"baseline": benchmark, "lora": steps, "quantization": speed}
METHODS = ("speed", "steps")


def is_measured(run: Run) -> bool:
    """Whether a run's numbers are the clock's."""
    return run.method in METHODS


def planned(profile: Profile) -> list[Run]:
    """All measurements of a profile."""
    return [run for module in BY_CHAPTER.values() for run in module.planned(profile)]


def measured(profile: Profile, run: Run, folder: Path, device: str) -> Record:
    """The measurement `run` as it comes out now, or came out before in `folder`."""
    found = BY_CHAPTER[run.chapter].measure(profile, folder, device)
    return next(record for record in (found if isinstance(found, list) else [found]) if record.run == run)
