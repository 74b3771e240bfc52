"""What chapter 3 says of records: made-up ones, whose answers are known."""

import dataclasses

import numpy as np
import pytest
from fakes.quantization import fake
from fakes.records import ENVIRONMENT
from matplotlib.text import Text
from sklearn.metrics import balanced_accuracy_score

from frugal_lib.chapters.quantization import claims, figures, speed, tables
from frugal_lib.chapters.quantization import plan as quantization_plan
from frugal_lib.chapters.quantization import results as quantization_results
from frugal_lib.chapters.quantization.figures import PLAIN, TRAINED
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import t_interval
from frugal_lib.profiles import load_profile
from frugal_lib.report.claim import verdicts
from frugal_lib.report.generality import MEASURES, damage_in, damage_words, pair_row


@pytest.fixture
def results(monkeypatch):
    """The chapter's results with extra losses and damage by (method, format)."""
    monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda: "folger")

    def make(extra=(), damage=(), change=lambda record: record):
        def sweep(runs):
            return [change(fake(run, dict(extra), dict(damage))) for run in runs]

        return quantization_results.quantization_results(quantization_plan.records(load_profile("micro"), 0, sweep))

    return make


def words_of(found, start):
    """The verdicts of the claims that begin with `start`, by base."""
    return {v.base: v.verdict for v in told(found) if v.claim.startswith(start)}


def told(found):
    return verdicts(claims.CLAIMS, found, found.bases)


def both(verdict):
    return {"micro": verdict, "nano": verdict}


def test_every_claim_has_a_verdict_on_both_bases(results):
    made = told(results())
    assert len(made) == 2 * 12
    assert {v.verdict for v in made} <= {"holds", "not reproduced", "cannot be told"}
    assert all("nan" not in v.ours and v.paper for v in made)
    assert {v.claim for v in made} == {claim.text for claim in claims.CLAIMS}
    assert len({claim.name for claim in claims.CLAIMS}) == 12 and all(claim.headline for claim in claims.CLAIMS)


@pytest.mark.parametrize(
    ("extra", "verdict"), [(0.05, "holds"), (0.5, "not reproduced"), (-0.2, "holds")]
)  # fmt: skip
def test_keeping_the_quality_is_a_loss_within_a_tenth_of_the_gain(results, extra, verdict):
    found = results([(("full", "bf16"), extra), (("qaft", "int8-tensor"), extra)])
    assert words_of(found, "BF16") == words_of(found, "QAFT at INT8 keeps") == both(verdict)
    assert words_of(found, "FP8") == both("holds")
    for how in ("without QAFT", "with QAFT"):
        assert words_of(found, f"Quantization preserves the target task, {how}") == both(verdict)


def test_int4_collapses_where_it_is_worse_than_no_fine_tuning(results):
    assert words_of(results(), "INT4 collapses") == both("holds")
    assert words_of(results([(("full", "int4-tensor"), -1.5)]), "INT4 collapses") == both("not reproduced")


def test_int4_needs_qaft_only_where_no_scale_keeps_the_quality(results):
    assert words_of(results(), "INT4 needs QAFT") == both("holds")
    assert words_of(results([(("full", "nf4"), -0.25)]), "INT4 needs QAFT") == both("not reproduced")
    worse = [(("qaft", name), 1.0) for name in ("int4-tensor", "int4-channel")]
    assert words_of(results(worse), "INT4 needs QAFT") == both("not reproduced")


def test_qaft_restores_int4_where_it_is_better_than_rounding_afterwards(results):
    assert words_of(results(), "QAFT restores") == both("holds")
    assert words_of(results([(("qaft", "int4-tensor"), 3.0)]), "QAFT restores") == both("not reproduced")


def test_generality_is_damaged_where_the_interval_of_one_measure_excludes_zero(results):
    assert words_of(results(), "QAFT at INT8 damages") == both("not reproduced")
    found = results(damage=[(("qaft", "int8-tensor"), 0.3)])
    assert words_of(found, "QAFT at INT8 damages") == both("holds")
    assert words_of(found, "QAFT at INT4 damages") == both("not reproduced")
    damage = damage_in(found.contrast("micro", ("qaft", "int8-tensor")))
    assert damage.word == "holds" and list(damage.parts) == list(MEASURES) and not damage.left_out
    measure, worse, margin = damage.worst
    assert (worse, margin) == damage.parts[measure]
    assert worse.low - margin == max(part.low - its for part, its in damage.parts.values())
    assert damage.parts[MEASURES[4]][0].mean == pytest.approx(0.3 / np.log(2), rel=0.01)


