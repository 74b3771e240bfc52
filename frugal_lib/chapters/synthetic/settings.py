"""What a profile sets of chapter 4."""

from __future__ import annotations

from typing import Literal

from frugal_lib.core.validated import STRICT, Count, Patience, Rate, Some, SomeRate, checked


@checked(frozen=True, config=STRICT)
class StudentGrid:
    """Chapter 4 on one base: students of `items` sonnets of each teacher, at `seeds` seeds.

    Each may take `max_steps` steps, whatever it reads, and is evaluated every `judge_steps`. `strict_teachers`
    also have a student of `strict_items` sonnets of strict form, and `long_teachers` one that is trained for
    `long_epochs` without early stopping.
    """

    items: tuple[Count, ...]
    learning_rate: Rate
    batch_size: Count
    max_steps: Count
    patience: Patience
    judge_steps: Count
    seeds: Count
    samples: Count
    strict_teachers: tuple[str, ...] = ()
    strict_items: Some = 0
    long_teachers: tuple[str, ...] = ()
    long_learning_rate: SomeRate = 0.0
    long_epochs: Some = 0


@checked(frozen=True, config=STRICT)
class StudentFolds:
    """Chapter 4 in cross-validation: students that read Shakespeare's sonnets `passes` times each.

    Besides they read `exposure` sonnets of a teacher: a draw of as many as `items` says by base, in turn. A base that
    is not in `items` has no students.
    """

    teachers: tuple[Literal["flash-lite", "flash", "pro", "human"], ...]
    passes: Count
    exposure: Count
    items: dict[str, tuple[Count, ...]]


@checked(frozen=True, config=STRICT)
class Settings:
    """Chapter 4: the teachers, and a grid of students for each base."""

    teachers: tuple[Literal["flash-lite", "flash", "pro", "human", "offline"], ...]
    bases: dict[str, StudentGrid]
    folds: StudentFolds | None = None
