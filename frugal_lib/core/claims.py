"""Who computes which run: a claim beside the record, so that processes and machines share a sweep by its folder alone.

A claim is a file that only one process can create. It says whose it is, and its holder touches it while it works.
It is free again when that process has ended (seen at once on the same host), or has not touched it for `EXPIRY`.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from frugal_lib.core import files, processes

EXPIRY = 300.0  # seconds without a sign of life from another host; its clock may be some seconds off
BEAT = 20.0  # seconds between two signs of life
BEGUN = 10.0  # seconds within which a claim is written, once it has been created


def claim_of(record: Path) -> Path:
    """Where the claim on a record lies."""
    return record.with_name(f".{record.name}.claim")


def holder(claim: Path) -> str:
    """The text of a claim; empty where there is none."""
    try:
        return claim.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def is_held(claim: Path) -> bool:
    """Whether somebody who lives has a claim."""
    try:
        age = time.time() - claim.stat().st_mtime
    except OSError:
        return False
    try:
        dead = processes.is_dead(json.loads(holder(claim))["owner"])
    except (ValueError, TypeError, KeyError):  # its maker was killed before it could write, or is about to
        return age < BEGUN
    return age < EXPIRY if dead is None else not dead


def create(claim: Path, text: str) -> bool:
    """Make a claim, if nobody has."""
    try:
        with claim.open("x", encoding="utf-8") as file:
            file.write(text)
        return True
    except FileExistsError:
        return False


def clear(claim: Path) -> None:
    """Take away the claim of one who has ended.

    By a rename, which only one of several processes can do; what was meanwhile claimed anew is put back.
    """
    text = holder(claim)
    if is_held(claim):
        return
    with suppress(OSError):
        taken = files.temporary_file(claim)
        os.replace(claim, taken)
        if (found := holder(taken)) != text:
            create(claim, found)
        taken.unlink()


def clear_all(folder: Path) -> None:
    """Take away all claims below `folder` whose holders have ended."""
    for claim in folder.rglob(".*.claim"):
        clear(claim)


@contextmanager
def claimed(record: Path) -> Iterator[bool]:
    """Claim a record within the block; False where another process has it."""
    claim = claim_of(record)
    claim.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"host": platform.node(), "owner": processes.owner(), "expires_after_s": EXPIRY})
    mine = create(claim, text) or (not is_held(claim) and (clear(claim) or create(claim, text)))
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT):
            with suppress(OSError):
                os.utime(claim)

    if mine:
        threading.Thread(target=beat, daemon=True).start()
    try:
        yield mine
    finally:
        done.set()
        if mine and holder(claim) == text:  # else it was taken for dead, and another process has it
            claim.unlink(missing_ok=True)
