"""Muon: momentum whose steps are orthogonal matrices, computed in FP32.

Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/ (idea and coefficients).
`torch.optim.Muon` rounds to BF16 inside, which is slow on CPUs without BF16 units, and steps one
matrix at a time; here GPT-2's fused projection counts as three matrices and equal shapes go together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # steepest at zero: singular values end between 0.7 and 1.2


def orthogonalise(matrices: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """The nearest matrices with all singular values near 1, by Newton-Schulz: [count, rows, columns] in FP32."""
    a, b, c = NEWTON_SCHULZ
    wide = matrices if matrices.shape[1] <= matrices.shape[2] else matrices.mT
    x = wide.float() / (wide.float().norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x if matrices.shape[1] <= matrices.shape[2] else x.mT


class Muon(torch.optim.Optimizer):
    """Muon for weights of shape [inputs, outputs], which is how GPT-2's `Conv1D` keeps them.

    Args:
        params: matrices only; embeddings, biases and norms belong to AdamW. A matrix three times
            as wide as high is GPT-2's query, key and value side by side.
        lr: the step is `lr` times an orthogonal matrix (times √(outputs/inputs) where that is above 1).
    """

    def __init__(
        self, params: Iterable[torch.Tensor], lr: float = 0.02, momentum: float = 0.95, weight_decay: float = 0.0
    ):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        """One step; every parameter must have a gradient."""
        for group in self.param_groups:
            by_shape = defaultdict(list)
            for p in group["params"]:
                pieces = in_pieces(self.momentum_step(p, group["momentum"]))
                by_shape[pieces.shape[1:]].append((p, pieces))
            for same in by_shape.values():
                params, pieces = zip(*same, strict=True)
                steps = orthogonalise(torch.cat(pieces)).split([len(piece) for piece in pieces])
                for p, step in zip(params, steps, strict=True):
                    inputs, outputs = step.shape[1:]
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.sub_(step.transpose(0, 1).reshape(p.shape), alpha=group["lr"] * max(1, outputs / inputs) ** 0.5)

    def momentum_step(self, p: torch.Tensor, momentum: float) -> torch.Tensor:
        """Nesterov's momentum: the running mean of the gradients, one step ahead."""
        mean = self.state[p].setdefault("mean", torch.zeros_like(p))
        mean.lerp_(p.grad, 1 - momentum)
        return p.grad.lerp(mean, momentum)


def in_pieces(matrix: torch.Tensor) -> torch.Tensor:
    """A weight as [pieces, inputs, outputs]: three where query, key and value are fused, else one."""
    inputs, outputs = matrix.shape
    count = 3 if outputs == 3 * inputs else 1
    return matrix.reshape(inputs, count, outputs // count).transpose(0, 1)
