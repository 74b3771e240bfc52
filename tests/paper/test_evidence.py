"""What the paper's files show, from our committed records of them: known numbers."""

import os

import numpy as np
import pytest

from frugal_lib.core import fetch, runs
from frugal_lib.core.fetch import DataError
from frugal_lib.paper import confirmed, evidence, released, reports
from frugal_lib.tasks import registry


def kept(run):
    """The examples of a committed record."""
    return runs.read(run, released.COMMITTED).examples


@pytest.fixture(scope="module")
def sweep():
    return released.runs_of(kept(released.sweep_run()))


@pytest.fixture(scope="module")
def rows():
    """Every released sonnet and report."""
    return [*kept(released.generations_run()), *kept(reports.reports_run())]


@pytest.fixture(scope="module")
def columns():
    """The audits of the three teachers' files."""
    found = {}
    for teacher in evidence.TEACHERS:
        (path,) = released.COMMITTED.glob(f"synthetic/sonnets-audit-{teacher}-s0-*.json")
        examples = runs.Record.from_json(path.read_text(encoding="utf-8")).examples
        found[teacher] = {row["name"]: np.array(row["values"]) for row in examples if row["kind"] == "column"}
    return found


def test_lora_has_the_highest_score_and_never_the_lowest_loss(sweep):
    found = evidence.of_sweep(sweep)
    assert (found.lora_runs, found.full_runs) == (331, 36)
    best = found.best_lora
    assert (best.rank, best.learning_rate, best.batch_size) == (8, 1e-2, 8)
    assert best.dev_chrf == pytest.approx(42.372, abs=5e-4)
    assert (found.cells, found.cells_above, round(found.mean_gap, 3)) == (27, 27, 0.026)


def test_the_papers_best_lora_score_is_one_of_full_fine_tuning(sweep):
    full = evidence.of_sweep(sweep).best_full
    assert (full.rank, full.learning_rate, full.batch_size) == (0, 1e-4, 8)
    assert full.dev_chrf == pytest.approx(42.158, abs=6e-4)


def test_ranks_up_to_128_stay_within_a_point_of_chrf(sweep):
    low, high = evidence.chrf_range(sweep, 16, [2**i for i in range(8)])
    assert (low, high) == pytest.approx((41.369, 42.020), abs=6e-4)


def test_the_losses_of_table_6_stand_in_each_others_place(sweep):
    found = evidence.module_losses(sweep)
    assert found.swapped and found.in_file == pytest.approx((4.355, 4.170), abs=5e-4)
    assert not evidence.ModuleLosses(found.in_file, found.in_file).swapped


def test_the_two_zero_shot_accuracies_add_up_to_one():
    assert evidence.accuracies_sum() == pytest.approx(1, abs=3e-4)


def test_the_baseline_of_table_1_is_found_among_the_released_sonnets(rows):
    found = evidence.corpus_scores(rows)
    assert found["full fine-tuning"] == pytest.approx(41.974, abs=5e-4)
    assert found["qaft int8"] == pytest.approx(41.589, abs=5e-4) and found["qaft int4"] == pytest.approx(
        41.162, abs=5e-4
    )


def test_without_the_copy_no_student_beats_another(rows):
    lead = evidence.difference(rows, "flash", "full fine-tuning", {138})
    assert str(lead.interval) == "0.07 [-0.79, 0.93]" and lead.p == pytest.approx(0.860, abs=5e-4)
    against_pro = evidence.difference(rows, "flash", "pro", {138})
    assert str(against_pro.interval) == "-0.22 [-1.55, 1.11]"
    assert evidence.difference(rows, "flash", "full fine-tuning").interval.items == 12
    assert str(evidence.difference(rows, "flash", "flash-lite", {138}).interval) == "-0.20 [-1.29, 0.89]"


def test_the_same_recipe_was_released_twice_and_scores_differently(rows):
    found = evidence.corpus_scores(rows)
    pairs = {model: (found[model], found[f"{model}, again"]) for model in ("full fine-tuning", "flash-lite")}
    assert pairs["full fine-tuning"] == pytest.approx((41.974, 40.169), abs=5e-4)
    assert pairs["flash-lite"] == pytest.approx((42.091, 41.156), abs=5e-4)


def test_the_lead_of_the_papers_best_lora_takes_hundreds_of_sonnets(rows):
    models = [model for model in evidence.scores(rows) if model != "flash"]
    assert evidence.needed_range(rows, 42.158 - 41.974, models) == (128, 2_055)


def test_losses_by_format_are_those_of_the_reports(rows):
    flash = evidence.format_losses(rows, "flash")
    printed = {"fp32": 5.766, "bf16": 5.766, "fp8": 5.756, "int8": 5.701, "int4": 8.268}
    assert {name: round(flash[name], 3) for name in printed} == printed
    assert evidence.format_losses(rows, "flash-lite")["int8"] == pytest.approx(5.744, abs=5e-4)
    (pair,) = evidence.rescored(rows).values()
    assert pair == pytest.approx([41.723, 41.445], abs=5e-4)  # the same weights, twice


