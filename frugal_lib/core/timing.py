"""Wall-clock seconds of some work, and what this machine's matrix products reach."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

SIZE = 2048


def seconds_of(work: Callable[[], object], device: str) -> float:
    """Wall-clock seconds of `work`; on a GPU until it has finished."""
    started = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def gemm_rate(device: str, repeats: int = 7) -> float:
    """FP32 matrix products of 2048 x 2048, in GFLOP/s: the median of some repeats."""
    a, b = (torch.randn(SIZE, SIZE, device=device) for _ in range(2))

    seconds_of(lambda: a @ b, device)  # the first one warms up
    return 2 * SIZE**3 / statistics.median(seconds_of(lambda: a @ b, device) for _ in range(repeats)) / 1e9
