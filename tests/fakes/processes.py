"""Processes that are no more."""

import subprocess
import sys

from frugal_lib.core import processes


def ended() -> str:
    """What `processes.owner` called a process of this machine that has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        name = processes.named(process.pid)
        process.kill()
    return name
