"""Weight formats: what a model's linear layers are stored as, and how many bytes that is.

Integers per tensor, per channel and per block are ours, so that the three differ in nothing but the
reach of a scale; the other formats are those of torch, torchao and bitsandbytes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import PreTrainedModel

from frugal_lib.core import precision
from frugal_lib.core.machine import Unsupported
from frugal_lib.models.families import block_layers, in_blocks

BLOCK = 64  # weights that share a scale where a format is by block
GROUPS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "tensor": lambda weight: weight.reshape(1, -1),
    "channel": lambda weight: weight,
    "block": lambda weight: weight.reshape(-1, BLOCK),
}


@dataclass(frozen=True)
class Format:
    """A weight format: the bits of its name, whose code stores it, and what shares a scale."""

    bits: int
    by: str
    scale: str = "none"


FORMATS = {
    "fp64": Format(64, "torch"),
    "fp32": Format(32, "torch"),
    "fp16": Format(16, "torch"),
    "bf16": Format(16, "torch"),
    "fp8": Format(8, "torchao", "channel"),
    "int8-tensor": Format(8, "ours", "tensor"),
    "int8-channel": Format(8, "ours", "channel"),
    "int8-block": Format(8, "ours", "block"),
    "int8-bnb": Format(8, "bitsandbytes", "channel"),
    "int8-torchao": Format(8, "torchao", "channel"),
    "int4-tensor": Format(4, "ours", "tensor"),
    "int4-channel": Format(4, "ours", "channel"),
    "int4-block": Format(4, "ours", "block"),
    "nf4": Format(4, "bitsandbytes", "block"),
    "int4-torchao": Format(4, "torchao", "block"),
}
DTYPES = {"fp64": torch.float64, "fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def rounded(weight: torch.Tensor, bits: int, scale: str) -> tuple[torch.Tensor, torch.Tensor]:
    """A weight matrix [out, in] as whole numbers, not yet cut to the range of `bits` bits, and their scales.

    The largest magnitude of each group becomes 2^(bits - 1) - 0.5: torchao's symmetric rule, to the bit.

    Returns:
        FP32 numbers [groups, size] and FP32 scales [groups, 1] that they are to be multiplied by.
    """
    rows = GROUPS[scale](weight.float())
    tiny = torch.finfo(torch.float32).smallest_normal
    scales = (rows.abs().amax(dim=1, keepdim=True) / (2 ** (bits - 1) - 0.5)).clamp(min=tiny)
    return (rows * (1 / scales)).round_(), scales


def bounds(bits: int) -> tuple[int, int]:
    """The least and the largest whole number of `bits` bits."""
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def integers(weight: torch.Tensor, bits: int, scale: str) -> tuple[torch.Tensor, torch.Tensor]:
    """A weight matrix [out, in] as int8 numbers of `bits` bits [groups, size] and FP32 scales [groups, 1].

    As in `rounded`; what was rounded beyond the range is cut.
    """
    codes, scales = rounded(weight, bits, scale)
    return codes.clamp_(*bounds(bits)).to(torch.int8), scales


def pack(codes: torch.Tensor) -> torch.Tensor:
    """Whole numbers from -8 to 7, an even count of them, two to a byte: uint8 [count / 2]."""
    low, high = (codes.flatten() + 8).to(torch.uint8).view(-1, 2).unbind(dim=1)
    return low | (high << 4)


def unpack(packed: torch.Tensor) -> torch.Tensor:
    """What `pack` was given, as one row."""
    return torch.stack([packed & 15, packed >> 4], dim=1).flatten().to(torch.int8) - 8


class IntegerLinear(nn.Module):
    """A linear layer whose weight is kept as packed whole numbers and scales, and made FP32 when it is used."""

    def __init__(self, layer: nn.Linear, bits: int, scale: str):
        super().__init__()
        codes, scales = integers(layer.weight.detach(), bits, scale)
        self.bits, self.shape = bits, layer.weight.shape
        self.register_buffer("codes", pack(codes) if bits == 4 else codes)
        self.register_buffer("scales", scales)
        self.bias = layer.bias

    @property
    def weight(self) -> torch.Tensor:
        """The weight that is computed with, FP32 [out, in]."""
        codes = unpack(self.codes) if self.bits == 4 else self.codes
        return (codes.view(len(self.scales), -1) * self.scales).view(self.shape)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Hidden states [.., in] → [.., out]."""
        return nn.functional.linear(hidden, self.weight, self.bias)


def replace_layers(model: PreTrainedModel, make: Callable[[nn.Linear], nn.Module]) -> PreTrainedModel:
    """Put `make(layer)` in the place of every layer of the blocks; changed in place."""
    for parent, name, layer in list(block_layers(model)):
        setattr(parent, name, make(layer))
    return model


