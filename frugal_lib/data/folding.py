"""Text as the eye sees it: what is to be compared, without what can be changed and not be seen."""

from __future__ import annotations

import re
import unicodedata
from sys import intern

# Lines end here, as for `str.splitlines`.
LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
# An apostrophe joins what it stands in (`feed'st` → `feedst`): typographic ones, letters and accents used as one.
APOSTROPHES = "'`´‘’‛′‵ʹʻʼʽˈ՚׳᾽᾿ʾʿ"
# Letters (by Unicode's category) that show nothing, and one that stretches a word.
BLANK = "\u115f\u1160\u3164\uffa0\u0640"
# Cyrillic and Greek letters that look as Latin ones do, small and capital.
LOOKALIKE = str.maketrans("аеорсухіјѕԁһԛԝο", "aeopcyxijsdhqwo")
# Where words are not kept apart by spaces, every letter is compared as a word.
UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f])"
)
# Verb forms of around 1600: `dimm'd` and `dimmèd` are `dimmed`, `grow'st` is `growest`.
DROPPED_E = re.compile("e(?=(?:d|n|st|th)(?![^ \n]))")
ACCENT_ALONE = str.maketrans({"´": "'", "᾽": "'", "᾿": "'"})  # else taken apart into a space and an accent


class Letters(dict):
    """What becomes of a character that has been taken apart (NFKD); found out once for each."""

    def __missing__(self, code: int) -> str | None:
        self[code] = found = seen(chr(code))
        return found


def seen(character: str) -> str | None:
    """A letter without case; a line end; None for what cannot be seen or may be left out; else a space."""
    if character in LINE_ENDS:
        return "\n"
    kind = unicodedata.category(character)
    hidden = kind == "Cf" or (kind == "Cc" and not character.isspace())
    accent = kind == "Me" or unicodedata.combining(character) or unicodedata.name(character, "").startswith("VARIATION")
    if hidden or accent or character in APOSTROPHES + BLANK or character == "\u034f":
        return None
    return character.casefold().translate(LOOKALIKE) if kind[0] in "LM" else " "


LETTERS = Letters()


def folded_text(text: str) -> str:
    """The words of a text as they are compared, spaces between them and a line end after each line.

    Case, punctuation, digits, accents and dropped letters are gone, and so is what the eye does not see: soft
    hyphens, zero-width characters, the kind of an apostrophe, a dash or a white space, compatibility forms (a
    ligature, a full-width letter), letters of another script that look the same.
    """
    apart = unicodedata.normalize("NFKD", text.translate(ACCENT_ALONE) if not text.isascii() else text)
    plain = apart.translate(LETTERS)
    return DROPPED_E.sub("", plain if plain.isascii() else UNSPACED.sub(r" \1 ", plain))


def folded_lines(text: str) -> list[tuple[str, ...]]:
    """The words of each line that has any, as they are compared."""
    return [tuple(map(intern, words)) for line in folded_text(text).split("\n") if (words := line.split())]
