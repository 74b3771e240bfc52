"""Measurements of speed by chapter: what is planned, and one made again."""

from __future__ import annotations

from pathlib import Path

from frugal_lib.chapters.baseline import speed
from frugal_lib.chapters.lora import steps
from frugal_lib.chapters.quantization import speed as quantization_speed
from frugal_lib.core import precision, runs
from frugal_lib.core.runs import Record, Run
from frugal_lib.profiles import Profile

BY_CHAPTER = {"baseline": speed, "lora": steps, "quantization": quantization_speed}
METHODS = precision.TIMED


def planned(profile: Profile) -> list[Run]:
    """All measurements of a profile; none of what it does not train on the paper's split."""
    training = speed.speed_runs(profile)[:1] if profile.sonnets.learning_rates else []
    generation = [quantization_speed.speed_run(profile)] if profile.quantization.bases else []
    return [*training, *steps.step_runs(profile), *generation]


def measured(profile: Profile, run: Run, folder: Path, device: str) -> Record:
    """The measurement `run` as it comes out now, or came out before in `folder`."""
    if found := runs.read(run, folder):
        return found
    made = BY_CHAPTER[run.chapter].measure(profile, folder, device)
    return next(record for record in made if record.run == run)