def test_no_rule_ranks_the_teachers_as_table_4_does(columns):
    rates = evidence.teacher_rates(columns)
    assert evidence.orders_as_printed(rates) == [] and len(rates) == 35
    assert rates["perfect by the paper's rule", "all"] == pytest.approx((0.637, 0.469, 0.528), abs=6e-4)
    risen = {name: sorted(found) for name, found in rates.items()}
    assert ("rhyming pairs", "all") in evidence.orders_as_printed(risen)


def test_every_printed_result_stands_beside_the_files(sweep, columns):
    files = confirmed.Files(sweep, kept(released.generations_run()), kept(reports.reports_run()), columns)
    found = confirmed.numbers(files)
    assert len(found) == 82 and confirmed.counts(found) == {"confirmed": 38, "other": 23, "no file": 21}
    by_name = {(one.place, one.what): one for one in found}
    assert len(by_name) == len(found)
    assert by_name["Table 1", "sonnets, full fine-tuning, dev"].confirmed
    assert by_name["Table 1", "SST, full fine-tuning, dev"].in_file == pytest.approx(451 / 1101)
    assert by_name["Table 4", "Gemini 2.5 Flash Lite, perfect"].in_file == pytest.approx(555 / 982)
    assert by_name["Figure 2", "QAFT INT4, chrF"].confirmed
    assert by_name["Figure 2", "INT4, MB"].in_file == pytest.approx(191.59)


def test_a_printed_number_is_confirmed_to_its_last_decimal():
    assert confirmed.printed("Table 1", "chrF", 41.974, [40.1687, 41.9742]).confirmed
    assert not confirmed.printed("Table 1", "chrF", 41.974, [41.9752]).confirmed
    silent = confirmed.printed("Table 1", "chrF", 41.974, [])
    assert silent.in_file is None and confirmed.counts([silent]) == {"no file": 1}


REPORT = """checkpoint: /checkpoints/best.pt
seq_len for FLOPs estimate: 128

variant,device,dev_chrf,dev_ce,gen_tokens_per_sec,size_mb
int8_weight_only,cuda,46.7,5.7,61.3,232.37
int4,ERROR,no kernel
"""
FILE = reports.File("flash", "report.csv")


def on_file(monkeypatch, tmp_path, text):
    path = tmp_path / "report.csv"
    path.write_text(text)
    monkeypatch.setattr(fetch, "released_file", lambda name, commit: path)


def test_a_report_is_read_without_the_formats_that_failed(monkeypatch, tmp_path):
    on_file(monkeypatch, tmp_path, REPORT)
    (row,) = reports.format_rows(FILE)
    assert row == {"kind": "format", "checkpoint": "flash", "format": "int8", "dev_chrf": 46.7, "dev_loss": 5.7,
                   "tokens_per_s": 61.3, "size_mb": 232.37}  # fmt: skip


@pytest.mark.parametrize("text", [REPORT.replace("dev_ce", "loss"), REPORT.replace("46.7", "high")])
def test_a_broken_report_is_one_sentence(monkeypatch, tmp_path, text):
    on_file(monkeypatch, tmp_path, text)
    with pytest.raises(DataError, match=r"report\.csv: no report on formats .*; fetch the file again"):
        list(reports.format_rows(FILE))


def test_predictions_must_be_of_every_example(monkeypatch, tmp_path):
    on_file(monkeypatch, tmp_path, "id \t Predicted_Sentiment \na, 1 \n")
    monkeypatch.setattr("frugal_lib.data.labelled.load", lambda task, edition: type("Data", (), {"dev": ()}))
    with pytest.raises(DataError, match="not one prediction for each example of sst"):
        reports.class_row(reports.File("sst full fine-tuning", "x.csv"))


def test_a_data_folder_may_be_without_the_reports(monkeypatch, tmp_path):
    monkeypatch.setenv("FRUGAL_DATA_DIR", str(tmp_path))
    result = registry.compute(reports.reports_run(), "cpu")
    assert result.metrics == {"runs": 103, "from_file": 0}


def here(files):
    """Those of some files that this machine has."""
    return [file for file in files if (fetch.data_dir() / "cs224n_gpt" / file.name).is_file()]


@pytest.mark.skipif(not os.environ.get("FRUGAL_DATA_DIR"), reason="needs the paper's files (FRUGAL_DATA_DIR)")
def test_the_committed_reports_are_what_the_files_say():
    """As far as the files are there: a data folder may be without some of them."""
    found = [row for file in here(reports.FORMATS) for row in reports.format_rows(file)]
    for file in here(reports.SONNETS):
        rows = released.scored(file.about, "dev", released.paired(file.path(), "dev"))
        found += [{"kind": "sonnet"} | row for row in rows]
    known = kept(reports.reports_run())
    assert len(found) > 40 and all(row in known for row in runs.rounded(found))
