"""A writer that needs no model: word n-grams of the training sonnets, written from the rhyme backwards."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache

from frugal_lib.data import sonnets as sonnet_data
from frugal_lib.metrics import verse

TRIES = 40  # lines begun for each one that is kept


@dataclass(frozen=True)
class Ngrams:
    """What stands before a word, or before two of them, in the training sonnets; a line starts with the empty word."""

    before_one: dict[str, list[str]]
    before_two: dict[tuple[str, str], list[str]]
    rhymes: list[list[str]]  # last words of lines, by what they rhyme on; groups of two or more


@lru_cache
def ngrams() -> Ngrams:
    """Counted over the public-domain training sonnets."""
    one, two, ends = defaultdict(list), defaultdict(list), defaultdict(set)
    for sonnet in sonnet_data.load_sonnets("public-domain").train:
        for line in sonnet.lines:
            words = ["", *verse.words_of(line)]
            for i in range(1, len(words)):
                one[words[i]].append(words[i - 1])
                if i + 1 < len(words):
                    two[words[i], words[i + 1]].append(words[i - 1])
            for part in verse.sounds(words[-1]):
                ends[part].add(words[-1])
    return Ngrams(dict(one), dict(two), [sorted(ends[part]) for part in sorted(ends) if len(ends[part]) > 1])


def write_line(last: str, rng: random.Random) -> str:
    """A line that ends in `last`: the first of some tries that is iambic pentameter, else the last try."""
    model, words = ngrams(), []
    for _ in range(TRIES):
        words = [last]
        while words[0] and len(words) < 12:
            pool = model.before_two.get((words[0], words[1])) if len(words) > 1 and rng.random() < 0.7 else None
            words.insert(0, rng.choice(pool or model.before_one[words[0]]))
        if verse.is_iambic(" ".join(words)):
            break
    text = re.sub(r"\bi\b", "I", " ".join(words).strip())
    return text[:1].upper() + text[1:]


def write_sonnet(rng: random.Random) -> str:
    """Fourteen lines that rhyme ABAB CDCD EFEF GG by the CMU dictionary."""
    lines = [""] * 14
    for (first, second), group in zip(verse.RHYME_PAIRS, rng.sample(ngrams().rhymes, 7), strict=True):
        ends = rng.sample(group, 2)
        lines[first], lines[second] = (write_line(word, rng) for word in ends)
    return "\n".join(lines)


def sonnets(count: int) -> list[str]:
    """The first `count` sonnets of a teacher that every machine has: the n-th is always the same."""
    from frugal_lib.models.generate import stream_seed

    return [write_sonnet(random.Random(stream_seed("offline", n))) for n in range(count)]
