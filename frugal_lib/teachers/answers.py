"""The answers of a teacher: a JSONL file that loses nothing, and what is in them, counted line by line."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten

from filelock import FileLock, Timeout

from frugal_lib.core.fetch import DataError
from frugal_lib.core.files import write_text
from frugal_lib.data.overlap import words
from frugal_lib.teachers.prompt import NO_NUMBER, parse


class TeacherError(DataError):
    """A teacher that cannot write, or not go on: one sentence for the user."""


class Answers:
    """A log of answers, and its sonnets and sums. All of it is derived from the log each time that it is opened.

    Attributes:
        requests: numbers of the requests that the log knows of.
        found: a sonnet's letters → its request, its place in the answer, its text.
        rejected: what is no sonnet, as rows of `{request, reason, text}`.
        counts: answers, duplicates, malformed items and answers, failed requests, tokens.
        usd, dearest: what the answers cost together, and the most expensive one.
        open: a request's number → the estimated USD of each time that it was sent and nothing came back (yet).
    """

    def __init__(self, path: Path, per_request: int, identity: Callable[[int], dict]):
        """`identity` gives, for a request's number, the fields that its line must have to belong here."""
        self.path, self.per_request, self.identity = path, per_request, identity
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self.requests: set[int] = set()
        self.found: dict[str, tuple[int, int, str]] = {}
        self.rejected: list[dict] = []
        self.counts: Counter[str] = Counter()
        self.usd = self.dearest = 0.0
        self.open: dict[int, list[float]] = defaultdict(list)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the log, alone; when it is left, what is no sonnet is written beside it.

        Raises:
            TeacherError: another process holds it, or it has lines that do not belong here. It is left as it is.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{self.path}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            problem = "another process writes it; wait for its end, or choose another file"
            raise TeacherError(f"{self.path}: {problem}.") from None
        try:
            self._load()
            with self.path.open("ab", buffering=0) as self._file:
                try:
                    yield
                finally:
                    self._write_rejected()
        finally:
            lock.release()

    def _write_rejected(self) -> None:
        rows = sorted(self.rejected, key=lambda row: row["request"])
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_text(self.path.with_suffix(".rejected.jsonl"), text)

    def _load(self) -> None:
        """Count what the log holds, from scratch; a last line that was cut off in writing is removed."""
        self._clear()
        content = self.path.read_bytes() if self.path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        for number, row in enumerate(whole.splitlines(), 1):
            try:
                line = json.loads(row)
                known = self.identity(line["request"]).items() <= line.items()
                self._count(line)
                problem = "" if known else "made with another model, prompt, number per request, seed or temperature"
            except (ValueError, TypeError, KeyError, AttributeError):
                problem = "not an answer"
            if problem:
                self._clear()
                raise TeacherError(f"{self.path}, line {number}: {problem}; mend that, or choose another file.")
        if whole != content:
            print(f"{self.path}: the last line was cut off in writing, and has been removed.", file=sys.stderr)
            os.truncate(self.path, len(whole))

    def record(self, line: dict) -> int:
        """Put a line on the disk and count it; how many sonnets in it are new.

        Raises:
            TeacherError: it cannot be written; nothing of it is left behind.
        """
        row = json.dumps(line, ensure_ascii=False).encode() + b"\n"
        with self._lock:
            end = os.fstat(self._file.fileno()).st_size
            try:
                if self._file.write(row) < len(row):
                    raise OSError("no space left")
                os.fsync(self._file.fileno())
            except OSError as error:
                os.ftruncate(self._file.fileno(), end)
                problem = f"cannot be written ({error.strerror or error}); mend that, and the same command goes on"
                raise TeacherError(f"{self.path}: {problem}.") from None
            return self._count(line)

    def _count(self, line: dict) -> int:
        """Count one line; how many sonnets in it are new."""
        request, before = line["request"], len(self.found)
        if "sent" in line:
            self.open[request].append(float(line["sent"]))
            return 0
        if self.open[request]:
            self.open[request].pop()
        if "withdrawn" in line:
            return 0
        self.requests.add(request)
        if "error" in line:
            self.counts["failed"] += 1
            return 0
        valid, rejected = parse(line["text"], self.per_request, cut=line["finish_reason"] not in ("", "STOP"))
        for place, sonnet in enumerate(valid):
            entry, letters = (request, place, sonnet), "".join(words(sonnet))
            self.found[letters] = min(entry, self.found.get(letters, entry))
        new = len(self.found) - before
        self.rejected += [{"request": request, "reason": reason, "text": text} for text, reason in rejected]
        self.usd += line["usd"]
        self.dearest = max(self.dearest, line["usd"])
        self.counts.update(
            answers=1,
            duplicates=len(valid) - new,
            malformed=len(rejected),
            malformed_answers=not valid,
            prompt_tokens=line["prompt_tokens"],
            output_tokens=line["output_tokens"],
        )
        return new

    def promised(self, each: float) -> float:
        """USD that may have to be paid for requests that were sent and not answered, at `each` or their estimate."""
        return sum(max(each, estimate) for estimates in self.open.values() for estimate in estimates)

    def items(self) -> list[str]:
        """All valid sonnets, none twice, in the order of their requests."""
        return [sonnet for _, _, sonnet in sorted(self.found.values())]

    def save(self, path: Path, count: int) -> int:
        """Write up to `count` sonnets as a JSON list; how many there are."""
        sonnets = self.items()[:count]
        write_text(path, json.dumps(sonnets, ensure_ascii=False, indent=1) + "\n")
        return len(sonnets)

    def summary(self) -> dict[str, float]:
        """Sonnets, answers, what was no sonnet or no answer, tokens, USD."""
        names = ("answers", "duplicates", "malformed", "malformed_answers", "failed", "prompt_tokens", "output_tokens")
        return {"valid": len(self.found)} | {name: self.counts[name] for name in names} | {"usd": self.usd}


def why_barren(line: dict, per_request: int) -> str:
    """What an answer has in place of new sonnets: how it ended, and what was found."""
    valid, rejected = parse(line["text"], per_request)
    ended = f"finish reason {line['finish_reason'] or 'none'}"
    if not line["text"].strip():
        return f"{ended}, no text in {line['output_tokens']:,} tokens of output"
    if valid:
        return f"{ended}, nothing but sonnets that are there"
    if not rejected:
        return f"{ended}, no sonnet behind the numbers"
    begins = shorten(line["text"].strip(), 60, placeholder=" …")
    reason = "no line such as === 1 ===" if rejected[0][1] == NO_NUMBER else f"no sonnet but {rejected[0][1]}"
    return f"{ended}, {reason}; it begins {begins!r}"
