import dataclasses
import re

import numpy as np
import pytest
from fakes.records import ACCURACY, EXAMPLES, fake_data, fake_labelled

from frugal_lib.chapters.baseline import gpu_cost, labelled, table1
from frugal_lib.chapters.baseline import plan as baseline_plan
from frugal_lib.chapters.baseline.labelled import labelled_row, outcomes, row_of, stands
from frugal_lib.chapters.baseline.labelled_figures import confusion
from frugal_lib.chapters.baseline.table1 import labelled_line
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import Interval
from frugal_lib.profiles import load_profile
from frugal_lib.report import html
from frugal_lib.report.html import linked


def fake(run):
    """A record of one of the labelled tasks' runs; the sonnets are none of this file's business."""
    if run.method == "data":
        return fake_data(run)
    if run.task == "sonnets":
        return Record(run, "failed", {}, [], [], {})
    return fake_labelled(run, ACCURACY[run.method])


@pytest.fixture
def records():
    return baseline_plan.records(load_profile("micro"), 0, lambda runs: [fake(run) for run in runs])


@pytest.fixture
def rows(records):
    return labelled.labelled_rows(records)


def test_there_is_a_row_for_every_task_and_method(rows):
    found = [(row.task, row.method) for row in rows]
    assert found == [
        *((task, method) for task in ("sst", "cfimdb") for method in ("majority", "tfidf", "last-layer", "full")),
        *(("quora", method) for method in ("majority", "tfidf", "full")),
    ]
    full = row_of(rows, "sst", "full")
    assert full.intervals["dev_accuracy"].mean == pytest.approx(0.8)
    assert (full.intervals["dev_accuracy"].seeds, full.intervals["dev_accuracy"].items) == (3, EXAMPLES)
    assert full.paper == {"dev": 0.513, "test": 0.546}
    assert row_of(rows, "cfimdb", "full").paper == {"dev": 0.971, "test": None}
    assert row_of(rows, "sst", "majority").paper == {"dev": None, "test": None}


def test_the_words_follow_the_intervals(records, rows):
    assert stands(Interval(2, 1.5, 2.5, 3, 9), Interval(1, 0.5, 1.4, 3, 9)) == "above"
    assert stands(Interval(2, 1.5, 2.5, 3, 9), Interval(1, 0.5, 1.6, 3, 9)) == "not clear of"
    text = labelled.sentiment_finding(rows)
    assert text.count("above the last linear layer") == 2 and "above the majority class" in text
    worse = [fake_labelled(r.run, 0.5) if r.run.method == "full" and r.run.task == "sst" else r for r in records]
    text = labelled.sentiment_finding(labelled.labelled_rows(worse))
    assert text.count("above the last linear layer") == 1 and "not clear of the last linear layer" in text
    assert "below TF-IDF" in text
    assert "above the majority class (0.300) and above TF-IDF" in labelled.paraphrase_finding(rows)


def test_a_stand_in_is_called_one_wherever_its_number_stands(records):
    moved = [dataclasses.replace(r, run=dataclasses.replace(r.run, edition="vader")) for r in records]
    sst = [record for record in moved if record.run.task == "sst"]
    assert labelled_row(sst, "sst", "full").data == "SST (stand-in)"
    assert labelled_line(labelled_row(sst, "sst", "full"), "results/micro")["data"] == "SST (stand-in), accuracy"


def test_every_number_of_table_1_opens_to_its_records(rows):
    frame = table1.table1(rows, [], "results/micro")
    page = html.table(frame).data
    for row in rows:
        for record in row.records:
            assert f'href="../results/micro/{record.run.path}"' in page
    cells = re.findall(r"<td>(.*?)</td>", page)
    numbers = [cell for cell in cells if re.match(r"[^a-zA-Z]*\d\.\d\d", re.sub("<[^>]*>", "", cell))]
    assert len(numbers) > 25
    assert all("href=" in cell for cell in numbers)


def test_a_number_of_one_record_is_the_link_and_text_is_escaped(records):
    record = next(record for record in records if record.run.method == "tfidf")
    assert linked("0.5 <b>", [record], "results/micro").data.endswith(">0.5 &lt;b&gt;</a>")
    assert "<b>" not in linked("0.5 <b>", [record, record], "results/micro").data


def test_the_detectable_difference_is_about_what_seeds_disagree_on(rows):
    frame = labelled.detectable_table(rows)
    assert list(frame.index) == ["SST", "CFIMDB", "Quora"]
    _, right = outcomes(row_of(rows, "sst", "full").records, "dev")
    disagree = np.mean([(a != b).mean() for a, b in ((right[0], right[1]), (right[0], right[2]), (right[1], right[2]))])
    shown = float(frame.loc["SST", "two seeds differ in being right on"].split()[0]) / 100
    assert shown == pytest.approx(disagree, abs=0.002)
    smallest = float(frame.loc["SST", "smallest difference with 80 % power"])
    assert smallest == pytest.approx(2.8 * (disagree / EXAMPLES) ** 0.5, rel=0.02)
    assert frame.loc["SST", "paper: full minus last layer"] == "0.026"
    assert frame.loc["Quora", "paper: full minus last layer"] == "–"


def test_how_it_was_measured_names_data_settings_and_what_was_cut(records):
    text = labelled.labelled_how(records)
    assert "the paper's files of film reviews" in text and "25.0 % of train; 25.0 % of dev" in text
    assert "two public sets of Quora question pairs" in text and "100 of 100" in text
    assert "learning rate 1e-4 of 1e-4, 3e-4" in text


def test_the_sizes_stand_beside_the_papers(records):
    sonnets = next(r.run for r in records if (r.run.task, r.run.method) == ("sonnets", "data"))
    text = labelled.data_sizes([*(r for r in records if r.run.task != "sonnets"), fake_data(sonnets)])
    assert "SST 300 (the paper: 11,855)" in text and "Quora 300 (the paper: 404,298)" in text
    assert "sonnets 300 (the paper: 154)" in text


def test_a_confusion_has_a_row_of_shares_for_each_true_class(rows):
    shares = confusion(row_of(rows, "sst", "full"))
    assert shares.shape == (5, 5) and np.allclose(shares.sum(axis=1), 1)
    assert np.diag(shares).mean() == pytest.approx(0.8, abs=0.01)


def test_the_costs_are_those_of_the_formula(records):
    frame = gpu_cost.cost_table(records)
    assert list(frame.index) == ["SST", "CFIMDB", "Quora", "sonnets"]
    assert frame.loc["SST", "runs × epochs"] == "22 × 20"  # five rates, four batch sizes, two more seeds
    flops = 6 * 85_054_464 * 8000 / 4.2 * 20
    assert frame.loc["SST", "PFLOP a run"] == f"{flops / 1e15:,.1f}"
    minutes = 22 * flops / (30.3e12 * 0.4) / 60
    assert frame.loc["SST", "minutes on an L4"].startswith(f"{minutes:,.0f} ")


def test_gpt2_small_is_as_large_as_it_is():
    assert gpu_cost.GPT2.parameters == 124_439_808


def test_memory_grows_with_batch_and_length_and_starts_at_weights_and_optimizer():
    least = gpu_cost.memory_gb(gpu_cost.GPT2, 1, 1, 0)
    assert least == pytest.approx(16 * 124_439_808 / 1e9, rel=0.01)
    assert gpu_cost.memory_gb(gpu_cost.GPT2, 8, 512, 0) < gpu_cost.memory_gb(gpu_cost.GPT2, 16, 512, 0)
