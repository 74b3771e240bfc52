"""Where the parts of a causal language model are: its blocks, their linear layers by role, its output layer.

GPT-2 (as `bases.linearize` leaves it), Llama, Qwen 2 and 3, Gemma 2 and 3 (text). Everything else asks here, so
that a family more is a name more in this file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from peft import PeftModel
from torch import nn
from transformers import PreTrainedConfig

# What a backbone calls the list of its blocks: GPT-2, and the rest.
STACKS = ("h", "layers")
# The linear layers of a block by role, as their full names end.
ROLES = {
    "attention": r"(attn\.(c_attn\.[qkv]_proj|c_proj)|self_attn\.[qkvo]_proj)",
    "mlp": r"mlp\.(c_fc|c_proj|gate_proj|up_proj|down_proj)",
}


def without_adapters(model: nn.Module) -> nn.Module:
    """The language model itself, where adapters were put beside its layers: they go on acting."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def backbone(model: nn.Module) -> nn.Module:
    """The model below its output layer: from token ids to hidden states."""
    return without_adapters(model).base_model


def output_layer(model: nn.Module) -> nn.Linear:
    """The layer from hidden states to scores of the vocabulary; often its weight is that of the embedding."""
    return without_adapters(model).get_output_embeddings()


def blocks(model: nn.Module) -> nn.ModuleList:
    """The decoder blocks, first to last."""
    return next(getattr(backbone(model), name) for name in STACKS if hasattr(backbone(model), name))


def in_blocks(module: nn.Module, name: str) -> bool:
    """Whether a module of that full name is a linear layer of a block."""
    return isinstance(module, nn.Linear) and any(f".{stack}." in name for stack in STACKS)


def block_layers(model: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Linear]]:
    """Every linear layer of the blocks with its parent and name, and not the output layer: six a block in GPT-2."""
    for parent in blocks(model).modules():
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.Linear):
                yield parent, name, layer


def text_config(config: PreTrainedConfig) -> PreTrainedConfig:
    """The part of a configuration that is about text, of models that know pictures too."""
    return config.get_text_config()


def context_length(config: PreTrainedConfig) -> int:
    """How many tokens such a model can read at once."""
    return text_config(config).max_position_embeddings


def width(config: PreTrainedConfig) -> int:
    """How many numbers a hidden state has."""
    return text_config(config).hidden_size


def vocabulary(config: PreTrainedConfig) -> int:
    """How many scores the output layer gives, entries without a token included."""
    return text_config(config).vocab_size


def score_cap(config: PreTrainedConfig) -> float | None:
    """The bound c of Gemma 2's scores, which are c · tanh(score / c); None in the other families."""
    return getattr(text_config(config), "final_logit_softcapping", None)


def check_family(model: nn.Module) -> None:
    """Raise a `ValueError` of one sentence for a model whose blocks are not as in the families that we know."""
    kind = text_config(model.config).model_type
    if not any(hasattr(backbone(model), name) for name in STACKS):
        raise ValueError(f"a model of type {kind!r} has no blocks that we know; choose GPT-2, Llama, Qwen or Gemma.")
    linear = {name for name, module in blocks(model)[0].named_modules() if isinstance(module, nn.Linear)}
    found = {role: {name for name in linear if re.fullmatch(pattern, name)} for role, pattern in ROLES.items()}
    if not all(found.values()) or linear != set.union(*found.values()):
        raise ValueError(
            f"a model of type {kind!r} has other layers than attention and MLP; choose GPT-2, Llama, Qwen or Gemma."
        )
