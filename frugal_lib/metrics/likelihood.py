"""How likely is a text to a model? Token examples, their losses, and bits per character."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from frugal_lib.data.sonnets import Sonnet
from frugal_lib.models.batches import padded, rows_at_once
from frugal_lib.models.families import vocabulary

IGNORED = -100  # the label of a token that counts in no loss


def language_examples(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, given: Sequence[str] = ()) -> list:
    """Texts as token ids and labels, each closed by the end-of-text token.

    Args:
        given: where set, the opening of each text that is read but not scored (no loss). A token that
            reaches from the opening into what follows is scored, so that no character of that goes free.
    """
    examples = []
    for i, text in enumerate(texts):
        ids = [*tokenizer.encode(text), tokenizer.eos_token_id]
        unscored = tokens_within(tokenizer, text, given[i]) if given else 0
        examples.append({"input_ids": ids, "labels": [IGNORED] * unscored + ids[unscored:]})
    return examples


def tokens_within(tokenizer: PreTrainedTokenizerBase, text: str, opening: str) -> int:
    """How many tokens of `text` end with or before its `opening`, by their places in the text."""
    if not text.startswith(opening):
        raise ValueError(f"the text does not begin with {opening!r}.")
    places = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    return next((i for i, (_, end) in enumerate(places) if end > len(opening)), len(places))


def collate(examples: Sequence[dict], pad_id: int) -> dict[str, torch.Tensor]:
    """Examples padded on the right: `input_ids`, `labels` and `attention_mask`, each [batch, time]."""
    ids, mask = padded([example["input_ids"] for example in examples], pad_id)
    labels, _ = padded([example["labels"] for example in examples], IGNORED)
    return {"input_ids": ids, "labels": labels, "attention_mask": mask}


@torch.no_grad()
def example_losses(model: PreTrainedModel, examples: Sequence[dict], batch_size: int = 16) -> list[tuple[float, int]]:
    """For each example the summed negative log-likelihood of its labels in nats, and their number."""
    was_training = model.training
    model.eval()
    losses = []
    longest = max((len(example["input_ids"]) for example in examples), default=1)
    batch_size = rows_at_once(batch_size, longest, vocabulary(model.config))
    for start in range(0, len(examples), batch_size):
        batch = collate(examples[start : start + batch_size], pad_id=0)
        labels = batch.pop("labels")[:, 1:].to(model.device)
        logits = model(**{key: value.to(model.device) for key, value in batch.items()}).logits[:, :-1]
        for row, wanted in zip(logits.split(1), labels.split(1), strict=True):  # one by one: FP64 takes twice the room
            nll = torch.nn.functional.cross_entropy(
                row.transpose(1, 2).double(), wanted, ignore_index=IGNORED, reduction="none"
            )
            losses.append((nll.sum().item(), int((wanted != IGNORED).sum())))
    model.train(was_training)
    return losses


def mean_loss(model: PreTrainedModel, examples: Sequence[dict]) -> float:
    """Negative log-likelihood in nats per scored token over all examples together."""
    sums, counts = zip(*example_losses(model, examples), strict=True)
    return sum(sums) / sum(counts)


def continuation_losses(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, sonnets: Sequence[Sonnet]
) -> list[dict]:
    """How likely the true lines 4-14 are, given lines 1-3: one row a sonnet.

    Returns:
        `id`, `nll` (nats, summed), `tokens` (end of text included), `characters`.
    """
    given = [sonnet.given + "\n" for sonnet in sonnets]
    examples = language_examples([sonnet.text for sonnet in sonnets], tokenizer, given)
    losses = example_losses(model, examples)
    return [
        {"id": sonnet.id, "nll": nll, "tokens": tokens, "characters": len(sonnet.continuation)}
        for sonnet, (nll, tokens) in zip(sonnets, losses, strict=True)
    ]


def per_token(rows: Sequence[dict]) -> float:
    """Nats per token over rows of `continuation_losses`."""
    return sum(row["nll"] for row in rows) / sum(row["tokens"] for row in rows)


def bits_per_character(rows: Sequence[dict]) -> float:
    """Bits per character over rows of `continuation_losses`: comparable between tokenizers."""
    return sum(row["nll"] for row in rows) / math.log(2) / sum(row["characters"] for row in rows)
