"""A labelled task, run by run: a floor, or a base with a head that is trained alone or with all the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from sklearn import metrics as scores
from sklearn.dummy import DummyClassifier
from torch import nn
from transformers import PreTrainedTokenizerBase

from frugal_lib import adapt, labelled, models, tfidf, train
from frugal_lib.labelled import Labelled
from frugal_lib.last_token import LastToken, classifier, cloze
from frugal_lib.likelihood import padded
from frugal_lib.runs import Result, Run
from frugal_lib.standins import Example

ANSWERS = (" no", " yes")


def tuned(run: Run, device: str) -> Result:
    """A base with its head, fine-tuned as a whole."""
    return fine_tuned(run, device, lambda model, rows: rows)


def tuned_head(run: Run, device: str) -> Result:
    """The head alone: the rest stays as it is, so that it reads each example once."""
    return fine_tuned(run, device, with_features)


def fine_tuned(run: Run, device: str, seen: Callable[[LastToken, list[dict]], list[dict]]) -> Result:
    """The result of a fine-tuning run by a method of `adapt`; `seen` makes of an example what is trained on."""
    data = cut(labelled.load(run.task, run.edition), run)
    tokenizer = models.load_tokenizer(run.base)
    model = new_model(run).to(device)
    examples = {name: encode(data.split(name), tokenizer, context(model)) for name in ("train", "dev", "test")}
    sizes = {"parameters": sum(p.numel() for p in model.parameters())}
    adapt.adapt(model, run)
    sizes["trainable_parameters"] = adapt.trainable_parameters(model)
    examples = {name: seen(model, rows) for name, rows in examples.items()}
    history, sizes["train_seconds"] = fine_tune(run, device, model, examples)
    logits = {name: predict(model, rows) for name, rows in examples.items() if name != "train" and rows}
    result = collect(data, logits)
    return Result(result.metrics | sizes, result.examples, history)


def cut(data: Labelled, run: Run) -> Labelled:
    """The splits a run uses, cut to its limits as if drawn by lot; of the held-out ones only examples with a label."""

    def part(name: str, limit: int | None) -> tuple[Example, ...]:
        return labelled.scattered(e for e in data.split(name) if e.label is not None)[:limit]

    held_out = (part(name, run.held_out_limit) for name in ("dev", "test"))
    return Labelled(data.task, data.edition, part("train", run.train_limit), *held_out)


def new_model(run: Run) -> LastToken:
    """Sentiment is read off by a new head, paraphrase by the word the language model would say next."""
    if run.task == "quora":
        return cloze(run.base, ANSWERS, run.dropout)
    return classifier(run.base, len(labelled.CLASSES[run.task]), run.dropout, run.seed)


def context(model: LastToken) -> int:
    """How many tokens the base can read."""
    return model.backbone.config.n_positions


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


def fine_tune(run: Run, device: str, model: LastToken, examples: dict[str, list[dict]]) -> tuple[list[dict], float]:
    """Train; the kept epoch has the highest dev accuracy, the first of them where several have.

    The history starts with epoch 0, the model before training.
    """
    schedule = train.Schedule(run.learning_rate, run.epochs, run.batch_size, run.patience, run.weight_decay, run.seed)
    labels = np.array([row["labels"] for row in examples["dev"]])

    def judge(model: nn.Module) -> dict[str, float]:
        return {f"dev_{name}": value for name, value in measure(predict(model, examples["dev"]), labels).items()}

    by_length = "input_ids" in examples["train"][0]
    objective = train.Objective(collate, judge, lambda metrics: -metrics["dev_accuracy"], by_length)
    before = {"epoch": 0} | judge(model)
    history, seconds = train.fine_tune(model, examples["train"], schedule, objective, device)
    return [before, *history], seconds


def measure(logits: np.ndarray, labels: np.ndarray, answers: np.ndarray | None = None) -> dict[str, float]:
    """Loss in nats, accuracy, balanced accuracy, and AUROC where there are two classes.

    `answers` are the predicted classes [examples]; by default those of the highest logit.

    Balanced accuracy is the mean over classes of the share that is found; AUROC the chance that a
    random example of the second class gets a higher score than one of the first.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    answers = logits.argmax(axis=1) if answers is None else answers
    found = {
        "loss": float(-log_probabilities[np.arange(len(labels)), labels].mean()),
        "accuracy": float(scores.accuracy_score(labels, answers)),
        "balanced_accuracy": float(scores.balanced_accuracy_score(labels, answers)),
    }
    if logits.shape[1] == 2 and len(set(labels)) == 2:
        found["auroc"] = float(scores.roc_auc_score(labels, logits[:, 1] - logits[:, 0]))
    return found


def collect(data: Labelled, logits: dict[str, np.ndarray]) -> Result:
    """Metrics by split (`dev_accuracy`, …) and one row an example: label, prediction, logits.

    Logits are kept to four decimals, and predictions are those of the logits that are kept.
    """
    metrics, rows = {}, []
    for split, values in logits.items():
        examples = data.split(split)
        labels = np.array([example.label for example in examples])
        kept = values.round(4)
        answers = kept.argmax(axis=1)
        metrics |= {f"{split}_{name}": value for name, value in measure(values, labels, answers).items()}
        rows += [
            {"split": split, "id": example.id, "label": example.label, "prediction": int(answer), "logits": row}
            for example, answer, row in zip(examples, answers, kept.tolist(), strict=True)
        ]
    return Result(metrics, rows)


def floor(run: Run, device: str) -> Result:
    """What needs no language model: the most frequent class of train, or words counted."""
    data = cut(labelled.load(run.task, run.edition), run)
    return collect(data, FLOORS[run.method](data))


def majority(data: Labelled) -> dict[str, np.ndarray]:
    """The shares of the classes in train, as logits of every held-out example, by split."""
    labels = [example.label for example in data.train]
    dummy = DummyClassifier(strategy="prior").fit(labels, labels)
    held_out = {name: data.split(name) for name in ("dev", "test") if data.split(name)}
    size = len(data.classes)
    return {
        name: tfidf.over_all_classes(dummy.predict_proba(examples), dummy.classes_, size)
        for name, examples in held_out.items()
    }


FLOORS: dict[str, Callable[[Labelled], dict[str, np.ndarray]]] = {"majority": majority, "tfidf": tfidf.fit_and_predict}
