"""Texts out of anyone's file: JSON, JSON lines, a table, or plain text in numbered or separated blocks."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from io import StringIO
from pathlib import Path

from frugal_lib.core.fetch import DataError
from frugal_lib.core.text import LIMIT, from_json, read_text

FIELDS = (  # where an entry may have its text, or parts of it
    "text", "sonnet", "poem", "lines", "content", "completion", "output", "response", "generated_text",
)  # fmt: skip
WRAPPERS = ("sonnets", "poems", "texts", "items", "entries", "examples", "rows", "data")
JSON_LINES, TABLES = (".jsonl", ".ndjson", ".jsonlines"), {".csv": ",", ".tsv": "\t"}
MARKED = re.compile(r"[\W_]*(\d{1,9})[\W_]*")  # `7`, `###7###`, `=== 7 ===`
LONGEST_HEADING = 60  # characters
WORDS_OF_A_LINE = 4  # what has fewer in every line is a title

Entries = list[tuple[str, object]]


def read_texts(path: Path, limit: int = LIMIT) -> dict[str, str]:
    """The texts of a file by their id, in the order of the file.

    JSON may be a list or an object of strings, of lists of lines, or of objects with some of `FIELDS` (and an
    `id`), perhaps inside an object that calls it one of `WRAPPERS`; JSON lines has such an entry a line, and ends a
    line at `\\n` alone. A table has a text a row. Plain text is cut at lines that hold a number and nothing else, or,
    where there is none, at blank lines. What has no id is counted from 1. Whatever a file is called, what begins as
    JSON and is JSON is read as such. Rows of requests that failed are left out.

    Raises:
        DataError: the file cannot be read, or has no text in it.
    """
    content = read_text(path, limit)
    suffix = path.suffix.lower()
    if suffix in TABLES:
        pairs = table_texts(content, TABLES[suffix], path)
    elif suffix == ".json" or suffix in JSON_LINES or content[:1000].lstrip()[:1] in ("[", "{"):
        pairs = json_or_plain(content, suffix, path)
    else:
        pairs = plain_texts(content)
    texts = unique((name, text) for name, text in pairs if text.strip())
    if not texts:
        raise DataError(f"{path}: no text in it; give a file with at least one.")
    return texts


def plain_texts(content: str) -> Iterable[tuple[str, str]]:
    """Blocks of plain text; what stands before the first number is a title where no line has `WORDS_OF_A_LINE`."""
    head, blocks = numbered_blocks(content, marked_number)
    if not blocks:
        return enumerated(blank_separated(content))
    title = all(len(line.split()) < WORDS_OF_A_LINE for line in head.splitlines())
    return [*([] if title else [("head", head)]), *((str(number), body) for number, body in blocks)]


def numbered_blocks(content: str, number_in: Callable[[str], int | None]) -> tuple[str, list[tuple[int, str]]]:
    """What stands before the first line that is a number, and each number with the text up to the next one."""
    parts: list[list[str]] = [[]]
    numbers: list[int] = []
    for line in content.splitlines():
        if (number := number_in(line)) is not None:
            numbers.append(number)
            parts.append([])
        else:
            parts[-1].append(line)
    head, *bodies = ("\n".join(part) for part in parts)
    return head, list(zip(numbers, bodies, strict=True))


def lone_number(line: str) -> int | None:
    """The number that a line holds and nothing else but white space and what cannot be seen."""
    bare = line.strip(unseen()) if len(line) <= LONGEST_HEADING else ""
    return int(bare) if bare.isdecimal() and len(bare) < 10 else None


def marked_number(line: str) -> int | None:
    """The number that a line holds with no letter beside it."""
    found = MARKED.fullmatch(line) if len(line) <= LONGEST_HEADING else None
    return int(found[1]) if found else None


@cache
def unseen() -> str:
    """White space, control and format characters: what may stand before a number and is not seen."""
    every = map(chr, range(0x10000))
    return "".join(c for c in every if c.isspace() or unicodedata.category(c) in ("Cc", "Cf"))


def blank_separated(content: str) -> Iterator[str]:
    """What stands between blank lines."""
    block: list[str] = []
    for line in [*content.splitlines(), ""]:
        if line.strip():
            block.append(line)
        elif block:
            yield "\n".join(block)
            block = []


def enumerated(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Texts with their numbers from 1."""
    return ((str(i), text) for i, text in enumerate(texts, start=1))


