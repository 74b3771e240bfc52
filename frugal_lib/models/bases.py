"""The base models, as GPT-2 of Hugging Face with plain linear layers."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn
from transformers import AutoConfig, AutoTokenizer, GPT2LMHeadModel, PreTrainedTokenizerBase
from transformers.pytorch_utils import Conv1D
from transformers.utils.logging import disable_progress_bar

disable_progress_bar()  # a bar per loaded model is noise in a sweep and in a page

ASSETS = Path(__file__).parents[1] / "assets"
HUB_REVISIONS = {
    "gpt2": "607a30d783dfa663caf39e06633721c8d4cfcd7e",
    "gpt2-medium": "6dcaa7a952f72f9298047fd5137cd6e4f05f41da",
    "gpt2-large": "32b71b12589c2f8d625668d2335a01cac3249519",
}
# GPT-2's activation in one operation instead of eight: the same function, and a step takes 0.7 of the time.
FUSED_GELU = "gelu_pytorch_tanh"


def embedded_bases() -> list[str]:
    """Names of the models that ship with the library."""
    return sorted(path.parent.name for path in ASSETS.glob("*/model.safetensors"))


def check_base(base: str) -> None:
    """Raise a `ValueError` of one sentence for a base nobody knows."""
    known = [*embedded_bases(), *HUB_REVISIONS]
    if base not in known:
        raise ValueError(f"base {base!r} is unknown; choose one of {', '.join(known)}.")


@lru_cache
def base_digest(base: str) -> str:
    """Twelve hex digits that name a base: of its weights and tokenizer, or its pinned hub revision."""
    check_base(base)
    if base in HUB_REVISIONS:
        return HUB_REVISIONS[base][:12]
    files = [ASSETS / base / name for name in ("model.safetensors", "tokenizer.json", "config.json")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def source(base: str) -> dict[str, str]:
    """What `from_pretrained` needs to find `base`: a folder of ours, or a pinned hub revision."""
    check_base(base)
    if base in HUB_REVISIONS:
        return {"pretrained_model_name_or_path": base, "revision": HUB_REVISIONS[base]}
    return {"pretrained_model_name_or_path": str(ASSETS / base)}


def load_tokenizer(base: str) -> PreTrainedTokenizerBase:
    """The tokenizer of `base`; padding goes on the left, with the end-of-text token."""
    tokenizer = AutoTokenizer.from_pretrained(**source(base), padding_side="left")
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def context_length(base: str) -> int:
    """How many tokens `base` can read at once."""
    return AutoConfig.from_pretrained(**source(base)).n_positions


def load_model(base: str, dropout: float = 0.1) -> GPT2LMHeadModel:
    """`base` in FP32 with linear layers, in evaluation mode; `dropout` acts in training only."""
    settings = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), dropout)
    settings["activation_function"] = FUSED_GELU
    model = GPT2LMHeadModel.from_pretrained(**source(base), dtype=torch.float32, **settings)
    model.loss_type = "ForCausalLM"  # what transformers falls back to, with a warning
    model.generation_config.pad_token_id = model.config.eos_token_id
    return linearize(model).eval()


class SplitProjection(nn.Module):
    """Query, key and value as three linear layers in place of GPT-2's fused one."""

    def __init__(self, fused: Conv1D):
        super().__init__()
        weights, biases = fused.weight.chunk(3, dim=1), fused.bias.chunk(3)
        self.q_proj, self.k_proj, self.v_proj = map(linear, weights, biases)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Hidden states [batch, time, width] → query, key and value side by side [.., 3 * width]."""
        return torch.cat([self.q_proj(hidden), self.k_proj(hidden), self.v_proj(hidden)], dim=-1)


def linear(weight: torch.Tensor, bias: torch.Tensor) -> nn.Linear:
    """An `nn.Linear` that computes `x @ weight + bias`, for a weight of shape [in, out]."""
    layer = nn.Linear(*weight.shape)
    layer.weight = nn.Parameter(weight.detach().T.contiguous())
    layer.bias = nn.Parameter(bias.detach().clone())
    return layer


def linearize(model: GPT2LMHeadModel) -> GPT2LMHeadModel:
    """Turn every `Conv1D` of a GPT-2 into `nn.Linear`, q, k and v apart; changed in place.

    Quantization and LoRA libraries know `nn.Linear` and not `Conv1D` (torchao passes it over in
    silence), and the paper counts LoRA's parameters with q, k and v apart.
    """
    for block in model.transformer.h:
        block.attn.c_attn = SplitProjection(block.attn.c_attn)
        for parent, name in ((block.attn, "c_proj"), (block.mlp, "c_fc"), (block.mlp, "c_proj")):
            old = getattr(parent, name)
            setattr(parent, name, linear(old.weight, old.bias))
    return model
