"""Chapter 4 as data: what each teacher wrote, and the students that read some of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from frugal_lib.chapters import common
from frugal_lib.chapters.synthetic import plan
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import Interval, mean_interval, ratio_values
from frugal_lib.data.overlap import MOSTLY
from frugal_lib.report.measures import chrf_matrix, interaction, loss_matrix, paired
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


@dataclass(frozen=True)
class Student:
    """Students of one kind, a record a seed: what they read, and how they were trained.

    `items` is how many sonnets the chapter asked for: a file that has fewer gives all it has.
    """

    base: str
    teacher: str
    items: int
    selection: str
    long: bool
    records: tuple[Record, ...]

    @property
    def name(self) -> str:
        if not self.teacher:
            return "Shakespeare alone" if self.records[0].history else "not fine-tuned"
        chosen = {"": "as released", "clean": "without held-out text", "strict": "of strict form"}[self.selection]
        return f"+ {self.lessons:,} by {TEACHER_NAMES[self.teacher]}, {chosen}" + (", long" if self.long else "")

    @property
    def lessons(self) -> int:
        """How many sonnets they read beside Shakespeare's."""
        return int(self.records[0].metrics.get("lessons", 0))

    def nats(self, split: str) -> Interval:
        """Loss on the true lines 4-14, in nats per token."""
        return mean_interval(loss_matrix(self.records, split, "tokens"))

    def chrf(self, split: str = "dev") -> Interval:
        """Corpus chrF over the whole sonnet."""
        return mean_interval(chrf_matrix(self.records, split, "corpus_chrf"))


@dataclass(frozen=True)
class SyntheticResults:
    """All that chapter 4 reads."""

    audits: dict[str, Record]
    students: tuple[Student, ...]
    untuned: dict[str, Student]
    floor: Record
    generations: Record

    @property
    def bases(self) -> list[str]:
        return list(self.untuned)

    @property
    def teachers(self) -> list[str]:
        """The teachers that students had, those of Gemini first."""
        return [name for name in TEACHER_NAMES if any(student.teacher == name for student in self.students)]

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
        return [s for s in mine if s.selection == "" or s.records != whole[s.teacher, s.items, s.long]]

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
        Student(base, teacher, items, selection, long, tuple(found[seed] for seed in sorted(found)))
        for (base, teacher, items, long, selection), found in kinds.items()
    )


def synthetic_results(records: Sequence[Record]) -> SyntheticResults:
    """The chapter's records, sorted.

    Raises:
        ValueError: the students without a teacher have not finished on some base.
    """
    by_method = {record.run.method: record for record in records}
    floor, generations = by_method["floor-lines"], by_method["released-generations"]
    ours = [r for r in records if r.run.edition == floor.run.edition]
    untuned = {b: Student(b, "", 0, "", False, (r,)) for r in ours if r.run.method == "base" for b in [r.run.base]}
    audits = {r.run.teacher: r for r in ours if r.run.method == "audit"}
    columns = {teacher: plan.columns_of(record) for teacher, record in audits.items()}
    found = SyntheticResults(audits, students_of(ours, columns), untuned, floor, generations)
    for base in untuned:
        if not any(s.base == base and not s.teacher for s in found.students):
            raise ValueError(
                f"{base}: no run without a teacher has finished; see the records, then sweep --retry-failed."
            )
    return found


def gap(one: Student, other: Student, split: str, level: float = 0.95, without: set[int] = frozenset()) -> Interval:
    """Nats per token of `one` minus those of `other` on the true lines 4-14, sonnets in `without` left out."""

    def values(records: Sequence[Record]) -> np.ndarray:
        found = [[row for row in likelihoods(r, split) if row["id"] not in without] for r in records]
        return np.stack([ratio_values([r["nll"] for r in rows], [r["tokens"] for r in rows]) for rows in found])

    return paired(one.records, other.records, values, level)


def likelihoods(record: Record, split: str) -> list[dict]:
    """How likely the true lines 4-14 of each sonnet were: a row a sonnet."""
    return [row for row in record.examples if row["kind"] == "likelihood" and row["split"] == split]


def by_sonnet(student: Student, split: str) -> dict[int, float]:
    """Nats per token of the true lines 4-14 of each sonnet, averaged over seeds."""
    rows = [row for record in student.records for row in likelihoods(record, split)]
    ids = dict.fromkeys(row["id"] for row in rows)
    return {i: float(np.mean([row["nll"] / row["tokens"] for row in rows if row["id"] == i])) for i in ids}


def chrf_by_sonnet(student: Student, split: str) -> dict[int, float]:
    """chrF of each sonnet, averaged over samples and seeds."""
    rows = [row for r in student.records for row in r.examples if row["kind"] == "completion" and row["split"] == split]
    ids = dict.fromkeys(row["id"] for row in rows if "chrf" in row)
    return {i: float(np.mean([row["chrf"] for row in rows if row["id"] == i])) for i in ids}


def capacity_gap(found: SyntheticResults, teacher: str, other: str) -> Interval | None:
    """Test loss of a teacher's students minus another's, without held-out text, on the first base minus on the last.

    None where there are no two bases with students of both. Paired by sonnet and by seed.
    """
    bases = (found.bases[0], found.bases[-1])
    arms = [found.largest(base, name, common.CLEAN) for base in bases for name in (teacher, other)]
    if len(set(bases)) < 2 or not all(arms):
        return None
    return interaction([arm.records for arm in arms], lambda records: loss_matrix(records, "test", "tokens"))
