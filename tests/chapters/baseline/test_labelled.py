import dataclasses
import re

import numpy as np
import pytest
from fakes.book import fake_record
from fakes.records import ACCURACY, EXAMPLES, fake_data, fake_labelled

from frugal_lib.chapters.baseline import claims, gpu_cost, labelled, sonnets
from frugal_lib.chapters.baseline import plan as baseline_plan
from frugal_lib.chapters.baseline.figures import confusion
from frugal_lib.chapters.baseline.labelled import labelled_row, outcomes, row_of, stands
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import Interval
from frugal_lib.profiles import load_profile
from frugal_lib.report import html
from frugal_lib.report.claim import verdicts
from frugal_lib.report.html import linked
from frugal_lib.report.verdict import CONTRADICTED, OPEN, SUPPORTED


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


def test_the_words_follow_the_intervals(rows):
    assert stands(Interval(2, 1.5, 2.5, 3, 9), Interval(1, 0.5, 1.4, 3, 9)) == "above"
    assert stands(Interval(2, 1.5, 2.5, 3, 9), Interval(1, 0.5, 1.6, 3, 9)) == "not distinguishable from"
    assert stands(Interval(1, 0.5, 1.4, 3, 9), Interval(2, 1.5, 2.5, 3, 9)) == "below"
    full = row_of(rows, "quora", "full")
    for method in ("majority", "tfidf"):
        other = row_of(rows, "quora", method)
        assert stands(full.intervals["test_accuracy"], other.intervals["test_accuracy"]) == "above"
    assert full.auroc("test") == pytest.approx(0.8)


@pytest.mark.parametrize(("accuracy", "difference", "verdict"), [
    (0.8, 0.3, SUPPORTED), (0.5, 0.0, OPEN), (0.2, -0.3, CONTRADICTED),
])  # fmt: skip
def test_full_fine_tuning_beats_the_last_layer_where_its_accuracy_is_higher(records, accuracy, difference, verdict):
    changed = [fake_labelled(r.run, accuracy) if r.run.method == "full" and r.run.task == "sst" else r for r in records]
    made = labelled.labelled_rows(changed)
    sst, cfimdb = verdicts(claims.CLAIMS, made, ["micro", "nano"])
    assert (sst.base, sst.verdict) == ("micro", verdict) and (cfimdb.base, cfimdb.verdict) == ("micro", SUPPORTED)
    assert sst.number.startswith(f"{difference:+.3f} [".replace("-", "−"))
    assert [claim.text for claim in claims.CLAIMS] == [sst.claim, cfimdb.claim]
    assert verdicts(claims.CLAIMS, [row for row in made if row.task == "quora"], ["micro"]) == []


def test_a_stand_in_is_called_one_wherever_its_number_stands(records):
    moved = [dataclasses.replace(r, run=dataclasses.replace(r.run, edition="vader")) for r in records]
    sst = [record for record in moved if record.run.task == "sst"]
    assert labelled_row(sst, "sst", "full").data == "SST (stand-in)"
    assert labelled.table1([labelled_row(sst, "sst", "full")], [], "results").index[0] == "SST (stand-in), accuracy"


def test_every_number_of_table_1_opens_to_its_records(rows):
    frame = labelled.table1(rows, [], "results/micro")
    page = html.table(frame).data
    for row in rows:
        for record in row.records:
            assert f'href="../results/micro/{record.run.path}"' in page
    cells = re.findall(r"<td>(.*?)</td>", page)
    numbers = [cell for cell in cells if re.match(r"[^a-zA-Z]*\d\.\d\d", re.sub("<[^>]*>", "", cell))]
    assert len(numbers) > 25
    assert all("href=" in cell for cell in numbers)


