"""Contamination, chance, capacity and the figures measured twice."""

import numpy as np
import pytest
from fakes.book import NO_FOLDS, made_of_all_chapters

from frugal_lib.chapters import registry
from frugal_lib.chapters.baseline import sonnets
from frugal_lib.chapters.what_breaks import chance, claims, comparisons, contamination, first_measurement
from frugal_lib.chapters.what_breaks.contamination import copies_in_file, detected_from, effects, from_curve, levels
from frugal_lib.core.stats import Interval
from frugal_lib.profiles import load_profile


@pytest.fixture
def records(monkeypatch):
    monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda: "folger")
    return made_of_all_chapters()


@pytest.fixture
def contaminated(records):
    return contamination.contaminated_results(records["what_breaks"])


def test_effects_are_those_that_were_put_in(contaminated):
    assert list(contaminated.ladders) == ["micro", "nano"]
    for ladder in contaminated.ladders.values():
        falls, scores, lines = effects(ladder, "nats"), levels(ladder, "chrf"), levels(ladder, "verbatim")
        assert {copies: interval.mean for copies, interval in falls.items()} == pytest.approx(
            {1: -0.2, 2: -0.4, 4: -0.8, 8: -1.6, 16: -3.2}
        )
        assert {interval.items for interval in falls.values()} == {12}
        assert scores[16].mean - scores[0].mean == pytest.approx(32)
        assert [lines[copies].mean for copies in (0, 1, 8, 16)] == [0, 1, 8, 11]


def test_the_same_copies_of_more_sonnets_leave_the_others_alone(contaminated):
    table = contamination.number_table(contaminated, "results/micro")
    assert list(table["contaminated sonnets"]) == ["0", "1", "2", "4", "12"]
    assert all(text.startswith("−1.60") for text in table["loss of these minus none"][1:])
    assert all(text.startswith("+0.00") for text in table["loss of the others minus none"][1:-1])
    assert table["loss of the others minus none"].iloc[-1] == "–"


def test_sonnets_without_a_copy_are_compared_with_runs_without_any(contaminated):
    assert contamination.without_copy(contaminated, "nano").mean == pytest.approx(0)
    assert contamination.without_copy(contaminated, "micro") is None  # which has no such run
    assert contamination.copies_in_all(contaminated.ladders["nano"]) == (62, 10)


def test_copies_are_detected_from_where_every_larger_number_is_too():
    inside, outside = Interval(-1, -2, 1, 1, 12), Interval(-2, -3, -1, 1, 12)
    assert detected_from({1: outside, 2: inside, 4: outside, 8: outside}) == 4
    assert detected_from({1: outside, 2: outside}) == 1 and detected_from({1: inside}) is None


def test_the_curve_is_read_between_numbers_of_copies():
    curve = {copies: Interval(-float(copies), 0, 0, 1, 12) for copies in (1, 4)}
    assert from_curve(curve, 1) == -1 and from_curve(curve, 2) == pytest.approx(-2.5)
    assert from_curve(curve, 8) is None and from_curve({}, 1) is None


def test_the_released_file_lies_on_the_curve(records, contaminated):
    book = claims.book_of(records, NO_FOLDS).synthetic
    assert copies_in_file(book) and set(copies_in_file(book)) == {138}
    measured = {base: contamination.measured_in_file(book, base) for base in contaminated.ladders}
    assert {number for values in measured.values() for number in values} == {138}
    for ladder in contaminated.ladders.values():
        expected = from_curve(effects(ladder, "nats"), copies_in_file(book)[138])
        assert expected == pytest.approx(-1.6 - 1.6 * np.log2(144 / 14 / 8))  # between 8 and 16 copies
    rows = contamination.copied_generations(book)
    assert 138 in {number for number, _, _ in rows} and all(score >= 80 for _, _, score in rows)


def test_a_profile_without_contaminated_students_has_no_table(records):
    empty = contamination.contaminated_results([r for r in records["what_breaks"] if not r.run.teacher])
    assert contamination.ladder_table(empty, "x").empty and contamination.number_table(empty, "x").empty


