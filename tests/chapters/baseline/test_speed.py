import dataclasses
import json

import pytest
from fakes.project import said_by
from fakes.runs import first_runs
from typer.testing import CliRunner

from frugal_lib.__main__ import app
from frugal_lib.chapters.baseline import speed
from frugal_lib.chapters.lora import steps
from frugal_lib.chapters.quantization import results as quantization
from frugal_lib.chapters.quantization import speed as quantization_speed
from frugal_lib.core import timing
from frugal_lib.profiles import load_profile
from frugal_lib.report import html


def test_the_command_measures_and_says_how_fast(tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "EPOCHS", 1)
    done = CliRunner().invoke(app, ["benchmark", "--profile", "smoke", "--results", str(tmp_path), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    (path,) = tmp_path.rglob("*.json")
    found = json.loads(path.read_text())["metrics"]
    assert found["gemm_gflops"] > 1 and 0 < found["share_of_gemm"] < 1.5
    assert f"{found['tokens_per_second']:,.0f} tokens a second" in done.output


def test_tokens_and_operations_of_a_training_whose_seconds_are_known(monkeypatch):
    """Three epochs of two sonnets, of 176 and 173 tokens and an end each, in half a second; 7,349,120 parameters."""
    monkeypatch.setattr("frugal_lib.models.train.fine_tune", lambda *training: ([], 0.5))
    products = iter([60.0, 120.0])  # GFLOP/s before and after
    monkeypatch.setattr("frugal_lib.chapters.training_rate.gemm_rate", lambda device: next(products))
    (run,) = (run for run in speed.speed_runs(load_profile("micro")) if run.edition == "public-domain")
    found = speed.compute(dataclasses.replace(run, train_limit=2, epochs=3), "cpu").metrics
    assert found["tokens_per_second"] == 2106
    assert found["training_gflops"] == pytest.approx(92.864, abs=1e-3)
    assert found["share_of_gemm"] == pytest.approx(1.0318, abs=1e-4)


def test_the_rate_of_matrix_products_is_that_of_the_median_and_the_first_does_not_count(monkeypatch):
    seconds = iter([100.0, 3.0, 3.0, 3.0, 0.1, 0.01, 0.01, 0.01])
    monkeypatch.setattr("frugal_lib.core.timing.seconds_of", lambda work, device: next(seconds))
    assert timing.gemm_rate("cpu") == pytest.approx(171.8, abs=0.01)  # 17.18 billion operations


PAGES = {"": "01_baseline", " lora": "02_lora", " quantization": "03_quantization"}


def page_of(chapter, module, folder, profile):
    """What the page of a chapter says of its speed, with the records of a folder."""
    names = {"speed": module, "steps": module, "quantization": quantization, "SIZE": timing.SIZE}
    return said_by(PAGES[chapter], ".shown(settings", settings=load_profile(profile), folder=folder, **names)


def never(run, device):
    raise AssertionError("a chapter measures no speed")


@pytest.mark.parametrize("edition", ["folger", "public-domain"])
def test_a_chapter_shows_the_published_record_where_its_profile_has_none(tmp_path, monkeypatch, edition):
    monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda: edition)
    monkeypatch.setattr(speed, "compute", never)
    shown = speed.shown(load_profile("smoke"), tmp_path)
    (record,) = shown.records
    assert (shown.folder / record.run.path).is_file() and record.run.edition == "folger"
    assert shown.source == "python -m frugal_lib benchmark --profile micro"
    assert shown.borrowed
    said = page_of("", speed, tmp_path, "smoke")
    assert f"{record.environment['device_name']}." in said
    assert "the published record, of profile `micro`" in said and "benchmark --profile smoke`" in said
    assert not list(tmp_path.iterdir())


def test_a_chapter_shows_the_records_in_its_own_folder_first(tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "compute", lambda run, device: speed.Result({"tokens_per_second": 1.0}))
    (made,) = speed.measure(load_profile("smoke"), tmp_path, "cpu")
    shown = speed.shown(load_profile("smoke"), tmp_path)
    assert shown.records == [made] and shown.folder == tmp_path
    assert not shown.borrowed


@pytest.mark.parametrize(("module", "chapter"), [(speed, ""), (steps, " lora"), (quantization_speed, " quantization")])
def test_where_no_speed_was_measured_the_page_says_what_measures_it(tmp_path, monkeypatch, module, chapter):
    monkeypatch.setattr("frugal_lib.core.runs.read", lambda run, results: None)
    shown = module.shown(load_profile("micro"), tmp_path)
    command = f"python -m frugal_lib benchmark{chapter} --profile micro"
    assert shown.records == [] and f"`{command}` does" in page_of(chapter, module, tmp_path, "micro")
    page = html.source_line(shown.records, shown.folder, shown.source).data
    assert command in page and "no record yet" in page


def test_the_run_is_one_of_the_chapters_but_for_its_length():
    profile = load_profile("micro")
    run = dataclasses.asdict(speed.speed_run(profile))
    tuned = [dataclasses.asdict(r) for r in first_runs(profile) if (r.task, r.method) == ("sonnets", "full")]
    longer = [own for own in tuned if own["epochs"] > run["epochs"]]
    others = [{name for name in run if run[name] != own[name]} for own in longer]
    assert any(names <= {"method", "epochs", "edition", "data_digest"} for names in others)
