"""Held-out sonnets in the lessons on purpose: who gets how many copies, and what a record says of it."""

import dataclasses
from collections import Counter

import pytest
from fakes.runs import tiny

from frugal_lib.chapters import common
from frugal_lib.core import runs
from frugal_lib.data import sonnets
from frugal_lib.data.sonnets import Sonnet
from frugal_lib.tasks import completion, contamination, registry
from frugal_lib.teachers import by_name

LADDER = "1x2+2x2+4x2+8x2+16x2"
DEV = [Sonnet(i, tuple(f"line {k} of {i}" for k in range(14))) for i in range(132, 144)]
LESSONS = [Sonnet(0, (f"lesson {i}",)) for i in range(250)]


def dosed(pattern, seed=0):
    return dataclasses.replace(tiny(), chapter="controls", doses=pattern, seed=seed)


def test_doses_are_copies_times_sonnets():
    assert (
        contamination.parse("") == []
        and contamination.parse("8x1") == [8]
        and contamination.parse("8x1+2x3") == [8, 2, 2, 2]
    )
    for wrong in ("8", "8x", "x1", "8x1+", "8x1,2x2", "-1x2"):
        with pytest.raises(ValueError, match="copies x sonnets"):
            contamination.parse(wrong)


def test_in_six_seeds_each_sonnet_has_each_dose_once():
    dealt = [contamination.deal(dosed(LADDER, seed), DEV) for seed in range(6)]
    for sonnet in DEV:
        assert sorted(copies[sonnet.id] for copies in dealt) == [0, 1, 2, 4, 8, 16]
    for copies in dealt:
        assert Counter(copies.values()) == dict.fromkeys((0, 1, 2, 4, 8, 16), 2)
    assert contamination.deal(dosed(LADDER, 6), DEV) == dealt[0]


def test_one_sonnet_more_is_dosed_beside_those_of_the_smaller_pattern():
    few, more = (contamination.deal(dosed(pattern), DEV) for pattern in ("8x1", "8x4"))
    assert {i for i in few if few[i]} < {i for i in more if more[i]}
    with pytest.raises(ValueError, match="13 sonnets, but only 12"):
        contamination.deal(dosed("1x13"), DEV)


def test_copies_make_room_among_the_lessons_and_nothing_else_changes():
    copies = contamination.deal(dosed(LADDER), DEV)
    lessons = contamination.contaminated(LESSONS, DEV, copies)
    assert len(lessons) == len(LESSONS) and lessons[62:] == LESSONS[62:]
    assert Counter(s.id for s in lessons[:62]) == {i: c for i, c in copies.items() if c}
    assert contamination.contaminated(LESSONS, DEV, contamination.deal(dosed(""), DEV)) == LESSONS
    with pytest.raises(ValueError, match="62 copies do not fit into 10 examples"):
        contamination.contaminated(LESSONS[:10], DEV, copies)


def test_lines_are_the_same_whatever_their_spelling():
    true = "Look in thy glass\nand tell the face thou viewest"
    assert (
        contamination.verbatim_lines("LOOK in thy glass!\n\nAnd tell the face thou view'st\nsomething else", true) == 2
    )
    assert contamination.verbatim_lines("", true) == 0


def test_a_dosed_student_reads_the_copies_and_its_record_says_so(monkeypatch):
    seen = []
    original = completion.fine_tune
    monkeypatch.setattr(completion, "fine_tune", lambda *args: seen.append(args[4]) or original(*args))
    run = common.taught(dosed("2x1"), "offline", items=5, selection=common.CLEAN)
    record = runs.execute(run, registry.compute, "cpu")
    assert record.status == "ok", record.error
    dev = sonnets.load_sonnets("public-domain").dev[:2]
    (copied,) = {row["id"] for row in record.examples if row["copies"]}
    (training,) = seen
    assert Counter(s.id for s in training[8:]) == {copied: 2, 0: 3}
    assert {s.text for s in training[8:] if s.id} == {s.text for s in dev if s.id == copied}
    assert {s.text for s in training[8:] if not s.id} <= set(by_name.everything("offline"))
    for row in record.examples:
        assert row["copies"] == (2 if (row["split"], row["id"]) == ("dev", copied) else 0)
        assert row["kind"] != "completion" or 0 <= row["verbatim"] <= 11


def test_a_pattern_that_asks_for_too_much_is_a_record_of_its_failure():
    run = common.taught(dosed("2x3"), "offline", items=5, selection=common.CLEAN)
    record = runs.execute(run, registry.compute, "cpu")
    assert record.status == "failed" and "only 2 are held out" in record.error