def test_the_score_of_one_run_is_as_uncertain_as_its_parts_say():
    rng = np.random.default_rng(0)
    parts = {"seed": 0.25, "prompt": 9.0, "both": 1.0, "sample": 4.0}
    prompts = 3 * rng.normal(size=12)
    runs = [(0.5 * rng.normal() + prompts + rng.normal(size=12) + 2 * rng.normal(size=12)).mean() for _ in range(4000)]
    assert chance.one_run(parts, 12) == pytest.approx(np.std(runs), rel=0.05)


def test_samples_are_counted_by_seed_sonnet_and_sample(records):
    found = chance.by_kind(records["what_breaks"])
    tuned = {(base, method) for base in ("micro", "nano") for method in ("base", "full")}
    assert set(found) == tuned | {("", method) for method in ("floor-lines", "floor-tail", "released-reports")}
    assert chance.cube(found["micro", "full"], "dev", "chrf").shape == (3, 12, 2)
    assert len(chance.variance_table(records["what_breaks"], "results/micro")) == 4


def test_luck_is_the_best_of_many_draws_of_the_same(records):
    book = claims.book_of(records, NO_FOLDS)
    table = chance.luck_table(book, records["what_breaks"])
    lines = table.loc["random lines"]
    first, best = (float(lines[f"best of {trials}"].split()[0]) for trials in (1, 30))
    assert best >= first
    assert table.loc["full fine-tuning, micro", "best of 369"] == "–"


def test_every_comparison_has_a_p_for_chrf_and_for_loss(records):
    book = claims.book_of(records, NO_FOLDS)
    table, found = comparisons.exact_table(book), comparisons.all_comparisons(book)
    assert len(table) == len(found) == 14 and "LoRA" in table.difference.iloc[0]
    for column, measure in (("p, chrF", "chrf"), ("p, loss", "nats")):
        assert table[column].astype(float).between(0, 1).all()
        assert comparisons.detected(found, measure) == (table[column].astype(float) <= 0.05).sum()


def test_capacity_is_the_larger_base_minus_the_smaller(records):
    book = claims.book_of(records, NO_FOLDS)
    table = comparisons.capacity_table(book)
    assert len(table) == 8 and list(table.columns)[:3] == ["micro", "nano", "micro − nano"]
    assert "unrelated prose, bits per character" in table.index[-1]
    words = (((0.5, 2), "costs the larger"), ((-2, -0.5), "costs the smaller"), ((-1, 1), "no detectable difference"))
    for gap, word in words:
        interval = Interval(0, *gap, 3, 10)
        assert comparisons.Line("x", "nats", interval, interval, interval).verdict.startswith(word)
    assert book.parameters("micro") > 0


def test_a_figure_agrees_within_its_spread_and_else_says_why():
    check = first_measurement.Check("x", 42.0, 0.3, "key", "another edition")
    assert first_measurement.agrees(check, (42.2, 0.0)) and first_measurement.agrees(check, (43.0, 0.5))
    assert not first_measurement.agrees(check, (43.0, 0.0))


def test_figures_measured_twice_are_both_shown(records):
    rows = sonnets.score_rows(records["baseline"])
    table = first_measurement.check_table(claims.book_of(records, NO_FOLDS), rows, records["what_breaks"])
    assert table.loc["dev chrF, random training lines", "first measured"] == "42 ± 0.3"
    assert table.loc["dev chrF, random training lines", "this book"].startswith("42")


def test_the_committed_records_agree_with_the_first_measurement_or_say_why():
    from frugal_lib.core import runs as core_runs

    profile = load_profile("micro")

    def sweep(wanted):
        return [record for run in wanted if (record := core_runs.read(run, profile.results_folder()))]

    found = {name: registry.plan_of(name).records(profile, 0, sweep) for name in registry.CHAPTERS}
    control = contamination.without_copy(contamination.contaminated_results(found["what_breaks"]), "nano")
    assert (control.mean, control.low, control.high) == pytest.approx((0.091, 0.038, 0.144), abs=6e-4)
    table = first_measurement.check_table(
        claims.book_of(found, NO_FOLDS), sonnets.score_rows(found["baseline"]), found["what_breaks"]
    )
    assert len(table) == len(first_measurement.CHECKS)
    assert not [line for line in table.agree if line == "no"]
    assert sum(line.startswith("no: ") for line in table.agree) == 2
