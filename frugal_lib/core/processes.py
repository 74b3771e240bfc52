"""Processes that share this machine: who is alive, and who ends when their parent does."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import platform
import re
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache

import psutil

OFTEN = 0.5  # seconds between two looks at the parent
CLOCK = 5.0  # seconds by which the start of a process may seem to move when the system's clock is set


@cache
def here() -> str:
    """Eight hex digits that name where process ids mean something: a host, and on it a container."""
    space = ""
    with suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


def owner() -> str:
    """This process, as part of a file's name: where it runs, its id, and when it started, for ids are used again."""
    return named(os.getpid())


@cache
def named(process: int) -> str:
    """A process by its id on this machine; kept, because every file that is written asks for it."""
    return f"{here()}-{process}-{int(psutil.Process(process).create_time())}"


def is_dead(name: str) -> bool | None:
    """Whether the process that `owner` named so has ended; None where that cannot be seen from here.

    Raises:
        ValueError: no process is named so.
    """
    place, process, started = name.split("-")
    if place != here():
        return None
    try:
        found = psutil.Process(int(process))
        return found.status() == psutil.STATUS_ZOMBIE or abs(found.create_time() - int(started)) > CLOCK
    except psutil.NoSuchProcess:
        return True


def begin(parent: int, gpus: Sequence[str]) -> None:
    """Begin a worker: it ends when its parent does, and sees one GPU where there are some, in turn by its number.

    Before anything of CUDA is loaded: `Trainer` would share a model out among all the GPUs that it sees.
    """
    if gpus:
        number = re.search(r"\d+", multiprocessing.current_process().name)
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus[(int(number[0]) - 1 if number else os.getpid()) % len(gpus)]
    die_with(parent)


def die_with(parent: int) -> None:
    """End this process soon after its parent has ended, however that came about.

    A thread that looks, not `PR_SET_PDEATHSIG`: that one follows the thread that started the process, which a pool
    of workers may end long before itself, and is for Linux alone.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(OFTEN)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
