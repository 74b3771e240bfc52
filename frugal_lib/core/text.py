"""Text from anyone's file, and text that is printed: the one reader of all commands, and what a terminal may get."""

from __future__ import annotations

import codecs
import json
import sys
import unicodedata
from pathlib import Path

from frugal_lib.core.fetch import DataError

LIMIT = 50 * 2**20  # bytes; what is larger is refused, whatever else it may be
BOMS = {  # the longer ones first: UTF-32's begins with UTF-16's
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
LONGEST_NUMBER = 400  # digits; Python refuses to read more than 4,300


def read_text(path: Path, limit: int = LIMIT) -> str:
    """A file's text with `\\n` at the end of each line. A BOM, or UTF-16 without one, is seen and told.

    Raises:
        DataError: it cannot be read, is larger than `limit` bytes, or is no text.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); check the path.") from None
    if len(content) > limit:
        raise DataError(f"{path}: larger than {limit / 2**20:g} MB; give a part of it, or cut it into several files.")
    text, encoding = decoded(content, str(path))
    if encoding != "utf-8":
        print(f"{printable(str(path))}: read as {encoding.upper()}.", file=sys.stderr)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def decoded(content: bytes, name: str) -> tuple[str, str]:
    """The text in some bytes without a BOM, and its encoding; `name` is how a message calls the file."""
    bom = next((bom for bom in BOMS if content.startswith(bom)), b"")
    encoding = BOMS[bom] if bom else "utf-8" if b"\0" not in content else utf16_order(content)
    try:
        text = content[len(bom) :].decode(encoding)
    except UnicodeDecodeError as error:
        where = f"byte {error.start + len(bom):,}"
        raise DataError(f"{name}: not {encoding.upper()} text ({where}); save the file as UTF-8.") from None
    if "\0" in text:
        where = f"character {text.index(chr(0)) + 1:,}"
        raise DataError(f"{name}: no text, for it holds a NUL ({where}); save what is in it as UTF-8 text.")
    return text, encoding


def utf16_order(content: bytes) -> str:
    """UTF-16's order of bytes, from where the zeros of spaces and line ends lie; UTF-8 where it is not UTF-16."""
    first, second = content[::2].count(0), content[1::2].count(0)
    order = "utf-16-be" if first > second else "utf-16-le"
    sample = content[:100_000]
    steering = sum(byte < 32 and byte not in b"\t\n\v\f\r" for byte in sample) / len(sample)  # half of them, in UTF-16
    try:
        sample.decode("utf-8", "strict")
        other = steering > 0.25
    except UnicodeDecodeError:
        other = min(first, second) * 8 <= max(first, second)
    text = sample[: len(sample) // 2 * 2].decode(order, "replace")
    odd = sum(unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn") and not c.isspace() for c in text)
    return order if other and odd * 50 < len(text) else "utf-8"


def from_json(text: str) -> object:
    """What JSON says, as `json.loads`.

    Raises:
        ValueError: it is not JSON, is nested too deeply, or names a thing twice in one object.
    """
    try:
        return json.loads(text, parse_int=number, object_pairs_hook=each_once)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def number(digits: str) -> float:
    """A whole number, which is infinite where it has more digits than anything counts."""
    return int(digits) if len(digits) <= LONGEST_NUMBER else float(f"{digits[0]}e999")


def each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object; of two things of one name, one would be lost in silence."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is named twice in one object")
    return found


def printable(text: str) -> str:
    """Text with escapes in place of what steers a terminal or hides: control, format and broken characters."""
    return "".join(c if c in "\n\t" or shown(c) else c.encode("unicode_escape").decode("ascii") for c in text)


def shown(character: str) -> bool:
    """Whether a terminal shows a character and does nothing else with it."""
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
