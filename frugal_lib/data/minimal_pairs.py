"""Minimal pairs of grammar: two sentences that differ in one place, only one of which is English.

Two editions:

- `blimp`: 67 sets of 1,000 pairs, from a public repository at a pinned commit, or from the folder
  `FRUGAL_DATA_DIR`. Source: Warstadt et al. 2020, "BLiMP: The benchmark of linguistic minimal pairs
  for English" (CC-BY 4.0).
- `written`: a dozen sets of 30 pairs of our own making, which every machine has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, product
from pathlib import Path

from frugal_lib.core import fetch
from frugal_lib.core.fetch import DataError

SUMS: dict[str, str] = json.loads((Path(__file__).parents[1] / "assets" / "blimp.json").read_text(encoding="utf-8"))
URL = "https://raw.githubusercontent.com/alexwarstadt/blimp/3e56b06fcabca9b30822fc66435fca6b1aa40bb1/data"
WRITTEN = 30  # pairs in each set of our own
EDITIONS = {"blimp": "BLiMP (Warstadt et al. 2020)", "written": "minimal pairs of our own making"}

# Sentences with two choices between bars, the first of which is right, and words for their other gaps.
PEOPLE = ("teacher", "soldier", "gardener", "sailor", "doctor")
THINGS = ("letter", "garden", "song", "house", "window", "story")
TEMPLATES: dict[str, tuple[str, tuple[tuple[str, ...], ...]]] = {
    "subject-verb agreement": ("The {0} near the {1}s |is|are| old.", (PEOPLE, THINGS)),
    "agreement, plural": ("The {0}s of the {1} |were|was| here.", (PEOPLE, THINGS)),
    "determiner-noun agreement": ("The {0} saw |this|these| {1} yesterday.", (PEOPLE, THINGS)),
    "determiner-noun, plural": ("The {0} saw |those|that| {1}s yesterday.", (PEOPLE, THINGS)),
    "anaphor number": ("The {0}s near the {1} hurt |themselves|himself|.", (PEOPLE, THINGS)),
    "irregular past": ("The {0} |wrote|written| about the {1}.", (PEOPLE, THINGS)),
    "irregular participle": ("The {0} has |taken|took| the {1}.", (PEOPLE, THINGS)),
    "negative polarity": ("|No|A| {0} has ever seen the {1}.", (PEOPLE, THINGS)),
    "case of pronouns": ("The {0} gave |him|he| a {1}.", (PEOPLE, THINGS)),
    "verb after modal": ("The {0} can |see|sees| the {1}.", (PEOPLE, THINGS)),
    "transitivity": ("The {0} |opened|slept| the {1}.", (PEOPLE, THINGS)),
    "existential there": ("There |was|did| a {0} in the {1}.", (PEOPLE, THINGS)),
}


@dataclass(frozen=True)
class Pair:
    """One minimal pair of a set."""

    set: str
    good: str
    bad: str


def written(name: str) -> Iterator[Pair]:
    """The pairs of one of our own sets, in a fixed order."""
    template, words = TEMPLATES[name]
    before, right, wrong, after = template.split("|")
    for chosen in product(*words):
        good, bad = (f"{before}{choice}{after}".format(*chosen) for choice in (right, wrong))
        yield Pair(name, good, bad)


def blimp(file: str) -> Iterator[Pair]:
    """The pairs of one file of BLiMP, as its lines have them.

    Raises:
        DataError: the file cannot be had or read.
    """
    path = fetch.pinned_file(f"blimp/{file}", f"{URL}/{file}", SUMS[file])
    for line in fetch.read_text(path).splitlines():
        row = json.loads(line)
        yield Pair(file.removesuffix(".jsonl"), row["sentence_good"], row["sentence_bad"])


@lru_cache
def load(edition: str, per_set: int) -> tuple[Pair, ...]:
    """The first `per_set` pairs of every set of an edition; they are in no order of difficulty.

    Raises:
        DataError: the edition is unknown or cannot be had, or has no so many pairs.
    """
    if edition not in EDITIONS:
        raise DataError(f"minimal pairs {edition!r} are unknown; choose one of {', '.join(EDITIONS)}.")
    sets = map(blimp, SUMS) if edition == "blimp" else map(written, TEMPLATES)
    found = [tuple(islice(pairs, per_set)) for pairs in sets]
    if (fewest := min(map(len, found))) < per_set:
        raise DataError(f"minimal pairs {edition!r}: a set has fewer than {per_set} pairs; ask for {fewest} at most.")
    return tuple(pair for pairs in found for pair in pairs)


@lru_cache
def available_edition() -> str:
    """`blimp` where it can be had, else `written`."""
    return "blimp" if fetch.available(lambda: load("blimp", 1)) else "written"


def digest(edition: str) -> str:
    """Twelve hex digits that name an edition: the pinned SHA-256 of its files, or the templates."""
    return fetch.digest(list(SUMS.values()) if edition == "blimp" else [json.dumps(TEMPLATES)])
