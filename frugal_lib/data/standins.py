"""What stands in for SST, CFIMDB, Quora and MRPC on a machine with nothing but a package index."""

from __future__ import annotations

import csv
import io
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from frugal_lib.core import fetch
from frugal_lib.core.fetch import Package

VADER = Package(
    "vaderSentiment==0.5",
    "vaderSentiment-0.5.zip",
    "5d97c37f3ef6e24eef331122e055dbedafeb6a56abfce0608b326701116ea49a",
)
VADER_ARCHIVE = "vaderSentiment-0.5/additional_resources/hutto_ICWSM_2014.tar.gz"
REVIEWS = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"
EDITORIALS = "hutto_ICWSM_2014/nytEditorialSnippets_GroundTruth.txt"
PAIRS = Path(__file__).parents[1] / "assets" / "question_pairs.csv"


@dataclass(frozen=True)
class Example:
    """A text, or a pair of them, with its class; `label` is None where none was released."""

    id: str
    text: str
    label: int | None
    pair: str = ""


def vader_rows(member: str) -> list[list[str]]:
    """The rows of one of VADER's files: id, mean rating, text."""
    with zipfile.ZipFile(fetch.package_file(VADER)) as package:
        archive = io.BytesIO(package.read(VADER_ARCHIVE))
    with tarfile.open(fileobj=archive) as inner:
        return [line.split("\t") for line in inner.extractfile(member).read().decode("utf-8").splitlines()]


def vader(task: str) -> Iterator[Example]:
    """SST's sentences (Rotten Tomatoes) with the mean rating of VADER's raters, cut into classes.

    Ratings go from -4 to 4 (Hutto & Gilbert 2014). For `sst` the range is cut into five equal
    parts, as SST's authors cut theirs; for `cfimdb` in two at zero, and a rating of zero is left
    out. A sentence that comes twice is taken once.
    """
    seen = set()
    for number, rating, text in vader_rows(REVIEWS):
        label = rating_class(float(rating), task)
        if label is not None and text.lower() not in seen:
            seen.add(text.lower())
            yield Example(number, text, label)


def rating_class(rating: float, task: str) -> int | None:
    """The class of a mean rating between -4 and 4; None for an undecided one where there are two classes."""
    if task == "sst":
        return min(4, int((rating + 4) / 1.6))
    return None if rating == 0 else int(rating > 0)


def written(task: str) -> Iterator[Example]:
    """Question pairs written for this project, of everyday things; half of them ask the same."""
    with PAIRS.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=1):
            yield Example(str(number), row["question1"], int(row["is_duplicate"]), row["question2"])


def edited(task: str) -> Iterator[Example]:
    """Sentences of editorials beside themselves with every fifth word left out (1), or beside the next one (0)."""
    rows = [(number, text) for number, _, text in vader_rows(EDITORIALS) if len(text.split()) > 7]
    for (number, text), (_, following) in zip(rows[::2], rows[1::2], strict=False):
        words = text.split()
        yield Example(f"{number}-yes", text, 1, " ".join(w for i, w in enumerate(words) if i % 5 != 3))
        yield Example(f"{number}-no", text, 0, following)
