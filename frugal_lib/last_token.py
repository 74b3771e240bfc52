"""A GPT-2 that answers with one word or class: scores read off the last real token of a text."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from transformers import GPT2LMHeadModel

from frugal_lib import models


class LastToken(nn.Module):
    """A backbone and a head that maps the hidden state of the last real token to scores.

    `answers` are the columns of the head that stand for the classes: all of them for a head of
    its own, the tokens of "no" and "yes" where the head is that of the language model.
    """

    def __init__(self, backbone: nn.Module, head: nn.Linear, dropout: float, answers: Sequence[int]):
        super().__init__()
        self.backbone, self.head, self.dropout = backbone, head, nn.Dropout(dropout)
        self.answers = list(answers)

    @property
    def device(self) -> torch.device:
        return self.head.weight.device

    def features(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Hidden state of the last real token, [batch, width]; padding may stand on either side."""
        positions = (attention_mask.cumsum(dim=1) - 1).clamp(min=0)
        hidden = self.backbone(input_ids, attention_mask=attention_mask, position_ids=positions).last_hidden_state
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        last = (attention_mask * places).argmax(dim=1)
        return hidden[torch.arange(len(last), device=last.device), last]

    def scores(self, features: torch.Tensor) -> torch.Tensor:
        """Features [batch, width] → a score for every column of the head."""
        return self.head(self.dropout(features))

    def forward(
        self,
        labels: torch.Tensor,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        features: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """Loss of the labels [batch], which number classes, and logits of the classes [batch, classes].

        The loss is over all columns of the head, also where only some of them are answers. Features
        that were computed before are taken in place of the texts.
        """
        columns = self.scores(self.features(input_ids, attention_mask) if features is None else features)
        answers = torch.tensor(self.answers, device=columns.device)
        return {"loss": nn.functional.cross_entropy(columns, answers[labels]), "logits": columns[:, answers]}


def classifier(base: str, classes: int, dropout: float, seed: int) -> LastToken:
    """`base` with a new linear head of `classes` columns, drawn as GPT-2 draws its weights (sd 0.02)."""
    model = models.load_model(base, dropout)
    head = nn.Linear(model.config.n_embd, classes)
    nn.init.normal_(head.weight, std=0.02, generator=torch.Generator().manual_seed(seed))
    nn.init.zeros_(head.bias)
    return LastToken(model.transformer, head, dropout, range(classes)).eval()


def cloze(base: str, words: Sequence[str], dropout: float) -> LastToken:
    """`base` with its own language-model head; the classes are the tokens of `words`.

    Raises:
        ValueError: a word is more than one token of the base's tokenizer.
    """
    model: GPT2LMHeadModel = models.load_model(base, dropout)
    tokenizer = models.load_tokenizer(base)
    ids = [tokenizer.encode(word) for word in words]
    if any(len(word) != 1 for word in ids):
        raise ValueError(f"base {base!r}: {list(words)} must each be one token; choose other words.")
    return LastToken(model.transformer, model.lm_head, dropout, [word[0] for word in ids]).eval()
