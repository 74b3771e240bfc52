"""Is held-out text hidden in other text? Verbatim and near-verbatim lines, shared word n-grams, coverage."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from hashlib import sha256
from heapq import nlargest
from itertools import islice

NGRAM = 8  # words; the length of the decontamination check of GPT-3 was 13, ours is stricter
NEAR = 0.75  # a line is near another one that has so many of its words, in order, of the longer one's
SHORTEST = 4  # words that a line has at least, to be near another
LONGEST = 200  # and at most; the words of a longer one are found in runs
MANY = 32  # lines with the same three words, or targets with the same line, that are looked at
LIKENED = 16  # of these so many, which have most of its words, are compared with a line word by word
MOSTLY = 10  # verbatim lines from which on a text is called a copy

LinesOf = Callable[[str], Sequence[tuple[str, ...]]]
Index = dict[tuple[str, ...], list[str]]


def words(text: str) -> list[str]:
    """Lower-case words of letters only; an apostrophe joins what it stands in (`feed'st` → `feedst`)."""
    return re.findall(r"[a-z]+", re.sub(r"['’‘`]", "", text.lower()))


@lru_cache(maxsize=200_000)
def folded(line: str) -> tuple[str, ...]:
    """The words of a line as they are compared: no case, punctuation, accents or dropped letters.

    `dimm'd`, `dimmed` and `dimmèd` are one word, and so are `grow'st` and `growest`. The committed records are
    counted with this, in English; texts of anyone are folded by `folding`, which knows all scripts.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", line) if not unicodedata.combining(c))
    return tuple(re.sub(r"e(?=(?:d|n|st|th)$)", "", word) for word in words(plain))


def folded_lines(text: str) -> list[tuple[str, ...]]:
    """The words of each line that has any, as they are compared."""
    return list(filter(None, map(folded, text.splitlines())))


