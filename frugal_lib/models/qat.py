"""Training for a weight format: layers that compute with rounded weights, in hardly more memory than with their own.

The numbers are those of torchao's fake quantization, to the bit, forward and backward. That one keeps two FP32 copies
of every weight for the backward pass, which is 0.85 GB at 135 M parameters; whole numbers in two bytes are enough.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.autograd.function import FunctionCtx
from transformers import PreTrainedModel

from frugal_lib.models.formats import FORMATS, bounds, replace_layers, rounded


class Codes:
    """A weight [out, in] as `rounded` gives it, in two bytes each: INT8's largest magnitude is rounded to 128."""

    def __init__(self, weight: torch.Tensor, bits: int, scale: str):
        whole, self.scales = rounded(weight, bits, scale)
        self.whole, self.bounds, self.shape = whole.to(torch.int16), bounds(bits), weight.shape

    def weight(self) -> torch.Tensor:
        """The weight that is computed with, FP32 [out, in]."""
        return self.whole.float().clamp_(*self.bounds).mul_(self.scales).view(self.shape)

    def gradient(self, of_rounded: torch.Tensor) -> torch.Tensor:
        """From the gradient of the rounded weight to that of the weight: the same, and zero where it was cut."""
        low, high = self.bounds
        inside = (self.whole >= low) & (self.whole <= high)
        scaled = of_rounded.reshape(self.whole.shape) * self.scales
        return torch.where(inside, scaled, 0.0).mul_(1 / self.scales).view(self.shape)


class StraightThrough(torch.autograd.Function):
    """A weight as its codes have it, whose gradient goes to the weight itself (Bengio et al. 2013)."""

    @staticmethod
    def forward(ctx: FunctionCtx, weight: torch.Tensor, codes: Codes) -> torch.Tensor:
        """Weight [out, in] → rounded weight [out, in]."""
        ctx.codes = codes
        return codes.weight()

    @staticmethod
    def backward(ctx: FunctionCtx, of_rounded: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Gradient of the rounded weight → gradient of the weight."""
        return ctx.codes.gradient(of_rounded), None


class RoundedLinear(nn.Linear):
    """A linear layer that computes with its weight as an integer format of ours would round it."""

    def __init__(self, layer: nn.Linear, bits: int, scale: str):
        super().__init__(layer.in_features, layer.out_features, layer.bias is not None, device="meta")
        self.weight, self.bias, self.bits, self.scale = layer.weight, layer.bias, bits, scale

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Hidden states [.., in] → [.., out]; the rounded weight is made again when the backward pass asks for it."""
        codes = Codes(self.weight.detach(), self.bits, self.scale)
        weight = StraightThrough.apply(self.weight, codes)
        place = weight.data_ptr()

        def pack(tensor: torch.Tensor) -> torch.Tensor | tuple[torch.Size, tuple[int, ...]]:
            return (tensor.shape, tensor.stride()) if tensor.data_ptr() == place else tensor

        def unpack(kept: torch.Tensor | tuple[torch.Size, tuple[int, ...]]) -> torch.Tensor:
            return codes.weight().as_strided(*kept) if isinstance(kept, tuple) else kept

        with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
            return nn.functional.linear(hidden, weight, self.bias)


def prepare(model: PreTrainedModel, format: str) -> PreTrainedModel:
    """`model` ready for quantization-aware fine-tuning; changed in place.

    Every layer of the blocks computes with its weight as `format` would round it, and the weight itself is trained.

    Raises:
        ValueError: not one of our integer formats with a scale per tensor or channel.
    """
    kind = FORMATS.get(format)
    if kind is None or kind.by != "ours" or kind.scale == "block":
        raise ValueError(f"format {format!r} cannot be trained for; choose int8 or int4, -tensor or -channel.")
    return replace_layers(model, lambda layer: RoundedLinear(layer, kind.bits, kind.scale))
