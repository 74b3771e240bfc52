"""Writing a file, or a folder, in full or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file in the folder of `path`, which takes its place when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)  # as any other file; mkstemp keeps it to its owner
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Put `text` into a file, in full or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


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
