"""The machine a run runs on: device, threads, memory, versions, commit."""

from __future__ import annotations

import ctypes
import gc
import hashlib
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "peft",
    "accelerate",
    "bitsandbytes",
    "torchao",
    "numpy",
    "scikit-learn",
    "sacrebleu",
    "pronouncing",
    "frugal-gpt2",
)
ROOT = Path(__file__).parents[2]


class Unsupported(Exception):
    """Something that this device cannot run: one sentence for the user."""


def pick_device(device: str = "auto") -> str:
    """`cuda` or `cpu`; `auto` takes the GPU where there is one.

    Raises:
        ValueError: another name, or `cuda` on a machine without a GPU.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device {device!r} is unknown; choose auto, cpu or cuda.")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' was asked for, but torch sees no GPU; choose cpu or auto.")
    return ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device


def gpus() -> list[str]:
    """The GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",") if named else [str(i) for i in range(torch.cuda.device_count())]


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch compute on that many CPU threads within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def one_thread() -> AbstractContextManager[None]:
    """Let torch compute on one CPU thread within the block."""
    return threads(1)


def keep_memory() -> None:
    """Let glibc keep what is freed instead of giving it back to the system; nothing where there is no glibc.

    A training step frees and asks for the same large blocks again, and the pages of a block that was given
    back are cleared anew: pre-training micro takes 0.93 s a step with this and 1.27 s without.
    """
    m_trim_threshold, m_top_pad, m_mmap_max = -1, -2, -4  # from malloc.h
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in ((m_mmap_max, 0), (m_trim_threshold, 2**31 - 1), (m_top_pad, 2**26)):
            mallopt(option, value)


@lru_cache
def commit() -> str:
    """The commit of the project this process runs, `+` behind it where the library was edited since.

    `unknown` where the files do not lie in a checkout of their own, and `package` with its version where they were
    installed without one.
    """
    if not (ROOT / "pyproject.toml").is_file():
        return f"package {versions()['frugal-gpt2']}"
    try:
        head = git("rev-parse", "--short=10", "HEAD")
        return head + ("+" if git("status", "--porcelain", "--", "frugal_lib") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


@lru_cache
def code_digest() -> str:
    """Eight hex digits that name the library's code and torch: what other code computed is not taken over."""
    sources = b"".join(path.read_bytes() for path in sorted((ROOT / "frugal_lib").rglob("*.py")))
    return hashlib.sha256(sources + torch.__version__.encode()).hexdigest()[:8]


def git(*words: str) -> str:
    """What a git command prints about the project's checkout.

    Raises:
        OSError: there is no git, or the project is not the top level of a checkout: what lies about it is another's.
        CalledProcessError: git says that it cannot.
    """
    # Variables such as GIT_DIR, which git sets for its hooks, would lead elsewhere.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def ask(*question: str) -> str:
        command = ["git", "-C", str(ROOT), *question]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=clean).stdout.strip()

    if Path(ask("rev-parse", "--show-toplevel")).resolve() != ROOT.resolve():
        raise NotADirectoryError(f"{ROOT}: no checkout of its own")
    return ask(*words)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a result."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def processor() -> str:
    """The CPU's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def device_name(device: str) -> str:
    """The name of the GPU or CPU."""
    return torch.cuda.get_device_name() if device == "cuda" else processor()


def reset_peak_memory(device: str) -> None:
    """Start a new peak, so that a later run in the same process does not report an earlier one's."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):  # glibc gives back what it keeps of what went before
        ctypes.CDLL(None).malloc_trim(0)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    elif os.access("/proc/self/clear_refs", os.W_OK):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_mb(device: str) -> float:
    """Peak memory in MB since the reset: allocated on the GPU, or resident of this process on the CPU."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    if (peak := status_mb("VmHWM")) is not None:
        return peak
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def memory_now_mb(device: str) -> float:
    """Memory in MB as it is now, of the same kind; where the system does not tell, the peak so far."""
    if device == "cuda":
        return torch.cuda.memory_allocated() / 1e6
    return now if (now := status_mb("VmRSS")) is not None else peak_memory_mb(device)


def status_mb(field: str) -> float | None:
    """A field of Linux' status of this process, in MB; None on other systems."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024 / 1e6


class Meter:
    """Measures one run: wall-clock seconds and peak memory; knows the surroundings."""

    def __init__(self, device: str):
        self.device = device

    def __enter__(self) -> Meter:
        reset_peak_memory(self.device)
        self.started = time.perf_counter()
        return self

    def __exit__(self, *problem) -> None:
        self.seconds = time.perf_counter() - self.started
        self.peak_memory_mb = peak_memory_mb(self.device)
        self.threads = torch.get_num_threads()

    def environment(self) -> dict[str, Any]:
        """What a record says about where and how its run was computed."""
        return {
            "seconds": round(self.seconds, 1),
            "peak_memory_mb": round(self.peak_memory_mb, 1),
            "device": self.device,
            "device_name": device_name(self.device),
            "threads": self.threads,
            "commit": commit(),
            "versions": versions(),
        }
