"""The chapters, found by themselves: every folder beside this file that has a plan; and their records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Protocol

from frugal_lib.core import fetch, runs
from frugal_lib.core.runs import Record, Run, Sweep
from frugal_lib.data import sonnets
from frugal_lib.models import bases
from frugal_lib.profiles import Profile, load_profile, on_base
from frugal_lib.tasks import registry


def profile_of(name: str, base: str = "") -> Profile:
    """A profile by its name or file; where `base` is a name, a folder or a hub id, on that base alone.

    Raises:
        ProfileError, DataError, ValueError: as `load_profile` and `bases.use`.
    """
    profile = load_profile(name)
    if not base:
        return profile
    moved = on_base(profile, bases.use(base))
    return moved if fetch.data_dir() else without_other_poets(moved)


def without_other_poets(profile: Profile) -> Profile:
    """A profile without what needs the poems by other poets, which have no public source."""
    folds, synthetic = profile.folds, profile.synthetic
    if folds:
        folds = replace(folds, matched="")
    known = tuple(teacher for teacher in synthetic.teachers if teacher != "human")
    students = synthetic.folds
    if students:
        students = replace(students, teachers=tuple(t for t in students.teachers if t != "human"))
    return replace(profile, folds=folds, synthetic=replace(synthetic, teachers=known, folds=students))


class Plan(Protocol):
    """What the module `plan` of a chapter has."""

    def records(self, profile: Profile, seed: int, sweep: Sweep) -> list[Record]:
        """The records the chapter consists of; `sweep` gives those of the runs it asks for."""

    def fold_records(self, profile: Profile, seed: int, sweep: Sweep) -> list[Record]:
        """The records of its cross-validation over all sonnets; none where the profile has none."""

    def spot_run(self, runs: Sequence[Run]) -> Run:
        """Which of its runs stands for the kind of its spot check."""


def plan_of(chapter: str) -> Plan:
    """The plan of a chapter, imported when it is asked for.

    Raises:
        ValueError: there is no such chapter.
    """
    if chapter not in CHAPTERS:
        raise ValueError(f"chapter {chapter!r} is unknown; choose one of {', '.join(CHAPTERS)}.")
    return import_module(f"frugal_lib.chapters.{chapter}.plan")


CHAPTERS = tuple(sorted(path.parent.name for path in Path(__file__).parent.glob("*/plan.py")))


def records_of(
    chapter: str, profile: Profile, results: Path, seed: int = 0, device: str = "auto", **settings
) -> list[Record]:
    """The records of a chapter; those that are not there yet are computed, with the `settings` of `runs.sweep`.

    Raises:
        ValueError: as `plan_of`.
    """
    return plan_of(chapter).records(profile, seed, sweep_into(results, device, **settings))


class NotOnFile(LookupError):
    """A record that a chapter asks for has not been computed."""


def on_file(chapter: str, profile: Profile, results: Path, seed: int = 0) -> list[Record]:
    """The records of a chapter, for another one to show; none where one is missing, since nothing is computed."""

    def read_all(wanted: Sequence[Run]) -> list[Record]:
        found = [runs.read(run, results) for run in wanted]
        if None in found:
            raise NotOnFile(chapter)
        return found

    try:
        return plan_of(chapter).records(profile, seed, read_all)
    except NotOnFile:
        return []


def folds_of(
    chapter: str, profile: Profile, results: Path, seed: int = 0, device: str = "auto", **settings
) -> list[Record]:
    """The records of a chapter's cross-validation and of chapter 1's, which it is compared with; as `records_of`."""
    plans, sweep = map(plan_of, dict.fromkeys(("baseline", chapter))), sweep_into(results, device, **settings)
    return [record for plan in plans for record in plan.fold_records(profile, seed, sweep)]


def sweep_into(results: Path, device: str, **settings) -> Sweep:
    """What computes a chapter's runs, and keeps their records in a folder."""
    return lambda wanted: runs.sweep(wanted, registry.compute, results, device, **settings)


def spot_check(chapter: str, records: Sequence[Record], device: str = "auto") -> tuple[Record, Record]:
    """Compute one run of the chapter from scratch: its record as it was, and the one of now.

    Of the chapter's kind of fine-tuning, on text that this machine can have, it is the run that took least time.
    """
    here = (sonnets.available_edition(), "public-domain")
    choices = [r for r in records if r.run.edition in here and r.run.task == "sonnets" and r.status == "ok"]
    kind = kind_of(plan_of(chapter).spot_run([record.run for record in choices]))
    same = [record for record in choices if kind_of(record.run) == kind]
    then = min(same, key=lambda record: record.environment["seconds"])
    return then, runs.execute(then.run, registry.compute, device)


def kind_of(run: Run) -> tuple[str, bool, bool]:
    """What is trained, with a teacher or without, with held-out sonnets among the lessons or without."""
    return run.method, bool(run.teacher), bool(run.doses)
