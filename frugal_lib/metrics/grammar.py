"""Grammar: does a model find the English one of two sentences the likelier one? Chance is 0.5.

Source: Warstadt et al. 2020, "BLiMP", section 4: the probability of the whole sentence, of any causal language model.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import torch
from torch import nn

from frugal_lib.data import minimal_pairs
from frugal_lib.models import bases
from frugal_lib.models.batches import padded

TASK = "grammar"  # what the pairs are called among the sets of a run
KIND = "minimal-pairs"
BATCH = 16  # sentences at once, of like length


@torch.no_grad()
def log_probabilities(model: nn.Module, tokenizer, sentences: Sequence[str]) -> list[float]:
    """The summed log-probability of each sentence in nats, read behind what texts begin with (`bases.beginning`).

    That a sentence ends there is not scored: in training the token closes a whole work, and says nothing of grammar.
    """
    before = bases.beginning(tokenizer)
    rows = [[*before, *bases.inside_text(tokenizer, text)] for text in sentences]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    found = [0.0] * len(rows)
    for start in range(0, len(order), BATCH):
        places = order[start : start + BATCH]
        ids, mask = padded([rows[i] for i in places], tokenizer.eos_token_id)
        ids, mask = ids.to(model.device), mask.to(model.device)
        logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
        losses = nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none") * mask[:, 1:]
        for i, loss in zip(places, losses.double().sum(dim=1).tolist(), strict=True):
            found[i] = -loss
    return found


def rows(model: nn.Module, tokenizer, edition: str, per_set: int) -> list[dict]:
    """A row a set: by how many nats each right sentence is likelier than its wrong twin (`margins`, four decimals).

    The model is left in evaluation mode.

    Raises:
        DataError: the edition cannot be had on this machine, or has fewer pairs.
    """
    model.eval()
    pairs = minimal_pairs.load(edition, per_set)
    sums = log_probabilities(model, tokenizer, [text for pair in pairs for text in (pair.good, pair.bad)])
    margins = [(pair.set, round(good - bad, 4)) for pair, good, bad in zip(pairs, sums[::2], sums[1::2], strict=True)]
    return [
        {"kind": KIND, "set": name, "edition": edition, "margins": [margin for _, margin in group]}
        for name, group in groupby(margins, key=lambda row: row[0])
    ]


def metrics_of(examples: Sequence[dict]) -> dict[str, float]:
    """The share of pairs whose right sentence is the likelier one; nothing where none was asked.

    A margin that is no number, of a model that broke (None in a record), counts as wrong.
    """
    margins = [margin for row in examples if row["kind"] == KIND for margin in row["margins"]]
    return {"grammar_accuracy": float(np.mean(np.array(margins, float) > 0))} if margins else {}
