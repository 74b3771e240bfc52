"""Sonnets that are on file: those by Gemini that the paper released, and sonnets by other poets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from frugal_lib.core import fetch
from frugal_lib.core.fetch import DataError
from frugal_lib.data.sonnets import clean

HUMAN_FOLDER = "sonnets_other"
RHYMED = 7  # of a poem's fourteen lines so many rhyme with another; what has fewer may be no sonnet


@dataclass(frozen=True)
class Source:
    """The files of one teacher: path and SHA-256 of each, and how a file becomes poems."""

    files: dict[str, str]
    parse: Callable[[str], list[str]]
    commit: str = fetch.COMMIT


def poems_with_rhyme(text: str) -> list[str]:
    """The poems of other poets that rhyme enough."""
    return ["\n".join(poem["lines"]) for poem in json.loads(text) if poem["rhyme_score"] >= RHYMED]


def numbered(text: str) -> list[str]:
    """Poems behind `###1###`, `###2###`, …"""
    return re.split(r"^###\d+###[ \t]*$", text, flags=re.MULTILINE)[1:]


SOURCES = {
    "flash-lite": Source(fetch.pinned("data/synthetic_data/sonnets_flash_lite.json"), json.loads),
    "flash": Source(fetch.pinned("data/synthetic_data/sonnets_flash.json"), json.loads),
    "pro": Source(fetch.pinned("synthetic_data/synthetic_sonnets_pro_full.txt"), numbered, fetch.PRO_COMMIT),
    "human": Source(
        fetch.pinned(*(f"{name}_sonnets.json" for name in ("deepspeare", "gutenberg_poetry", "rhymedata"))),
        poems_with_rhyme,
    ),
}


def path_of(teacher: str, name: str) -> Path:
    """One file of a teacher, verified.

    Raises:
        DataError: it cannot be had. The poems by others were put together from three collections, and
            have no single public source: they are read from `FRUGAL_DATA_DIR` alone.
    """
    source = SOURCES[teacher]
    if teacher != "human":
        return fetch.released_file(name, source.files[name], source.commit)
    folder = fetch.data_dir()
    if folder is None:
        raise DataError(f"{name}: poems by other poets, not on this machine; set FRUGAL_DATA_DIR to a folder of them.")
    return fetch.verified(folder / HUMAN_FOLDER / name, source.files[name])


@cache
def poems(teacher: str) -> tuple[str, ...]:
    """All poems of a teacher in the order of the file, without indentation and blank lines.

    Raises:
        DataError: a file cannot be had or read.
    """
    found: list[str] = []
    for name in SOURCES[teacher].files:
        path = path_of(teacher, name)
        try:
            found += SOURCES[teacher].parse(fetch.read_text(path))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: cannot be read ({error!r}); fetch the file again.") from None
    return tuple(text for poem in found if (text := "\n".join(clean(poem))))
