"""A labelled task, run by run: a floor, or a base with a head that is trained alone or with all the rest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn import metrics as scores
from sklearn.dummy import DummyClassifier
from torch import nn

from frugal_lib.core.runs import Result, Run
from frugal_lib.data import labelled
from frugal_lib.data.labelled import Labelled
from frugal_lib.data.standins import Example
from frugal_lib.models import adapt, bases, tfidf, train
from frugal_lib.models.heads import (
    ANSWERS,
    LastToken,
    classifier,
    cloze,
    collate,
    context,
    encode,
    predict,
    with_features,
)


def tuned(run: Run, device: str) -> Result:
    """A base with its head, fine-tuned as a whole."""
    return fine_tuned(run, device, lambda model, rows: rows)


def tuned_head(run: Run, device: str) -> Result:
    """The head alone: the rest stays as it is, so that it reads each example once."""
    return fine_tuned(run, device, with_features)


def fine_tuned(run: Run, device: str, seen: Callable[[LastToken, list[dict]], list[dict]]) -> Result:
    """The result of a fine-tuning run by a method of `adapt`; `seen` makes of an example what is trained on."""
    data = cut(labelled.load(run.task, run.edition), run)
    tokenizer = bases.load_tokenizer(run.base)
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


def fine_tune(run: Run, device: str, model: LastToken, examples: dict[str, list[dict]]) -> tuple[list[dict], float]:
    """Train; the kept epoch has the highest dev accuracy, the first of them where several have.

    The history starts with epoch 0, the model before training.
    """
    settings = (run.learning_rate, run.epochs, run.batch_size, run.patience, run.weight_decay, run.seed)
    schedule = train.Schedule(*settings, precision=run.precision)
    labels = np.array([row["labels"] for row in examples["dev"]])

    def evaluate(model: nn.Module) -> dict[str, float]:
        return {f"dev_{name}": value for name, value in measure(predict(model, examples["dev"]), labels).items()}

    by_length = "input_ids" in examples["train"][0]
    objective = train.Objective(collate, evaluate, lambda metrics: -metrics["dev_accuracy"], by_length)
    before = {"epoch": 0} | evaluate(model)
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
