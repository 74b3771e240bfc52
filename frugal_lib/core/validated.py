"""Settings that are checked when they are read: their ranges, and what is wrong with them in one sentence."""

from __future__ import annotations

from textwrap import shorten
from typing import Annotated

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as checked  # noqa: F401 (what settings are made with)

DOSES = r"(\d+x\d+(\+\d+x\d+)*)?"  # copies x sonnets, joined by +; none is no copy at all
STRICT = ConfigDict(extra="forbid", strict=False)
MANY = 10**9  # of anything that is counted; more is a slip of the pen

Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]  # a learning rate, or LoRA's alpha
SomeRate = Annotated[float, Field(ge=0, allow_inf_nan=False)]  # or none
Dropout = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1, le=MANY)]
Some = Annotated[int, Field(ge=0, le=MANY)]  # a count that may be none
Patience = Some
Rates = Annotated[tuple[Rate, ...], Field(min_length=1)]


def first_problem(error: ValidationError) -> str:
    """The first thing that is wrong with a profile, as one sentence: key, value, range."""
    problem = error.errors()[0]
    key = ".".join(map(str, problem["loc"])) or "the file"
    if problem["type"] == "unexpected_keyword_argument":
        return f"key {key!r} is unknown; remove it or correct its spelling."
    if problem["type"] == "missing":
        return f"key {key!r} is missing; add it."
    said = problem["msg"].removeprefix("Value error, ")
    return f"key {key!r} is wrong: {said[0].lower()}{said[1:]}; it is {value_text(problem['input'])}."


def value_text(value: object) -> str:
    """A value as it may stand in a sentence."""
    try:
        return shorten(repr(value), 60, placeholder=" …")
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a number of thousands of digits"
