"""When, where and how long: what the records of each chapter say of themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from frugal_lib.core.runs import Record
from frugal_lib.report.cells import NONE, framed


@framed
def status_table(records: Mapping[str, Sequence[Record]]) -> Iterator[dict]:
    """Chapter, number of runs, minutes of one thread in all and of the longest, commits, machines, version of torch."""
    for chapter, found in records.items():
        minutes = [record.environment["seconds"] / 60 for record in found]
        if found:
            yield {
                "chapter": chapter,
                "runs": f"{len(found):,}",
                "not finished": str(sum(record.status != "ok" for record in found)),
                "minutes": f"{sum(minutes):,.0f}",
                "longest run": f"{max(minutes):.1f}",
                "machine": listed(record.environment["device_name"] for record in found),
                "torch": listed(record.environment["versions"].get("torch", "–") for record in found),
                "commits": listed(record.environment["commit"][:7] for record in found),
            }


def on_file(folder: Path) -> list[Record]:
    """All records in a folder of results."""
    return [Record.from_json(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*/*.json"))]


def minutes_of(folder: Path) -> Counter[str]:
    """The minutes that all records in a folder took, by chapter."""
    found: Counter[str] = Counter()
    for record in on_file(folder):
        found[record.run.chapter] += record.environment["seconds"] / 60
    return found


@framed
def minutes_table(found: Mapping[str, Counter[str]]) -> Iterator[dict]:
    """By chapter, the minutes that the records of each profile took; a dash where it has none."""
    for chapter in dict.fromkeys(name for minutes in found.values() for name in sorted(minutes)):
        cells = {name: f"{minutes[chapter]:,.0f}" if chapter in minutes else NONE for name, minutes in found.items()}
        yield {"chapter": chapter} | cells


def total(found: Mapping[str, Counter[str]]) -> str:
    """What all chapters of each profile took, as words before a caption."""
    hours = {name: minutes.total() / 60 for name, minutes in found.items() if minutes}
    return f"All chapters took {', '.join(f'{took:.0f} hours ({name})' for name, took in hours.items())}."


def listed(words: Iterator[str]) -> str:
    """Each word once, in order."""
    return ", ".join(sorted(set(words)))
