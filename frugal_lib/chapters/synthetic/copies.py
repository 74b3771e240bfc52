"""Copies of Shakespeare: in the teachers' files, in the paper's released generations, and one to look at."""

from __future__ import annotations

from dataclasses import dataclass

from frugal_lib.chapters.synthetic.results import PAPER_NAMES, SyntheticResults
from frugal_lib.core import fetch
from frugal_lib.core.fetch import DataError
from frugal_lib.data import overlap, sonnets
from frugal_lib.data.sonnets import Sonnet
from frugal_lib.paper import evidence, published, released
from frugal_lib.teachers import by_name

SHOWN = 138  # the dev sonnet that carries the paper's score


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


def texts_to_see(found: SyntheticResults) -> dict[str, str]:
    """One dev sonnet, what the paper's Flash student and ours wrote for it, and what Flash wrote most like it."""
    texts = {f"Shakespeare, sonnet {SHOWN}": shown().text}
    for name, get in (("the paper's student of Flash", paper_text), ("a training example by Flash", nearest)):
        try:
            texts[name] = get()
        except DataError:
            if fetch.data_dir():
                raise
            texts[name] = "(This machine cannot have the released file.)"
    for (base, long), (student, _) in reversed(found.leak_pairs.items()):
        if long:
            rows = [r for r in student.records[0].examples if (r["kind"], r.get("id")) == ("completion", SHOWN)]
            texts[f"our student of Flash, {base}, without early stopping"] = f"{shown().given}\n{rows[0]['text']}"
            break
    return texts


def paper_text() -> str:
    """What the paper's Flash student wrote for the sonnet shown."""
    text = next(text for true, text in released.generated("flash", "dev") if true.id == SHOWN)
    return "\n".join(sonnets.clean(text))


def nearest() -> str:
    """The sonnet in Flash's file that has most lines of the one shown."""
    index = overlap.Targets({str(SHOWN): shown().text})
    return max(by_name.everything("flash"), key=lambda text: sum(index.compare(text).verbatim.values()))
