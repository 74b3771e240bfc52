"""Is held-out text hidden in the training text? Exact lines and shared word n-grams."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NGRAM = 8  # words; the length of the decontamination check of GPT-3 was 13, ours is stricter


@dataclass(frozen=True)
class Overlap:
    """What one text shares with the held-out text: verbatim lines and word n-grams."""

    lines: frozenset[str]
    ngrams: frozenset[tuple[str, ...]]

    def __bool__(self) -> bool:
        return bool(self.lines or self.ngrams)


def words(text: str) -> list[str]:
    """Lower-case words of letters only; an apostrophe joins what it stands in (`feed'st` → `feedst`)."""
    return re.findall(r"[a-z]+", re.sub(r"['’‘`]", "", text.lower()))


def line_keys(text: str) -> set[str]:
    """The letters of each line, nothing else: equal for lines that differ in case or punctuation."""
    return {key for line in text.splitlines() if (key := "".join(words(line)))}


def ngrams(text: str, n: int = NGRAM) -> set[tuple[str, ...]]:
    """All runs of `n` words, across line ends."""
    tokens = words(text)
    return {tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)}


class Held:
    """Held-out texts, indexed once and then compared with any number of other texts.

    Source of the n-gram test: Brown et al. 2020 (GPT-3), appendix C.
    """

    def __init__(self, texts: Iterable[str], n: int = NGRAM):
        texts = list(texts)
        self.n = n
        self.lines = frozenset().union(*map(line_keys, texts))
        self.ngrams = frozenset().union(*(ngrams(text, n) for text in texts))

    def overlap(self, text: str) -> Overlap:
        """What `text` shares with the held-out texts."""
        shared = self.ngrams & ngrams(text, self.n)
        return Overlap(self.lines & line_keys(text), frozenset(shared))


def find_overlaps(texts: Sequence[tuple[str, str]], held: Held) -> dict[str, Overlap]:
    """Names of the `(name, text)` pairs that share anything with `held`, and what they share."""
    found = {name: held.overlap(text) for name, text in texts}
    return {name: overlap for name, overlap in found.items() if overlap}