def all_words(text: str) -> list[str]:
    """The words of a text as they are compared, across line ends."""
    return [word for line in folded_lines(text) for word in line]


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
    al. 2020 (GPT-3), appendix C. Time and memory grow with the length of the texts and no faster.
    """

    def __init__(self, texts: Mapping[str, str], lines_of: LinesOf = folded_lines):
        """`lines_of` gives the words of each line as they are compared."""
        self.lines_of = lines_of
        self.lines: Index = {}
        self.runs: Index = {}
        self.threes: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        self.words = 0
        self._nearest: dict[tuple[str, ...], tuple[str, ...] | None] = {}  # found before: many texts repeat lines
        for name, text in texts.items():
            lines = lines_of(text)
            for line in lines:
                if line not in self.lines:
                    self._index_threes(line)
                note(self.lines, line, name)
            words = [word for line in lines for word in line]
            self.words += len(words)
            for run in runs(words, NGRAM):
                note(self.runs, run, name)

    def _index_threes(self, line: tuple[str, ...]) -> None:
        if len(line) <= LONGEST:
            for three in set(runs(line, 3)):
                found = self.threes.setdefault(three, [])
                if len(found) < MANY:
                    found.append(line)

    def exact(self, text: str) -> tuple[set[tuple[str, ...]], set[tuple[str, ...]]]:
        """The lines and the runs of `NGRAM` words that `text` shares with the targets, word for word."""
        lines = self.lines_of(text)
        words = [word for line in lines for word in line]
        return self.lines.keys() & set(lines), {run for run in runs(words, NGRAM) if run in self.runs}

    def near(self, line: tuple[str, ...]) -> tuple[str, ...] | None:
        """The line of a target that has most words in common with `line`, in order, where that is enough of them."""
        if not SHORTEST <= len(line) <= LONGEST:
            return None
        candidates = {other for three in runs(line, 3) for other in self.threes.get(three, ())}
        if not candidates:
            return None
        if line not in self._nearest:
            bounds = [(at_most_alike(line, other), other) for other in candidates]
            close = nlargest(LIKENED, (bound for bound in bounds if bound[0] >= NEAR))
            best = max(((likeness(line, other), other) for _, other in close), default=(0.0, None))
            self._nearest[line] = best[1] if best[0] >= NEAR else None
        return self._nearest[line]

    def compare(self, text: str) -> Copied:
        """What `text` has from the targets."""
        return self.compare_lines(self.lines_of(text))

    def compare_lines(self, lines: Sequence[tuple[str, ...]]) -> Copied:
        """What a text has from the targets, given the words of its lines."""
        same = [self.lines.get(line, ()) for line in lines]
        like = [
            () if exact else self.lines.get(self.near(line) or (), ()) for line, exact in zip(lines, same, strict=True)
        ]
        favour = Counter(name for found in (*same, *like) for name in found)

        def by_target(found: Sequence[Sequence[str]]) -> dict[str, int]:
            return dict(Counter(max(names, key=lambda name: favour[name]) for names in found if names))

        covered, shared = self.coverage(lines, [bool(found) for found in same])
        return Copied(len(lines), sum(map(len, lines)), covered, by_target(same), by_target(like), frozenset(shared))

    def coverage(self, lines: Sequence[tuple[str, ...]], verbatim: Sequence[bool]) -> tuple[int, set[str]]:
        """How many words lie in a verbatim line or a shared run, and the targets that runs are shared with."""
        tokens = [word for line in lines for word in line]
        marked = bytearray(copied for line, copied in zip(lines, verbatim, strict=True) for _ in line)
        shared: set[str] = set()
        for start, run in enumerate(runs(tokens, NGRAM)):
            if run in self.runs:
                marked[start : start + NGRAM] = b"\1" * NGRAM
                shared.update(self.runs[run])
        return sum(marked), shared


def note(index: Index, words: tuple[str, ...], name: str) -> None:
    """Put down that a target has these words; what very many have tells nothing of who was copied."""
    names = index.setdefault(words, [])
    if len(names) < MANY and (not names or names[-1] != name):
        names.append(name)


def runs(tokens: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    """All runs of `n` words."""
    return zip(*(islice(tokens, i, None) for i in range(n)), strict=False)


def at_most_alike(line: Sequence[str], other: Sequence[str]) -> float:
    """What `likeness` cannot exceed, in a fraction of its time: the words of both, whatever their order."""
    longer = max(len(line), len(other))
    if min(len(line), len(other)) < NEAR * longer:
        return 0.0
    left = list(other)
    for word in line:
        if word in left:
            left.remove(word)
    return (len(other) - len(left)) / longer


def likeness(line: Sequence[str], other: Sequence[str]) -> float:
    """The share of the longer line's words that both have in the same order, 0 to 1."""
    blocks = SequenceMatcher(None, line, other, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / max(len(line), len(other))


def first_of_each(texts: Sequence[str]) -> list[int]:
    """For each text the number of the first that has the same words: its own where it is no repeat."""
    seen: dict[str, int] = {}
    return [seen.setdefault(" ".join(map(" ".join, folded_lines(text))), i) for i, text in enumerate(texts)]


def summary(texts: Iterable[str], targets: Mapping[str, str], lines_of: LinesOf = folded_lines) -> dict:
    """What a set of texts has from the targets, which are texts by their id.

    Returns:
        what `totals` gives; `words` and `words_against`, as many as were compared; and `items_without_words`.
    """
    index, found, different = Targets(targets, lines_of), [], set()
    for text in texts:
        lines = lines_of(text)
        found.append(index.compare_lines(lines))
        different.add(sha256(" ".join(map(" ".join, lines)).encode("utf-8", "surrogatepass")).digest())
    return totals(len(different), targets, found) | {
        "words": sum(one.words for one in found),
        "words_against": index.words,
        "items_without_words": sum(not one.words for one in found),
    }


def totals(different: int, targets: Iterable[str], found: Sequence[Copied]) -> dict:
    """What was found in a set of texts, `different` of which are no repeats, in numbers that can be printed as JSON.

    Returns:
        `items`, `unique_items`, `lines`, `lines_verbatim`, `lines_near`, `items_overlapping` (that share
        anything), `items_mostly_verbatim` (`MOSTLY` verbatim lines or more), `token_share` (share of words
        that are covered), `by_target` (id → verbatim lines) and `near_by_target`.
    """
    verbatim, near = (added(getattr(one, name) for one in found) for name in ("verbatim", "near"))
    return {
        "items": len(found),
        "unique_items": different,
        "lines": sum(one.lines for one in found),
        "lines_verbatim": sum(verbatim.values()),
        "lines_near": sum(near.values()),
        "items_overlapping": sum(bool(one.targets) for one in found),
        "items_mostly_verbatim": sum(sum(one.verbatim.values()) >= MOSTLY for one in found),
        "token_share": sum(one.covered for one in found) / max(1, sum(one.words for one in found)),
        "by_target": {name: verbatim[name] for name in targets if name in verbatim},
        "near_by_target": {name: near[name] for name in targets if name in near},
    }


def added(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    """All counts together."""
    together: Counter[str] = Counter()
    for one in counts:
        together.update(one)
    return together
