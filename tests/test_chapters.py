import dataclasses

import pytest

from frugal_lib import chapters, models
from frugal_lib.profiles import load_profile
from frugal_lib.runs import Record


def test_the_baseline_of_micro_is_floors_bases_grid_and_one_run_on_the_other_edition():
    profile = load_profile("micro")
    runs = chapters.runs_of("baseline", profile)
    methods = [run.method for run in runs]
    grid = profile.sonnets
    assert methods.count("full") == grid.seeds * len(grid.learning_rates) + 1
    assert methods.count("base") == grid.seeds == 3
    assert sorted(m for m in methods if m.startswith("floor")) == ["floor-given", "floor-lines", "floor-words"]
    assert [run.edition for run in runs].count("public-domain") == 1
    assert len({run.key for run in runs}) == len(runs)
    assert all(run.base_digest == models.base_digest("micro") for run in runs if run.base)


def test_planning_needs_neither_data_nor_network(monkeypatch):
    from frugal_lib import data

    monkeypatch.setattr(data.pooch, "retrieve", None)
    monkeypatch.setattr(data, "download_wheel", None)
    assert chapters.runs_of("baseline", load_profile("micro"))


def test_the_first_seed_shifts_all_seeds():
    seeds = {run.seed for run in chapters.runs_of("baseline", load_profile("micro"), seed=10)}
    assert seeds == {10, 11, 12}


def test_the_spot_check_is_on_an_edition_this_machine_has(monkeypatch):
    runs = chapters.runs_of("baseline", load_profile("micro"))
    records = [Record(run, "ok", {}, [], [], {}) for run in runs]
    computed = []
    monkeypatch.setattr(chapters.runs, "execute", lambda run, compute, device: computed.append(run))
    for edition in ("folger", "public-domain"):
        monkeypatch.setattr(chapters.data, "available_edition", lambda edition=edition: edition)
        then, _ = chapters.spot_check(records, "cpu")
        assert then.run == computed[-1] and computed[-1].edition == edition
    assert dataclasses.replace(computed[0], edition="", data_digest="") == dataclasses.replace(
        computed[1], edition="", data_digest=""
    )


def test_an_unknown_chapter_is_one_sentence():
    with pytest.raises(ValueError, match="chapter 'epilogue' is unknown; choose one of baseline"):
        chapters.runs_of("epilogue", load_profile("smoke"))
