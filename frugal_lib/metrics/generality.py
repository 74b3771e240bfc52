"""What a model can still do that it was not fine-tuned for, measured in ways that can come out either way.

Pairs of sentences are put to the model as a question. From one reading of each pair come a cloze
answer (is "yes" or "no" the likelier next word?), a linear probe of its last hidden state, and the
paper's protocol: a head that nobody trained. Other prose and verse give bits per character.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from frugal_lib.core.runs import Run
from frugal_lib.data import labelled, minimal_pairs, unrelated
from frugal_lib.data.standins import Example
from frugal_lib.metrics import grammar
from frugal_lib.metrics.reference_models import window_nats
from frugal_lib.models import bases
from frugal_lib.models import heads as model_heads
from frugal_lib.models.generate import stream_seed
from frugal_lib.models.heads import LastToken

HEADS = 500  # untrained heads a pair set
CONTENT_FREE = ("N/A", "[MASK]", "...")  # questions without a question, to see which answer the model leans to
PENALTY = 0.01  # of the probe: scikit-learn's C for standardised features


def statement_prompt(example: Example) -> str:
    """A pair of statements as a question that is answered by yes or no."""
    return f"First sentence: {example.text}\nSecond sentence: {example.pair}\nDo both say the same, yes or no?"


PROMPTS = {"quora": model_heads.prompt, "mrpc": statement_prompt}


def reader(model: nn.Module, tokenizer) -> LastToken:
    """The model as one that answers with " no" or " yes"."""
    answers = [bases.inside_text(tokenizer, word)[0] for word in model_heads.ANSWERS]
    return model_heads.with_own_head(model, 0.0, answers)


def features(model: LastToken, tokenizer, prompts: Sequence[str]) -> torch.Tensor:
    """The hidden state behind each prompt, FP32 [prompts, width]; one that is too long loses its beginning."""
    limit = model_heads.context(model)
    rows = [{"input_ids": tokenizer.encode(prompt)[-limit:], "labels": 0} for prompt in prompts]
    return torch.stack([row["features"] for row in model_heads.with_features(model, rows)]).float().cpu()


@torch.no_grad()
def yes_bias(model: LastToken, hidden: torch.Tensor) -> np.ndarray:
    """How much likelier "yes" is than "no" behind each hidden state, in nats: [prompts]."""
    dtype = model.head.weight.dtype
    scores = model.scores(hidden.to(model.device, dtype))[:, model.answers].double().cpu().numpy()
    return scores[:, 1] - scores[:, 0]


def probe_scores(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Scores of a logistic regression on frozen features: trained on [n, width], asked about [m, width]."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=1000))
    return probe.fit(train, labels).decision_function(test)


def untrained_heads(hidden: np.ndarray, seed: int) -> np.ndarray:
    """Which of two classes each of `HEADS` untrained heads gives each example: 0 or 1, [heads, examples].

    The paper's protocol: `nn.Linear(width, 2)` as torch draws it, uniform within 1 / sqrt(width).
    Only the difference of its two rows decides.
    """
    width = hidden.shape[1]
    rng = np.random.default_rng(seed)
    weights, biases = (rng.uniform(-1, 1, shape) / np.sqrt(width) for shape in ((HEADS, 2, width), (HEADS, 2)))
    scores = (weights[:, 1] - weights[:, 0]) @ hidden.T + (biases[:, 1] - biases[:, 0])[:, None]
    return (scores > 0).astype(int)


def pair_row(model: LastToken, tokenizer, run: Run, task: str, edition: str) -> dict:
    """One set of pairs: label, calibrated cloze score and probe score of each, and what untrained heads score.

    Calibrated: less the mean score of prompts without content (Zhao et al. 2021, "Calibrate before use").
    """
    splits = labelled.load(task, edition)
    train, test = (splits.split(name)[: run.pairs] for name in ("train", "test"))
    ask = PROMPTS[task]
    hidden = {
        name: features(model, tokenizer, list(map(ask, part))) for name, part in (("train", train), ("test", test))
    }
    empty = features(model, tokenizer, [ask(Example("", text, None, text)) for text in CONTENT_FREE])
    offset = float(yes_bias(model, empty).mean())
    labels = np.array([example.label for example in test])
    probe = probe_scores(hidden["train"].numpy(), np.array([e.label for e in train]), hidden["test"].numpy())
    heads = untrained_heads(hidden["test"].double().numpy(), stream_seed(run.seed, "heads", task))
    return {
        "kind": "pairs",
        "task": task,
        "edition": edition,
        "labels": labels.tolist(),
        "cloze": np.round(yes_bias(model, hidden["test"]) - offset, 4).tolist(),
        "probe": np.round(probe, 4).tolist(),
        "content_free": offset,
        "heads_accuracy": np.round((heads == labels).mean(axis=1), 4).tolist(),
        "heads_yes": np.round(heads.mean(axis=1), 4).tolist(),
    }  # fmt: skip


def text_rows(model: nn.Module, tokenizer, genre: str, texts: dict[str, str]) -> list[dict]:
    """One row a text: its negative log-likelihood in nats, and its characters."""
    rows = []
    for name, text in texts.items():
        ids = np.array(bases.between_texts(tokenizer, text))
        nats = float(window_nats(model, ids).sum())
        rows.append({"kind": "text", "genre": genre, "id": name, "nll": nats, "characters": len(text)})
    return rows


def metrics_of(rows: Sequence[dict]) -> dict[str, float]:
    """AUROC and balanced accuracy by set of pairs, bits per character by genre."""
    found = {}
    for row in (row for row in rows if row["kind"] == "pairs"):
        labels, cloze = np.array(row["labels"]), np.array(row["cloze"])
        found[f"{row['task']}_cloze_auroc"] = float(roc_auc_score(labels, cloze))
        found[f"{row['task']}_cloze_balanced_accuracy"] = float(balanced_accuracy_score(labels, cloze > 0))
        found[f"{row['task']}_probe_auroc"] = float(roc_auc_score(labels, row["probe"]))
    found |= grammar.metrics_of(rows)
    for genre in ("prose", "verse"):
        texts = [row for row in rows if row.get("genre") == genre]
        nats, characters = (sum(row[key] for row in texts) for key in ("nll", "characters"))
        found[f"{genre}_bpc"] = float(nats / np.log(2) / characters)
    return found


def sets_of(run: Run) -> list[tuple[str, str]]:
    """The sets that a run asks about: name and edition of each."""
    return [(task, edition) for task, edition in (name.split("/") for name in run.pair_sets.split())]


def check_sets(run: Run) -> None:
    """Raise a `DataError` for a set of minimal pairs that this machine cannot have."""
    for task, edition in sets_of(run):
        if task == grammar.TASK:
            minimal_pairs.load(edition, run.minimal_pairs)


def measure(model: nn.Module, tokenizer, run: Run) -> list[dict]:
    """All checks of one model, which stays as it is: rows for each set of `run.pair_sets`, and one for each text."""
    model.eval()
    rows, asked = [], reader(model, tokenizer) if run.pairs else None
    for task, edition in sets_of(run):
        if task == grammar.TASK:
            rows += grammar.rows(model, tokenizer, edition, run.minimal_pairs)
        else:
            rows.append(pair_row(asked, tokenizer, run, task, edition))
    texts = {"prose": unrelated.prose(), "verse": unrelated.verse()}
    return rows + [row for genre, found in texts.items() for row in text_rows(model, tokenizer, genre, found)]
