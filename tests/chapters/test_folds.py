"""The runs of the cross-validation: which there are, how their rates are chosen, and what one of them gives."""

import dataclasses
from collections import Counter

import pytest
from fakes.folds import profile
from fakes.records import ENVIRONMENT

from frugal_lib.chapters import folds, registry
from frugal_lib.core import runs, select
from frugal_lib.core.fetch import DataError
from frugal_lib.core.runs import Record
from frugal_lib.data import folds as fold_data
from frugal_lib.models.formats import FORMATS
from frugal_lib.profiles import load_profile
from frugal_lib.tasks import completion, stages
from frugal_lib.tasks import registry as tasks

MICRO, SMALL = profile(), load_profile("small")
PUBLISHED = ["baseline", "lora", "quantization", "synthetic"]


def planned(chapter, best_rate=1e-4, profile=MICRO):
    """The runs of a chapter's cross-validation where one rate has the lowest loss; in the order they are asked for."""
    asked = {}

    def sweep(wanted):
        found = [Record(r, "ok", {"dev_nll": abs(r.learning_rate - best_rate)}, [], [], ENVIRONMENT) for r in wanted]
        asked.update(zip(wanted, found, strict=True))
        return found

    registry.plan_of(chapter).fold_records(profile, 0, sweep)
    return [run for run in asked if run.method != "recall"]


@pytest.mark.parametrize("profile", [MICRO, SMALL], ids=["micro", "small"])
@pytest.mark.parametrize("chapter", PUBLISHED)
def test_every_arm_holds_out_every_sonnet_once_a_seed(chapter, profile):
    arms, count = {}, profile.folds.count
    for run in planned(chapter, profile=profile):
        assert (run.task, run.folds, run.edition, run.samples) == (select.FOLDED, count, "public-domain", 0)
        arms.setdefault(dataclasses.replace(run, seed=0, fold=0), set()).add((run.seed, run.fold))
    whole = {(seed, fold) for seed in range(profile.folds.seeds) for fold in range(count)}
    tried = {(0, 0)}  # a rate that was not the best one
    assert all(places in (whole, tried, {(0, fold) for fold in range(count)}) for places in arms.values())
    assert sum(places == whole for places in arms.values()) >= len(profile.folds.bases)


def test_small_has_every_arm_that_the_takeaways_need():
    asked = dict.fromkeys(run for chapter in PUBLISHED for run in planned(chapter, 6e-5, SMALL))
    arms = Counter((r.chapter, r.method, r.format, r.teacher) for r in asked)
    assert {r.base for r in asked} == {"smollm2"}
    assert arms["baseline", "full", "fp32", ""] == 3 + 2 and arms["baseline", "base", "fp32", ""] == 3
    assert arms["lora", "lora", "fp32", ""] == 2 * 3 + 2 and arms["quantization", "qlora", "nf4", ""] == 3
    assert {
        f: arms["quantization", "full", f, ""] for f in FORMATS if f not in ("fp32", "int4-torchao")
    } == dict.fromkeys([f for f in FORMATS if f not in ("fp32", "int4-torchao")], 3)
    assert arms["quantization", "qaft", "int8-tensor", ""] == arms["quantization", "qaft", "int4-tensor", ""] == 3
    assert all(arms["synthetic", "full", "fp32", who] == 3 for who in ("flash", "pro", "flash-lite", "human", ""))


@pytest.mark.parametrize("chapter", registry.CHAPTERS)
def test_a_chapter_without_runs_of_its_own_in_small_can_be_swept(chapter):
    asked = []

    def sweep(wanted):
        asked.extend(wanted)
        return [Record(run, "ok", {"dev_nll": 1.0}, [], [], ENVIRONMENT) for run in wanted]

    records = registry.plan_of(chapter).records(SMALL, 0, sweep)
    assert [record.run for record in records] == asked and len({run.path for run in asked}) == len(asked)
    assert all(
        tasks.REGISTRY.get((run.chapter, run.task, run.method)) or tasks.REGISTRY[tasks.ANY, run.task, run.method]
        for run in asked
    )


def test_the_rate_of_the_lowest_inner_dev_loss_is_used_in_every_fold():
    for best in (1e-4, 3e-4):
        tuned = [r for r in planned("baseline", best_rate=best) if r.fold and r.method == "full"]
        assert {run.learning_rate for run in tuned} == {best} and len(tuned) == 2 * 2 * 5


