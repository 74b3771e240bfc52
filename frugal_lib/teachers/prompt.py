"""What a teacher is asked for, and what in its answer is a sonnet."""

from __future__ import annotations

import itertools
import random
import re

LINES = 14
NO_NUMBER = "no numbered line"
# What is asked for is `=== 7 ===`; models also write `### 7 ###`, `**Sonnet 7**`, `7.` or `Sonnet VII:`.
DELIMITER = re.compile(r"[\W_]*(?:(?:sonnet|poem)[\W_]*(?:no|number)?[\W_]*)?\d{1,4}[\W_]*", re.IGNORECASE)
ROMAN = re.compile(r"[\W_]*(?:sonnet|poem)[\W_]*[ivxlc]{1,8}[\W_]*", re.IGNORECASE)
LONGEST_DELIMITER = 60  # characters

PROMPT = """Write {count} Shakespearean sonnets, every one of them a new poem of your own.

The form of each sonnet:
- exactly 14 lines of verse, in iambic pentameter;
- end rhymes ABAB CDCD EFEF GG, by sound, and never a word rhymed with itself;
- the English of about 1600, its pronouns and verb forms (thou, thy, hath, doth) as well as its images;
- no title, no numbered lines, no notes, no stanza breaks.

All of it must be original: take no line from Shakespeare or from any other poet, not even a changed one.

These sonnets are about {theme}; they speak {voice}. Each opens with words of its own and follows an image
and an argument of its own.

Put before each sonnet a line with nothing but its number between equals signs, from === 1 === to
=== {count} ===. Apart from these lines and the sonnets write nothing.
"""

THEMES = (
    "an orchard through the year",
    "a ship that does not come home",
    "the weaver and the loom",
    "a debt and its lender",
    "a garden after frost",
    "an old soldier in peacetime",
    "the first snow on the fields",
    "a portrait that flatters",
    "music heard through a wall",
    "a quarrel between friends",
    "sleep that will not come",
    "a letter sent too late",
    "bees and their keeper",
    "the tide and the shore",
    "a candle in an empty house",
    "pride and its mending",
    "a falcon that will not return to the hand",
    "the physician who cannot heal himself",
    "a child learning to speak",
    "plague time in the city",
    "the mirror and the years",
    "a well in a dry summer",
    "the player when the play is done",
    "a road walked twice",
)

VOICES = (
    "to a beloved who is near",
    "to a beloved who has gone",
    "to the poet's own heart",
    "to Time",
    "to Fortune",
    "to a rival",
    "to a younger friend",
    "to the dead",
    "to Sleep",
    "to the Muse",
    "to no one, as a meditation",
    "as a plea before a judge",
)


def prompt(batch: int, count: int, seed: int = 0) -> str:
    """What request number `batch` (from 1) asks for: `count` sonnets, on a theme of its own.

    The 288 pairs of theme and voice come in an order that `seed` draws, and then again.
    """
    pairs = list(itertools.product(THEMES, VOICES))
    random.Random(seed).shuffle(pairs)
    theme, voice = pairs[(batch - 1) % len(pairs)]
    return PROMPT.format(count=count, theme=theme, voice=voice)


def parse(answer: str, expected: int, cut: bool = False) -> tuple[list[str], list[tuple[str, str]]]:
    """The sonnets in an answer, and what is none of them as `(text, reason)`.

    Lines lose their indentation, blank lines and code fences fall away; any other text is kept as it is.
    What comes before the first numbered line is ignored, unless there is no such line.

    Args:
        expected: how many sonnets were asked for; what comes after as many is rejected.
        cut: the answer ended before the model had done, so its last sonnet is rejected.
    """
    chunks: list[list[str]] = [[]]
    for line in map(str.strip, answer.splitlines()):
        if is_delimiter(line):
            chunks.append([])
        elif line.strip("`"):
            chunks[-1].append(line)
    valid, rejected = [], []
    poems = [chunk for chunk in chunks[1:] if chunk]
    for place, lines in enumerate(poems, 1):
        if reason := fault(lines, place > expected, cut and place == len(poems)):
            rejected.append(("\n".join(lines), reason))
        else:
            valid.append("\n".join(lines))
    if len(chunks) == 1 and chunks[0]:
        rejected.append(("\n".join(chunks[0]), NO_NUMBER))
    return valid, rejected


def is_delimiter(line: str) -> bool:
    """Whether a line announces a sonnet, and holds nothing else than its number."""
    return len(line) <= LONGEST_DELIMITER and bool(DELIMITER.fullmatch(line) or ROMAN.fullmatch(line))


def fault(lines: list[str], surplus: bool, cut: bool) -> str:
    """Why these lines are no sonnet; an empty string where they are one."""
    if len(lines) != LINES:
        return f"{len(lines)} lines"
    return "more than were asked for" if surplus else "cut off" if cut else ""
