"""Which runs a chapter consists of, and the spot check of its records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from frugal_lib.chapters.baseline.plan import baseline, spot_run
from frugal_lib.chapters.lora import plan as lora_plan
from frugal_lib.chapters.quantization import plan as quantization_plan
from frugal_lib.chapters.synthetic import plan as synthetic_plan
from frugal_lib.chapters.what_breaks import plan as what_breaks_plan
from frugal_lib.core import runs as core_runs
from frugal_lib.core.runs import Record, Run, Sweep
from frugal_lib.data import sonnets
from frugal_lib.profiles import Profile
from frugal_lib.tasks import registry


@dataclass(frozen=True)
class Chapter:
    """Which records a chapter consists of, and which of its runs is the spot check."""

    records: Callable[[Profile, int, Sweep], list[Record]]
    spot_run: Callable[[Sequence[Run]], Run]


def records_of(
    chapter: str,
    profile: Profile,
    results: Path,
    seed: int = 0,
    device: str = "auto",
    workers: int | None = None,
    retry: bool = False,
) -> list[Record]:
    """The records of a chapter; those that are not there yet are computed.

    Raises:
        ValueError: there is no such chapter.
    """
    if chapter not in CHAPTERS:
        raise ValueError(f"chapter {chapter!r} is unknown; choose one of {', '.join(CHAPTERS)}.")

    def sweep(wanted: list[Run]) -> list[Record]:
        return core_runs.sweep(wanted, registry.compute, results, device, workers, retry)

    return CHAPTERS[chapter].records(profile, seed, sweep)


CHAPTERS = {
    "baseline": Chapter(baseline, spot_run),
    "lora": Chapter(lora_plan.chapter, lora_plan.spot_run),
    "quantization": Chapter(quantization_plan.chapter, quantization_plan.spot_run),
    "synthetic": Chapter(synthetic_plan.chapter, synthetic_plan.spot_run),
    "controls": Chapter(what_breaks_plan.chapter, what_breaks_plan.spot_run),
}


def spot_check(chapter: str, records: Sequence[Record], device: str = "auto") -> tuple[Record, Record]:
    """Compute one run of the chapter from scratch: its record as it was, and the one of now.

    Of the chapter's kind of fine-tuning, on text that this machine can have, it is the run that took least time.
    """
    here = (sonnets.available_edition(), "public-domain")
    choices = [r for r in records if r.run.edition in here and r.run.task == "sonnets" and r.status == "ok"]
    kind = kind_of(CHAPTERS[chapter].spot_run([record.run for record in choices]))
    same = [record for record in choices if kind_of(record.run) == kind]
    then = min(same, key=lambda record: record.environment["seconds"])
    return then, core_runs.execute(then.run, registry.compute, device)


def kind_of(run: Run) -> tuple[str, bool, bool]:
    """What is trained, with a teacher or without, with held-out sonnets among the lessons or without."""
    return run.method, bool(run.teacher), bool(run.doses)
