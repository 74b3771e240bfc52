"""A base of one's own: a folder, or a model of the hub, under a short name that runs can have."""

from __future__ import annotations

import hashlib
import os
import re
from functools import lru_cache
from pathlib import Path

from frugal_lib.core.fetch import DataError

VARIABLE = "FRUGAL_BASE"  # name=folder, in the environment, so that every process of a sweep knows it
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
TEXTS = ("*.json", "*.txt", "*.model", "*.jinja")  # settings and tokenizer


def use(where: str) -> str:
    """Make a folder, or what a hub id names, a base of this process and of those it starts; its name.

    Raises:
        DataError: it cannot be had, or has no weights, settings or tokenizer.
    """
    folder, name = folder_of(where), name_of(where)
    lacking = [what for what, found in parts(folder).items() if not found]
    if lacking:
        raise DataError(f"{where}: no {' and no '.join(lacking)} there; give a folder as `save_pretrained` writes it.")
    os.environ[VARIABLE] = f"{name}={folder.resolve()}"
    return name


def known() -> dict[str, Path]:
    """Bases of one's own by their name: the one in use, or none."""
    name, _, folder = os.environ.get(VARIABLE, "").partition("=")
    return {name: Path(folder)} if folder else {}


def name_of(where: str) -> str:
    """The last part of a path, or a hub id with its owner, in letters that a file's name can have."""
    last = Path(where).resolve().name if Path(where).is_dir() else where
    return re.sub(r"[^A-Za-z0-9._]+", "-", last).strip("-.")


def folder_of(where: str) -> Path:
    """A folder as it is; a model of the hub is fetched, or found where it was kept.

    Raises:
        DataError: there is no such folder, and the hub does not give such a model.
    """
    if Path(where).is_dir():
        return Path(where)
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w.-]+)?", where):
        raise DataError(f"{where}: no such folder, and no hub id such as owner/model; check the path.")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(where, allow_patterns=[*WEIGHTS, *TEXTS]))
    except Exception as error:  # of the hub's client, of its transport, or of the disk
        told = " ".join(str(error).split())[:160]
        raise DataError(f"{where}: no such folder, and the hub does not give it ({told}).") from None


def parts(folder: Path) -> dict[str, list[Path]]:
    """The files that make a model what it is, by what they are."""
    weights = next((found for pattern in WEIGHTS if (found := sorted(folder.glob(pattern)))), [])
    tokenizers = sorted([*folder.glob("tokenizer*"), *folder.glob("vocab.*"), *folder.glob("merges.txt")])
    return {"weights": weights, "config.json": [*folder.glob("config.json")], "tokenizer": tokenizers}


@lru_cache
def digest(folder: Path) -> str:
    """Twelve hex digits of the weights, settings and tokenizer in a folder."""
    found = hashlib.sha256()
    for path in (path for files in parts(folder).values() for path in files):
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()[:12]
