"""The base models: causal language models of Hugging Face, with plain linear layers throughout."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    GPT2LMHeadModel,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.pytorch_utils import Conv1D
from transformers.utils.logging import disable_progress_bar

from frugal_lib.models import families, own, smollm2

disable_progress_bar()  # a bar per loaded model is noise in a sweep and in a page

ASSETS = Path(__file__).parents[1] / "assets"
HUB_REVISIONS = {
    "gpt2": "607a30d783dfa663caf39e06633721c8d4cfcd7e",
    "gpt2-medium": "6dcaa7a952f72f9298047fd5137cd6e4f05f41da",
    "gpt2-large": "32b71b12589c2f8d625668d2335a01cac3249519",
}
# GPT-2's activation in one operation instead of eight: the same function, and a step takes 0.7 of the time.
FUSED_GELU = "gelu_pytorch_tanh"
DROPOUTS = ("resid_pdrop", "embd_pdrop", "attn_pdrop", "attention_dropout")  # all of them GPT-2's but the last


def embedded_bases() -> list[str]:
    """Names of the models that ship with the library."""
    return sorted(path.parent.name for path in ASSETS.glob("*/model.safetensors"))


def check_base(base: str) -> None:
    """Raise a `ValueError` of one sentence for a base nobody knows."""
    known = [*shipped(), *own.known()]
    if base not in known:
        raise ValueError(f"base {base!r} is unknown; choose one of {', '.join(known)}.")


def shipped() -> list[str]:
    """The bases that the library knows by name."""
    return [*embedded_bases(), smollm2.NAME, *HUB_REVISIONS]


def use(base: str) -> str:
    """The name of a base: one that the library knows, else of a folder or hub id, which is made known under it.

    Raises:
        DataError: it cannot be had, or lacks a part.
        ValueError: its name is another base's, or it is not of a family that we know.
    """
    if base in shipped():
        return base
    name = own.use(base)
    if name in shipped():
        raise ValueError(f"{base}: {name!r} is the name of another base; rename the folder.")
    try:
        with torch.device("meta"):  # its shape alone
            prepared(AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(**source(name))))
        tokenizer = load_tokenizer(name)
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(f"{base}: {str(error).splitlines()[0]}") from None
    if not tokenizer.is_fast or tokenizer.eos_token_id is None:
        raise ValueError(f"{base}: its tokenizer needs a tokenizer.json and an end-of-text token.")
    return name


def base_digest(base: str) -> str:
    """Twelve hex digits that name a base: of its weights and tokenizer, its package, or its pinned hub revision."""
    check_base(base)
    if base in own.known():
        return own.digest(own.known()[base])
    if base == smollm2.NAME:
        return smollm2.DIGEST
    return HUB_REVISIONS[base][:12] if base in HUB_REVISIONS else embedded_digest(base)


@lru_cache
def embedded_digest(base: str) -> str:
    """The same of a model that ships with the library."""
    files = [ASSETS / base / name for name in ("model.safetensors", "tokenizer.json", "config.json")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def source(base: str) -> dict[str, str]:
    """What `from_pretrained` needs to find `base`: a folder, or a pinned hub revision.

    Raises:
        DataError: the base comes out of a package, and no index has it.
    """
    check_base(base)
    if base in HUB_REVISIONS:
        return {"pretrained_model_name_or_path": base, "revision": HUB_REVISIONS[base]}
    folder = smollm2.folder() if base == smollm2.NAME else own.known().get(base, ASSETS / base)
    return {"pretrained_model_name_or_path": str(folder)}


def load_tokenizer(base: str) -> PreTrainedTokenizerBase:
    """The tokenizer of `base`; padding goes on the left, with the end-of-text token.

    What pads is masked and has no label of its own, so that the end of a text still counts in the loss. A token
    that the tokenizer itself puts before a text (Gemma's) stays: such a model reads badly without it.
    """
    tokenizer = AutoTokenizer.from_pretrained(**source(base), padding_side="left")
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def beginning(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """What stands before a text in training: the token its tokenizer puts there, else the end of the text before."""
    return tokenizer.encode("") or [tokenizer.eos_token_id]


def between_texts(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Token ids of a text as training has it, from its `beginning` to the end-of-text token."""
    return [*beginning(tokenizer), *inside_text(tokenizer, text), tokenizer.eos_token_id]


def inside_text(tokenizer: PreTrainedTokenizerBase, words: str) -> list[int]:
    """Token ids of words from the middle of a text: nothing is put before them."""
    return tokenizer.encode(words, add_special_tokens=False)


def context_length(base: str) -> int:
    """How many tokens `base` can read at once."""
    if base == smollm2.NAME:
        return smollm2.CONTEXT
    return families.context_length(AutoConfig.from_pretrained(**source(base)))


def load_model(base: str, dropout: float = 0.1) -> PreTrainedModel:
    """`base` in FP32 with linear layers, in evaluation mode; `dropout` acts in training only.

    Raises:
        ValueError: nobody knows the base, or its blocks are not as in a family that we know.
    """
    where = source(base)
    config = configured(AutoConfig.from_pretrained(**where), dropout)
    return prepared(AutoModelForCausalLM.from_pretrained(**where, config=config, dtype=torch.float32))


def configured(config: PreTrainedConfig, dropout: float) -> PreTrainedConfig:
    """A configuration with that dropout wherever its family has one (Llama's: of attention only); changed in place."""
    for name in DROPOUTS:
        if hasattr(config, name):
            setattr(config, name, dropout)
    if config.model_type == "gpt2":
        config.activation_function = FUSED_GELU
    return config


def prepared(model: PreTrainedModel) -> PreTrainedModel:
    """A model of any family as the rest of the library wants it; changed in place.

    Its habits of writing (a penalty, a temperature) are left out: how a token is chosen is `generate`'s to say.
    """
    model.loss_type = "ForCausalLM"  # what transformers falls back to, with a warning
    written = model.generation_config
    ends = written.eos_token_id if written.eos_token_id is not None else model.config.eos_token_id
    model.generation_config = GenerationConfig(
        bos_token_id=written.bos_token_id,
        eos_token_id=ends,
        pad_token_id=ends[0] if isinstance(ends, list) else ends,
    )
    if model.config.model_type == "gpt2":
        linearize(model)
    families.check_family(model)
    return model.eval()


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
