"""What an answer costs: list prices of the Gemini API, with the month in which they were so."""

from __future__ import annotations

from frugal_lib.core.fetch import DataError

SOURCE = "https://ai.google.dev/gemini-api/docs/pricing"
AS_OF = "2026-09"

# USD per million tokens, (input, output); output includes thinking. Paid tier, prompts of up to 200,000 tokens.
PRICES = {
    "gemini-2.5-flash-lite": (0.10, 0.40),
    "gemini-2.5-flash": (0.30, 2.50),
    "gemini-2.5-pro": (1.25, 10.00),
    "gemini-3.5-flash-lite": (0.30, 2.50),
    "gemini-3.8-flash": (1.50, 7.50),  # half of it until the end of 2026; a ceiling goes by the dearer
}


def price_of(model: str) -> tuple[float, float]:
    """USD per million tokens of input and of output.

    Raises:
        DataError: the model is not in the table.
    """
    if model not in PRICES:
        known = ", ".join(PRICES)
        raise DataError(
            f"model {model!r} has no price here ({SOURCE}, {AS_OF}: {known}), and without one no ceiling can be held;"
            " give its price in USD per million tokens of input and of output (--price)."
        )
    return PRICES[model]


def cost(model: str, prompt_tokens: int, output_tokens: int, price: tuple[float, float] | None = None) -> float:
    """USD for one answer; `output_tokens` with those of thinking. `price` goes before the table.

    Raises:
        DataError: no `price`, and the model is not in the table.
    """
    per_input, per_output = price or price_of(model)
    return (prompt_tokens * per_input + output_tokens * per_output) / 1e6
