"""What a record's examples say once more, and when two numbers count as equal."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from frugal_lib.core.runs import Record

EXACT = 1e-6  # relative to 1 or the value: records keep eight significant digits
TIES = 2e-4  # for areas under curves, where rounding makes ties
ROUNDED = 2e-5  # for what comes from logits, which records keep to four decimals


@dataclass
class Again:
    """What a record's examples say: its metrics, what is wrong with the examples, and what could not be tried."""

    metrics: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)
    tolerance: float = EXACT


def close(one: float, other: float, tolerance: float = EXACT) -> bool:
    """Whether two numbers are equal but for rounding; None stands for what is not finite."""
    if one is None or other is None:
        return (one is None or not math.isfinite(one)) and (other is None or not math.isfinite(other))
    return abs(one - other) <= tolerance * max(1.0, abs(other))


def same(one: object, other: object) -> bool:
    """Whether two values of an example are equal, numbers but for rounding."""
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in (one, other))
    return close(one, other) if numbers else one == other


def of_kind(record: Record, kind: str) -> list[dict]:
    """The examples of one kind."""
    return [row for row in record.examples if row.get("kind") == kind]
