"""Values of records as matrices of seeds and items, and paired differences of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from frugal_lib.core.runs import Record
from frugal_lib.core.stats import Interval, mean_interval, ratio_values


def completion_scores(record: Record, split: str, column: str) -> pd.DataFrame:
    """Scores of one record's completions: a row per sample, a column per sonnet."""
    rows = [e for e in record.examples if e["kind"] == "completion" and e["split"] == split and column in e]
    return pd.DataFrame(rows).pivot(index="sample", columns="id", values=column)


def chrf_matrix(records: Sequence[Record], split: str, column: str) -> np.ndarray:
    """Values whose mean is corpus chrF, samples averaged first: [seeds, sonnets]."""
    return np.stack([completion_scores(r, split, column).mean().to_numpy() for r in records])


def bpc_matrix(records: Sequence[Record], split: str) -> np.ndarray:
    """Values whose mean is bits per character of the true lines 4-14: [seeds, sonnets]."""
    return loss_matrix(records, split, "characters") / np.log(2)


def loss_matrix(records: Sequence[Record], split: str, unit: str) -> np.ndarray:
    """Values whose mean is the loss on the true lines 4-14 in nats per `unit` (tokens, characters): [seeds, sonnets].

    Runs without training differ in nothing that matters here, so one of them is enough.
    """
    values = []
    for record in records if records[0].history else records[:1]:
        rows = [e for e in record.examples if e["kind"] == "likelihood" and e["split"] == split]
        values.append(ratio_values([row["nll"] for row in rows], [row[unit] for row in rows]))
    return np.stack(values)


def paired(
    first: Sequence[Record],
    second: Sequence[Record],
    values: Callable[[Sequence[Record]], np.ndarray],
    level: float = 0.95,
) -> Interval:
    """`first` minus `second` in some measure, paired by item and by seed.

    A model that was not trained has no seeds, and stands for all of the other's.
    """
    seeds = min((len(side) for side in (first, second) if side[0].history), default=1)
    return mean_interval(values(first[:seeds]) - values(second[:seeds]), level)


def interaction(sides: Sequence[Sequence[Record]], values: Callable[[Sequence[Record]], np.ndarray]) -> Interval:
    """The difference of two differences in some measure, paired by item and by seed.

    `sides` are four: (first minus second) minus (third minus fourth).
    """
    seeds = min(len(side) for side in sides)
    first, second, third, fourth = (values(side[:seeds]) for side in sides)
    return mean_interval((first - second) - (third - fourth))
