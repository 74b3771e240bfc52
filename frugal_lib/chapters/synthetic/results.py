"""Chapter 4 as data: what each teacher wrote, and the students that read some of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from frugal_lib.chapters import common
from frugal_lib.chapters.synthetic import plan
from frugal_lib.core.cross_validation import Differences, fold_interval
from frugal_lib.core.runs import Record, Run
from frugal_lib.core.stats import Interval
from frugal_lib.data.overlap import MOSTLY
from frugal_lib.report import folded
from frugal_lib.report.arm import Arm, gap
from frugal_lib.report.cells import NONE, framed
from frugal_lib.report.contrast import FOLDS, Contrast, Side
from frugal_lib.report.folded import FoldArm
from frugal_lib.report.length_floor import LengthFloor
from frugal_lib.report.measures import bpc_matrix, interaction
from frugal_lib.tasks.students import SPLITS
from frugal_lib.teachers.by_name import SHAKESPEARE

TEACHER_NAMES = {
    "flash-lite": "Flash Lite",
    "flash": "Flash",
    "pro": "Pro",
    "human": "other poets",
    "offline": "n-gram writer",
    SHAKESPEARE: "Shakespeare",
}
STRENGTH = ("flash-lite", "flash", "pro")  # of Gemini 2.5, weakest first
PAPER_NAMES = {teacher: f"Gemini 2.5 {TEACHER_NAMES[teacher]}" for teacher in STRENGTH}
SELECTIONS = {"": "as released", common.CLEAN: "without held-out text", common.STRICT: "of strict form"}


@dataclass(frozen=True)
class Student(Arm):
    """Students of one kind: what they read, and how they were trained.

    `items` is how many sonnets the chapter asked for: a file that has fewer gives all it has. `long` is
    training without early stopping.
    """

    teacher: str = ""
    items: int = 0
    selection: str = ""
    long: bool = False

    @property
    def name(self) -> str:
        if not self.teacher:
            return "Shakespeare alone" if self.records[0].history else "not fine-tuned"
        kind = SELECTIONS[self.selection] + ", without early stopping" * self.long
        return f"+ {self.sonnets:,} by {TEACHER_NAMES[self.teacher]}, {kind}"

    @property
    def sonnets(self) -> int:
        """How many sonnets they read beside Shakespeare's."""
        return int(self.fact("lessons")) if self.teacher else 0

    @property
    def rank(self) -> int:
        """The place of the teacher in tables; no teacher comes first."""
        return ["", *TEACHER_NAMES].index(self.teacher)

    def without(self, numbers: set[int]) -> Student:
        """The same students, some held-out sonnets left out of their evaluation."""
        kept = (replace(r, examples=[row for row in r.examples if row.get("id") not in numbers]) for r in self.records)
        return replace(self, records=tuple(kept))


