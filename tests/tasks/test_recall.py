"""Whether a base knows the sonnets by heart: what counts as recalled, who is matched with whom, and the table."""

import dataclasses

import pytest

from frugal_lib.chapters import folds
from frugal_lib.chapters.embedded import recall as shown
from frugal_lib.core import runs
from frugal_lib.data.sonnets import public_domain
from frugal_lib.profiles import load_profile
from frugal_lib.tasks import completion, recall, registry
from frugal_lib.verify import examples

MICRO = load_profile("micro")


def poem(word, lines=14):
    """A poem of iambic lines that no other has."""
    return "\n".join([f"And {word} the world is but a stage of care"] * lines)


@pytest.fixture
def others(monkeypatch):
    """Poems by others: three like a sonnet, and one each that is too short, was read, is lower case, does not scan."""
    written = [poem("all"), poem("all", 12), poem("oft"), poem("some"), poem("now").lower(),
               "\n".join(["Never shall this"] * 14), poem("such"), poem("all")]  # fmt: skip
    monkeypatch.setattr(recall.by_name, "everything", lambda name: tuple(written))
    monkeypatch.setattr(recall.by_name, "read_before", lambda name: [0, 0, 0, 2, 0, 0, 0, 0])


def test_what_is_recalled_is_counted_by_lines_and_by_leading_words():
    sonnet = public_domain()[18]
    whole = recall.recalled(sonnet, sonnet.continuation)
    assert (whole["lines"], whole["verbatim"]) == (11, 11) and whole["words"] > 80
    first, second = sonnet.lines[3:5]
    half = recall.recalled(sonnet, f"{first.upper()}\n{' '.join(second.split()[:3])} but then\nno more")
    assert half["verbatim"] == 1 and half["words"] == len(first.split()) + 3
    assert recall.recalled(sonnet, "")["words"] == recall.recalled(sonnet, "Quite other words")["words"] == 0


def test_each_sonnet_is_matched_with_a_poem_like_it_of_its_length_once(others):
    assert sorted(recall.alike("human")) == [0, 2, 6]
    known = list(public_domain().values())[:3]
    assert sorted(poem.id for poem in recall.matched(known, "human")) == [0, 2, 6]
    longer = dataclasses.replace(known[0], lines=tuple(poem("such").splitlines()))
    assert recall.matched([longer], "human")[0].id == 6
    with pytest.raises(ValueError, match="human has 3 sonnets to compare with, fewer than 4"):
        recall.matched(list(public_domain().values())[:4], "human")


def record_of(**changes):
    run = dataclasses.replace(folds.recall_run(MICRO, "nano"), held_out_limit=3, max_new_tokens=24, **changes)
    return runs.execute(run, registry.compute, "cpu")


def test_a_run_has_a_row_for_each_sonnet_and_its_match_and_follows_from_them(others):
    record = record_of()
    assert record.status == "ok", record.error
    assert [row["kind"] for row in record.examples] == ["recall"] * 3 + ["matched"] * 3
    assert record.metrics["lines"] == 33 and 1 < record.metrics["shakespeare_bpc"] < 3
    assert examples.problems(record)[:2] == ([], set())
    rows = [row | {"verbatim": 11} for row in record.examples[:1]] + record.examples[1:]
    doctored = dataclasses.replace(record, examples=rows)
    wrong = examples.problems(doctored)[0]
    assert any(what.startswith("verbatim of sonnet 1: 11 in the file, 0") for what in wrong)
    assert any(what.startswith("metric lines_verbatim") for what in wrong)


def test_a_base_that_knows_them_is_found_out_and_the_table_says_so(others, monkeypatch):
    monkeypatch.setattr(completion, "completions", lambda *args: [[sonnet.continuation for sonnet in args[-1]]])
    knowing, other = record_of(), record_of(base="micro", base_digest="another")
    table = shown.recall_table([knowing, other])
    assert table.loc["nano", "lines reproduced"] == "33 of 33" and list(table.index) == ["nano", "micro"]
    gap = shown.gap(knowing)
    own, matched = (shown.bits(knowing, kind).mean() for kind in ("recall", "matched"))
    assert gap.mean == pytest.approx(own - matched) and own == pytest.approx(knowing.metrics["shakespeare_bpc"])


def test_every_base_of_both_published_profiles_is_asked_greedily_once():
    asked = [run for name in shown.PROFILES for run in folds.recall_runs(load_profile(name))]
    assert [run.base for run in asked] == ["micro", "nano", "smollm2"]
    assert all((run.temperature, run.samples, run.held_out_limit, run.folds) == (0.0, 1, None, 0) for run in asked)
    assert folds.recall_runs(load_profile("smoke")) == []
