import dataclasses

import pytest

from frugal_lib.chapters import common
from frugal_lib.chapters.lora import plan as lora_plan
from frugal_lib.core import runs
from frugal_lib.core.runs import Record
from frugal_lib.profiles import load_profile
from frugal_lib.tasks import registry

BEST = {("micro", 4): 5e-3, ("nano", 64): 1e-3}  # where the lowest loss is, by base and rank


def fake(run):
    """A record whose loss is lowest at `BEST`; full fine-tuning at 1e-2 diverges."""
    if run.method == "full" and run.learning_rate > 4e-3:
        return Record(run, "diverged", {}, [], [{"epoch": 1, "dev_loss": None}], {})
    loss = 3.0 if BEST.get((run.base, run.rank)) == run.learning_rate else 4.0 + run.learning_rate
    return Record(run, "ok", {"dev_nll": loss}, [], [], {})


@pytest.fixture
def asked(monkeypatch):
    monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda: "folger")
    stages = []

    def sweep(wanted):
        stages.append(wanted)
        return [fake(run) for run in wanted]

    records = lora_plan.records(load_profile("micro"), 0, sweep)
    return stages, records


def test_the_grid_is_every_rank_at_every_rate_on_both_bases(asked):
    (grid, *_), _ = asked
    profile = load_profile("micro")
    for base, plan in profile.lora.bases.items():
        mine = [run for run in grid if run.base == base and run.edition == "folger"]
        points = [(run.rank, run.learning_rate) for run in mine if run.method == "lora"]
        assert sorted(points) == sorted((k, rate) for k in plan.ranks for rate in plan.learning_rates)
        assert [r.learning_rate for r in mine if r.method == "full"] == list(plan.full_learning_rates)
        assert [run.method for run in mine].count("base") == 1
    assert {run.seed for run in grid} == {0} and len({run.key for run in grid}) == len(grid)
    assert [run.method for run in grid].count("released-sweep") == 1
    (draws,) = [run for run in grid if run.method == "floor-draws"]
    assert draws.samples == profile.lora.floor_draws >= 369


def test_alpha_and_modules_are_tried_at_the_best_rank_and_rate(asked):
    (_, follow, _), _ = asked
    plan = load_profile("micro").lora.bases
    for base, rank, rate in (("micro", 4, 5e-3), ("nano", 64, 1e-3)):
        alphas = [run for run in follow if run.base == base and run.modules == "attention-mlp"]
        assert sorted(run.alpha for run in alphas) == [8, 32, 64, 128, 256, 512]
        assert {(run.rank, run.learning_rate) for run in alphas} == {(rank, rate)}
        attention = [run for run in follow if run.base == base and run.modules == "attention"]
        assert [run.learning_rate for run in attention] == list(plan[base].learning_rates)
        assert {(run.rank, run.alpha) for run in attention} == {(rank, 16)}


def test_the_best_point_of_full_each_rank_and_each_choice_of_modules_has_three_seeds(asked):
    (*_, repeats), records = asked
    assert {run.seed for run in repeats} == {1, 2}
    assert {run.alpha for run in repeats} == {0, 16}
    ranks = sum(len(plan.ranks) for plan in load_profile("micro").lora.bases.values())
    assert len(repeats) == 2 * (ranks + 2 + 2)
    assert {run.learning_rate for run in repeats if (run.base, run.rank) == ("nano", 64)} >= {1e-3}
    firsts = {record.run for record in records}
    assert all(dataclasses.replace(run, seed=0) in firsts for run in repeats)


def test_the_spot_check_has_a_twin_on_the_text_that_every_machine_has(asked):
    (grid, *_), records = asked
    twins = [run for run in grid if run.edition == "public-domain"]
    spot = lora_plan.spot_run([record.run for record in records if record.run.edition == "folger"])
    assert len(twins) == 2 and common.on_public_domain(spot) == twins[0]
    assert dataclasses.replace(twins[0], train_limit=16, held_out_limit=3, samples=1, epochs=2) == twins[1]
    assert (spot.base, spot.rank, spot.method) == ("nano", 1, "lora")
    assert lora_plan.spot_run(twins) == twins[0]


def test_profile_paper_is_the_papers_sweep():
    """360 points of the grid, seven alphas and two choices of modules: 369, of which two are in the grid already."""
    profile = load_profile("paper")
    (plan,) = profile.lora.bases.values()
    grid = [run for run in lora_plan.grid_runs(profile, "gpt2", 0) if run.learning_rate]
    assert len({run.key for run in grid}) == 360
    assert {run.batch_size for run in grid} == {4, 8, 16} and len({run.learning_rate for run in grid}) == 12
    assert len(grid) + len(plan.alphas) + 2 == 369


def test_draws_of_the_floor_are_where_the_facts_say():
    """Eleven random training lines: 42.0 with a standard deviation of 0.3."""
    profile = dataclasses.replace(load_profile("smoke"), edition="public-domain")
    start = common.floor_run(profile, 0)
    run = dataclasses.replace(
        start, chapter="lora", method="floor-draws", samples=100, train_limit=None, held_out_limit=None
    )
    result = registry.compute(run, "cpu")
    scores = [row["chrf"] for row in result.examples]
    assert len(scores) == 100 and result.metrics["dev_chrf"] == pytest.approx(sum(scores) / 100)
    assert result.metrics["dev_chrf"] == pytest.approx(42.0, abs=0.3)
    assert 0.2 < result.metrics["dev_chrf_sd"] < 0.45
    assert result.examples == registry.compute(run, "cpu").examples


@pytest.fixture(scope="module")
def little_records():
    """The chapter of smoke, computed: a rank and a rate or two, on two sonnets for one epoch.

    The paper's sweep, which needs its files, is read from the committed record.
    """
    profile = dataclasses.replace(load_profile("smoke"), edition="public-domain")
    few = {"train_limit": 2, "held_out_limit": 1, "samples": 2, "max_new_tokens": 4}

    def record(run):
        if run.method == "released-sweep":
            return runs.read(run, load_profile("micro").results_folder())
        return runs.execute(dataclasses.replace(run, **few, epochs=min(1, run.epochs)), registry.compute, "cpu")

    def sweep(wanted):
        return list(map(record, wanted))

    return lora_plan.records(profile, 0, sweep)


def test_every_method_of_the_chapter_is_computed_and_gives_what_the_page_reads(little_records):
    found = {record.run.method: record for record in little_records}
    assert set(found) == {"base", "full", "lora", "floor-draws", "floor-lengths", "released-sweep"}
    assert [record.error for record in little_records if record.status != "ok"] == []
    assert 0 < found["lora"].metrics["saved_bytes"] < found["full"].metrics["saved_bytes"] / 10
    for method in ("base", "full", "lora"):
        assert found[method].metrics["dev_nll"] > 0
        assert {"completion", "likelihood"} == {row["kind"] for row in found[method].examples}
    for method in ("full", "lora"):
        before, after = found[method].history
        assert after["dev_loss"] != before["dev_loss"]
    assert len(found["released-sweep"].examples) > 300 and 0 < found["floor-draws"].metrics["dev_chrf"] < 100