def table_texts(content: str, delimiter: str, path: Path) -> Iterator[tuple[str, str]]:
    """A text for each row of a table: all its cells."""
    csv.field_size_limit(LIMIT)
    try:
        yield from enumerated("\n".join(row) for row in csv.reader(StringIO(content, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise DataError(f"{path}: not a table ({error}); mend that, or save it as plain text.") from None


def json_or_plain(content: str, suffix: str, path: Path) -> Iterable[tuple[str, str]]:
    """The texts of JSON or JSON lines, tried in the order that the file's name suggests; else those of plain text."""
    ways = [json_lines, from_json] if suffix in JSON_LINES else [from_json, json_lines]
    problems = []
    for way in ways:
        try:
            entries = way(content)
        except ValueError as error:
            problems.append(error)
        else:
            return [(name, entry_text(entry, name, path)) for name, entry in named(entries, path) if not failed(entry)]
    if suffix == ".json" or suffix in JSON_LINES:
        raise DataError(f"{path}: not JSON ({problems[0]}); mend that place.")
    return plain_texts(content)


def json_lines(content: str) -> list[object]:
    """One entry a line; a line ends at `\\n` and nowhere else."""
    entries = []
    for number, line in enumerate(content.split("\n"), start=1):
        if bare := line.strip(" \t\r\ufeff"):
            try:
                entries.append(from_json(bare))
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
    return entries


def named(entries: object, path: Path) -> Entries:
    """Entries with their ids."""
    entries = unwrapped(entries)
    if isinstance(entries, dict):
        return list(entries.items())
    if not isinstance(entries, list):
        raise DataError(f"{path}: neither a list nor an object of texts; make it one.")
    return [(str(e["id"]) if isinstance(e, dict) and "id" in e else str(i), e) for i, e in enumerate(entries, start=1)]


def unwrapped(entries: object) -> object:
    """What an object has under one of `WRAPPERS`, where nothing else in it could be a text; a lone entry as a list."""
    if not isinstance(entries, dict):
        return entries
    inside = [name for name, value in entries.items() if name.lower() in WRAPPERS and isinstance(value, list | dict)]
    others = [value for name, value in entries.items() if name not in inside]
    if len(inside) == 1 and not any(isinstance(v, list | dict) or (isinstance(v, str) and "\n" in v) for v in others):
        return entries[inside[0]]
    return [entries] if any(field in entries for field in FIELDS) else entries


def failed(entry: object) -> bool:
    """Whether an entry is a row of `teach`'s log without an answer: a request that failed, or was only sent."""
    return isinstance(entry, dict) and bool({"error", "sent"} & entry.keys()) and not any(map(entry.get, FIELDS))


def entry_text(entry: object, name: str, path: Path) -> str:
    """The text of one entry: a string, a list of lines, or an object that has such in some of `FIELDS`."""
    parts = [entry[field] for field in FIELDS if entry.get(field)] if isinstance(entry, dict) else [entry]
    if isinstance(entry, dict) and not parts and any(entry.get(field) in ("", []) for field in FIELDS):
        return ""
    texts = ["\n".join(part) if is_lines(part) else part for part in parts]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise DataError(
            f"{path}: entry {name} has no text; give a string, or an object with one of {', '.join(FIELDS)}."
        )
    return "\n".join(texts)


def is_lines(part: object) -> bool:
    """Whether something is a list of strings."""
    return isinstance(part, list) and all(isinstance(line, str) for line in part)


def unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The pairs as a dictionary; an id that was used before gets a number behind it."""
    texts: dict[str, str] = {}
    used: Counter[str] = Counter()
    for name, text in pairs:
        used[name] += 1
        key = name if used[name] == 1 else f"{name} ({used[name]})"
        while key in texts:
            used[name] += 1
            key = f"{name} ({used[name]})"
        texts[key] = text
    return texts
