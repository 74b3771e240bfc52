"""Tiny random models of every family, of 0.5 to 1 million parameters, and a tokenizer unlike GPT-2's."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from frugal_lib.models import bases

# Two key-value heads' worth of sharing, and windows shorter than a sonnet where a family has them.
SHAPE = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
         "intermediate_size": 128, "head_dim": 16, "max_position_embeddings": 256}  # fmt: skip
SLIDING = {"sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"]}
FAMILIES = {
    "gpt2": (GPT2LMHeadModel, GPT2Config, {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 256}),
    "llama": (LlamaForCausalLM, LlamaConfig, SHAPE | {"tie_word_embeddings": True}),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config, SHAPE | {"tie_word_embeddings": False}),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config, SHAPE | {"tie_word_embeddings": True}),
    "gemma2": (Gemma2ForCausalLM, Gemma2Config, SHAPE | SLIDING | {"query_pre_attn_scalar": 16}),
    "gemma3": (Gemma3ForCausalLM, Gemma3TextConfig, SHAPE | SLIDING | {"query_pre_attn_scalar": 16}),
}
# What a block of each has: attention, MLP.
LAYERS = {"gpt2": (4, 2)} | dict.fromkeys(("llama", "qwen2", "qwen3", "gemma2", "gemma3"), (4, 3))


def tiny(family: str, tokenizer) -> PreTrainedModel:
    """A random model of a family with that tokenizer, as `bases.load_model` would give it."""
    torch.manual_seed(0)
    kind, config, shape = FAMILIES[family]
    ids = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), tokenizer.eos_token_id)
    model = kind(bases.configured(config(vocab_size=len(tokenizer), **shape, **ids), dropout=0.0))
    for weight in (w for w in model.parameters() if w.dim() == 2):
        torch.nn.init.normal_(weight, std=0.1)  # far enough from zero that every layer makes a difference
    return bases.prepared(model)


def greedy_tokenizer(begins: bool = False) -> PreTrainedTokenizerFast:
    """Bytes, and a few tokens that reach over the end of a line; `begins`: it puts a token before every text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=270, initial_alphabet=alphabet, special_tokens=["<end>", "<start>"])
    tokenizer.train_from_iterator(["love,\nAnd ", "dove,\nAnd ", "rose,\nAnd "] * 9, trainer)
    if begins:
        tokenizer.post_processor = processors.TemplateProcessing("<start> $A", special_tokens=[("<start>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<end>", bos_token="<start>", pad_token="<end>", padding_side="left"
    )
