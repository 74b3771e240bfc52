"""What a profile sets of chapter 3."""

from __future__ import annotations

from frugal_lib.core.validated import STRICT, Count, Patience, Rate, Rates, Some, checked


@checked(frozen=True, config=STRICT)
class QuantizationGrid:
    """Chapter 3 on one base: how full fine-tuning, LoRA and QLoRA, and QAFT are trained, at `seeds` seeds.

    QAFT is run at each of its rates at the first seed, and at the best of them at the others.
    """

    full_learning_rate: Rate
    lora_learning_rate: Rate
    qaft_learning_rates: Rates
    rank: Count
    alpha: Rate
    batch_size: Count
    epochs: Count
    patience: Patience
    seeds: Count
    samples: Count


@checked(frozen=True, config=STRICT)
class Settings:
    """Chapter 3: a grid for each base, and formats, which are keys of `models.formats.FORMATS`.

    `formats` are those into which the fully fine-tuned model is converted; generality is measured of the
    `checked_formats` among them. QAFT trains for each of `qaft_formats`. `pairs` is the number of pairs of
    each set to train a probe on, and as many to ask about. `speed_tokens` are generated to measure speed. What
    begins with `fold_` is the same for cross-validation.
    """

    bases: dict[str, QuantizationGrid]
    formats: tuple[str, ...]
    checked_formats: tuple[str, ...]
    qaft_formats: tuple[str, ...]
    pairs: Some
    speed_tokens: Count
    speed_rounds: Count
    fold_formats: tuple[str, ...] = ()
    fold_checked_formats: tuple[str, ...] = ()
    fold_qaft_formats: tuple[str, ...] = ()