def test_what_the_base_could_not_do_cannot_be_damaged(results):
    damage = [(("base", "fp32"), 0.5), (("qaft", "int8-tensor"), 0.001)]  # cloze and probe of the base: noise
    found = results(damage=damage)
    (verdict, _) = (v for v in told(found) if v.claim.startswith("QAFT at INT8 damages"))
    assert "chance in the base, so left out: Quora, yes or no, MRPC, yes or no, Quora, linear probe" in verdict.ours
    assert verdict.verdict == "not reproduced" and "unrelated prose" in verdict.ours


def test_a_damage_within_the_margin_does_not_count(results):
    found = results(damage=[(("qaft", "int8-tensor"), 0.005)])
    prose = next(m for m in MEASURES if m.name == "unrelated prose")
    worse = prose.damage(found.arm("micro", "qaft", "int8-tensor"), found.full("micro"))
    margin = prose.margin(found.untuned("micro"), found.won("micro"))
    # A tenth of a nat a token, in bits per character.
    assert margin == pytest.approx(0.1 * 100 / 400 / np.log(2), rel=1e-3)
    assert 0 < worse.low < worse.high < margin
    assert words_of(found, "QAFT at INT8 damages") == both("not reproduced")


def test_damage_is_one_measure_beyond_its_margin_and_none_is_every_measure_within():
    numbers = ((0.02, 0.1), (0.0, 0.01), (0.3, 0.01))  # mean and standard error
    wide, within, beyond = (t_interval(mean, error**2, 50, (3, 50), 0.95) for mean, error in numbers)

    def word(*intervals):
        return damage_words([(one, one, 0.05) for one in intervals])[0]

    assert word(wide) == word(wide, within) == "cannot be told" and word() == "not testable at this size"
    assert word(within, within) == "not reproduced" and word(within, wide, beyond) == "holds"


def test_more_is_better_for_auroc_and_worse_for_bits(results):
    found = results(damage=[(("lora", "fp32"), 0.3)])
    for measure in MEASURES:
        assert measure.damage(found.arm("micro", "lora"), found.full("micro")).mean > 0.05


def test_tables_have_a_row_for_every_format_and_every_checked_model(results):
    found, plan = results(), load_profile("micro").quantization
    formats = tables.format_table(found, "results/micro").loc["micro"].set_index("format")
    assert len(formats) == 1 + len(plan.formats) - 1  # FP32 beside them, and one that was not run
    assert (
        "477.0" in formats.loc["FP32", "paper: MB"].data
        and "31.28" in formats.loc["INT4, per tensor", "paper: chrF"].data
    )
    four = tables.int4_table(found, "results/micro")
    assert list(four.loc["micro", "model"])[1:5] == [
        f"full fine-tuning, then {name}"
        for name in ("INT4, per tensor", "INT4, per channel", "INT4, per block", "NF4 (bitsandbytes)")
    ]
    checked = tables.generality_table(found, "results/micro").loc["nano"].set_index("model")
    assert len(checked) == 4 + len(plan.checked_formats) + len(plan.qaft_formats)
    balanced = tables.balanced_table(found).loc["nano"].set_index("model")
    assert list(balanced.index) == list(checked.index)
    row = pair_row(found.full("nano").records[0], "quora")
    expected = balanced_accuracy_score(row["labels"], np.array(row["cloze"]) > 0)
    assert tables.balanced(found.full("nano").records[0], "quora").mean() == pytest.approx(expected)


def test_the_head_table_counts_constants_and_the_two_label_shares(results):
    found = results()
    row = tables.head_table(found).loc["micro"].iloc[1]
    assert row["give one answer to 99 % of pairs"] == "75 %"
    assert row["score 0.625 ± 0.01"] == "50 %" and row["score 0.375 ± 0.01"] == "25 %"
    shares = tables.head_shares(found.full("micro"), tables.majority_share(found))
    assert shares == {"alike": 0.75, "no": 0.5, "yes": 0.25, "either": 0.75}


def test_heads_turn_where_one_answer_becomes_the_other(results):
    """The fakes' heads answer no, yes, both and no, before and after alike, and at every seed."""
    found = results()
    full, trained = found.full("nano"), found.arm("nano", "qaft", "int8-tensor")
    assert tables.turned_heads(full, trained) == (0, 4 * len(full.records), 0.0)
    rows = [dict(row) for row in trained.records[0].examples]
    next(row for row in rows if row.get("task") == "quora")["heads_yes"] = [1.0, 0.1, 1.0, 0.3]
    first = dataclasses.replace(trained.records[0], examples=rows)
    turned = dataclasses.replace(trained, records=(first, *trained.records[1:]))
    assert tables.turned_heads(full, turned)[0] == 2


