import dataclasses
import json

import pytest
from typer.testing import CliRunner

from frugal_lib import benchmark
from frugal_lib.__main__ import app
from frugal_lib.profiles import load_profile


def test_the_command_measures_and_its_numbers_agree_with_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "EPOCHS", 1)
    done = CliRunner().invoke(app, ["benchmark", "--profile", "smoke", "--results", str(tmp_path), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    (path,) = tmp_path.rglob("*.json")
    found = json.loads(path.read_text())["metrics"]
    assert found["share_of_gemm"] == pytest.approx(found["training_gflops"] / found["gemm_gflops"], rel=1e-6)
    work = 6 * found["parameters"] * found["tokens_per_second"] / 1e9
    assert found["training_gflops"] == pytest.approx(work, rel=1e-6) and 0 < found["share_of_gemm"] < 1.5
    assert f"{found['tokens_per_second']:,.0f} tokens a second" in done.output


def test_a_measured_speed_is_not_measured_again_unless_asked(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(benchmark, "compute", lambda run, device: seen.append(run) or benchmark.Result({}))
    for again in (False, False, True):
        benchmark.measure(load_profile("smoke"), tmp_path, "cpu", again)
    assert len(seen) == 2


def test_the_run_is_the_chapters_own_but_for_its_length():
    profile = load_profile("micro")
    run = benchmark.speed_run(profile)
    assert (run.dropout, run.batch_size, run.base) == (profile.sonnets.dropout, profile.sonnets.batch_size, "micro")
    assert dataclasses.asdict(run)["epochs"] == benchmark.EPOCHS