@dataclass(frozen=True)
class SyntheticResults:
    """All that chapter 4 reads."""

    audits: dict[str, Record]
    students: tuple[Student, ...]
    untuned: dict[str, Student]
    floor: Record
    lengths: LengthFloor
    generations: Record
    folds: tuple[FoldArm, ...] = ()  # in cross-validation, at equal exposure

    @property
    def bases(self) -> list[str]:
        return list(self.untuned)

    @property
    def teachers(self) -> list[str]:
        """The teachers that students had, those of Gemini first."""
        return [name for name in TEACHER_NAMES if any(student.teacher == name for student in self.students)]

    def in_folds(self, base: str, teacher: str) -> FoldArm | None:
        """The students of a teacher, or of none, at equal exposure; of several sizes the largest."""
        found = [a for a in self.folds if (a.run.base, a.run.teacher) == (base, teacher) and a.run.passes]
        return max(found, key=lambda arm: arm.run.items, default=None)

    def contrast(self, base: str, one: Student | None, other: Student | None, folds: bool) -> Contrast:
        """Two kinds of students of one base, compared; `folds`: also in cross-validation, by their teachers."""
        sides = (Side(s, self.in_folds(base, s.teacher) if folds and s else None) for s in (one, other))
        full, untuned = (folded.find(self.folds, base, method) for method in ("full", "base"))
        return Contrast(*sides, Side(self.plain(base), full), Side(self.untuned[base], untuned))

    def sizes(self, base: str) -> list[int]:
        """The numbers of sonnets that were asked for on a base, without 0."""
        found = {s.items for s in self.students if s.base == base and s.teacher and s.selection != common.STRICT}
        return sorted(found)

    def plain(self, base: str) -> Student:
        """The students without a teacher."""
        return next(s for s in self.students if s.base == base and not s.teacher)

    def student(self, base: str, teacher: str, items: int, selection: str = "", long: bool = False) -> Student | None:
        """The students of one kind, where there are some."""
        wanted = (base, teacher, items, selection, long)
        return next((s for s in self.students if (s.base, s.teacher, s.items, s.selection, s.long) == wanted), None)

    def largest(self, base: str, teacher: str, selection: str = "", long: bool = False) -> Student | None:
        """The students that read most of a teacher."""
        return self.student(base, teacher, max(self.sizes(base)), selection, long)

    def trained(self, base: str) -> list[Student]:
        """The students of a base, each once: where a selection changed nothing, those of the file as it is."""
        mine = [student for student in self.students if student.base == base]
        whole = {(s.teacher, s.items, s.long): s.records for s in mine if s.selection == ""}
        kept = [s for s in mine if s.selection == "" or s.records != whole[s.teacher, s.items, s.long]]
        return sorted(kept, key=lambda s: (s.rank, s.long, s.items, s.selection))

    @property
    def leak_pairs(self) -> dict[tuple[str, bool], tuple[Student, Student]]:
        """By base and `long`: students of Flash as released, and those of Flash without held-out text."""
        kinds = [(base, long) for base in self.bases for long in (False, True)]
        pairs = {(b, long): tuple(self.largest(b, "flash", s, long) for s in ("", common.CLEAN)) for b, long in kinds}
        return {kind: pair for kind, pair in pairs.items() if all(pair)}

    @property
    def strict_pairs(self) -> list[tuple[Student, Student]]:
        """Students of sonnets of strict form, each with those of as many drawn at random from the same teacher."""
        strict = [s for s in self.students if s.selection == common.STRICT]
        pairs = [(s, self.student(s.base, s.teacher, s.items, common.CLEAN)) for s in strict]
        return [pair for pair in pairs if all(pair)]

    @property
    def records(self) -> list[Record]:
        """The records of all students, each once."""
        return list({r.run.path: r for student in self.students for r in student.records}.values())

    def columns(self, teacher: str) -> dict[str, np.ndarray]:
        """What is in a teacher's sonnets, an array a property (`students.columns_of`)."""
        return {name: np.array(values) for name, values in plan.columns_of(self.audits[teacher]).items()}

    def copies(self, teacher: str) -> np.ndarray:
        """Which of a teacher's sonnets have so many lines of Shakespeare's that they are copies: [sonnets]."""
        c = self.columns(teacher)
        return sum(c[f"verbatim_{split}"] for split in SPLITS) >= MOSTLY

    def copied(self, teacher: str) -> dict[int, int]:
        """How many verbatim lines each of Shakespeare's sonnets has in a teacher's."""
        rows = [row for row in self.audits[teacher].examples if row["kind"] == "target"]
        return {row["id"]: row["lines"] for row in rows if row["lines"]}

    def leaked(self, teacher: str) -> set[int]:
        """The sonnets of which a teacher's file holds as many lines as make a copy.

        The test prompt 155 is another version of 138.
        """
        return {number for number, lines in self.copied(teacher).items() if lines >= MOSTLY}


def students_of(records: Sequence[Record], columns: plan.Columns) -> tuple[Student, ...]:
    """Finished fine-tuning runs by what is compared.

    Where a selection changes nothing in what one seed drew, no run is made for it, and that of the file as
    it is stands for it.
    """
    kinds: dict[tuple, dict[int, Record]] = {}
    for record in (r for r in records if r.run.method == "full" and r.status == "ok"):
        run = record.run
        kind = (run.base, run.teacher, run.items, run.keep == "last")
        kinds.setdefault((*kind, run.selection), {})[run.seed] = record
        clean = replace(run, selection=common.CLEAN)
        if run.teacher and run.selection == "" and not plan.differs(columns, clean):
            kinds.setdefault((*kind, common.CLEAN), {})[run.seed] = record
    return tuple(
        Student(base, tuple(found[seed] for seed in sorted(found)), teacher, items, selection, long)
        for (base, teacher, items, long, selection), found in kinds.items()
    )


