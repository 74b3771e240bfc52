"""What random lines score when they are as long as the text they are compared with.

chrF rewards length up to that of the true sonnet: eleven random lines score 42.0, and 40.1 when cut to what a
model writes that stops at four fifths of it. So each score stands beside the floor at its own length.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from frugal_lib.metrics import chrf

SHARES = (0.0, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5)  # lengths of a text by that of the true one


@dataclass(frozen=True)
class Floor:
    """Corpus chrF of random lines over several draws: mean, and standard deviation of one draw."""

    mean: float
    sd: float
    draws: int


def random_text(lines: Sequence[str], characters: int, rng: random.Random) -> str:
    """Lines drawn with replacement, a line end between them, cut to exactly so many characters."""
    text = rng.choice(lines)
    while len(text) < characters:
        text += "\n" + rng.choice(lines)
    return text[:characters]


def equal_length(
    prompts: Sequence[str],
    references: Sequence[str],
    lines: Sequence[str],
    characters: Sequence[int],
    draws: int,
    seed: int,
) -> Floor:
    """chrF over whole sonnets of completions by random lines, each as long as the one it is compared with.

    Args:
        prompts: the lines that each completion starts from, without a line end behind: [sonnets].
        references: the true sonnets, prompt included: [sonnets].
        lines: what is drawn from, such as all lines of the training sonnets.
        characters: length of each completion without its prompt, line ends counted: [sonnets].
        draws: completions of all sonnets together; two or more.

    Raises:
        ValueError: no line, fewer than two draws, or not one prompt, reference and length for each sonnet.
    """
    if not lines or draws < 2:
        raise ValueError("a floor needs a line to draw and at least two draws.")
    rng = random.Random(seed)
    found = []
    for _ in range(draws):
        parts = zip(prompts, characters, strict=True)
        texts = [f"{prompt}\n{random_text(lines, length, rng)}" if length else prompt for prompt, length in parts]
        found.append(chrf.of_counts(chrf.ngram_counts(texts, references)))
    return Floor(float(np.mean(found)), float(np.std(found, ddof=1)), draws)
