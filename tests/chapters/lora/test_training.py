import dataclasses
import json

import pytest
from fakes.project import said_by
from fakes.records import ENVIRONMENT
from typer.testing import CliRunner

from frugal_lib.__main__ import app
from frugal_lib.chapters import measurements
from frugal_lib.chapters.lora import training
from frugal_lib.core import runs
from frugal_lib.core.runs import Record
from frugal_lib.profiles import load_profile


def test_the_command_measures_every_method_of_the_cross_validation(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "SONNETS", 2)
    monkeypatch.setattr("frugal_lib.core.timing.SIZE", 64)
    words = ["benchmark", "training", "--profile", "smoke", "--results", str(tmp_path), "--device", "cpu"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    found = [json.loads(path.read_text()) for path in tmp_path.rglob("*.json")]
    rows = {row["method"]: row for row in found[0]["examples"]}
    assert "full" in rows and "qaft" in rows and rows["qaft"]["format"] == "int4-tensor"
    for row in rows.values():
        rate = 6 * row["parameters"] * row["tokens_per_second"] / 1e9
        assert row["training_gflops"] == pytest.approx(rate) and row["peak_mb"] > 100
    assert "full " in done.stdout and "tokens a second" in done.stdout and " GB" in done.stdout


def row(method, trained, **more):
    rates = {"tokens_per_second": 108.2, "share_of_gemm": 0.871, "gemm_gflops": 88.0, "peak_mb": 3940.0}
    counts = {"trainable_parameters": trained, "parameters": 100}
    return {"method": method, "format": "fp32", "rank": 0} | counts | rates | more


@pytest.fixture
def record():
    (run,) = training.training_runs(load_profile("small"))
    rows = [row("full", 100), row("lora", 2, rank=8), row("qaft", 100, format="int8-tensor", peak_mb=4100.0)]
    return Record(run, "ok", {"gemm_gflops": 88.0}, rows, [], dict(ENVIRONMENT))


def test_the_table_has_a_share_only_where_all_parameters_are_trained(record):
    table = training.training_table([record])
    assert list(table.index) == ["full fine-tuning", "LoRA, rank 8", "QAFT, int8-tensor"]
    assert list(table["share of the matrix products' rate"]) == ["0.87", "–", "0.87"]
    assert list(table["peak memory, GB"]) == ["3.9", "3.9", "4.1"]


def page(records, monkeypatch):
    monkeypatch.setattr(training, "on_file", lambda: records)
    return said_by("02_lora", "training.on_file()", training=training)


def test_the_page_says_what_was_measured_or_what_would_measure_it(record, monkeypatch):
    command = "python -m frugal_lib benchmark training --profile small"
    assert f"Nothing was measured at the paper's size yet; `{command}` does" in page([], monkeypatch)
    said = page([record], monkeypatch)
    assert "108 tokens per second" in said and "0.87 of the 88 GFLOP/s" in said and "in 3.9 GB" in said


def test_its_record_is_found_and_planned_only_where_it_was_made(record, tmp_path):
    small = load_profile("small")
    assert training.on_file(str(tmp_path)) == [] and measurements.planned(small) == []
    runs.write(record, tmp_path)
    assert training.on_file(str(tmp_path)) == [record]
    assert measurements.planned(small, [record.run.path]) == [record.run]
    assert measurements.measured(small, record.run, tmp_path, "cpu") == record


def test_a_profile_without_the_base_of_a_benchmark_is_told_so(tmp_path):
    done = CliRunner().invoke(app, ["benchmark", "baseline", "--profile", "small", "--results", str(tmp_path)])
    assert done.exit_code == 2 and "profile 'small' has no base for benchmark baseline" in done.stderr


def test_the_methods_are_those_of_the_profile():
    small = load_profile("small")
    (run,) = training.training_runs(small)
    assert [(m.method, m.format, m.rank) for m in training.methods(small, run)] == [
        ("full", "fp32", 0), ("lora", "fp32", 8), ("qlora", "nf4", 8), ("qaft", "int8-tensor", 0)
    ]  # fmt: skip
    assert dataclasses.replace(run, method="full").train_limit == training.SONNETS
