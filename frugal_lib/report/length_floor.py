"""The floor of a score at the length of what was written: random training lines, as long as the completions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from frugal_lib.core.runs import Record
from frugal_lib.report.measures import completion_scores


@dataclass(frozen=True)
class LengthFloor:
    """What random lines score by length, of a record `floor-lengths`."""

    record: Record

    def rows(self, kind: str, split: str) -> list[dict]:
        return [row for row in self.record.examples if (row["kind"], row["split"]) == (kind, split)]

    def share(self, records: Sequence[Record], split: str = "dev") -> float:
        """How long the completions of some runs are, as a share of the true lines 4-14, all sonnets together."""
        true = {row["id"]: row["characters"] for row in self.rows("true", split)}
        written = [completion_scores(record, split, "text")[list(true)].map(len).to_numpy() for record in records]
        return float(np.mean(written) / np.mean(list(true.values())))

    def at(self, records: Sequence[Record], split: str = "dev") -> float:
        """Corpus chrF of random lines as long as the completions of some runs, between the lengths of the record."""
        rows = self.rows("floor", split)
        shares, scores = ([row[key] for row in rows] for key in ("share", "chrf"))
        return float(np.interp(self.share(records, split), shares, scores))
