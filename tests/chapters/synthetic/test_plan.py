import dataclasses

import pytest
from fakes.synthetic import audit

from frugal_lib.chapters.synthetic import plan as synthetic_plan
from frugal_lib.core.runs import Record
from frugal_lib.data import sonnets
from frugal_lib.profiles import load_profile, names
from frugal_lib.teachers import by_name


@pytest.fixture
def asked(monkeypatch):
    monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda: "folger")
    stages = []

    def sweep(runs):
        stages.append(runs)
        return [audit(run) if run.method == "audit" else Record(run, "ok", {}, [], [], {}) for run in runs]

    synthetic_plan.records(load_profile("micro"), 0, sweep)
    return stages


def test_what_the_teachers_wrote_is_looked_at_first(asked):
    first, _ = asked
    assert {run.method for run in first} == {"audit"}
    assert [run.teacher for run in first] == [*load_profile("micro").synthetic.teachers, by_name.SHAKESPEARE]


def test_every_kind_of_student_has_three_seeds(asked):
    grid = load_profile("micro").synthetic.bases
    found = {}
    for run in asked[1]:
        if run.method == "full" and run.edition == "folger":
            kind = (run.base, run.teacher, run.items, run.selection, run.keep)
            found.setdefault(kind, set()).add(run.seed)
    plans = load_profile("micro").synthetic.teachers
    for base, plan in grid.items():
        assert found[base, "", 0, "", "best"] == {0, 1, 2}
        for teacher in plans:
            for items in plan.items:
                assert found[base, teacher, items, "", "best"] == {0, 1, 2}
        for teacher in ("flash-lite", "flash", "pro"):
            assert found[base, teacher, 1000, "clean", "best"] == {0, 1, 2}
        for teacher in plan.strict_teachers:
            assert found[base, teacher, plan.strict_items, "strict", "best"] == {0, 1, 2}
        for teacher in plan.long_teachers:
            assert found[base, teacher, 1000, "", "last"] == found[base, teacher, 1000, "clean", "last"] == {0, 1, 2}
    assert not [kind for kind in found if kind[1] == "human" and kind[3]]  # nothing to take out


def test_generality_is_checked_of_those_that_the_papers_table_7_has(asked):
    checked = {(r.base, r.teacher, r.items, r.selection) for r in asked[1] if r.pairs}
    for base in ("micro", "nano"):
        assert {(base, "", 0, ""), (base, "flash", 1000, ""), (base, "flash-lite", 1000, "")} <= checked
    assert not [kind for kind in checked if kind[3]]


def test_the_digest_names_all_that_is_read(asked):
    by_teacher = {}
    for run in asked[1]:
        if run.edition == "folger" and run.chapter == "synthetic" and not run.pairs:
            by_teacher.setdefault(run.teacher, set()).add(run.data_digest)
    assert all(len(digests) == 1 for digests in by_teacher.values())
    assert len(set.union(*by_teacher.values())) == len(by_teacher)
    (long,) = {run.data_digest for run in asked[1] if run.keep == "last"}
    assert {long} == by_teacher["flash"]


def test_the_spot_check_has_a_twin_that_every_machine_can_run(asked):
    twin, short = [run for run in asked[1] if run.edition == "public-domain"]
    spot = synthetic_plan.spot_run([run for run in asked[1] if run.edition == "folger"])
    assert synthetic_plan.on_public_domain(spot) == twin and twin.teacher == "offline"
    assert (spot.base, spot.items, spot.selection, spot.seed, spot.pairs) == ("nano", 100, "", 0, 0)
    assert (short.teacher, short.data_digest) == (twin.teacher, twin.data_digest) and short.items < twin.items
    assert twin.data_digest not in (spot.data_digest, sonnets.digest("public-domain"))


@pytest.mark.parametrize("name", names())
def test_strict_students_have_one_to_be_compared_with(name):
    plan = load_profile(name).synthetic
    for grid in plan.bases.values():
        assert not grid.strict_teachers or grid.strict_items in grid.items
        assert {*grid.strict_teachers, *grid.long_teachers} <= set(plan.teachers)
        assert dataclasses.replace(grid).seeds >= 2
