"""Chapter 4: which runs answer what a student learns from a teacher's sonnets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from frugal_lib.chapters import common, folds
from frugal_lib.chapters.common import CLEAN, FREE, STRICT, taught
from frugal_lib.chapters.synthetic.settings import StudentGrid
from frugal_lib.core import fetch
from frugal_lib.core.runs import Record, Run, Sweep
from frugal_lib.paper import released
from frugal_lib.profiles import Profile
from frugal_lib.tasks import students
from frugal_lib.teachers import by_name

Columns = Mapping[str, Mapping[str, Sequence]]
"""For each teacher what is in its sonnets, a column a property: `students.columns_of`."""


def checked(profile: Profile, run: Run) -> Run:
    """The run with the checks of generality of chapter 3."""
    return common.on_pairs(run, common.pair_editions(profile), profile.quantization.pairs)


def audit_run(profile: Profile, teacher: str) -> Run:
    """A teacher's sonnets, looked at one by one."""
    floor = common.floor_run(profile, 0)
    run = replace(floor, chapter="synthetic", method="audit", samples=0, train_limit=None, held_out_limit=None)
    return taught(run, teacher)


def columns_of(record: Record) -> dict[str, list]:
    """The columns in the record of an audit."""
    return {row["name"]: row["values"] for row in record.examples if row["kind"] == "column"}


def plain(profile: Profile, base: str, seed: int) -> Run:
    """The student without a teacher: full fine-tuning on Shakespeare's sonnets alone."""
    grid = profile.synthetic.bases[base]
    names = ("learning_rate", "batch_size", "max_steps", "patience", "judge_steps")
    start = common.start(profile, seed, "synthetic", base, grid.samples)
    settings = {name: getattr(grid, name) for name in names}
    return replace(start, method="full", dropout=profile.sonnets.dropout, **settings)


def taught_runs(profile: Profile, base: str, seed: int, columns: Columns) -> list[Run]:
    """A student for each teacher, size and selection; one whose draw is that of the file as it is is left out."""
    grid, first = profile.synthetic.bases[base], plain(profile, base, seed)
    runs = []
    for teacher in sorted(columns, reverse=True):
        for items in sorted(grid.items, reverse=True):
            whole = taught(first, teacher, items=items)
            clean = replace(whole, selection=CLEAN)
            runs += [clean] if differs(columns, clean) else []
            runs.append(checked(profile, whole) if items == max(grid.items) else whole)
    chosen = [teacher for teacher in grid.strict_teachers if teacher in columns]
    return runs + [taught(first, teacher, items=grid.strict_items, selection=STRICT) for teacher in chosen]


def differs(columns: Columns, run: Run) -> bool:
    """Whether a selection changes what is drawn."""
    known = columns[run.teacher]
    return students.draw(known, run) != students.draw(known, replace(run, selection=""))


def long_runs(grid: StudentGrid, runs: Sequence[Run]) -> list[Run]:
    """The largest draw of a teacher, with and without held-out text, trained without early stopping.

    That of the paper lets the dev loss rise by 0.1 for 25 epochs, so the last weights are kept.
    """
    settings = {"learning_rate": grid.long_learning_rate, "epochs": grid.long_epochs, "patience": grid.long_epochs}
    settings |= {"judge_steps": 0, "max_steps": 0, "keep": "last", "pairs": 0, "pair_sets": ""}
    largest = [run for run in runs if run.teacher in grid.long_teachers and run.items == max(grid.items)]
    return [taught(run, run.teacher, **settings) for run in largest if run.selection != STRICT]


def records(profile: Profile, seed: int, sweep: Sweep) -> list[Record]:
    """What the teachers wrote, then a student for each of their draws; and the paper's own generations."""
    plan = profile.synthetic
    audits = sweep([audit_run(profile, teacher) for teacher in (*plan.teachers, by_name.SHAKESPEARE)])
    columns = {record.run.teacher: columns_of(record) for record in audits if record.run.teacher in plan.teachers}
    runs: list[Run] = []
    for base, grid in plan.bases.items():
        for i in range(seed, seed + grid.seeds):
            found = taught_runs(profile, base, i, columns)
            runs += [*long_runs(grid, found), *found, checked(profile, plain(profile, base, i))]
    bases = [checked(profile, common.start(profile, seed, "synthetic", b, g.samples)) for b, g in plan.bases.items()]
    cut = {"items": 16, "max_steps": 2, "judge_steps": 1}
    extra = common.with_spot_check(profile, runs, lambda runs: on_public_domain(spot_run(runs)), **cut)
    known = [common.floor_run(profile, seed), common.length_run(profile, seed), released.generations_run()]
    return audits + sweep([*runs, *bases, *extra, *known])


def on_public_domain(run: Run) -> Run:
    """The same run with what every machine has: the other edition, and sonnets by the offline writer."""
    return taught(common.on_public_domain(run), "offline")


def spot_run(runs: Sequence[Run]) -> Run:
    """The cheapest run with a teacher: the fewest sonnets on the last base."""
    with_teacher = [run for run in runs if run.items]
    last = [run for run in with_teacher if run.base == with_teacher[-1].base]
    return min(last, key=lambda run: (run.items, run.epochs, run.selection, run.seed))


def fold_students(profile: Profile, full: Run) -> list[Run]:
    """Students at equal exposure, one of every teacher, whose sonnets have no line of Shakespeare, and one of none.

    They take the settings of full fine-tuning, and keep their last weights, so that all have read as much.
    """
    plan = profile.synthetic.folds
    plain = replace(full, chapter="synthetic", passes=plan.passes, epochs=1, keep="last")
    with_teacher = {"selection": FREE, "exposure": plan.exposure}
    taught = [
        replace(plain, teacher=teacher, items=items, **with_teacher, data_digest=digest_with(plain, teacher))
        for teacher in plan.teachers
        for items in plan.items[full.base]
    ]
    return [*taught, plain]


def digest_with(run: Run, teacher: str) -> str:
    """The digest of what a run reads and of a teacher's sonnets."""
    return fetch.digest([run.data_digest, *by_name.digest_parts(teacher)])


def fold_records(profile: Profile, seed: int, sweep: Sweep) -> list[Record]:
    """Chapter 4 in cross-validation: a student of every teacher, at equal exposure."""
    runs: list[Run] = []
    wanted = profile.synthetic.folds.items if profile.synthetic.folds else {}
    for base in (base for base in folds.of_bases(profile) if base in wanted):
        full = folds.best_full(profile, base, seed, sweep)
        runs += [run for arm in fold_students(profile, full) for run in folds.everywhere(profile, arm, seed)]
    return sweep(runs)
