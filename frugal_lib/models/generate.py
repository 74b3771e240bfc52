"""Sampling completions in batches, such that a text does not depend on its neighbours in the batch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    StoppingCriteria,
    StoppingCriteriaList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from frugal_lib.models.cache import growing_cache
from frugal_lib.models.families import context_length


@dataclass(frozen=True)
class Decoding:
    """How the next token is chosen. The defaults are the paper's; temperature 0 is greedy."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.9
    max_new_tokens: int = 128


class TopP(LogitsProcessor):
    """transformers' top-p, to the bit; where top-k has left few tokens only those are sorted, not the vocabulary."""

    def __init__(self, top_p: float):
        self.top_p, self.of_all = top_p, TopPLogitsWarper(top_p)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Next-token scores [rows, vocabulary] → the same, -inf outside the likeliest that have `top_p` together."""
        left = scores.isfinite()
        counts = left.sum(dim=1)
        few = int(counts[0])
        if not 0 < few <= scores.shape[1] // 4 or bool((counts != few).any()):
            return self.of_all(input_ids, scores)
        places = left.nonzero()[:, 1].view(-1, few)  # by place: equal scores stay in its order, as in a sort of all
        values, order = scores.gather(1, places).sort(dim=1, stable=True)
        ascending = torch.full_like(scores, -torch.inf)
        ascending[:, -few:] = values  # softmax adds up in the order of a sort of all
        removed = ascending.softmax(dim=1)[:, -few:].cumsum(dim=1) <= 1 - self.top_p
        removed[:, -1] = False
        return scores.scatter(1, places.gather(1, order), values.masked_fill(removed, -torch.inf))


class GumbelNoise(LogitsProcessor):
    """Adds Gumbel noise from one random stream per row, so that the arg-max is a sample.

    The arg-max of logits plus Gumbel noise is a draw from their softmax (Gumbel 1954; Maddison et
    al. 2014). With a stream of its own, a row's text is the same in any batch.
    """

    def __init__(self, seeds: Sequence[int]):
        self.streams = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Next-token scores [rows, vocabulary] → the same with noise."""
        width = scores.shape[1]
        uniform = torch.stack([torch.rand(width, generator=stream) for stream in self.streams])
        noise = -torch.log(-torch.log(uniform.clamp(1e-20, 1 - 1e-7)))
        return scores + noise.to(scores)


class StopAfterLines(StoppingCriteria):
    """A row is done once it has written `lines` line ends behind its prompt.

    They are counted in the text: many tokenizers have tokens such as a comma and a line end in one.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, lines: int, prompt_length: int):
        self.lines, self.prompt_length = lines, prompt_length
        self.line_ends = lru_cache(maxsize=None)(lambda token: tokenizer.decode([token]).count("\n"))

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs) -> torch.Tensor:
        """Token ids [rows, time] → whether each row is done [rows]."""
        written = [sum(map(self.line_ends, row)) for row in input_ids[:, self.prompt_length :].tolist()]
        return torch.tensor([count >= self.lines for count in written], device=input_ids.device)


def stream_seed(*parts: int | str) -> int:
    """A seed of 63 bits for the random stream named by `parts`, the same on every machine."""
    name = "/".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.sha256(name).digest()[:8], "big") >> 1


def processors(decoding: Decoding, seeds: Sequence[int]) -> LogitsProcessorList:
    """Temperature, top-k and top-p in GPT-2's usual order, then the noise; nothing when greedy."""
    if decoding.temperature == 0:
        return LogitsProcessorList()
    steps = [TemperatureLogitsWarper(decoding.temperature)] if decoding.temperature != 1 else []
    steps += [TopKLogitsWarper(decoding.top_k)] if decoding.top_k else []
    steps += [TopP(decoding.top_p)] if decoding.top_p < 1 else []
    return LogitsProcessorList([*steps, GumbelNoise(seeds)])


@torch.no_grad()
def complete(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    seeds: Sequence[int],
    lines: int,
    decoding: Decoding = Decoding(),
    batch_size: int = 64,
) -> list[str]:
    """What `model` writes behind each prompt, up to `lines` lines (the prompts not included).

    Prompts are padded on the left and masked, and the cache is used. In FP32 the text of a
    prompt is the same at any batch size.

    Args:
        prompts: texts to go on from; a prompt of whole lines ends with its line end.
        seeds: one per prompt, the seed of its random stream.
    """
    texts, limit = [], context_length(model.config)
    for start in range(0, len(prompts), batch_size):
        rows = slice(start, start + batch_size)
        found = tokenizer(list(prompts[rows]), return_tensors="pt", padding=True).to(model.device)
        batch = {name: found[name] for name in ("input_ids", "attention_mask")}
        length = batch["input_ids"].shape[1]
        room = limit - length
        if room < 1:
            raise ValueError(f"a prompt has {length} tokens; this model reads {limit}.")
        output = model.generate(
            **batch,
            do_sample=False,
            past_key_values=growing_cache(model.config),
            max_new_tokens=min(decoding.max_new_tokens, room),
            logits_processor=processors(decoding, seeds[rows]),
            stopping_criteria=StoppingCriteriaList([StopAfterLines(tokenizer, lines, length)]),
        )
        texts += tokenizer.batch_decode(output[:, length:], skip_special_tokens=True)
    return ["\n".join(text.splitlines()[:lines]) for text in texts]
