"""Sentences and pairs with labels: SST, CFIMDB, Quora and MRPC, and what stands in for them.

Each task has editions, the first of which this machine can have when a profile asks for the
`available` one:

- `sst`, `cfimdb`: `released`, the paper's own files; or `vader`, a stand-in.
- `quora`: `two-sources`, two public sets of Quora pairs from `FRUGAL_DATA_DIR`, one to train on
  and one to measure on; or `written`, a stand-in. `paper` (404,298 pairs) is downloaded only
  where a profile names it.
- `mrpc`, which nothing is trained on: `released`, Microsoft's sentence pairs from
  `FRUGAL_DATA_DIR`; or `edited`, a stand-in.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha1
from pathlib import Path

from frugal_lib.core import fetch
from frugal_lib.core.fetch import DataError, digest
from frugal_lib.data import standins
from frugal_lib.data.standins import Example

TASKS = ("sst", "cfimdb", "quora")
CLASSES = {
    "sst": ("very negative", "negative", "neutral", "positive", "very positive"),
    "cfimdb": ("negative", "positive"),
    "quora": ("no", "yes"),
    "mrpc": ("no", "yes"),
}
RELEASED = {
    task: fetch.pinned(*(f"data/ids-{task}-{split}.csv" for split in ("train", "dev", "test-student")))
    for task in ("sst", "cfimdb")
}
QUORA_BLOBS = {
    "data/quora-train.csv": "679a1c831459d05b0714b13bb7b6229911740579",
    "data/quora-dev.csv": "9ac4d9f3df9c44588799e89a09b77a90bcb57128",
    "data/quora-test-student.csv": "9f860ed4847572a84d9c68309528677f3d06913b",
}
TWO_SOURCES = fetch.pinned("quora/deep1994_dev.csv", "quora/deep1994_test.csv", "quora/cs224n_minbert_dev.csv")
MRPC = fetch.pinned("mrpc/mrpc_train.csv", "mrpc/mrpc_test.csv")
SOURCES = {
    ("sst", "released"): "the paper's files of the Stanford Sentiment Treebank",
    ("sst", "vader"): "a stand-in: SST's sentences with the human ratings of VADER, cut into five classes",
    ("cfimdb", "released"): "the paper's files of film reviews",
    ("cfimdb", "vader"): "a stand-in: SST's sentences with the human ratings of VADER, cut into two classes",
    ("quora", "paper"): "the paper's files of Quora question pairs",
    ("quora", "two-sources"): "two public sets of Quora question pairs, one to train on, the other to measure on",
    ("quora", "written"): "a stand-in: question pairs written for this project",
    ("mrpc", "released"): "the Microsoft Research Paraphrase Corpus",
    ("mrpc", "edited"): "a stand-in: sentences of editorials beside themselves with words left out, or beside the next",
}


@dataclass(frozen=True)
class Labelled:
    """The splits of one task. Examples of `test` have no label where nobody released one."""

    task: str
    edition: str
    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    test: tuple[Example, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        return CLASSES[self.task]

    def split(self, name: str) -> tuple[Example, ...]:
        """The examples of `train`, `dev` or `test`."""
        return {"train": self.train, "dev": self.dev, "test": self.test}[name]


@dataclass(frozen=True)
class Columns:
    """How a file names its columns, and what parts them. Where `id` is empty, the number of the line is the id."""

    text: str
    label: str = ""
    pair: str = ""
    delimiter: str = "\t"
    id: str = "id"

    @property
    def names(self) -> list[str]:
        return [name for name in (self.id, self.text, self.pair, self.label) if name]


def read_examples(path: Path, columns: Columns, classes: int, strict: bool = True) -> tuple[Example, ...]:
    """The examples of a csv file, in its order.

    Args:
        classes: labels are whole numbers from 0 to `classes` - 1.
        strict: a broken line is an error; else it is left out and counted on standard error.

    Raises:
        DataError: wrong columns or a broken line; the message names file and line.
    """
    rows = csv.DictReader(io.StringIO(fetch.read_text(path), newline=""), delimiter=columns.delimiter)
    missing = [name for name in columns.names if name not in (rows.fieldnames or [])]
    if missing:
        raise DataError(f"{path}: line 1: no column {missing[0]!r}; the columns must be {', '.join(columns.names)}.")
    found: dict[str, Example] = {}
    broken = 0
    for row in rows:
        try:
            example = one_example(row | {"": str(rows.line_num)}, columns, classes)
            if example.id in found:
                raise ValueError(f"id {example.id!r} was there before; give each line an id of its own")
            found[example.id] = example
        except ValueError as error:
            if strict:
                raise DataError(f"{path}: line {rows.line_num}: {error}.") from None
            broken += 1
    if broken:
        print(f"{path}: {broken} broken lines left out of {broken + len(found)}.", file=sys.stderr)
    return tuple(found.values())


def one_example(row: dict, columns: Columns, classes: int) -> Example:
    """The example of one line; a `ValueError` that says what is wrong with it."""
    if any(row[name] is None for name in columns.names):
        raise ValueError("too few columns; the file may have been cut, fetch it again")
    text, pair = row[columns.text].strip(), row[columns.pair].strip() if columns.pair else ""
    if not text or (columns.pair and not pair):
        name = columns.pair if text else columns.text
        raise ValueError(f"{name} is empty; fill it in or remove the line")
    label = None if not columns.label else parse_label(row[columns.label], columns.label, classes)
    return Example(row[columns.id], text, label, pair)


def parse_label(text: str, name: str, classes: int) -> int:
    """A label as a whole number below `classes`; a `ValueError` where it is none."""
    try:
        label = float(text)
    except ValueError:
        label = -1.0
    if label not in range(classes):
        raise ValueError(f"{name} is {text!r}; it must be a whole number from 0 to {classes - 1}")
    return int(label)


def scattered(examples: Iterable[Example]) -> tuple[Example, ...]:
    """The examples in an order that is as good as random and always the same: by a hash of their ids."""
    return tuple(sorted(examples, key=lambda example: sha1(example.id.encode(), usedforsecurity=False).digest()))


def questions(examples: Iterable[Example]) -> set[str]:
    """All questions of some pairs, in lower case, white space made even."""
    return {" ".join(text.lower().split()) for example in examples for text in (example.text, example.pair)}


def without(examples: Sequence[Example], seen: set[str]) -> tuple[Example, ...]:
    """The pairs neither question of which is in `seen`."""
    return tuple(example for example in examples if not questions([example]) & seen)


def released(task: str) -> Labelled:
    """SST or CFIMDB as the paper released them; the test split has no labels."""
    paths = [fetch.released_file(*file) for file in RELEASED[task].items()]
    labelled, bare = Columns("sentence", "sentiment"), Columns("sentence")
    columns, size = (labelled, labelled, bare), len(CLASSES[task])
    splits = [read_examples(path, names, size) for path, names in zip(paths, columns, strict=True)]
    return Labelled(task, "released", *splits)


def two_sources(task: str) -> Labelled:
    """Quora pairs: one source to train on, half of the other for dev and half for test.

    A pair of the measured source goes to dev or test by a hash of its id, and is left out of test
    where it shares a question with dev. A training pair is left out where it shares one with either.
    """
    first, second, measured = on_file(task, TWO_SOURCES, Columns("question1", "is_duplicate", "question2", ","))
    dev = measured[: len(measured) // 2]
    test = without(measured[len(dev) :], questions(dev))
    train = scattered(replace(e, id=f"{name}-{e.id}") for name, part in (("d", first), ("t", second)) for e in part)
    return Labelled(task, "two-sources", without(train, questions(measured)), dev, test)


def on_file(task: str, files: dict[str, str], columns: Columns) -> list[tuple[Example, ...]]:
    """The pairs of some files that only a data folder has, scattered.

    Raises:
        DataError: there is no such folder, or another file in it.
    """
    folder = fetch.data_dir()
    if not folder:
        raise DataError(f"{task}: its files are read from FRUGAL_DATA_DIR; set it, or take another edition.")
    paths = [fetch.verified(folder / name, sha256) for name, sha256 in files.items()]
    return [scattered(read_examples(path, columns, 2)) for path in paths]


def mrpc(task: str) -> Labelled:
    """Sentence pairs of news as Microsoft split them: train and test, no dev."""
    train, test = on_file(task, MRPC, Columns("sentence1", "is_paraphrase", "sentence2", ",", id=""))
    return Labelled(task, "released", train, (), test)


def paper_quora(task: str) -> Labelled:
    """The paper's own Quora files, from the network, verified by git's name of their content."""
    folder = f"{fetch.REPOSITORY}/{fetch.COMMIT}"
    paths = [fetch.download(f"{folder}/{name}", None, blob) for name, blob in QUORA_BLOBS.items()]
    labelled, bare = Columns("sentence1", "is_duplicate", "sentence2"), Columns("sentence1", "", "sentence2")
    columns = (labelled, labelled, bare)
    splits = [read_examples(path, names, 2, strict=False) for path, names in zip(paths, columns, strict=True)]
    return Labelled(task, "paper", *splits)


def stand_in(edition: str, read: Callable[[str], Iterator[Example]]) -> Callable[[str], Labelled]:
    """A loader that cuts a stand-in into train, dev and test: 60, 20 and 20 %, no text in two of them."""

    def load_parts(task: str) -> Labelled:
        examples = scattered(read(task))
        first, second = int(0.6 * len(examples)), int(0.8 * len(examples))
        return Labelled(task, edition, examples[:first], examples[first:second], examples[second:])

    return load_parts


LOADERS: dict[str, dict[str, Callable[[str], Labelled]]] = {
    "sst": {"released": released, "vader": stand_in("vader", standins.vader)},
    "cfimdb": {"released": released, "vader": stand_in("vader", standins.vader)},
    "quora": {"two-sources": two_sources, "paper": paper_quora, "written": stand_in("written", standins.written)},
    "mrpc": {"released": mrpc, "edited": stand_in("edited", standins.edited)},
}


@lru_cache
def load(task: str, edition: str) -> Labelled:
    """The splits of a task.

    Raises:
        DataError: the edition is unknown, or cannot be had on this machine.
    """
    if edition not in LOADERS[task]:
        raise DataError(f"{task}: edition {edition!r} is unknown; choose one of {', '.join(LOADERS[task])}.")
    return LOADERS[task][edition](task)


@lru_cache
def available_edition(task: str) -> str:
    """The paper's own splits (for Quora: two public sets) where this machine can have them, else the stand-in."""
    first, *_, last = LOADERS[task]
    return first if fetch.available(lambda: load(task, first)) else last


def edition_of(task: str, wanted: str) -> str:
    """The edition of that name, or the first one that this machine can have where `wanted` is `available`."""
    return available_edition(task) if wanted == "available" else wanted


@lru_cache
def edition_digest(task: str, edition: str) -> str:
    """Twelve hex digits that name the data of an edition, from pinned hashes alone."""
    hashes = {
        "released": lambda: list((RELEASED | {"mrpc": MRPC})[task].values()),
        "two-sources": lambda: list(TWO_SOURCES.values()),
        "paper": lambda: list(QUORA_BLOBS.values()),
        "vader": lambda: [standins.VADER.sha256],
        "edited": lambda: [standins.VADER.sha256],
        "written": lambda: [fetch.file_sha256(standins.PAIRS)],
    }
    return digest(hashes[edition]())
