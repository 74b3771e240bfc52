"""Held-out sonnets in the lessons on purpose: what so many copies do to loss, chrF and lines written word for word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from frugal_lib.chapters.synthetic.results import TEACHER_NAMES, SyntheticResults, by_sonnet
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import Interval, mean_interval
from frugal_lib.data.sonnets import GIVEN_LINES
from frugal_lib.paper import released
from frugal_lib.report.cells import cell, signed
from frugal_lib.report.html import linked
from frugal_lib.tasks import contamination

LINES = 14  # of a sonnet


@dataclass(frozen=True)
class DoseResults:
    """The dosed students: `ladders` have sonnets at every dose, `fixed` the same dose on so many, by base."""

    ladders: dict[str, tuple[Record, ...]]
    fixed: dict[str, tuple[Record, ...]]

    @property
    def bases(self) -> list[str]:
        return list(self.ladders)


def dose_results(records: Sequence[Record]) -> DoseResults:
    """The dosed students among the records of chapter 5, on the edition of its floors."""
    edition = next(record.run.edition for record in records if record.run.method == "floor-lines")
    found = [r for r in records if r.run.teacher and r.status == "ok" and r.run.edition == edition]
    ladders: dict[str, tuple[Record, ...]] = {}
    fixed: dict[str, tuple[Record, ...]] = {}
    for record in found:
        several = len(set(contamination.parse(record.run.doses))) > 1
        kind = ladders if several else fixed
        kind[record.run.base] = (*kind.get(record.run.base, ()), record)
    return DoseResults(ladders, fixed)


def outcomes(records: Sequence[Record]) -> pd.DataFrame:
    """What became of each dev sonnet: a row a run and sonnet, with its copies and the three measures."""
    rows = [row | {"seed": record.run.seed, "doses": record.run.doses}
            for record in records for row in record.examples if row["split"] == "dev"]  # fmt: skip
    frame = pd.DataFrame(rows)
    keys = ["doses", "seed", "id", "copies"]
    losses = frame[frame.kind == "likelihood"].assign(nats=lambda f: f.nll / f.tokens).set_index(keys)[["nats"]]
    texts = frame[frame.kind == "completion"].groupby(keys)[["chrf", "verbatim"]].mean()
    return losses.join(texts).reset_index()


def by_dose(records: Sequence[Record], measure: str) -> pd.DataFrame:
    """One measure of a ladder: a row a sonnet, a column a number of copies, seeds averaged."""
    return outcomes(records).pivot_table(index="id", columns="copies", values=measure)


def effects(records: Sequence[Record], measure: str) -> dict[int, Interval]:
    """A measure at each number of copies minus none, on the same sonnets."""
    table = by_dose(records, measure)
    gaps = {int(c): (table[c] - table[0]).dropna().to_numpy() for c in table if c}
    return {copies: mean_interval(values) for copies, values in gaps.items() if len(values) > 1}


def levels(records: Sequence[Record], measure: str) -> dict[int, Interval]:
    """A measure at each number of copies, over sonnets."""
    table = by_dose(records, measure)
    return {int(c): mean_interval(table[c].dropna().to_numpy()) for c in table if table[c].count() > 1}


def dose_table(found: DoseResults, results: str | Path) -> pd.DataFrame:
    """Every dose on every base: the loss beside no copy, chrF, and lines written word for word."""
    lines = []
    for base, records in found.ladders.items():
        fall, chrf, verbatim = (f(records, m) for f, m in ((effects, "nats"), (levels, "chrf"), (levels, "verbatim")))
        for copies, score in chrf.items():
            lines.append({
                "base": base,
                "copies": f"{copies}",
                "loss minus no copy": cell(fall.get(copies), 2, "+"),
                "chrF": linked(cell(score, 1), records, results) if not copies else cell(score, 1),
                "lines word for word, of 11": cell(verbatim[copies], 1),
                "sonnets": f"{score.items}",
            })  # fmt: skip
    return pd.DataFrame(lines).set_index("base") if lines else pd.DataFrame()


def number_table(found: DoseResults, results: str | Path) -> pd.DataFrame:
    """The same dose on more and more sonnets: the score of all of dev, and what it does to the others."""
    lines = []
    for base, records in found.fixed.items():
        everything = outcomes(records)
        clean = everything[everything.doses == ""].set_index(["seed", "id"])
        for pattern in sorted(set(everything.doses), key=lambda text: len(contamination.parse(text))):
            rows = everything[everything.doses == pattern].set_index(["seed", "id"])
            runs = [record for record in records if record.run.doses == pattern]
            scores = [record.metrics["dev_chrf"] for record in runs]
            gaps = (rows.nats - clean.nats).dropna() if pattern else pd.Series(dtype=float)
            held = rows.copies.reindex(gaps.index) > 0
            lines.append({
                "base": base,
                "sonnets in the lessons": f"{len(contamination.parse(pattern))}",
                "copies of each": f"{max(contamination.parse(pattern), default=0)}",
                "dev chrF, all of them": linked(f"{np.mean(scores):.2f}", runs, results),
                "chrF of these": f"{rows.chrf[rows.copies > 0].mean():.1f}" if pattern else "–",
                "loss of these minus none": over_sonnets(gaps[held]),
                "loss of the others minus none": over_sonnets(gaps[~held]),
            })  # fmt: skip
    return pd.DataFrame(lines).set_index("base") if lines else pd.DataFrame()


def over_sonnets(gaps: pd.Series) -> str:
    """Mean difference over sonnets, seeds averaged first, with its interval; a dash where there are none."""
    if gaps.empty:
        return "–"
    values = gaps.groupby(level="id").mean().to_numpy()
    return cell(mean_interval(values), 2, "+") if len(values) > 1 else signed(values[0])


def copies_in_file(book: SyntheticResults, teacher: str = "flash") -> dict[int, float]:
    """How many copies' worth of lines a teacher's file holds of each dev and test sonnet that it holds a copy of."""
    if teacher not in book.audits:
        return {}
    splits = {row["id"]: row["split"] for row in book.audits[teacher].examples if row["kind"] == "target"}
    held = {i: lines / LINES for i, lines in book.copied(teacher).items() if i in book.leaked(teacher)}
    return {i: copies for i, copies in held.items() if splits[i] != "train"}


def measured_in_file(book: SyntheticResults, base: str) -> dict[int, float]:
    """Loss of each of these sonnets for long students of Flash as released, minus without held-out text."""
    dirty, clean = (book.largest(base, "flash", selection, long=True) for selection in ("", "clean"))
    if not (dirty and clean):
        return {}
    before, after = (
        {n: v for split in ("dev", "test") for n, v in by_sonnet(s, split).items()} for s in (clean, dirty)
    )
    return {number: after[number] - before[number] for number in copies_in_file(book) if number in after}


def dose_sentence(found: DoseResults) -> str:
    """What doses do to loss, chrF and the lines that come back."""
    parts = []
    for base, records in found.ladders.items():
        falls, verbatim, chrf = effects(records, "nats"), levels(records, "verbatim"), levels(records, "chrf")
        if not falls:
            continue
        most, rises = max(falls), effects(records, "chrf")
        told = [
            f"{name} changes from {copies_word(start)} on" if start else f"{name} does not change beyond doubt"
            for name, start in (("the loss", shown_from(falls)), ("chrF", shown_from(rises)))
        ]
        parts.append(
            f"on `{base}` {' and '.join(told)}; at {copies_word(most)} the loss is {cell(falls[most], 2, '+')} nats "
            f"per token, {verbatim[most].mean:.1f} of 11 lines come back word for word, and chrF is "
            f"{chrf[most].mean:.1f} ({chrf[0].mean:.1f} without a copy)"
        )
    return ("Copies of held-out sonnets in the lessons: " + "; ".join(parts) + ".") if parts else "No dose was run."


def shown_from(curve: dict[int, Interval]) -> int | None:
    """The smallest number of copies from which on every interval leaves out zero."""
    seen = None
    for copies in sorted(curve, reverse=True):
        if curve[copies].low <= 0 <= curve[copies].high:
            break
        seen = copies
    return seen


def copies_word(copies: int) -> str:
    """A number of copies in words."""
    return f"{copies} cop{'y' if copies == 1 else 'ies'}"


def file_sentence(found: DoseResults, book: SyntheticResults) -> str:
    """Where on the curve the released file of Flash lies."""
    held = copies_in_file(book)
    if not held:
        return "The released file of Flash is not part of this profile."
    amounts = ", ".join(f"{copies:.1f} copies of {number}" for number, copies in sorted(held.items()))
    measured = []
    for base in found.bases:
        curve = effects(found.ladders[base], "nats")
        for number, value in sorted(measured_in_file(book, base).items()):
            expected = from_curve(curve, held[number])
            beside = f" (the curve says {signed(expected, 1)})" if expected is not None else ""
            measured.append(f"{number} {signed(value, 1)}{beside}")
    effect = (
        f" With that very file as lessons, as long, loss changes by so many nats per token: {', '.join(measured)}."
        if measured
        else ""
    )
    return (
        f"In lines, the released file of Flash holds {amounts}.{effect} The paper's own student of it, trained for up "
        f"to twenty epochs, wrote {copied_scores(book)}."
    )


def from_curve(curve: dict[int, Interval], copies: float) -> float | None:
    """The curve's value at a number of copies, between doses on the scale of their logarithms; None off the curve."""
    doses_run = sorted(curve)
    if not doses_run or not doses_run[0] <= copies <= doses_run[-1]:
        return None
    return float(np.interp(np.log(copies), np.log(doses_run), [curve[d].mean for d in doses_run]))


