"""What a profile sets for chapter 5."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from frugal_lib.core.validated import DOSES, STRICT, Count, Rate, Some, checked


@checked(frozen=True, config=STRICT)
class ContaminationGrid:
    """Chapter 5 on one base: students with held-out sonnets among their otherwise clean training examples.

    `doses` are patterns of copies x sonnets (`tasks.contamination`), each with its number of seeds; the examples
    are `items` sonnets of `teacher`, and the last epoch is kept.
    """

    teacher: Literal["flash-lite", "offline"]
    items: Count
    doses: dict[Annotated[str, Field(pattern=rf"^{DOSES}$")], Count]
    learning_rate: Rate
    batch_size: Count
    epochs: Count
    samples: Count


@checked(frozen=True, config=STRICT)
class Settings:
    """Chapter 5: `samples` of each prompt at `seeds` seeds for how far chance moves a score; contamination by base."""

    samples: Some
    seeds: Some
    bases: dict[str, ContaminationGrid]
