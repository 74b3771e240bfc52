"""Records of chapter 3 that no run made."""

import numpy as np

from fakes.records import ENVIRONMENT, fake_lengths
from frugal_lib.core.runs import Record

BASE, FULL = 4.0, 3.0  # nats per token; a match is within 0.1


LOSSES = {"full": {"int4-tensor": 5.0, "int4-channel": 3.6, "int4-block": 3.3, "nf4": 3.3}, "qaft": {}, "lora": {}}


LABELS = [int(i % 8 < 3) for i in range(120)]  # 37.5 % yes


def loss(run, extra):
    """The base's, full fine-tuning's, that of a format, and what a test adds to (method, format)."""
    if run.method == "base":
        return BASE
    return LOSSES.get(run.method, {}).get(run.format, FULL) + extra.get((run.method, run.format), 0.0)


def pairs(run, task, damage):
    """Scores that tell the classes apart, less so where there is damage; heads of which one in four is no constant."""
    rng = np.random.default_rng(run.seed)
    noise = rng.normal(size=len(LABELS))
    scores = np.round(noise + np.array(LABELS) * (2 - damage), 3).tolist()
    heads = {"heads_accuracy": [0.625, 0.375, 0.5, 0.625], "heads_yes": [0.0, 1.0, 0.5, 0.0]}
    facts = {"kind": "pairs", "task": task, "edition": "some", "labels": LABELS, "content_free": -0.5}
    return facts | {"cloze": scores, "probe": scores} | heads


def fake(run, extra, damage):
    """A record of ten sonnets a split, with checks where the run has them."""
    if run.method == "released-zero-shot":
        rows = [{"file": name, "pairs": 40_429, "yes": 0} for name in "ab"]
        return Record(run, "ok", {}, rows, [], ENVIRONMENT)
    if run.method == "floor-lengths":
        return fake_lengths(run, {"dev": range(10), "test": range(10)})
    if run.format == "int4-torchao":
        return Record(run, "unsupported", {}, [], [], ENVIRONMENT, "int4-torchao: no <GPU> here.")
    own, worse, examples = loss(run, extra), damage.get((run.method, run.format), 0.0), []
    for split in ("dev", "test"):
        for i in range(10):
            nll = 100 * (own + 0.1 * (i % 3 - 1) + 0.002 * ((i + run.seed) % 3 - 1))
            examples.append(
                {"kind": "likelihood", "split": split, "id": i, "nll": nll, "tokens": 100, "characters": 400}
            )
            score = dict.fromkeys(("chrf", "corpus_chrf"), 40.0 + i % 3 + 0.1 * run.seed)
            examples.append({"kind": "completion", "split": split, "id": i, "sample": 0, "text": "<b>"} | score)
    if run.pairs:
        examples += [pairs(run, task, 4 * worse) for task in ("quora", "mrpc")]
        for genre in ("prose", "verse"):
            rows = [(f"{i}", 100 * (2 + 0.1 * i + worse + 0.001 * ((i + run.seed) % 3))) for i in range(12)]
            examples += [{"kind": "text", "genre": genre, "id": n, "nll": x, "characters": 100} for n, x in rows]
    metrics = {
        "parameters": 1e6,
        "file_bytes": 4e6,
        "memory_bytes": 4e6,
        "dev_nll": own,
        "dev_bpc": own,
        "test_bpc": own,
    }
    return Record(run, "ok", metrics, examples, [{"epoch": 1}] if run.learning_rate else [], ENVIRONMENT)