def bitsandbytes_layer(layer: nn.Linear, format: str, device: str) -> nn.Module:
    """The layer as bitsandbytes stores it: NF4 with doubly quantized scales, or LLM.int8().

    Sources: Dettmers et al. 2023, "QLoRA"; Dettmers et al. 2022, "LLM.int8()".
    """
    from bitsandbytes import nn as bnb

    weight, sizes = layer.weight.detach(), (layer.in_features, layer.out_features)
    if format == "nf4":
        new = bnb.Linear4bit(*sizes, compute_dtype=precision.half(device), quant_type="nf4", compress_statistics=True)
        new.weight = bnb.Params4bit(
            weight, requires_grad=False, quant_type="nf4", compress_statistics=True, blocksize=BLOCK
        )  # fmt: skip
        # Its BF16 kernel of some CPUs rounds otherwise, and a layer that has once used it cannot be trained.
        new.support_avx512bf16_for_cpu = False
    else:
        new = bnb.Linear8bitLt(*sizes, has_fp16_weights=False, threshold=6.0)
        new.weight = bnb.Int8Params(weight, requires_grad=False, has_fp16_weights=False)
    new.bias = layer.bias
    return new.to(device)


def cast(model: PreTrainedModel, dtype: torch.dtype) -> PreTrainedModel:
    """All weights in another type; what is computed from the configuration (the angles of positions) stays FP32."""
    computed = {name: buffer for name, buffer in model.named_buffers() if name not in model.state_dict()}
    model.to(dtype)
    for name, buffer in computed.items():
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, buffer.to(model.device))
    return model


def with_torchao(model: PreTrainedModel, format: str) -> PreTrainedModel:
    """The blocks as torchao stores them; changed in place."""
    from torchao import quantization as ao

    configs = {
        "fp8": ao.Float8WeightOnlyConfig,
        "int8-torchao": ao.Int8WeightOnlyConfig,
        "int4-torchao": ao.Int4WeightOnlyConfig,
    }
    if format == "int4-torchao":
        model = cast(model, torch.bfloat16)  # what its kernel multiplies
    try:
        ao.quantize_(model, configs[format](), filter_fn=in_blocks)
    except ImportError as error:
        raise Unsupported(f"{format}: torchao's kernel needs another package ({error}); install it.") from None
    return model


def check_format(format: str, device: str = "cpu") -> None:
    """Raise where nobody knows the format (`ValueError`), or this device cannot run it (`Unsupported`)."""
    if format not in FORMATS:
        raise ValueError(f"format {format!r} is unknown; choose one of {', '.join(FORMATS)}.")
    if format == "int4-torchao" and device != "cuda":
        raise Unsupported(f"{format}: torchao's INT4 kernel runs on a CUDA device, and this is a {device}.")


def convert(model: PreTrainedModel, format: str, device: str = "cpu") -> PreTrainedModel:
    """`model` as `format` stores it; changed in place. A cast takes in all weights, the others those of the blocks.

    Raises:
        ValueError, Unsupported: as `check_format`.
    """
    check_format(format, device)
    kind = FORMATS[format]
    if format in DTYPES:
        return cast(model, DTYPES[format])
    if kind.by == "ours":
        return replace_layers(model, lambda layer: IntegerLinear(layer, kind.bits, kind.scale))
    if kind.by == "bitsandbytes":
        return replace_layers(model, lambda layer: bitsandbytes_layer(layer, format, device))
    return with_torchao(model, format)


def runnable(model: PreTrainedModel, format: str, device: str) -> PreTrainedModel:
    """On a CPU, half-precision weights are computed with in FP32: few have fast products for them, and no two alike."""
    return model.float() if device == "cpu" and format in ("fp16", "bf16") else model


def plain_tensors(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """The plain tensors that a tensor consists of: itself, or the parts of one of torchao's."""
    if hasattr(tensor, "__tensor_flatten__"):
        for part in tensor.__tensor_flatten__()[0]:
            yield from plain_tensors(f"{name}.{part}", getattr(tensor, part))
    else:
        yield name, tensor.detach()


def stored(model: nn.Module) -> dict[str, torch.Tensor]:
    """Everything a model keeps, by name, embeddings and scales included, shared tensors once."""
    found, seen = {}, set()
    for name, tensor in model.state_dict().items():
        for part, plain in plain_tensors(name, tensor):
            if plain.data_ptr() not in seen:
                seen.add(plain.data_ptr())
                found[part] = plain
    return found


def sizes(model: nn.Module) -> dict[str, int]:
    """Bytes of a model as it is: `memory_bytes` of its tensors, `file_bytes` of the safetensors file of them."""
    tensors = stored(model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
        return {
            "memory_bytes": sum(t.numel() * t.element_size() for t in tensors.values()),
            "file_bytes": path.stat().st_size,
        }
