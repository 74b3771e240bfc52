import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from frugal_lib.core import processes

CHILD = "import os, time; from frugal_lib.core import processes; processes.die_with(os.getppid()); print(os.getpid(), flush=True); time.sleep(60)"  # fmt: skip  # noqa: E501
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"


def test_a_process_ends_when_its_parent_is_killed():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        os.kill(parent.pid, signal.SIGKILL)
    child.wait(timeout=5)
    assert not child.is_running()


def test_who_is_dead_is_told_by_host_id_and_start():
    place, process, started = processes.owner().split("-")
    assert processes.is_dead(processes.owner()) is False
    assert processes.is_dead(f"{place}-{process}-{int(started) - 60}") is True  # the same id, given anew
    assert processes.is_dead(f"00000000-{process}-{started}") is None
    with pytest.raises(ValueError):
        processes.is_dead("nobody")


def test_a_process_that_nobody_has_waited_for_is_dead():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        name = processes.named(child.pid)
        assert processes.is_dead(name) is False
        child.kill()
        until = time.monotonic() + 5
        while not processes.is_dead(name) and time.monotonic() < until:
            time.sleep(0.01)
        assert processes.is_dead(name) is True
    assert processes.is_dead(name) is True
