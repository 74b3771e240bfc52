"""Whether the bases know the sonnets by heart, in numbers: lines that come back, and losses beside other poets'."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from frugal_lib.chapters import folds
from frugal_lib.core import precision, runs
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import Interval, mean_interval, ratio_values
from frugal_lib.profiles import Profile, load_profile
from frugal_lib.report.cells import cell, framed

PROFILES = ("micro", "small")  # whose bases the book shows side by side


def records_on_file(instead: str = "") -> dict[str, tuple[Profile, list[Record]]]:
    """The records there are of each profile's bases, by its name; none is computed. `instead`: another folder."""
    found = {}
    for profile in map(load_profile, PROFILES):
        folder = profile.results_folder(instead)
        planned = precision.applied(folds.recall_runs(profile), precision.chosen(folder, "cpu"))
        found[profile.name] = profile, runs.finished(planned, folder)
    return found


def bits(record: Record, kind: str) -> np.ndarray:
    """Values whose mean is the bits per character of lines 4-14: of Shakespeare (`recall`) or of others (`matched`)."""
    rows = [row for row in record.examples if row["kind"] == kind]
    return ratio_values([row["nll"] for row in rows], [row["characters"] for row in rows]) / np.log(2)


def gap(record: Record) -> Interval:
    """Bits per character of Shakespeare's sonnets minus those of others, paired by their length."""
    return mean_interval(bits(record, "recall") - bits(record, "matched"))


@framed
def recall_table(records: Sequence[Record]) -> Iterator[dict]:
    """A line a base: what comes back of lines 4-14 behind lines 1-3, greedily, and how likely the true lines are."""
    for record in records:
        found = record.metrics
        yield {
            "base": record.run.base,
            "lines reproduced": f"{found['lines_verbatim']:,.0f} of {found['lines']:,.0f}",
            "words right before the first wrong one": f"{found['words_right']:.2f}",
            "Shakespeare, bits per character": cell(mean_interval(bits(record, "recall")), 3),
            "other poets, bits per character": cell(mean_interval(bits(record, "matched")), 3),
            "Shakespeare minus others": cell(gap(record), 3, "+"),
        }