def synthetic_results(records: Sequence[Record], folds: Sequence[Record] = ()) -> SyntheticResults:
    """The chapter's records and those of its cross-validation, sorted.

    Raises:
        ValueError: the students without a teacher have not finished on some base.
    """
    by_method = {record.run.method: record for record in records}
    floor, generations = by_method["floor-lines"], by_method["released-generations"]
    lengths = LengthFloor(by_method["floor-lengths"])
    ours = [r for r in records if r.run.edition == floor.run.edition]
    untuned = {r.run.base: Student(r.run.base, (r,)) for r in ours if r.run.method == "base"}
    audits = {r.run.teacher: r for r in ours if r.run.method == "audit"}
    columns = {teacher: plan.columns_of(record) for teacher, record in audits.items()}
    in_folds = tuple(folded.arms_of(folds))
    found = SyntheticResults(audits, students_of(ours, columns), untuned, floor, lengths, generations, in_folds)
    for base in untuned:
        if not any(s.base == base and not s.teacher for s in found.students):
            raise ValueError(
                f"{base}: no run without a teacher has finished; see the records, then sweep --retry-failed."
            )
    return found


def by_sonnet(student: Student, split: str, column: str = "nll", per: str = "tokens") -> dict[int, float]:
    """A value of each sonnet, averaged over seeds and samples: by default nats per token of the true lines 4-14."""
    values: dict[int, list[float]] = {}
    for row in (row for record in student.records for row in record.examples):
        if row.get("split") == split and column in row:
            values.setdefault(row["id"], []).append(row[column] / row.get(per, 1))
    return {number: float(np.mean(found)) for number, found in values.items()}


def leak_gaps(found: SyntheticResults) -> dict[tuple[str, bool], dict[str, Interval]]:
    """Flash as released minus Flash without held-out text in nats per token, by base and `long`.

    On dev, on test, and on the test sonnets that the file does not hold ("outside").
    """
    gaps = {}
    for kind, (whole, clean) in found.leak_pairs.items():
        outside = (arm.without(found.leaked("flash")) for arm in (whole, clean))
        gaps[kind] = {split: gap(whole, clean, split) for split in ("dev", "test")} | {"outside": gap(*outside, "test")}
    return gaps


def capacity_gap(found: SyntheticResults, teacher: str, other: str) -> tuple[Interval, str] | None:
    """Loss of a teacher's students minus another's, without held-out text, on the first base minus on the last.

    In bits per character, paired by sonnet and by seed, with the held-out text it is on: cross-validation where
    both bases have it. None where there are no two bases with students of both.
    """
    bases = (found.bases[0], found.bases[-1])
    arms = [found.largest(base, name, common.CLEAN) for base in bases for name in (teacher, other)]
    if len(set(bases)) < 2 or not all(arms):
        return None
    larger, smaller = (found.contrast(arms[k].base, arms[k], arms[k + 1], folds=True).folds for k in (0, 2))
    if larger is not None and smaller is not None:
        seeds = min(len(larger.values), len(smaller.values))
        values = larger.values[:seeds] - smaller.values[:seeds]
        return fold_interval(Differences(values, larger.fold_of)), FOLDS
    return interaction([arm.records for arm in arms], lambda records: bpc_matrix(records, "test")), "test"


def fold_name(run: Run) -> str:
    """A student of the cross-validation in words."""
    if run.method == "base" or not run.passes:
        return "not fine-tuned" if run.method == "base" else "full fine-tuning, stopped early"
    return f"+ {run.items:,} by {TEACHER_NAMES[run.teacher]}" if run.teacher else "Shakespeare alone"


def unstopped(found: SyntheticResults) -> dict[str, Interval]:
    """Shakespeare's sonnets alone, read so often, minus full fine-tuning stopped early, by base; nats per token."""
    pairs = folded.beside_full(found.folds)
    return {arm.run.base: folded.minus(arm, full) for arm, full in pairs if arm.run.passes and not arm.run.teacher}


@framed
def exposure_table(found: SyntheticResults) -> Iterator[dict]:
    """How often the students of the cross-validation read each of Shakespeare's sonnets and of their teacher's."""
    for run in (arm.run for arm in found.folds if arm.run.passes):
        yield {
            "base": run.base,
            "model": fold_name(run),
            "passes over Shakespeare": run.passes,
            "passes over the teacher": f"{run.exposure / run.items:g}" if run.items else NONE,
            "teacher's sonnets read": run.exposure,
        }
