"""Rows of different lengths as one tensor."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.utils.rnn import pad_sequence

# Scores of tokens in memory at once: 0.3 GB in FP32. 16 rows of 512 tokens with 7,040 scores each are fewer.
SCORES = 2**26


def padded(rows: Sequence[Sequence[int]], fill: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of numbers padded on the right, and the mask of what is real: both [rows, longest]."""
    tensors = [torch.tensor(row) for row in rows]
    mask = pad_sequence([torch.ones_like(row) for row in tensors], batch_first=True)
    return pad_sequence(tensors, batch_first=True, padding_value=fill), mask


def rows_at_once(wanted: int, longest: int, vocabulary: int) -> int:
    """How many rows of up to `longest` tokens are scored together: `wanted`, or as many as `SCORES` allows."""
    return max(1, min(wanted, SCORES // (longest * vocabulary)))
