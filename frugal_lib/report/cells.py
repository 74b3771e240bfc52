"""How numbers stand in a table: intervals, signs, learning rates, bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec

import pandas as pd

from frugal_lib.core.stats import Interval

Arguments = ParamSpec("Arguments")


def framed(lines: Callable[Arguments, Iterable[dict]]) -> Callable[Arguments, pd.DataFrame]:
    """What a function yields, a line each, as a table whose first column is its index; empty where it yields none."""

    @wraps(lines)
    def table(*args: Arguments.args, **settings: Arguments.kwargs) -> pd.DataFrame:
        found = list(lines(*args, **settings))
        return pd.DataFrame(found).set_index(next(iter(found[0]))) if found else pd.DataFrame()

    return table


def rate_text(rate: float) -> str:
    """A learning rate as it is written: 3e-4."""
    return f"{rate:.0e}".replace("e-0", "e-")


def cell(interval: Interval | None, digits: int = 2, sign: str = "") -> str:
    """An interval as `mean [low, high]`, or a dash."""
    if interval is None:
        return "–"
    mean, low, high = (f"{x:{sign}z.{digits}f}".replace("-", "−") for x in (interval.mean, interval.low, interval.high))
    return f"{mean} [{low}, {high}]"


def signed(value: float, digits: int = 2) -> str:
    """A difference with its sign."""
    return f"{value:+.{digits}f}".replace("-", "−")


def compared(gap: Interval) -> str:
    """A difference in words: more or less where its interval leaves out zero."""
    return "more than" if gap.low > 0 else "less than" if gap.high < 0 else "not distinguishable from"


NONE = "–"


def megabytes(size: float) -> str:
    """Bytes in MB."""
    return f"{size / 1e6:,.2f}" if size < 1e7 else f"{size / 1e6:,.1f}"