def test_the_papers_zero_shot_accuracies_are_those_of_its_two_constants():
    assert quantization_results.paper_zero_shot() == pytest.approx((0.6317, 0.3685), abs=5e-5)


def test_what_the_device_could_not_run_is_kept_apart(results):
    found = results()
    assert {record.error for record in found.unsupported} == {"int4-torchao: no <GPU> here."}
    assert "int4-torchao" not in {arm.format for arm in found.arms}


def test_the_paper_states_sizes_by_bits_and_qaft_was_tried_at_every_rate(results):
    found, plan = results(), load_profile("micro").quantization
    assert found.full("nano").nominal_bytes == 4e6  # a million parameters
    assert found.arm("nano", "full", "int4-tensor").nominal_bytes == 5e5
    assert found.rates("nano") == sorted(plan.bases["nano"].qaft_learning_rates)


def test_the_chapter_renders_without_a_format_that_failed(results):
    def change(record):
        return dataclasses.replace(record, status="failed") if record.run.format in ("nf4", "fp8") else record

    found = results(change=change)
    assert "FP8 (torchao)" not in tables.format_table(found, "results/micro").loc["micro"].set_index("format").index
    assert words_of(found, "FP8") == {} and words_of(found, "INT4 needs QAFT") == both("holds")
    lost = {"FP8 (torchao)", "NF4 (bitsandbytes)"}
    for draw, words in (
        (figures.sizes_and_scores, lost),
        (figures.loss_by_format, lost | {"QLoRA"}),
        (figures.zero_shot_bars, set()),
        (figures.generality_chart, {"QLoRA, NF4 (bitsandbytes)"}),
    ):
        assert words_in(draw(results())) - words_in(draw(found)) == words


def words_in(figure):
    """Every word that a figure shows."""
    return {text.get_text() for text in figure.findobj(Text)} - {""}


@pytest.mark.parametrize(("method", "colour"), [("full", PLAIN), ("qaft", TRAINED)])
def test_the_loss_of_every_format_is_a_point_of_the_figure_where_the_record_has_it(results, method, colour):
    """INT4 per channel is given a loss that no other point has."""
    lines = [
        line for axes in figures.loss_by_format(results([((method, "int4-channel"), 0.35)])).axes for line in axes.lines
    ]
    heights = [line.get_ydata()[0] for line in lines if line.get_color() == colour and len(line.get_ydata()) == 1]
    expected = {"full": 0.6 + 0.35, "qaft": 0.35}[method]
    assert sum(height == pytest.approx(expected, abs=0.01) for height in heights) == 2  # on both bases


def test_without_full_fine_tuning_there_is_one_sentence(results):
    with pytest.raises(ValueError, match="nano, full: no run has finished; see the records, then sweep"):
        results(
            change=lambda r: (
                dataclasses.replace(r, status="failed") if (r.run.base, r.run.method) == ("nano", "full") else r
            )
        )


def speed_record(found):
    rows = [
        {"format": "fp32", "prompts_1": 30.0, "prompts_12": 300.0, "trials": {"1": [30.0], "12": [290.0, 310.0]}},
        {"format": "bf16", "prompts_1": 15.0, "prompts_12": 150.0, "trials": {"1": [15.0], "12": [100.0, 200.0]}},
        {"format": "int4-torchao", "unsupported": "no GPU"},
    ]
    run = dataclasses.replace(found.full("micro").records[0].run, method="speed")
    return Record(run, "ok", {"tokens": 48, "gemm_gflops": 88.0}, rows, [], ENVIRONMENT | {"device": "cpu"})


def test_speed_stands_beside_the_papers_and_is_compared_with_fp32(results):
    record = speed_record(results())
    assert tables.speed_table([], "results/micro").empty
    table = tables.speed_table([record], "results/micro")
    assert (
        "78.1" in table.loc["FP32", "paper: tokens per s"].data and "300" in table.loc["FP32", "ours, 12 prompts"].data
    )
    assert table.loc["FP32", "slowest to fastest of 12"] == "290 to 310"
    assert table.loc["INT4 (torchao)", "ours, 1 prompt"] == "–"
    assert speed.relative(record) == ({"bf16": 0.5}, 2.0)
