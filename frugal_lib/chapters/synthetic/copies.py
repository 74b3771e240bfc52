"""Copies of Shakespeare: in the teachers' files, in the paper's released generations, and one to look at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from frugal_lib.chapters.synthetic.results import PAPER_NAMES, SyntheticResults
from frugal_lib.core.runs import Record
from frugal_lib.data import overlap, sonnets
from frugal_lib.data.overlap import folded
from frugal_lib.data.sonnets import Sonnet
from frugal_lib.models.bases import ASSETS
from frugal_lib.paper import evidence, published, released
from frugal_lib.teachers import by_name

SHOWN = 138  # the dev sonnet that carries the paper's score
COPIED_LINES = ASSETS / "copied_lines.json"
OTHER_LINE = "(another line)"
Line = tuple[str, bool]  # its text, and whether it is a line of the sonnet


@dataclass(frozen=True)
class Copies:
    """How many sonnets a file has, which share of them are copies, and of which held-out sonnets."""

    sonnets: int
    share: float
    held_out: list[int]


def copies_by_teacher(found: SyntheticResults) -> dict[str, Copies]:
    """The copies in each Gemini's file, weakest teacher first."""
    audited = {teacher: found.copies(teacher) for teacher in PAPER_NAMES if teacher in found.audits}
    return {
        teacher: Copies(len(copies), copies.mean(), sorted(found.leaked(teacher) - set(sonnets.TRAIN)))
        for teacher, copies in audited.items()
    }


def read_by_bases() -> tuple[int, int, int]:
    """Other poets' sonnets: how many, of how many the bases' corpus has most lines, and of how many none."""
    lines = by_name.read_before("human")
    return len(lines), sum(n >= overlap.MOSTLY for n in lines), sum(n == 0 for n in lines)


@dataclass(frozen=True)
class Generations:
    """chrF of what the paper's student of Flash wrote for one split: printed, scored here, of copies, of the rest."""

    paper: float
    score: float
    sonnets: int
    copies: dict[int, float]
    rest: float


def generations(found: SyntheticResults, split: str) -> Generations:
    """The paper's best student on dev or test, from the generations that were released."""
    rows = [r for r in found.generations.examples if (r["model"], r["split"]) == ("flash", split)]
    return Generations(
        published.value("table1_baseline", split, dataset="sonnets", method="best data augmentation"),
        sum(row["corpus_chrf"] for row in rows) / len(rows),
        len(rows),
        {row["id"]: row["chrf"] for row in rows if row["chrf"] >= released.COPY},
        found.generations.metrics[f"flash_{split}_chrf_without_copies"],
    )


def lead_over_lite(found: SyntheticResults) -> tuple[float, int]:
    """The p-value of the lead in chrF of the paper's student of Flash over that of Flash Lite on dev, and its flips."""
    lead = evidence.difference(found.generations.examples, "flash", "flash-lite")
    return lead.p, 2**lead.interval.items


def shown() -> Sonnet:
    """The true sonnet of which copies are shown."""
    return sonnets.public_domain()[SHOWN]


def line_numbers(text: str) -> list[int | None]:
    """Which line of the sonnet that is shown each line of a text is word for word, spelling aside; None for another."""
    known = {folded(line): number for number, line in enumerate(shown().text.splitlines(), start=1)}
    return [known.get(folded(line)) for line in text.splitlines()]


def released_lines() -> dict[str, list[int | None]]:
    """The same of released texts. They are not kept with this project: which lines they copy is, on file."""
    return json.loads(COPIED_LINES.read_text(encoding="utf-8"))["texts"]


def in_public_domain(numbers: Sequence[int | None], own: Sequence[str]) -> list[Line]:
    """A text with what it copied set from the public-domain edition; `own` has its other lines, as far as known."""
    true = shown().text.splitlines()
    return [(own[k], False) if number is None else (true[number - 1], True) for k, number in enumerate(numbers)]


def texts_to_see(found: SyntheticResults, contaminated: Sequence[Record] = ()) -> dict[str, list[Line]]:
    """One dev sonnet, what the paper's Flash student and ours wrote for it, and what Flash wrote most like it.

    `contaminated` are chapter 5's students of copies: the one that copied most of this sonnet is shown too.
    """
    texts = {f"Shakespeare, sonnet {SHOWN}": [(line, True) for line in shown().text.splitlines()]}
    for name, numbers in released_lines().items():
        texts[name] = in_public_domain(numbers, [OTHER_LINE] * len(numbers))
    for (base, long), (student, _) in reversed(found.leak_pairs.items()):
        if long:
            texts[f"our student of Flash, {base}, without early stopping"] = written(completions(student.records[0])[0])
            break
    rows = [(row, record.run.base) for record in contaminated for row in completions(record) if row.get("copies")]
    if rows:
        row, base = max(rows, key=lambda pair: pair[0]["verbatim"])
        texts[f"our student of {row['copies']} copies of it, {base}"] = written(row)
    return texts


def completions(record: Record) -> list[dict]:
    """What a model wrote for the sonnet that is shown, a row a sample."""
    return [row for row in record.examples if (row["kind"], row.get("id")) == ("completion", SHOWN)]


def written(row: dict) -> list[Line]:
    """One of our completions behind the prompt."""
    text = f"{shown().given}\n{row['text']}"
    return in_public_domain(line_numbers(text), text.splitlines())
