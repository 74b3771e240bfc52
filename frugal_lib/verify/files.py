"""Are the records what they should be as files: readable, under their run's name, planned, from a known commit?"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from frugal_lib.chapters import registry
from frugal_lib.core import fetch, machine, precision
from frugal_lib.core.records import Record, Run, lost
from frugal_lib.profiles import Profile

SUMS = "SHA256SUMS"  # of all records of a folder, as `sha256sum -c` reads it


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a record: its path below the results folder, and one sentence."""

    path: str
    what: str


def load(folder: Path) -> tuple[dict[str, Record], list[Problem]]:
    """All records of a folder by their path below it, and what is wrong with the files as such."""
    found, problems = {}, []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", SUMS))):
        name = path.relative_to(folder).as_posix()
        try:
            record = Record.from_json(path.read_text(encoding="utf-8"))
            found[name] = record
            if record.run.path != name:
                problems.append(Problem(name, f"its run is that of {record.run.path}; restore the file."))
        except (OSError, ValueError) as error:
            problems.append(Problem(name, f"not a record ({error}); restore or remove it."))
    return found, problems


def write_sums(folder: Path) -> Path:
    """Write down the SHA-256 of every record of a folder."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.json"))
    lines = [f"{fetch.file_sha256(folder / name)}  {name}\n" for name in names]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    return folder / SUMS


def check_sums(folder: Path, names: Iterable[str]) -> list[Problem]:
    """Records that are not those whose SHA-256 was written down; nothing where none was."""
    if not (folder / SUMS).is_file():
        return []
    rows = (line.split(maxsplit=1) for line in (folder / SUMS).read_text(encoding="utf-8").splitlines())
    known = {name: digest for digest, name in rows}
    problems = [
        Problem(name, f"its SHA-256 is not the one in {SUMS}; restore it, or write the sums anew.")
        for name in names
        if name not in known or fetch.file_sha256(folder / name) != known[name]
    ]
    return problems + [Problem(name, f"in {SUMS}, but not there.") for name in sorted(known.keys() - set(names))]


def planned(profile: Profile, chapter: str, known: Mapping[Run, Record]) -> tuple[list[Run], list[Problem]]:
    """The runs that a chapter asks for, given the records there are; it is stopped where one that it needs is not."""
    asked, trained_in = [], precision.among(known) or "fp32"

    def sweep(wanted: list[Run]) -> list[Record]:
        wanted = precision.applied(wanted, trained_in)
        asked.extend(wanted)
        return [known.get(run, Record(run, "missing", {}, [], [], {})) for run in wanted]

    try:
        plan = registry.plan_of(chapter)
        plan.records(profile, 0, sweep)
        plan.fold_records(profile, 0, sweep)
    except (KeyError, ValueError, TypeError) as error:
        return asked, [Problem(chapter, f"its plan cannot go on without its missing records ({error}).")]
    return asked, []


def check_plans(profile: Profile, records: Mapping[str, Record], measured: Iterable[Run]) -> list[Problem]:
    """Runs without a record, and records without a run, of all chapters of a profile."""
    known, expected = {record.run: record for record in records.values()}, {run.path for run in measured}
    problems = []
    for chapter in registry.CHAPTERS:
        asked, stopped = planned(profile, chapter, known)
        expected |= {run.path for run in asked}
        problems += stopped
    missing = sorted(expected - records.keys())
    orphans = sorted(records.keys() - expected)
    problems += [Problem(name, "planned, but not there; compute it with `sweep`.") for name in missing]
    return problems + [Problem(name, "no chapter asks for it; remove it.") for name in orphans]


def check_status(records: Mapping[str, Record]) -> list[Problem]:
    """Runs that failed, and those that are said to have ended badly though all their numbers are there."""
    failed = [
        Problem(name, f"the run failed ({record.error.strip().splitlines()[-1:]}); compute it with --retry-failed.")
        for name, record in records.items()
        if record.status == "failed"
    ]
    return failed + [
        Problem(name, f"its status is {record.status}, but its metrics are all there.")
        for name, record in records.items()
        if record.status != "ok" and record.metrics and not lost(record.metrics)
    ]


def history() -> set[str] | None:
    """The first ten digits of every commit of the project, or None where this checkout does not have them all."""
    try:
        if machine.git("rev-parse", "--is-shallow-repository") == "true":
            return None
        return {line[:10] for line in machine.git("rev-list", "--all").splitlines()}
    except (OSError, subprocess.CalledProcessError):
        return None


def check_commits(records: Mapping[str, Record], commits: set[str]) -> list[Problem]:
    """Records that name a commit which is not in the history."""
    named = {name: str(record.environment.get("commit", "none")) for name, record in records.items()}
    return [
        Problem(name, f"computed by commit {commit}, which is not in the history.")
        for name, commit in named.items()
        if commit.removesuffix("+") not in commits
    ]
