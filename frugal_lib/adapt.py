"""What of a base model is trained: so far, all of it."""

from __future__ import annotations

from transformers import PreTrainedModel


def full(model: PreTrainedModel) -> PreTrainedModel:
    """Every parameter is trainable; changed in place."""
    return model.requires_grad_(True)


METHODS = {"full": full}


def adapt(model: PreTrainedModel, method: str) -> PreTrainedModel:
    """`model` made ready to be fine-tuned by `method`, a key of `METHODS`."""
    if method not in METHODS:
        raise ValueError(f"method {method!r} is unknown; choose one of {', '.join(METHODS)}.")
    return METHODS[method](model)


def trainable_parameters(model: PreTrainedModel) -> int:
    """How many parameters the optimizer would change."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
