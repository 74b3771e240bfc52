"""How a speed is measured, and the records of that which a chapter shows."""

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
    """What a chapter shows of a speed: records, the folder they lie in, the profile they are of, the one asked for."""

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

    @property
    def here(self) -> str:
        """The command that measures what was asked for."""
        return self.command(self.asked)

    @property
    def borrowed(self) -> bool:
        """Whether these are the published records, for want of those of the profile that was asked for."""
        return bool(self.records) and self.profile != self.asked


@dataclass(frozen=True)
class Benchmark:
    """How a speed is measured: its runs, of which the first is enough where `one`, and what computes each."""

    chapter: str
    runs: Callable[[Profile], Sequence[Run]]
    compute: Callable[[Profile, Run], Callable[[Run, str], Result]]
    one: bool = False

    def measure(self, profile: Profile, results: Path, device: str = "auto") -> list[Record]:
        """The records of the measurements, made and written now, in place of earlier ones."""
        made = []
        for run in self.runs(profile)[: 1 if self.one else None]:
            made.append(runs.execute(run, self.compute(profile, run), device))
            runs.write(made[-1], results)
        return made

    def shown(self, profile: Profile, results: Path) -> Measured:
        """Speed as it was measured: the records in `results`, else the published ones; nothing is measured here.

        A chapter is built while others are: it would show how busy the machine was, and leave that behind as a record.
        """
        published = load_profile(PUBLISHED)
        for wanted, folder in ((profile, Path(results)), (published, published.results_folder())):
            if found := [record for run in self.runs(wanted) if (record := runs.read(run, folder))]:
                return Measured(found[: 1 if self.one else None], folder, wanted.name, profile.name, self.chapter)
        return Measured([], Path(results), profile.name, profile.name, self.chapter)
