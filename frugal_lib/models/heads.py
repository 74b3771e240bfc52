"""A language model that answers with one word or class: scores read off the last real token of a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from frugal_lib.data.standins import Example
from frugal_lib.models import bases, families
from frugal_lib.models.batches import padded

ANSWERS = (" no", " yes")


def context(model: LastToken) -> int:
    """How many tokens the base can read."""
    return families.context_length(model.backbone.config)


def prompt(example: Example) -> str:
    """What the model reads: the text, or for a pair a question that is answered by yes or no."""
    if not example.pair:
        return example.text
    return f"First question: {example.text}\nSecond question: {example.pair}\nDo both ask the same, yes or no?"


def encode(examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase, limit: int) -> list[dict]:
    """Token ids and label of each example; what is longer than `limit` loses its end, a pair its beginning."""
    rows = []
    for example in examples:
        ids = tokenizer.encode(prompt(example))
        ids = ids[-limit:] if example.pair else ids[:limit]
        rows.append({"input_ids": ids, "labels": example.label})
    return rows


def collate(rows: Sequence[dict]) -> dict[str, torch.Tensor]:
    """A batch: `labels` [batch], and `features` [batch, width] or `input_ids` and its mask [batch, time]."""
    labels = torch.tensor([row["labels"] for row in rows])
    if "features" in rows[0]:
        return {"labels": labels, "features": torch.stack([row["features"] for row in rows])}
    ids, mask = padded([row["input_ids"] for row in rows], fill=0)
    return {"labels": labels, "input_ids": ids, "attention_mask": mask}


@torch.no_grad()
def in_batches(
    model: LastToken, rows: Sequence[dict], ask: Callable[[dict], torch.Tensor], size: int = 32
) -> torch.Tensor:
    """`ask` of every batch, texts of like length together; answers in the order of `rows`, on the CPU."""
    was_training = model.training
    model.eval()
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].get("input_ids", ())))
    answers: list[torch.Tensor] = [torch.empty(0)] * len(rows)
    for start in range(0, len(order), size):
        places = order[start : start + size]
        batch = {name: value.to(model.device) for name, value in collate([rows[i] for i in places]).items()}
        for i, answer in zip(places, ask(batch).cpu(), strict=True):
            answers[i] = answer
    model.train(was_training)
    return torch.stack(answers)


def predict(model: LastToken, rows: Sequence[dict]) -> np.ndarray:
    """Logits of the classes: [examples, classes]."""
    return in_batches(model, rows, lambda batch: model(**batch)["logits"]).double().numpy()


def with_features(model: LastToken, rows: Sequence[dict]) -> list[dict]:
    """The rows with the hidden state of their last token in place of the text."""
    if not rows:
        return []

    def ask(batch: dict) -> torch.Tensor:
        return model.features(batch["input_ids"], batch["attention_mask"])

    features = in_batches(model, rows, ask)
    return [{"features": f, "labels": row["labels"]} for f, row in zip(features, rows, strict=True)]


class LastToken(nn.Module):
    """A backbone and a head that maps the hidden state of the last real token to scores.

    `answers` are the columns of the head that stand for the classes: all of them for a head of
    its own, the tokens of "no" and "yes" where the head is that of the language model. `cap` bounds
    the scores of such a head (`families.score_cap`).
    """

    def __init__(
        self, backbone: nn.Module, head: nn.Linear, dropout: float, answers: Sequence[int], cap: float | None = None
    ):
        super().__init__()
        self.backbone, self.head, self.dropout = backbone, head, nn.Dropout(dropout)
        self.answers, self.cap = list(answers), cap

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
        scores = self.head(self.dropout(features))
        return scores if self.cap is None else self.cap * torch.tanh(scores / self.cap)

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
    model = bases.load_model(base, dropout)
    head = nn.Linear(families.width(model.config), classes)
    nn.init.normal_(head.weight, std=0.02, generator=torch.Generator().manual_seed(seed))
    nn.init.zeros_(head.bias)
    return LastToken(families.backbone(model), head, dropout, range(classes)).eval()


def cloze(base: str, words: Sequence[str], dropout: float) -> LastToken:
    """`base` with its own language-model head; the classes are the tokens of `words`.

    Raises:
        ValueError: a word is more than one token of the base's tokenizer.
    """
    tokenizer = bases.load_tokenizer(base)
    ids = [bases.inside_text(tokenizer, word) for word in words]
    if any(len(word) != 1 for word in ids):
        raise ValueError(f"base {base!r}: {list(words)} must each be one token; choose other words.")
    return with_own_head(bases.load_model(base, dropout), dropout, [word[0] for word in ids])


def with_own_head(model: PreTrainedModel, dropout: float, answers: Sequence[int]) -> LastToken:
    """A language model, adapters included, whose classes are the tokens `answers` of its vocabulary."""
    cap = families.score_cap(model.config)
    return LastToken(families.backbone(model), families.output_layer(model), dropout, answers, cap).eval()
