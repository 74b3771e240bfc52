"""Cross-validation over all 154 sonnets: each is held out once, sonnets that share lines in one fold."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from functools import lru_cache

from frugal_lib.data.sonnets import Sonnet, Sonnets, public_domain

EDITION = "public-domain"  # the one edition that has all 154 whole, and that every machine has
TWINS = ((36, 96), (153, 154))  # the same couplet; two versions of one story
DEV = 12  # of the training part, on which training stops: as many as the paper's dev split has


def groups() -> list[tuple[int, ...]]:
    """What must not be parted: the twins, then every other sonnet alone, by number."""
    paired = {number for twins in TWINS for number in twins}
    return [*TWINS, *((number,) for number in public_domain() if number not in paired)]


def shuffled(parts: Iterable[tuple[int, ...]], seed: int) -> list[tuple[int, ...]]:
    """The groups in a random order that depends on nothing but `seed`."""
    order = list(parts)
    random.Random(seed).shuffle(order)
    return order


@lru_cache
def folds(count: int) -> tuple[tuple[int, ...], ...]:
    """The numbers of the sonnets held out in each of `count` folds, whose sizes differ by one at most.

    The same for every arm and seed, so that arms are compared sonnet by sonnet.

    Raises:
        ValueError: fewer than two folds, or more than half as many as there are sonnets.
    """
    if not 2 <= count <= len(public_domain()) // 2:
        raise ValueError(f"{count} folds of {len(public_domain())} sonnets are not possible; give 2 to 77.")
    found: list[list[int]] = [[] for _ in range(count)]
    for group in sorted(shuffled(groups(), count), key=len, reverse=True):  # twins while all folds are small
        min(found, key=len).extend(group)
    return tuple(tuple(sorted(fold)) for fold in found)


@lru_cache
def load(count: int, fold: int) -> Sonnets:
    """One fold: `test` is held out, `dev` is what training stops on, `train` is the rest.

    Args:
        count: how many folds there are.
        fold: which of them, from 0.

    Raises:
        ValueError: there is no such fold.
    """
    if not 0 <= fold < count:
        raise ValueError(f"fold {fold} of {count} does not exist; folds are counted from 0.")
    test = set(folds(count)[fold])
    rest = shuffled((group for group in groups() if not test & set(group)), 1000 * count + fold)
    dev: set[int] = set()
    while len(dev) < DEV:
        dev |= set(rest.pop())
    train = public_domain().keys() - test - dev
    return Sonnets(EDITION, *(by_number(part) for part in (train, dev, test)))


def by_number(numbers: Iterable[int]) -> tuple[Sonnet, ...]:
    """The sonnets of these numbers, in rising order."""
    return tuple(public_domain()[number] for number in sorted(numbers))


def fold_of(count: int, numbers: Sequence[int]) -> list[int]:
    """The fold in which each of some sonnets is held out."""
    place = {number: fold for fold, part in enumerate(folds(count)) for number in part}
    return [place[number] for number in numbers]
