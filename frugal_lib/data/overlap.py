"""Is held-out text hidden in other text? Verbatim and near-verbatim lines, shared word n-grams, coverage."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

NGRAM = 8  # words; the length of the decontamination check of GPT-3 was 13, ours is stricter
NEAR = 0.75  # a line is near another one that has so many of its words, in order, of the longer one's
SHORTEST = 4  # words that a line has at least, to be near another
MOSTLY = 10  # verbatim lines from which on a text is called a copy


def words(text: str) -> list[str]:
    """Lower-case words of letters only; an apostrophe joins what it stands in (`feed'st` → `feedst`)."""
    return re.findall(r"[a-z]+", re.sub(r"['’‘`]", "", text.lower()))


@lru_cache(maxsize=200_000)
def folded(line: str) -> tuple[str, ...]:
    """The words of a line as they are compared: no case, punctuation, accents or dropped letters.

    `dimm'd`, `dimmed` and `dimmèd` are one word, and so are `grow'st` and `growest`.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", line) if not unicodedata.combining(c))
    return tuple(re.sub(r"e(?=(?:d|n|st|th)$)", "", word) for word in words(plain))


@dataclass(frozen=True)
class Copied:
    """What one text has from the targets.

    `verbatim` and `near` count lines by target, a line counting for one target only; `covered` of
    `words` words lie in a verbatim line or in a run of `NGRAM` words that a target has too.
    """

    lines: int
    words: int
    covered: int
    verbatim: dict[str, int]
    near: dict[str, int]
    shared: frozenset[str]  # targets that a run of NGRAM words is shared with

    @property
    def targets(self) -> set[str]:
        """Everything that it shares anything with."""
        return {*self.verbatim, *self.near, *self.shared}


class Targets:
    """Held-out texts by their id, indexed once and then compared with any number of other texts.

    Coverage is that of Touvron et al. 2023 (Llama 2), appendix A.6; runs of words are those of Brown et
    al. 2020 (GPT-3), appendix C.
    """

    def __init__(self, texts: Mapping[str, str]):
        self.lines: dict[tuple[str, ...], dict[str, None]] = defaultdict(dict)
        self.runs: dict[tuple[str, ...], dict[str, None]] = defaultdict(dict)
        self.threes: dict[tuple[str, ...], set[tuple[str, ...]]] = defaultdict(set)
        for name, text in texts.items():
            for line in filter(None, map(folded, text.splitlines())):
                self.lines[line][name] = None
                for three in runs(line, 3):
                    self.threes[three].add(line)
            for run in runs(all_words(text), NGRAM):
                self.runs[run][name] = None

    def exact(self, text: str) -> tuple[set[tuple[str, ...]], set[tuple[str, ...]]]:
        """The lines and the runs of `NGRAM` words that `text` shares with the targets, word for word."""
        lines = {line for line in map(folded, text.splitlines()) if line in self.lines}
        return lines, {run for run in runs(all_words(text), NGRAM) if run in self.runs}

    def near(self, line: tuple[str, ...]) -> tuple[str, ...] | None:
        """The line of a target that has most words in common with `line`, in order, where that is enough of them."""
        if len(line) < SHORTEST:
            return None
        candidates = {other for three in runs(line, 3) for other in self.threes.get(three, ())}
        best = max(candidates, key=lambda other: (likeness(line, other), other), default=None)
        return best if best and likeness(line, best) >= NEAR else None

    def compare(self, text: str) -> Copied:
        """What `text` has from the targets."""
        lines = [line for line in map(folded, text.splitlines()) if line]
        same = [self.lines.get(line, {}) for line in lines]
        like = [
            {} if exact else self.lines.get(self.near(line) or (), {}) for line, exact in zip(lines, same, strict=True)
        ]
        favour = Counter(name for found in (*same, *like) for name in found)

        def by_target(found: Sequence[Mapping[str, None]]) -> dict[str, int]:
            return dict(Counter(max(names, key=lambda name: favour[name]) for names in found if names))

        covered, shared = self.coverage(lines, [bool(found) for found in same])
        return Copied(len(lines), sum(map(len, lines)), covered, by_target(same), by_target(like), frozenset(shared))

    def coverage(self, lines: Sequence[tuple[str, ...]], verbatim: Sequence[bool]) -> tuple[int, set[str]]:
        """How many words lie in a verbatim line or a shared run, and the targets that runs are shared with."""
        tokens = [word for line in lines for word in line]
        marked = [copied for line, copied in zip(lines, verbatim, strict=True) for _ in line]
        shared: set[str] = set()
        for start, run in enumerate(runs(tokens, NGRAM)):
            if run in self.runs:
                marked[start : start + NGRAM] = [True] * NGRAM
                shared |= set(self.runs[run])
        return sum(marked), shared


def runs(tokens: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    """All runs of `n` words."""
    return (tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def all_words(text: str) -> list[str]:
    """The folded words of a text, across line ends."""
    return [word for line in text.splitlines() for word in folded(line)]


def likeness(line: Sequence[str], other: Sequence[str]) -> float:
    """The share of the longer line's words that both have in the same order, 0 to 1."""
    blocks = SequenceMatcher(None, line, other, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / max(len(line), len(other))


def first_of_each(texts: Sequence[str]) -> list[int]:
    """For each text the number of the first that has the same words: its own where it is no repeat."""
    seen: dict[tuple[str, ...], int] = {}
    return [seen.setdefault(tuple(all_words(text)), i) for i, text in enumerate(texts)]


def summary(texts: Sequence[str], targets: Mapping[str, str]) -> dict:
    """What a set of texts has from the targets, which are texts by their id; see `totals`."""
    index = Targets(targets)
    return totals(texts, targets, [index.compare(text) for text in texts])


def totals(texts: Sequence[str], targets: Iterable[str], found: Sequence[Copied]) -> dict:
    """What was found in a set of texts, in numbers that can be printed as JSON.

    Returns:
        `items`, `unique_items`, `lines`, `lines_verbatim`, `lines_near`, `items_overlapping` (that share
        anything), `items_mostly_verbatim` (`MOSTLY` verbatim lines or more), `token_share` (share of words
        that are covered), `by_target` (id → verbatim lines) and `near_by_target`.
    """
    verbatim, near = (sum((Counter(getattr(one, name)) for one in found), Counter()) for name in ("verbatim", "near"))
    return {
        "items": len(texts),
        "unique_items": len(set(first_of_each(texts))),
        "lines": sum(one.lines for one in found),
        "lines_verbatim": sum(verbatim.values()),
        "lines_near": sum(near.values()),
        "items_overlapping": sum(bool(one.targets) for one in found),
        "items_mostly_verbatim": sum(sum(one.verbatim.values()) >= MOSTLY for one in found),
        "token_share": sum(one.covered for one in found) / max(1, sum(one.words for one in found)),
        "by_target": {name: verbatim[name] for name in targets if name in verbatim},
        "near_by_target": {name: near[name] for name in targets if name in near},
    }
