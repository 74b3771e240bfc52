"""Records that no run made, for the tests of what is said about records."""

from frugal_lib.core.runs import Record
from frugal_lib.data.labelled import CLASSES

ENVIRONMENT = {"seconds": 60.0, "peak_memory_mb": 500.0, "device": "cpu", "device_name": "a <cpu>", "threads": 1,
               "commit": "abc", "versions": {"torch": "2"}}  # fmt: skip
ACCURACY = {"majority": 0.3, "tfidf": 0.6, "last-layer": 0.5, "full": 0.8}
EXAMPLES = 400


def fake_labelled(run, accuracy):
    """A record that is right on about `accuracy` of its examples, on other ones with every seed."""
    size = len(CLASSES[run.task])
    splits = ("dev", "test") if run.task == "quora" else ("dev",)
    examples, metrics = [], {"parameters": 1e6}
    for split in splits:
        for i in range(EXAMPLES):
            right = (37 * i + 100 * run.seed) % EXAMPLES < accuracy * EXAMPLES
            answer = {"label": i % size, "prediction": (i if right else i + 1) % size}
            examples.append({"split": split, "id": str(i), "logits": [0.0] * size} | answer)
        metrics |= {f"{split}_{name}": accuracy for name in ("accuracy", "balanced_accuracy", "auroc")}
    losses = {"dev_loss": 1.0, "dev_accuracy": accuracy}
    history = [{"epoch": 0} | losses, {"epoch": 1, "train_loss": 0.5} | losses] if run.learning_rate else []
    return Record(run, "ok", metrics, examples, history, ENVIRONMENT)


def fake_lengths(run, ids):
    """Random lines that score 40 and 1 a tenth of the length; true lines 4-14 of 10 characters."""
    rows = []
    for split in ("dev", "test"):
        rows += [{"kind": "true", "split": split, "id": i, "characters": 10} for i in ids[split]]
        rows += [{"kind": "floor", "split": split, "share": s, "chrf": 40 + 10 * s, "sd": 0.1} for s in (0.0, 1.0)]
    return Record(run, "ok", {"dev_chrf": 50.0, "test_chrf": 50.0}, rows, [], ENVIRONMENT)


def fake_data(run):
    """A data set of 100 examples a split, of 20 tokens and 80 characters each; test has no labels."""
    classes = len(CLASSES.get(run.task, ())) or 1
    metrics, rows = {}, []
    for split in ("train", "dev", "test"):
        sizes = {"examples": 100, "characters": 8000, "tokens": 2000, "truncated": 0.25}
        metrics |= {f"{split}_{name}": value for name, value in sizes.items()}
        rows.append({"split": split, "kind": "length", "tokens": 20, "count": 100})
        for k in range(classes):
            label = None if run.task == "sonnets" or (split == "test" and run.task != "quora") else k
            rows.append({"split": split, "kind": "label", "label": label, "count": 100 // classes})
    return Record(run, "ok", metrics, rows, [], ENVIRONMENT)
