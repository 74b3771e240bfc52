"""Writing a file, or a folder, in full or not at all; and what those leave behind who are killed meanwhile."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from frugal_lib.core import processes

TEMPORARY = re.compile(r"\..*\.([0-9a-f]{8}-\d+-\d+)\.\w*\.tmp")  # as `replacing` names them, with their owner
LONGEST = 86_400.0  # seconds after which the temporary file of an unknown process is nobody's


class Busy(OSError):
    """Another process holds what was asked for: one sentence for the user."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file in the folder of `path`, which takes its place when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_file(path)
    try:
        yield temporary
        temporary.chmod(0o644)  # as any other file; mkstemp keeps it to its owner
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_file(path: Path) -> Path:
    """A new file beside `path` whose name says which process made it, so that `sweep_up` knows."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.{processes.owner()}.", suffix=".tmp")
    os.close(handle)
    return Path(name)


def write_text(path: Path, text: str) -> None:
    """Put `text` into a file, in full or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sweep_up(folder: Path) -> None:
    """Remove temporary files and folders below `folder` of processes that have ended; what cannot be removed stays."""
    for path in list(folder.rglob(".*.tmp")):
        found = TEMPORARY.fullmatch(path.name)
        with suppress(OSError):
            dead = processes.is_dead(found[1]) if found else False
            if dead or (dead is None and time.time() - path.stat().st_mtime > LONGEST):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def try_out(folder: Path) -> None:
    """Make a folder, and write a file into it that goes again: before hours are spent on what it is to hold.

    Raises:
        OSError: nothing can be written there; one sentence.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = temporary_file(folder / "trial")
        try:
            trial.write_bytes(bytes(2**20))  # as much as a large record
        finally:
            trial.unlink()
    except OSError as error:
        problem = f"nothing can be written there ({error.strerror or error}); choose another folder, or mend that"
        raise OSError(f"{folder}: {problem}.") from None


def move_aside(path: Path) -> Path:
    """Give a file or folder that cannot be read a name of its own, never that of an earlier one; its new path."""
    for number in count(1):
        aside = path.with_name(f"{path.name}.{number}.unreadable")
        try:  # taken before it is used, so that two processes cannot choose the same
            aside.mkdir() if path.is_dir() else aside.touch(exist_ok=False)
        except FileExistsError:
            continue
        try:
            os.replace(path, aside)
        except OSError:
            aside.rmdir() if aside.is_dir() else aside.unlink()
            raise
        return aside
    raise AssertionError("count never ends")


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold `path` against other processes within the block; the system lets go of it where the holder is killed.

    Raises:
        Busy: another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise Busy(f"{path}: another process writes it; wait for its end, or choose another place.") from None
    try:
        yield
    finally:
        lock.release()


def folder_once(path: Path, fill: Callable[[Path], None]) -> Path:
    """The folder `path`; where there is none, one process has `fill` write it while the others wait for that.

    A process that is killed leaves no half of a folder at `path`, and the next one begins anew.
    """
    if path.is_dir():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.tmp")
    with FileLock(path.with_name(f".{path.name}.lock")):
        shutil.rmtree(unfinished, ignore_errors=True)  # of a process that was killed
        if not path.is_dir():  # else another process was first
            try:
                unfinished.mkdir()
                fill(unfinished)
                os.replace(unfinished, path)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return path
