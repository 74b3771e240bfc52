"""Speeds as they were measured: the records that a chapter shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from frugal_lib.core import runs
from frugal_lib.core.runs import Record, Result, Run
from frugal_lib.profiles import Profile, load_profile

PUBLISHED = "micro"  # the profile whose records are in the repository


@dataclass(frozen=True)
class Measured:
    """What a chapter shows of a speed: records, the folder they lie in, and the command that measures it here.

    `profile` is the one whose records they are; it is another one than `asked` where that has none.
    """

    records: Sequence[Record]
    folder: Path
    profile: str
    asked: str
    chapter: str

    def command(self, profile: str) -> str:
        """What measures the speed of a profile."""
        chapter = "" if self.chapter == "baseline" else f" {self.chapter}"
        return f"python -m frugal_lib benchmark{chapter} --profile {profile}"

    @property
    def source(self) -> str:
        """The command that made the records, or would make them."""
        return self.command(self.profile)

    def say(self, sentence: Callable[[Sequence[Record]], str]) -> str:
        """What `sentence` says of the records, and how to measure what was not, or for another profile."""
        if not self.records:
            return f"No speed was measured for this page; `{self.source}` does, with nothing else running."
        if self.profile == self.asked:
            return sentence(self.records)
        return (
            f"{sentence(self.records)} That is the published record, of profile `{self.profile}`; "
            f"`{self.command(self.asked)}` measures profile `{self.asked}` on this machine."
        )


def recorded(chapter: str, runs_of: Callable[[Profile], Sequence[Run]], profile: Profile, results: Path) -> Measured:
    """Speed as it was measured: the records in `results`, else the published ones; nothing is measured here.

    A chapter is built while others are: it would show how busy the machine was, and leave that behind as a record.
    """
    published = load_profile(PUBLISHED)
    for wanted, folder in ((profile, Path(results)), (published, published.results_folder())):
        if found := [record for run in runs_of(wanted) if (record := runs.read(run, folder))]:
            return Measured(found, folder, wanted.name, profile.name, chapter)
    return Measured([], Path(results), profile.name, profile.name, chapter)


def measured(run: Run, compute: Callable[[Run, str], Result], results: Path, device: str) -> Record:
    """The record of a measurement, made and written now, in place of an earlier one."""
    record = runs.execute(run, compute, device)
    runs.write(record, results)
    return record
