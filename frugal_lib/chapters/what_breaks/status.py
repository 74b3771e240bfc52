"""When, where and how long: what the records of each chapter say of themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from frugal_lib.core.runs import Record
from frugal_lib.report.cells import framed


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


def listed(words: Iterator[str]) -> str:
    """Each word once, in order."""
    return ", ".join(sorted(set(words)))