def copied_scores(book: SyntheticResults) -> str:
    """Which of the paper's generations are copies, with their chrF."""
    rows = [row for row in book.generations.examples if row["model"] == "flash" and row["chrf"] >= released.COPY]
    names = {i: f"{i} (a version of {released.OTHER_VERSIONS[i]})" for i in released.OTHER_VERSIONS}
    return ", ".join(f"{names.get(row['id'], row['id'])} with a chrF of {row['chrf']:.0f}" for row in rows)


def came_back(found: DoseResults, book: SyntheticResults) -> str:
    """What so many copies as the released file of Flash holds bring back, in a sentence of our own doses."""
    held = copies_in_file(book)
    if not (held and found.bases):
        return ""
    base = found.bases[0]
    verbatim, chrf = (levels(found.ladders[base], measure) for measure in ("verbatim", "chrf"))
    dose = min(verbatim, key=lambda copies: abs(copies - np.mean(list(held.values()))))
    return (
        f" With {copies_word(dose)} of a sonnet in {found.ladders[base][0].run.items} lessons, `{base}` writes "
        f"{verbatim[dose].mean:.0f} of its 11 lines word for word and its chrF is {chrf[dose].mean:.0f} instead of "
        f"{chrf[0].mean:.0f}."
    )


def dose_how(found: DoseResults) -> str:
    """How the doses were given."""
    records = next(iter(found.ladders.values()), ())
    if not records:
        return ""
    run = records[0].run
    return (
        f"*How it was measured.* {run.items} lessons by {TEACHER_NAMES[run.teacher]} without held-out text, beside the "
        f"training sonnets; of these lessons so many were replaced by copies of dev sonnets, all lines of them, the "
        f"{GIVEN_LINES} given ones too. {run.epochs} epochs at a rate of {run.learning_rate:g}, batch size "
        f"{run.batch_size}, the last weights kept. In {len(records)} runs the dev sonnets change places, so that each "
        f"is compared with itself; intervals are over sonnets. {run.samples} samples a prompt."
    )
