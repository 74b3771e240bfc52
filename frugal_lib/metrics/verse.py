"""The form of a sonnet: lines, rhyme and metre, by the pronunciations of the CMU dictionary."""

from __future__ import annotations

import re
import string
from functools import cache

import pronouncing

RHYME_PAIRS = ((0, 2), (1, 3), (4, 6), (5, 7), (8, 10), (9, 11), (12, 13))  # ABAB CDCD EFEF GG
SCHEME = "ABABCDCDEFEFGG"
# Early Modern endings that the dictionary lacks, and how they sound behind a verb that it has.
ENDINGS = (("'d", " D"), ("'st", " S T"), ("est", " AH0 S T"), ("eth", " AH0 TH"), ("'s", " Z"))


def last_word(line: str) -> str:
    """The last word of a line in lower case, without punctuation; empty where there is none."""
    words = re.findall(r"[a-z']+", line.lower().replace("’", "'"))
    return words[-1].strip("'") if words else ""


def rhymes(line: str, other: str) -> bool:
    """Whether two lines end in different words that rhyme in the CMU Pronouncing Dictionary."""
    first, second = last_word(line), last_word(other)
    return first != second and bool(sounds(first, False) & sounds(second, False))


def form(text: str) -> dict[str, float | int | bool]:
    """The form of a sonnet by the paper's rule, which knows what the dictionary knows and no more.

    Returns:
        `lines`; `rhyme_share`, the share of the seven pairs of ABAB CDCD EFEF GG that rhyme; and
        `perfect`: fourteen lines and all seven pairs.
    """
    lines = text_lines(text)
    pairs = [rhymes(lines[i], lines[j]) for i, j in RHYME_PAIRS if j < len(lines)]
    share = sum(pairs) / len(RHYME_PAIRS)
    return {"lines": len(lines), "rhyme_share": share, "perfect": len(lines) == 14 and share == 1}


def scan(text: str) -> dict[str, float | int | bool | str]:
    """The form of a sonnet, looked at more closely.

    Returns:
        what `form` returns, and `scheme` (the lines' rhymes as letters), `pairs` (share of the seven
        pairs that rhyme once Early Modern endings are known), `iambic` (share of lines that can be read
        as iambic pentameter), `unknown` (share of words that the dictionary does not have).
    """
    lines = text_lines(text)
    words = [word for line in lines for word in words_of(line)]
    pairs = [sounds_alike(lines[i], lines[j]) for i, j in RHYME_PAIRS if j < len(lines)]
    return form(text) | {
        "scheme": scheme(lines),
        "pairs": sum(pairs) / len(RHYME_PAIRS),
        "iambic": sum(map(is_iambic, lines)) / max(1, len(lines)),
        "unknown": sum(not pronouncing.phones_for_word(word.strip("'")) for word in words) / max(1, len(words)),
    }


def text_lines(text: str) -> list[str]:
    """The lines that hold text."""
    return [line for line in text.splitlines() if line.strip()]


def words_of(line: str) -> list[str]:
    """The words of a line in lower case, with their apostrophes."""
    return re.findall(r"'?[a-z]+(?:'[a-z]+)*'?", line.lower().replace("’", "'"))


@cache
def pronunciations(word: str) -> tuple[str, ...]:
    """Every pronunciation of a word: the dictionary's, else those of its stem with an Early Modern ending."""
    known = pronouncing.phones_for_word(word) or pronouncing.phones_for_word(word.strip("'"))
    if known:
        return tuple(known)
    if word.endswith("'d") and (spelt := pronouncing.phones_for_word(f"{word[:-2]}ed")):
        return tuple(spelt)
    found = []
    for ending, sound in ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word:
            stems = (stem, f"{stem}e", f"{stem}y", stem[:-1] if stem[-2:-1] == stem[-1:] else "")
            found += [phones + sound for s in stems if s for phones in pronouncing.phones_for_word(s)]
    return tuple(dict.fromkeys(found))


@cache
def sounds(word: str, endings: bool = True) -> frozenset[str]:
    """What a word rhymes on, one entry per pronunciation: Early Modern `endings` known, or the dictionary alone."""
    return frozenset(map(pronouncing.rhyming_part, (pronunciations if endings else pronouncing.phones_for_word)(word)))


def sounds_alike(line: str, other: str) -> bool:
    """Whether two lines end in different words that rhyme, Early Modern endings known."""
    first, second = ((words_of(one) or [""])[-1] for one in (line, other))
    return first != second and bool(sounds(first) & sounds(second))


def scheme(lines: list[str]) -> str:
    """A letter for each line: that of the first line that it rhymes with, or of the line that ends in the same word."""
    letters: list[str] = []
    for i, line in enumerate(lines):
        last = words_of(line)[-1:]
        alike = (j for j in range(i) if sounds_alike(lines[j], line) or (last and words_of(lines[j])[-1:] == last))
        first = next(alike, None)
        new = string.ascii_letters[len(set(letters)) % 52].swapcase()
        letters.append(new if first is None else letters[first])
    return "".join(letters)


@cache
def stresses(word: str) -> frozenset[str]:
    """Stress patterns of a word, a digit a syllable: 1 is the main stress, x one that is not known.

    What has no pronunciation has as many syllables as groups of vowels (`th'` has none). A syllable that
    poets drop, as in heaven or flower, may be there or not.
    """
    found = {pronouncing.stresses(phones) for phones in pronunciations(word)}
    if not found:
        letters = re.sub(r"[^a-z]", "", word)
        groups = len(re.findall(r"[aeiouy]+", re.sub(r"(?<=[^aeiouy])e$", "", letters) or letters))
        found = {"x" * groups}
    if re.search(r"(?:[vw]e[nr]|ower|our|ire)s?$", word):
        found |= {pattern[:-1] for pattern in found if pattern.endswith("0")}
    return frozenset("x" if len(pattern) == 1 else pattern for pattern in found)


def is_iambic(line: str) -> bool:
    """Whether a line can be read as iambic pentameter.

    Ten syllables, or eleven with an unstressed last one. The main stress of a word of several
    syllables falls on an even place; where a line or a part of it begins, on an odd one too. Words of
    one syllable go anywhere, so that the rule is a generous one. Source: the stress maximum principle of
    Halle & Keyser 1966, in the form of Kiparsky 1977.
    """
    places = {0: False}  # syllables so far → whether the last one is unstressed
    for part in re.split(r"[.,;:!?()\-–—]+", line):
        for position, word in enumerate(words_of(part)):
            places = {
                end: pattern.endswith(("0", "x")) or places.get(end, False)
                for start in places
                for pattern in stresses(word)
                if fits(pattern, start, position == 0) and (end := start + len(pattern)) <= 11
            }
    return 10 in places or places.get(11, False)


def fits(pattern: str, start: int, first: bool) -> bool:
    """Whether a word's main stress is in place when `start` syllables stand before it."""
    place = start + pattern.find("1") + 1
    return "1" not in pattern or place % 2 == 0 or (first and pattern[0] == "1")
