"""Held-out sonnets among the training examples on purpose: what copies do to loss, chrF and verbatim lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from frugal_lib.chapters.synthetic.results import SyntheticResults, by_sonnet
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import Interval, mean_interval
from frugal_lib.paper import released
from frugal_lib.report.cells import NONE, cell, framed, signed
from frugal_lib.report.html import linked
from frugal_lib.tasks import contamination

LINES = 14  # of a sonnet


@dataclass(frozen=True)
class Contaminated:
    """Contaminated students by base: `ladders` with several duplication counts, `fixed` with one, on more sonnets."""

    ladders: dict[str, tuple[Record, ...]]
    fixed: dict[str, tuple[Record, ...]]


def contaminated_results(records: Sequence[Record]) -> Contaminated:
    """The contaminated students among the records of chapter 5, on the edition of its floors."""
    edition = next(record.run.edition for record in records if record.run.method == "floor-lines")
    found = Contaminated({}, {})
    for record in (r for r in records if r.run.teacher and r.status == "ok" and r.run.edition == edition):
        several = len(set(contamination.parse(record.run.doses))) > 1
        kind = found.ladders if several else found.fixed
        kind[record.run.base] = (*kind.get(record.run.base, ()), record)
    return found


def outcomes(records: Sequence[Record]) -> pd.DataFrame:
    """What became of each dev sonnet: a row per run and sonnet, with its copies and the three measures."""
    rows = [row | {"seed": record.run.seed, "doses": record.run.doses}
            for record in records for row in record.examples if row["split"] == "dev"]  # fmt: skip
    frame = pd.DataFrame(rows)
    keys = ["doses", "seed", "id", "copies"]
    losses = frame[frame.kind == "likelihood"].assign(nats=lambda f: f.nll / f.tokens).set_index(keys)[["nats"]]
    texts = frame[frame.kind == "completion"].groupby(keys)[["chrf", "verbatim"]].mean()
    return losses.join(texts).reset_index()


def by_copies(records: Sequence[Record], measure: str) -> pd.DataFrame:
    """One measure of a ladder: a row per sonnet, a column per number of copies, seeds averaged."""
    return outcomes(records).pivot_table(index="id", columns="copies", values=measure)


def intervals(table: pd.DataFrame) -> dict[int, Interval]:
    """The mean over sonnets at each number of copies that two or more have."""
    return {int(c): mean_interval(table[c].dropna().to_numpy()) for c in table if table[c].count() > 1}


def effects(records: Sequence[Record], measure: str) -> dict[int, Interval]:
    """A measure at each number of copies minus none, on the same sonnets."""
    table = by_copies(records, measure)
    return intervals(table.sub(table[0], axis=0).drop(columns=0))


def levels(records: Sequence[Record], measure: str) -> dict[int, Interval]:
    """A measure at each number of copies, over sonnets."""
    return intervals(by_copies(records, measure))


@framed
def ladder_table(found: Contaminated, results: str | Path) -> Iterator[dict]:
    """Every number of copies on every base: the loss beside no copy, chrF, and verbatim lines."""
    for base, records in found.ladders.items():
        fall, chrf, verbatim = effects(records, "nats"), levels(records, "chrf"), levels(records, "verbatim")
        for copies, score in chrf.items():
            yield {
                "base": base,
                "copies": f"{copies}",
                "loss minus no copy": cell(fall.get(copies), 2, "+"),
                "chrF": cell(score, 1) if copies else linked(cell(score, 1), records, results),
                "lines word for word, of 11": cell(verbatim[copies], 1),
                "sonnets": f"{score.items}",
            }


@framed
def number_table(found: Contaminated, results: str | Path) -> Iterator[dict]:
    """The same number of copies of more and more sonnets: the score of all of dev, and what it does to the others."""
    for base, records in found.fixed.items():
        everything = outcomes(records).set_index(["seed", "id"])
        clean = everything[everything.doses == ""]
        for pattern in sorted(set(everything.doses), key=lambda text: len(contamination.parse(text))):
            rows, copies = everything[everything.doses == pattern], contamination.parse(pattern)
            runs = [record for record in records if record.run.doses == pattern]
            gaps = (rows.nats - clean.nats).dropna() if pattern else pd.Series(dtype=float)
            held = rows.copies.reindex(gaps.index) > 0
            yield {
                "base": base,
                "contaminated sonnets": f"{len(copies)}",
                "copies of each": f"{max(copies, default=0)}",
                "dev chrF, all of them": linked(f"{np.mean([r.metrics['dev_chrf'] for r in runs]):.2f}", runs, results),
                "chrF of these": f"{rows.chrf[rows.copies > 0].mean():.1f}" if pattern else NONE,
                "loss of these minus none": over_sonnets(gaps[held]),
                "loss of the others minus none": over_sonnets(gaps[~held]),
            }


def without_copy(found: Contaminated, base: str) -> Interval | None:
    """Loss of the sonnets without a copy in the ladder's runs, minus that in runs without any copies: nats per token.

    Copies of other sonnets take the place of clean examples. None where a base has no clean run.
    """
    clean = [record for record in found.fixed.get(base, ()) if not record.run.doses]
    if not clean:
        return None
    zero = by_copies(found.ladders[base], "nats")[0].dropna()
    beside = outcomes(clean).groupby("id").nats.mean().reindex(zero.index)
    return mean_interval((zero - beside).to_numpy())


def copies_in_all(records: Sequence[Record]) -> tuple[int, int]:
    """How many copies the training examples of a ladder's run hold in all, and of how many sonnets."""
    copies = contamination.parse(records[0].run.doses)
    return sum(copies), len(copies)


