"""What of a model is trained: all of it, or its last linear layer."""

from __future__ import annotations

from torch import nn


def full(model: nn.Module) -> nn.Module:
    """Every parameter is trainable; changed in place."""
    return model.requires_grad_(True)


def last_layer(model: nn.Module) -> nn.Module:
    """Only the head of a classifier is trainable; changed in place."""
    model.requires_grad_(False)
    model.head.requires_grad_(True)
    return model


METHODS = {"full": full, "last-layer": last_layer}


def adapt(model: nn.Module, method: str) -> nn.Module:
    """`model` made ready to be fine-tuned by `method`, a key of `METHODS`."""
    if method not in METHODS:
        raise ValueError(f"method {method!r} is unknown; choose one of {', '.join(METHODS)}.")
    return METHODS[method](model)


def trainable_parameters(model: nn.Module) -> int:
    """How many parameters the optimizer would change."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
