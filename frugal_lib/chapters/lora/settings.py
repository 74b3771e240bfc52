"""What a profile sets of chapter 2."""

from __future__ import annotations

from frugal_lib.core.validated import STRICT, Count, Patience, Rate, Rates, checked


@checked(frozen=True, config=STRICT)
class LoraGrid:
    """Chapter 2 on one base: full fine-tuning and LoRA of every rank, at every rate and batch size.

    The grid is run at the first seed with `alpha` on `attention-mlp`; the best point of full
    fine-tuning and of each rank is repeated at `seeds` seeds. At the best rank and rate every one of
    `alphas` is tried, and at the best rank every rate on attention alone.
    """

    ranks: tuple[Count, ...]
    learning_rates: Rates
    full_learning_rates: Rates
    batch_sizes: tuple[Count, ...]
    alpha: Rate
    alphas: tuple[Rate, ...]
    epochs: Count
    patience: Patience
    seeds: Count
    samples: Count


@checked(frozen=True, config=STRICT)
class Settings:
    """Chapter 2: a grid for each base.

    `floor_draws` is the number of random completions of the dev set, `step_rounds` how often each
    method has its turn when the cost of a step is measured.
    """

    bases: dict[str, LoraGrid]
    floor_draws: Count
    step_rounds: Count