def over_sonnets(gaps: pd.Series) -> str:
    """Mean difference over sonnets, seeds averaged first, with its interval; a dash where there are none."""
    if gaps.empty:
        return NONE
    values = gaps.groupby(level="id").mean().to_numpy()
    return cell(mean_interval(values), 2, "+") if len(values) > 1 else signed(values[0])


def detected_from(curve: dict[int, Interval]) -> int | None:
    """The smallest number of copies from which on every interval excludes zero."""
    smallest = None
    for copies in sorted(curve, reverse=True):
        if curve[copies].low <= 0 <= curve[copies].high:
            break
        smallest = copies
    return smallest


def from_curve(curve: dict[int, Interval], copies: float) -> float | None:
    """The curve's value at a number of copies, interpolated on a logarithmic scale; None off the curve."""
    measured = sorted(curve)
    if not measured or not measured[0] <= copies <= measured[-1]:
        return None
    return float(np.interp(np.log(copies), np.log(measured), [curve[d].mean for d in measured]))


def copies_in_file(book: SyntheticResults, teacher: str = "flash") -> dict[int, float]:
    """How many copies' worth of lines a teacher's file holds of each dev and test sonnet that it holds a copy of."""
    if teacher not in book.audits:
        return {}
    splits = {row["id"]: row["split"] for row in book.audits[teacher].examples if row["kind"] == "target"}
    held = {i: lines / LINES for i, lines in book.copied(teacher).items() if i in book.leaked(teacher)}
    return {i: copies for i, copies in held.items() if splits[i] != "train"}


def measured_in_file(book: SyntheticResults, base: str) -> dict[int, float]:
    """Loss of these sonnets for students of Flash as released minus without held-out text, without early stopping."""
    dirty, clean = (book.largest(base, "flash", selection, long=True) for selection in ("", "clean"))
    if not (dirty and clean):
        return {}
    before, after = (by_sonnet(s, "dev") | by_sonnet(s, "test") for s in (clean, dirty))
    return {number: after[number] - before[number] for number in copies_in_file(book) if number in after}


def copied_generations(book: SyntheticResults) -> list[tuple[int, int | None, float]]:
    """Copies that the paper's student of Flash wrote: the sonnet, which one it is a version of, if any, and chrF."""
    rows = [row for row in book.generations.examples if row["model"] == "flash" and row["chrf"] >= released.COPY]
    return [(row["id"], released.OTHER_VERSIONS.get(row["id"]), row["chrf"]) for row in rows]