def test_the_rows_of_later_chapters_have_ours_once_these_have_been_computed(rows):
    run = dataclasses.replace(rows[-1].records[0].run, task="sonnets", samples=1)
    paper = sonnets.paper_values("sonnets", "best LoRA")
    ours = sonnets.row_from([fake_record(run, 40, 2.0)], "LoRA, rank 4", paper)
    for later, name, shown in (
        ({}, "best LoRA (chapter 2)", "–"),
        ({"best LoRA": ours}, "best LoRA (chapter 2; ours: LoRA, rank 4)", "40.00 ["),
    ):
        frame = labelled.table1(rows, [], "results/micro", later).set_index("method")
        cell = frame.loc[name, "dev"]
        assert (cell if isinstance(cell, str) else cell.data).find(shown) >= 0
        assert "42.16" in frame.loc[name, "paper, dev"].data


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


def test_the_data_of_a_task_is_what_full_fine_tuning_used(records):
    sst, quora = (labelled.task_data(records, task) for task in ("sst", "quora"))
    assert sst.used == {"train": 100, "dev": EXAMPLES}
    assert quora.used == {"train": 100, "dev": EXAMPLES, "test": EXAMPLES}
    assert "two public sets of Quora question pairs" in quora.source and quora.available == 100
    assert "the paper's files of film reviews" in labelled.task_data(records, "cfimdb").source
    assert sst.most_frequent["dev"] == ("very negative", pytest.approx(0.2))
    assert quora.most_frequent["test"] == ("no", pytest.approx(0.5))
    assert sst.truncated == {"train": 0.25, "dev": 0.25}


def test_the_kept_setting_stands_beside_the_rates_that_were_tried(records):
    kept = labelled.kept_settings(records, "sst")
    assert list(kept) == ["last linear layer", "full fine-tuning"]
    run, rates = kept["full fine-tuning"]
    assert (run.method, run.learning_rate, rates) == ("full", 1e-4, [1e-4, 3e-4])
    assert list(labelled.kept_settings(records, "quora")) == ["full fine-tuning"]


def test_the_sizes_stand_beside_the_papers(records):
    sonnets = next(r.run for r in records if (r.run.task, r.run.method) == ("sonnets", "data"))
    sizes = labelled.data_sizes([*(r for r in records if r.run.task != "sonnets"), fake_data(sonnets)])
    assert sizes["SST"] == (300, 11_855) and sizes["Quora"] == (300, 404_298) and sizes["sonnets"] == (300, 154)


def test_a_confusion_has_a_row_of_shares_for_each_true_class(rows):
    shares = confusion(row_of(rows, "sst", "full"))
    assert shares.shape == (5, 5) and np.allclose(shares.sum(axis=1), 1)
    assert np.diag(shares).mean() == pytest.approx(0.8, abs=0.01)


def test_the_costs_are_those_of_the_formula(records):
    frame = gpu_cost.cost_table(records)
    assert list(frame.index) == ["SST", "CFIMDB", "Quora", "sonnets"]
    assert frame.loc["SST", "runs × epochs"] == "22 × 20"  # five rates, four batch sizes, two more seeds
    flops = 6 * 85_054_464 * 8000 / 4.2 * 20
    assert frame.loc["SST", "PFLOP per run"] == f"{flops / 1e15:,.1f}"
    minutes = 22 * flops / (30.3e12 * 0.4) / 60
    assert frame.loc["SST", "minutes on L4"].startswith(f"{minutes:,.0f} ")


def test_gpt2_small_is_as_large_as_it_is():
    assert gpu_cost.GPT2.parameters == 124_439_808


def test_memory_grows_with_batch_and_length_and_starts_at_weights_and_optimizer():
    least = gpu_cost.memory_gb(gpu_cost.GPT2, 1, 1, 0)
    assert least == pytest.approx(16 * 124_439_808 / 1e9, rel=0.01)
    assert gpu_cost.memory_gb(gpu_cost.GPT2, 8, 512, 0) < gpu_cost.memory_gb(gpu_cost.GPT2, 16, 512, 0)
