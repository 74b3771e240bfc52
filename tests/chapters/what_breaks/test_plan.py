"""Which runs chapter 5 is made of."""

import pytest

from frugal_lib import profiles
from frugal_lib.chapters import registry
from frugal_lib.chapters.what_breaks import plan as what_breaks_plan
from frugal_lib.profiles import load_profile


@pytest.fixture
def asked(monkeypatch):
    monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda: "folger")
    stages = []
    what_breaks_plan.records(load_profile("micro"), 0, lambda runs: stages.append(runs) or [])
    (runs,) = stages
    return runs


def test_both_bases_have_every_number_of_copies_on_every_sonnet(asked):
    plan = load_profile("micro").what_breaks
    for base, grid in plan.bases.items():
        found = {}
        for run in asked:
            if run.base == base and run.teacher and run.edition == "folger":
                found.setdefault(run.doses, set()).add(run.seed)
        assert found == {doses: set(range(count)) for doses, count in grid.doses.items()}
        assert found["1x2+2x2+4x2+8x2+16x2"] == set(range(6))
    assert {run.selection for run in asked if run.teacher} == {"clean"}
    assert {run.keep for run in asked if run.teacher} == {"last"}


def test_two_patterns_of_a_seed_differ_in_nothing_else(asked):
    pair = [run for run in asked if run.base == "nano" and run.seed == 0 and run.doses in ("", "8x12") and run.teacher]
    first, second = pair
    assert first.canonical().replace('"doses":"8x12",', "") == second.canonical().replace('"doses":"8x12",', "")
    assert first.key != second.key and "8x12" in second.path + first.path


def test_there_are_twenty_samples_at_three_seeds_trained_as_in_chapter_3(asked):
    profile = load_profile("micro")
    for base in profile.what_breaks.bases:
        for method in ("base", "full"):
            found = [run for run in asked if (run.base, run.method, run.teacher) == (base, method, "")]
            assert {run.seed for run in found} == {0, 1, 2} and {run.samples for run in found} == {20}
        mine = next(run for run in asked if (run.base, run.method, run.teacher, run.seed) == (base, "full", "", 0))
        grid = profile.quantization.bases[base]
        assert (mine.learning_rate, mine.epochs, mine.batch_size, mine.patience) == (
            grid.full_learning_rate, grid.epochs, grid.batch_size, grid.patience)  # fmt: skip


def test_the_spot_check_is_contaminated_and_runs_anywhere(asked):
    spot = registry.plan_of("what_breaks").spot_run(asked)
    assert spot.doses == "8x1" and spot.base == "nano" and spot.seed == 0
    twin, short = [run for run in asked if (run.edition, run.teacher) == ("public-domain", "offline")]
    assert twin.doses == short.doses == "8x1" and short.items < twin.items


def test_a_profile_with_a_pattern_that_cannot_be_read_says_so(tmp_path):
    text = (profiles.FOLDER / "smoke.yaml").read_text(encoding="utf-8").replace("2x1+8x1: 2", "2-1: 2")
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(profiles.ProfileError, match=r"what_breaks\.bases\.nano\.doses.*should match pattern"):
        load_profile(str(path))


def test_no_run_is_asked_for_twice(asked):
    assert len({run.path for run in asked}) == len(asked) == 44
