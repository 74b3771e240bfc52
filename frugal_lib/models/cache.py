"""Keys and values of the tokens read so far, with room for those to come."""

from __future__ import annotations

import torch
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import DynamicLayer

ROOM = 64  # positions more than asked for whenever a store is too small


def appended(known: torch.Tensor, store: torch.Tensor | None, new: torch.Tensor) -> torch.Tensor:
    """`new` behind what is `known`, in `store` where that holds it and has room, else in a larger one.

    Args:
        known: [batch, heads, time, width], the beginning of `store`; empty before the first token.
        new: [batch, heads, more, width].

    Returns:
        the store [batch, heads, room, width].
    """
    length = known.shape[-2] if known.numel() else 0
    end = length + new.shape[-2]
    held = store is not None and store.data_ptr() == known.data_ptr() and store.shape[-2] >= end
    if not held:
        store = new.new_empty((*new.shape[:-2], end + ROOM, new.shape[-1]))
        if length:
            store[..., :length, :] = known
    store[..., length:end, :] = new
    return store


class GrowingLayer(DynamicLayer):
    """The cache of a block: a token is written behind the others, where transformers' own copies all of them anew.

    With 12 prompts of 150 tokens on GPT-2 Small those copies are 130 MB a step. The values are the same.
    """

    stores: tuple[torch.Tensor | None, torch.Tensor | None] = (None, None)

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args, **kwargs) -> tuple:
        """New keys and values [batch, heads, more, width] → all of them [batch, heads, time, width]."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self.get_seq_length() + key_states.shape[-2]
        known, new = (self.keys, self.values), (key_states, value_states)
        self.stores = tuple(map(appended, known, self.stores, new))
        self.keys, self.values = (store[..., :end, :] for store in self.stores)
        return self.keys, self.values


def growing_cache(config: PreTrainedConfig) -> DynamicCache:
    """An empty cache for a model of that configuration; blocks with a sliding window keep their own kind of layer."""
    cache = DynamicCache(config=config)
    cache.layers = [GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache
