"""An interpolated n-gram model with modified Kneser-Ney smoothing: what a model must beat to be one.

Source: Chen & Goodman 1999, An empirical study of smoothing techniques for language modeling (eq. 27-31).
An n-gram is one integer with a token for each digit, so that counting is sorting.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Level:
    """The n-grams of one order: sorted codes, what each keeps after discounting, and their contexts."""

    codes: np.ndarray  # uint64 [n-grams]
    kept: np.ndarray  # float32 [n-grams]: (count - discount) / count of the context
    contexts: np.ndarray  # uint64 [contexts]
    freed: np.ndarray  # float32 [contexts]: the share of the context's mass that goes to the lower order


class KneserNey:
    """Probabilities of tokens given up to `order - 1` tokens before them.

    Args:
        tokens: the training text, ids below `vocab_size`, [tokens].
        order: the longest n-gram; `vocab_size` to that power must fit into 64 bits.

    Raises:
        ValueError: the codes do not fit, or the text is shorter than an n-gram.
    """

    def __init__(self, tokens: np.ndarray, vocab_size: int, order: int):
        self.vocab_size, self.order = vocab_size, order
        if vocab_size**order > 2**64 or len(tokens) < order:
            raise ValueError(f"order {order} does not fit {vocab_size} token ids, or the text is too short.")
        codes, counts = np.unique(self.encode(tokens, order), return_counts=True)
        self.levels: list[Level] = []
        for n in range(order, 0, -1):
            self.levels.insert(0, make_level(codes, counts, vocab_size))
            # A lower order counts in how many different contexts an n-gram stands, not how often.
            codes, counts = np.unique(codes % np.uint64(vocab_size ** (n - 1)), return_counts=True)

    def encode(self, tokens: np.ndarray, n: int) -> np.ndarray:
        """All n-grams of `tokens` as codes, uint64 [tokens - n + 1]; the last token is the last digit."""
        ids = np.asarray(tokens).astype(np.uint64)
        codes = np.zeros(len(ids) - n + 1, dtype=np.uint64)
        for i in range(n):
            codes = codes * np.uint64(self.vocab_size) + ids[i : i + len(codes)]
        return codes

    def probabilities(self, tokens: np.ndarray) -> np.ndarray:
        """Of each token given those before it in `tokens`, float64 [tokens]."""
        result = np.full(len(tokens), 1 / self.vocab_size)
        for n, level in enumerate(self.levels[: len(tokens)], start=1):
            codes = self.encode(tokens, n)
            rows, known = find(level.contexts, codes // np.uint64(self.vocab_size))
            seen, there = find(level.codes, codes)
            lower = result[n - 1 :]
            mixed = level.freed[rows] * lower + np.where(there, level.kept[seen], 0.0)
            result[n - 1 :] = np.where(known, mixed, lower)
        return result

    def nats(self, tokens: np.ndarray) -> np.ndarray:
        """Negative log-likelihood of each token, float64 [tokens]."""
        return -np.log(self.probabilities(tokens))


def make_level(codes: np.ndarray, counts: np.ndarray, vocab_size: int) -> Level:
    """Discounted probabilities of one order from its sorted n-grams and their counts."""
    contexts, starts = np.unique(codes // np.uint64(vocab_size), return_index=True)
    totals = np.add.reduceat(counts, starts)
    discount = discounts(counts)[np.minimum(counts, 3)]
    freed = np.add.reduceat(discount, starts) / totals
    sizes = np.diff(np.append(starts, len(codes)))
    kept = (counts - discount) / np.repeat(totals, sizes)
    return Level(codes, kept.astype(np.float32), contexts, freed.astype(np.float32))


def discounts(counts: np.ndarray) -> np.ndarray:
    """What is taken off an n-gram seen 0, 1, 2, and 3 or more times (Chen & Goodman's D1, D2, D3+)."""
    n1, n2, n3, n4 = (max(1, int((counts == i).sum())) for i in (1, 2, 3, 4))
    y = n1 / (n1 + 2 * n2)
    values = [0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
    return np.clip(values, 0.0, [0.0, 1.0, 2.0, 3.0])


def find(table: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each code stands in the sorted `table`, and whether it does."""
    rows = np.minimum(np.searchsorted(table, codes), len(table) - 1)
    return rows, table[rows] == codes
