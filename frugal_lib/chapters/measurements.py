"""Measurements of speed: what is planned, what else may have been made, and one made again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from frugal_lib.chapters.baseline import speed
from frugal_lib.chapters.lora import steps, training
from frugal_lib.chapters.quantization import speed as quantization_speed
from frugal_lib.core import precision, runs
from frugal_lib.core.runs import Record, Run
from frugal_lib.profiles import Profile

BY_NAME = {"baseline": speed, "lora": steps, "quantization": quantization_speed, "training": training}
METHODS = precision.TIMED


def planned(profile: Profile, there: Iterable[str] = ()) -> list[Run]:
    """All measurements of a profile, and those of training by method that are `there`, by their records' paths."""
    known = set(there)
    made = [run for run in training.training_runs(profile) if run.path in known]
    return [*speed.speed_runs(profile)[:1], *steps.step_runs(profile), *quantization_speed.speed_runs(profile), *made]


def measured(profile: Profile, run: Run, folder: Path, device: str) -> Record:
    """The measurement `run` as it comes out now, or came out before in `folder`."""
    if found := runs.read(run, folder):
        return found
    name = "training" if (run.chapter, run.method) == ("lora", "speed") else run.chapter
    made = BY_NAME[name].measure(profile, folder, device)
    return next(record for record in made if record.run == run)
