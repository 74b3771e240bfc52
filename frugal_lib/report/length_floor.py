"""The floor of a score at the length of what was written: random training lines, as long as the completions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        written = [completion_scores(record, split, "text").map(len).mean() for record in records]
        return float(np.mean([self.share_of(lengths, split) for lengths in written]))

    def share_of(self, characters: Mapping[int, float], split: str) -> float:
        """The same for completions of so many characters, by the number of their sonnet."""
        true = {row["id"]: row["characters"] for row in self.rows("true", split)}
        return float(sum(characters[number] for number in true) / sum(true.values()))

    def at(self, records: Sequence[Record], split: str = "dev") -> float:
        """Corpus chrF of random lines as long as the completions of some runs, between the lengths of the record."""
        return self.at_share(self.share(records, split), split)

    def at_share(self, share: float, split: str = "dev") -> float:
        """The same at a share of the true length."""
        rows = self.rows("floor", split)
        shares, scores = ([row[key] for row in rows] for key in ("share", "chrf"))
        return float(np.interp(share, shares, scores))
