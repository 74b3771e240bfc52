import dataclasses

import pytest
from fakes.project import ROOT
from fakes.runs import first_runs

from frugal_lib.chapters import registry
from frugal_lib.chapters.baseline import plan as baseline_plan
from frugal_lib.core import fetch, runs, select
from frugal_lib.core.records import write
from frugal_lib.core.runs import Record
from frugal_lib.models import bases
from frugal_lib.profiles import load_profile

DEV = {"dev_nll": 3.0, "dev_accuracy": 0.5}


def test_the_first_runs_of_micro_are_grids_floors_bases_and_data():
    profile = load_profile("micro")
    runs = first_runs(profile)
    sonnets = [run for run in runs if run.task == "sonnets"]
    methods = [run.method for run in sonnets]
    assert methods.count("full") == len(profile.sonnets.learning_rates) + 2
    assert methods.count("base") == profile.sonnets.seeds == 3
    floors = {"floor-given", "floor-lengths", "floor-lines", "floor-words"}
    assert {m for m in methods if m.startswith("floor")} == floors and sum(map(methods.count, floors)) == 4
    assert [run.edition for run in sonnets].count("public-domain") == 2
    for task, plan in profile.labelled.items():
        methods = [run.method for run in runs if run.task == task]
        for method, search in plan.methods.items():
            assert methods.count(method) == len(search.learning_rates) * len(search.batch_sizes)
        assert {"majority", "tfidf", "data"} <= set(methods)
    assert len({run.key for run in runs}) == len(runs)
    assert all(run.base_digest == bases.base_digest("micro") for run in runs if run.base)


def test_the_best_setting_of_each_grid_is_repeated_at_the_other_seeds():
    """Full fine-tuning is best at its second rate, all else at the first."""

    def sweep(runs):
        asked.append(runs)
        better = DEV | {"dev_nll": 2.0, "dev_accuracy": 0.6}
        return [Record(r, "ok", better if r.learning_rate == 3e-4 else DEV, [], [], {}) for r in runs]

    asked = []
    profile = load_profile("micro")
    records = baseline_plan.records(profile, 0, sweep)
    first, second = asked
    assert [record.run for record in records] == first + second
    assert {run.seed for run in second} == {1, 2}
    assert {run.learning_rate for run in second} == {3e-4}
    assert len(second) == 2 * 6  # sst and cfimdb twice, quora and sonnets once
    for run in second:
        assert dataclasses.replace(run, seed=0) in first
        assert len(select.chosen(records, run.task, run.method)) == 3


def test_a_grid_that_failed_is_not_repeated():
    records = baseline_plan.records(
        load_profile("micro"),
        0,
        lambda runs: [Record(r, "failed" if r.task == "sst" else "ok", DEV, [], [], {}) for r in runs],
    )
    assert not [r for r in records if r.run.task == "sst" and r.run.seed]
    assert [r for r in records if r.run.task == "quora" and r.run.seed]


def test_planning_needs_neither_data_nor_network(monkeypatch):
    monkeypatch.setattr(fetch.pooch, "retrieve", None)
    monkeypatch.setattr(fetch, "package_file", None)
    assert first_runs(load_profile("micro"))


def test_the_first_seed_shifts_all_seeds():
    tuned = {run.seed for run in first_runs(load_profile("micro"), seed=10) if run.learning_rate}
    assert tuned == {10}
    assert {run.seed for run in first_runs(load_profile("micro"), seed=10) if run.method == "base"} == {10, 11, 12}


def test_the_spot_check_is_the_quickest_run_of_its_kind_on_an_edition_this_machine_has(monkeypatch):
    runs = first_runs(load_profile("micro"))
    records = [Record(run, "ok", {}, [], [], {"seconds": 100.0 * run.epochs + run.samples}) for run in runs]
    computed = []
    monkeypatch.setattr("frugal_lib.core.runs.execute", lambda run, compute, device: computed.append(run))
    for edition in ("folger", "public-domain"):
        monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda edition=edition: edition)
        then, _ = registry.spot_check("baseline", records, "cpu")
        assert then.run == computed[-1] and (then.run.edition, then.run.epochs) == ("public-domain", 2)
    slow = [dataclasses.replace(r, environment={"seconds": 1.0 if r.run.edition == "folger" else 9.0}) for r in records]
    registry.spot_check("baseline", slow, "cpu")
    assert computed[-1].edition == "public-domain"
    monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda: "folger")
    registry.spot_check("baseline", slow, "cpu")
    assert computed[-1].edition == "folger" and computed[-1].method == "full"


@pytest.mark.parametrize("chapter", registry.CHAPTERS)
def test_a_published_chapter_has_a_spot_check_of_seconds_that_every_machine_can_make(chapter, monkeypatch):
    monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda: "public-domain")
    monkeypatch.setattr("frugal_lib.core.runs.execute", lambda run, compute, device: run)
    folder = load_profile("micro").results_folder()
    plan = registry.plan_of(chapter)
    records = plan.records(load_profile("micro"), 0, lambda wanted: [runs.read(run, folder) for run in wanted])
    then, now = registry.spot_check(chapter, records, "cpu")
    assert then.run == now and then.run.learning_rate and then.environment["seconds"] <= 15


def test_an_unknown_chapter_is_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="chapter 'epilogue' is unknown; choose one of baseline"):
        registry.records_of("epilogue", load_profile("smoke"), tmp_path)


def test_a_chapter_is_read_for_another_only_where_all_of_it_is_on_file(monkeypatch, tmp_path):
    monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda: "folger")
    monkeypatch.setattr(runs, "sweep", None)  # nothing may be computed
    profile = load_profile("micro")
    whole = registry.on_file("what_breaks", profile, ROOT / "results/micro")
    assert whole and {record.run.chapter for record in whole} == {"controls"}
    assert registry.on_file("what_breaks", profile, tmp_path) == []
    for record in whole[1:]:
        write(record, tmp_path)
    assert registry.on_file("what_breaks", profile, tmp_path) == []