def test_students_read_as_much_and_differ_in_nothing_but_their_teacher():
    taught = [run for run in planned("synthetic") if run.chapter == "synthetic"]
    bare = {dataclasses.replace(r, teacher="", items=0, exposure=0, selection="", data_digest="") for r in taught}
    plain = {dataclasses.replace(run, data_digest="") for run in taught if not run.teacher}
    assert bare == plain and {run.exposure for run in taught} == {0, 1160}
    assert {run.selection for run in taught if run.teacher} == {"free"}


def test_a_base_without_a_draw_has_no_students():
    students = dataclasses.replace(MICRO.synthetic.folds, items={"nano": (232,)})
    settings = dataclasses.replace(MICRO, synthetic=dataclasses.replace(MICRO.synthetic, folds=students))
    assert {run.base for run in planned("synthetic", profile=settings) if run.chapter == "synthetic"} == {"nano"}


def test_a_mixture_reads_shakespeare_so_often_and_a_draw_in_turn(monkeypatch):
    monkeypatch.setattr(stages.students, "chosen", lambda run: (["a\nb", "c\nd", "e\nf"], [2, 0]))
    run = dataclasses.replace(folds.start(MICRO, "nano"), method="full", passes=3, items=2, exposure=5)
    training, held_out = completion.splits_of(run)
    work = stages.Work(run, "cpu", None, training, held_out)
    stages.mixed(work)
    texts = [sonnet.text for sonnet in work.training]
    assert len(texts) == 3 * 116 + 5 and work.synthetic == 5
    assert texts[-5:] == ["e\nf", "a\nb", "e\nf", "a\nb", "e\nf"]
    assert {texts.count(sonnet.text) for sonnet in training} == {3}
    assert work.metrics == {"lessons": 5, "distinct_lessons": 2}


@pytest.mark.parametrize("method", ["base", "full", "lora", "qaft", "qlora"])
def test_a_run_of_a_fold_gives_the_losses_of_its_held_out_sonnets(method):
    chapters = {"base": "baseline", "full": "baseline", "lora": "lora"}
    settings = {"learning_rate": 1e-3, "batch_size": 8, "epochs": 1, "patience": 1} if method != "base" else {}
    settings |= {"rank": 2, "alpha": 4.0, "modules": "attention"} if "lora" in method else {}
    settings |= {"format": {"qaft": "int8-tensor", "qlora": "nf4"}.get(method, "fp32")}
    run = dataclasses.replace(
        folds.on_grammar(folds.start(MICRO, "nano"), "written", 1), method=method, fold=4, train_limit=8,
        held_out_limit=3, chapter=chapters.get(method, "quantization"), **settings,
    )  # fmt: skip
    record = runs.execute(run, tasks.compute, "cpu")
    assert record.status == "ok", record.error
    found = fold_data.load(6, 4)
    losses = [(row["split"], row["id"]) for row in record.examples if row["kind"] == "likelihood"]
    assert losses == [(name, s.id) for name in ("dev", "test") for s in found.split(name)[:3]]
    assert {"dev_nll", "test_bpc", "grammar_accuracy", "prose_bpc", "verse_bpc"} <= record.metrics.keys()
    assert "completion" not in {row["kind"] for row in record.examples}


def test_pairs_that_cannot_be_had_are_told_before_anything_is_trained(monkeypatch):
    run = dataclasses.replace(folds.on_grammar(folds.start(MICRO, "nano"), "written", 31), method="full")
    monkeypatch.setattr(stages, "trained_once", lambda work: pytest.fail("it was trained"))
    with pytest.raises(DataError, match="a set has fewer than 31 pairs"):
        runs.execute(run, tasks.compute, "cpu")


def test_a_format_is_made_of_the_fold_that_chapter_1_trained(monkeypatch):
    run = dataclasses.replace(
        folds.start(MICRO, "nano"), method="full", fold=1, learning_rate=1e-3, batch_size=8, epochs=1, patience=1,
        train_limit=8, held_out_limit=3,
    )  # fmt: skip
    whole = runs.execute(run, tasks.compute, "cpu")
    monkeypatch.setattr(stages, "trained", lambda work: pytest.fail("it was trained again"))
    stored = runs.execute(dataclasses.replace(run, chapter="quantization", format="int8-channel"), tasks.compute, "cpu")
    assert stored.status == "ok" and stored.history == whole.history
    assert stored.metrics["test_nll"] == pytest.approx(whole.metrics["test_nll"], abs=0.02)
    assert stored.metrics["memory_bytes"] < whole.metrics["memory_bytes"]
