import dataclasses

import pytest
from fakes.runs import RUN, tiny

from frugal_lib.chapters import common
from frugal_lib.chapters.synthetic import plan as synthetic_plan
from frugal_lib.core import runs
from frugal_lib.data import sonnets
from frugal_lib.metrics import verse
from frugal_lib.tasks import completion, registry, students
from frugal_lib.teachers import by_name

SHARED = {4, 7}  # sonnets that share something with a held-out one
COLUMNS = {
    "held_out": [int(i in SHARED) for i in range(20)],
    "lines": [14] * 20,
    "pairs": [1.0 if i % 2 else 6 / 7 for i in range(20)],
    "iambic": [0.8571 if i % 3 else 0.7857 for i in range(20)],
    "first": [*range(19), 1],  # the last one repeats the second
}


def student(items=10, selection="", seed=0):
    return dataclasses.replace(RUN, teacher="flash", items=items, selection=selection, seed=seed)


def test_a_draw_is_the_same_at_the_same_seed_and_another_at_another():
    first, again, other = (students.draw(COLUMNS, student(seed=seed)) for seed in (0, 0, 1))
    assert first == again != other
    assert len(set(first)) == 10


def test_a_small_draw_is_part_of_a_larger_one_and_a_file_gives_all_it_has():
    small, large, whole = (students.draw(COLUMNS, student(items)) for items in (5, 10, 1000))
    assert large[:5] == small and sorted(whole) == list(range(20))


@pytest.mark.parametrize("items", [5, 10, 19, 20])
def test_a_clean_draw_differs_only_where_something_was_shared(items):
    whole, clean = (students.draw(COLUMNS, student(items, selection)) for selection in ("", "clean"))
    assert len(clean) == len(whole) == items
    for before, after in zip(whole, clean, strict=True):
        assert after == before if before not in SHARED else after not in SHARED
    replaced = [after for before, after in zip(whole, clean, strict=True) if before != after]
    spare = set(range(20)) - set(whole) - SHARED
    assert set(replaced[: len(spare)]) <= spare or not spare  # what was not drawn comes before repeats


def test_a_strict_draw_has_form_and_no_repeats():
    chosen = students.draw(COLUMNS, student(20, "strict"))
    good = {i for i in range(19) if i % 2 and i % 3 and i not in SHARED}
    assert set(chosen) == good and len(chosen) == 20


def test_a_free_draw_shares_nothing_with_shakespeare_and_no_line_with_what_the_bases_read():
    zero = [0] * 20
    columns = COLUMNS | {f"near_{split}": zero for split in students.SPLITS} | {"covered": zero, "read": zero}
    one = {name: [int(i == k) for i in range(20)] for k, name in enumerate(("covered", "near_train", "read"))}
    assert set(students.draw(columns | one, student(20, "free"))) == set(range(3, 20))


def test_a_selection_that_leaves_nothing_or_is_unknown_says_so():
    with pytest.raises(ValueError, match="no sonnet passes"):
        students.draw(COLUMNS | {"held_out": [1] * 20}, student(5, "clean"))
    with pytest.raises(ValueError, match="choose clean, free or strict"):
        students.draw(COLUMNS, student(5, "nice"))


def test_what_is_held_out_is_known_in_every_edition():
    targets = students.targets("public-domain")
    assert len(targets) == 154
    assert [targets[name][0] for name in ("131", "132", "144", "145")] == ["train", "dev", "test", "test"]


@pytest.fixture
def written(monkeypatch):
    """The offline teacher writes what a test says."""

    def put(*texts):
        monkeypatch.setattr(by_name, "everything", lambda name: texts)
        students.columns_of.cache_clear()

    yield put
    students.columns_of.cache_clear()


def test_the_columns_say_what_is_in_each_sonnet(written):
    known = sonnets.public_domain()
    mixed = "\n".join([*known[1].lines[:3], *["a line of mine"] * 9, *known[140].lines[12:]])
    written(known[138].text, mixed, "nothing of it\nat all", "Nothing of it\nat all!")
    totals, rows = students.columns_of("offline", "public-domain")
    columns = {row["name"]: row["values"] for row in rows if row["kind"] == "column"}
    assert columns["verbatim_dev"] == [14, 2, 0, 0] and columns["verbatim_train"] == [0, 3, 0, 0]
    assert columns["held_out"] == [1, 1, 0, 0] and columns["first"] == [0, 1, 2, 2]
    assert columns["covered"][0] == columns["words"][0] and columns["covered"][2] == 0
    assert columns["scheme"][0] == verse.scan(known[138].text)["scheme"]
    held = {row["id"]: (row["split"], row["lines"]) for row in rows if row["kind"] == "target" and row["lines"]}
    assert held == {1: ("train", 3), 138: ("dev", 14), 140: ("dev", 2)}
    assert totals["items"] == 4 and totals["unique_items"] == 3 and totals["items_mostly_verbatim"] == 1


def test_a_student_reads_shakespeare_and_its_lessons_and_is_judged_by_steps(monkeypatch):
    seen = []
    original = completion.fine_tune
    monkeypatch.setattr(completion, "fine_tune", lambda *args: seen.append(args[4]) or original(*args))
    run = common.taught(tiny(), "offline", items=5)
    record = runs.execute(run, registry.compute, "cpu")
    assert record.status == "ok", record.error
    (training,) = seen
    assert [s.id for s in training] == [*range(1, 9), 0, 0, 0, 0, 0]
    assert {s.text for s in training[8:]} <= set(by_name.everything("offline"))
    assert record.metrics["lessons"] == record.metrics["distinct_lessons"] == 5
    assert [row.get("step") for row in record.history] == [None, 2, 4]
    assert {row["kind"] for row in record.examples} == {"completion", "likelihood"}


def test_lessons_change_the_student_and_the_identity():
    plain, taught = tiny(), common.taught(tiny(), "offline", items=5)
    assert plain.key != taught.key != dataclasses.replace(taught, selection="clean").key
    assert "offline0005-clean" in dataclasses.replace(taught, selection="clean").path
    losses = [runs.execute(run, registry.compute, "cpu").metrics["test_nll"] for run in (plain, taught)]
    assert losses[0] != losses[1]


def test_an_audit_is_a_record_without_a_model():
    run = common.taught(dataclasses.replace(tiny(), method="audit", base="", learning_rate=0.0), "offline")
    record = runs.execute(run, registry.compute, "cpu")
    assert record.status == "ok", record.error
    assert record.metrics["items"] == by_name.OFFLINE_COUNT
    columns = synthetic_plan.columns_of(record)
    assert {len(values) for values in columns.values()} == {by_name.OFFLINE_COUNT}


def test_a_student_whose_generality_is_checked_reads_its_lessons_too():
    sets = {"quora": "written", "mrpc": "edited"}
    run = common.on_pairs(common.taught(tiny(), "offline", items=5), sets, 8)
    record = runs.execute(run, registry.compute, "cpu")
    assert record.status == "ok", record.error
    unchecked = runs.execute(common.taught(tiny(), "offline", items=5), registry.compute, "cpu")
    assert record.metrics["lessons"] == 5 and record.metrics["test_nll"] == unchecked.metrics["test_nll"]
    assert {"pairs", "text"} <= {row["kind"] for row in record.examples}
    assert run.data_digest != common.taught(tiny(), "offline").data_digest
