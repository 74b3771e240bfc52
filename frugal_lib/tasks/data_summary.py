"""A task's data in numbers, as a record of its own, so that figures need the records and not the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from frugal_lib.core.runs import Result, Run
from frugal_lib.data import labelled, sonnets
from frugal_lib.models import bases, heads

SPLITS = ("train", "dev", "test")


def texts(run: Run, split: str) -> list[tuple[str, int | None]]:
    """What a model reads of each example of a split, and its label."""
    if run.task == "sonnets":
        return [(sonnet.text, None) for sonnet in sonnets.load_sonnets(run.edition).split(split)]
    return [(heads.prompt(example), example.label) for example in labelled.load(run.task, run.edition).split(split)]


def compute(run: Run, device: str) -> Result:
    """Examples, labels and lengths of every split, and how many are longer than the base can read.

    Rows: `{split, kind: "label", label, count}` and `{split, kind: "length", tokens, count}`.
    """
    tokenizer, limit = bases.load_tokenizer(run.base), bases.context_length(run.base)
    metrics: dict[str, float] = {}
    rows: list[dict] = []
    for split in SPLITS:
        examples = texts(run, split)
        lengths = [len(tokenizer.encode(text)) for text, _ in examples]
        metrics |= {f"{split}_{name}": value for name, value in sizes([t for t, _ in examples], lengths, limit).items()}
        labels = Counter(label for _, label in examples)
        rows += [{"split": split, "kind": "label", "label": k, "count": n} for k, n in sorted_items(labels)]
        rows += [{"split": split, "kind": "length", "tokens": k, "count": n} for k, n in sorted_items(Counter(lengths))]
    return Result(metrics, rows)


def sizes(examples: Sequence[str], lengths: Sequence[int], limit: int) -> dict[str, float]:
    """Examples, characters, tokens, and the share of examples that is longer than `limit` tokens."""
    return {
        "examples": len(examples),
        "characters": sum(map(len, examples)),
        "tokens": sum(lengths),
        "truncated": sum(length > limit for length in lengths) / max(1, len(lengths)),
    }


def sorted_items(counts: Counter) -> list[tuple]:
    """The pairs of a counter in the order of its keys, None first."""
    return sorted(counts.items(), key=lambda item: (item[0] is not None, item[0] or 0))
