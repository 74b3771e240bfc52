"""What campaigns share: processes that can be found again, what a results folder holds, and the table at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from frugal_lib.core.records import Record

TESTS = Path(__file__).parents[1]
MARK = "FRUGAL_CAMPAIGN"
VERDICTS = ("right", "refused", "wrong")


def pythonpath(stub: bool = True) -> str:
    """Where this copy of the library and the campaigns are imported from, and what stands in for torch."""
    folders = [*([TESTS / "campaigns" / "stub"] if stub else []), TESTS, TESTS.parent]
    return os.pathsep.join([*map(str, folders), *filter(None, [os.environ.get("PYTHONPATH")])])


class Program:
    """A program of the project in a session of its own, with all that it starts."""

    def __init__(self, *words: object, stub: bool = True, **environment: str):
        self.mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            [sys.executable, *map(str, words)],
            env=os.environ | {"PYTHONPATH": pythonpath(stub), MARK: self.mark} | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def left(self) -> list[psutil.Process]:
        """Its processes that live."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def gone_within(self, seconds: float) -> bool:
        """Whether none of its processes lives after so long; those that do are ended."""
        until = time.monotonic() + seconds
        while left := self.left():
            if time.monotonic() > until:
                for process in left:
                    with suppress(psutil.Error):
                        process.kill()
                return False
            time.sleep(0.1)
        return True

    def end(self) -> tuple[int, str]:
        """Wait for its end; its status and what it said on standard error."""
        _, said = self.process.communicate()
        return self.process.returncode, said


def sweeping(results: Path, *words: object, **settings) -> Program:
    """A sweep of sleeping runs into a folder."""
    return Program("-m", "campaigns.sweeping", results, *words, **settings)


def records(results: Path) -> dict[Path, bytes]:
    """The records of a folder, as they lie there."""
    return {path: path.read_bytes() for path in results.rglob("[!.]*.json")}


def all_valid(results: Path, count: int) -> bool:
    """Whether there are so many records, all of them readable and in their place."""
    found = records(results)
    return len(found) == count and all(
        results / Record.from_json(text.decode()).run.path == path for path, text in found.items()
    )


def hidden(results: Path) -> list[Path]:
    """Temporary files and claims."""
    return [path for path in results.rglob(".*") if path.is_file()]


def computed(results: Path) -> int:
    """How many runs were computed in all."""
    log = Path(f"{results}.log")
    return len(log.read_text().splitlines()) if log.exists() else 0


def tried(found: Counter[tuple[str, str]], kind: str, attempt: Callable[..., tuple[str, Any]], *words: object) -> Any:
    """Count an attempt in a folder of its own as right or wrong, and say what was wrong; what it measured."""
    with tempfile.TemporaryDirectory() as folder:
        problem, measured = attempt(Path(folder), *words)
    found[kind, "wrong" if problem else "right"] += 1
    if problem:
        print(f"{kind}: {problem}", file=sys.stderr)
    return measured


def table(title: str, found: Counter[tuple[str, str]]) -> str:
    """Tries, right, refused, wrong: a line for each kind."""
    kinds = sorted({kind for kind, _ in found})
    width = max(len(title), *map(len, kinds))
    lines = [f"{title:{width}}  tries  " + "  ".join(f"{verdict:>7}" for verdict in VERDICTS)]
    for kind in [*kinds, "all"]:
        counts = [sum(n for (k, v), n in found.items() if v == verdict and kind in (k, "all")) for verdict in VERDICTS]
        lines.append(f"{kind:{width}}  {sum(counts):5}  " + "  ".join(f"{n:7}" for n in counts))
    return "\n".join(lines)
