"""Settings that are checked when they are read, and what is wrong with them in one sentence."""

from __future__ import annotations

from pydantic import ConfigDict, ValidationError
from pydantic.dataclasses import dataclass as checked

__all__ = ["DOSES", "STRICT", "checked", "first_problem"]

DOSES = r"(\d+x\d+(\+\d+x\d+)*)?"  # copies x sonnets, joined by +; none is no copy at all
STRICT = ConfigDict(extra="forbid", strict=False)


def first_problem(error: ValidationError) -> str:
    """The first thing that is wrong with a profile, as one sentence."""
    problem = error.errors()[0]
    key = ".".join(map(str, problem["loc"])) or "the file"
    if problem["type"] == "unexpected_keyword_argument":
        return f"key {key!r} is unknown; remove it or correct its spelling."
    if problem["type"] == "missing":
        return f"key {key!r} is missing; add it."
    return f"key {key!r} is wrong: {problem['msg'].lower()}."
