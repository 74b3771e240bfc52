"""Texts out of anyone's file: JSON, JSON lines, or plain text in numbered or separated blocks."""

from __future__ import annotations

import json
import re
from pathlib import Path

from frugal_lib.core.fetch import DataError, read_text

FIELDS = ("text", "sonnet", "poem", "lines", "content", "completion", "output")  # where an entry may have its text
NUMBER = re.compile(r"^[\W_]*(\d+)[\W_]*$", re.MULTILINE)  # `7`, `###7###`, `=== 7 ===`


def read_texts(path: Path) -> dict[str, str]:
    """The texts of a file by their id, in the order of the file.

    JSON may be a list or an object of strings, of lists of lines, or of objects with one of `FIELDS` (and an
    `id`); JSON lines has such an entry a line. Plain text is cut at lines that hold a number and nothing else,
    or, where there is none, at blank lines. What has no id is counted from 1.

    Raises:
        DataError: the file cannot be read, or has no text in it.
    """
    content = read_text(path)
    texts = json_texts(content, path) if path.suffix in (".json", ".jsonl") else plain_texts(content)
    texts = {name: text for name, text in texts.items() if text.strip()}
    if not texts:
        raise DataError(f"{path}: no text in it; give a file with at least one.")
    return texts


def plain_texts(content: str) -> dict[str, str]:
    """Blocks of plain text; what stands before the first number is a title. A number that comes again is counted on."""
    parts = NUMBER.split(content)
    if len(parts) == 1:
        return {str(i): block for i, block in enumerate(re.split(r"\n\s*\n", content.strip()), start=1)}
    return unique(list(zip(parts[1::2], parts[2::2], strict=True)))


def json_texts(content: str, path: Path) -> dict[str, str]:
    """The texts of JSON or JSON lines."""
    try:
        if path.suffix == ".jsonl":
            entries = [json.loads(line) for line in content.splitlines() if line.strip()]
        else:
            entries = json.loads(content)
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}); mend that place.") from None
    if isinstance(entries, dict):
        return unique([(name, entry_text(entry, name, path)) for name, entry in entries.items()])
    if not isinstance(entries, list):
        raise DataError(f"{path}: neither a list nor an object of texts; make it one.")
    named = [(str(e["id"]) if isinstance(e, dict) and "id" in e else str(i), e) for i, e in enumerate(entries, start=1)]
    return unique([(name, entry_text(entry, name, path)) for name, entry in named])


def entry_text(entry: object, name: str, path: Path) -> str:
    """The text of one entry: a string, a list of lines, or an object that has one of the two in one of `FIELDS`."""
    if isinstance(entry, dict):
        entry = next((entry[field] for field in FIELDS if field in entry), None)
    if isinstance(entry, list) and all(isinstance(line, str) for line in entry):
        entry = "\n".join(entry)
    if not isinstance(entry, str):
        raise DataError(
            f"{path}: entry {name} has no text; give a string, or an object with one of {', '.join(FIELDS)}."
        )
    return entry


def unique(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """The pairs as a dictionary; an id that was used before gets a number behind it."""
    texts: dict[str, str] = {}
    for name, text in pairs:
        key, again = name, 2
        while key in texts:
            key, again = f"{name} ({again})", again + 1
        texts[key] = text
    return texts
