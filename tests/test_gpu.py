"""`make gpu` without a GPU: what it says, and its steps with commands that need none."""

import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from fakes.runs import RUN
from typer.testing import CliRunner

from frugal_lib import gpu
from frugal_lib.__main__ import app
from frugal_lib.core import runs
from frugal_lib.core.runs import Result
from frugal_lib.gpu import Step


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_without_a_gpu_it_ends_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "FOLDER", tmp_path)
    done = CliRunner().invoke(app, ["gpu"])
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1
    assert "no CUDA device: torch 2" in done.stderr and "use a machine with an NVIDIA GPU" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.fixture
def pretended(tmp_path, monkeypatch):
    """A GPU as far as the report asks, and a folder of its own."""
    facts = SimpleNamespace(name="A GPU of a test", major=8, minor=9, total_memory=24e9)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (8, 9))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: facts)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(gpu, "FOLDER", tmp_path)
    return tmp_path


def words(code: str) -> tuple[str, ...]:
    """A step of a few statements: `timeit` runs them once without anything of ours."""
    return ("timeit", "-n1", "-r1", code)


def test_the_report_has_every_step_and_every_record(pretended, monkeypatch):
    runs.write(
        runs.execute(RUN, lambda run, device: Result({"dev_nll": 4.5, "test_nll": 4.25}), "cpu"), pretended / "small"
    )
    wanted = [Step("good", words("print('all is', 'well')")), Step("bad", words("raise SystemExit(3)"))]
    monkeypatch.setattr(gpu, "steps", lambda results: wanted)
    done = CliRunner().invoke(app, ["gpu"])
    assert done.exit_code == 1 and f"1 of 2 steps done; the report is {pretended / 'report.md'}" in done.stdout
    text = (pretended / "report.md").read_text()
    assert "A GPU of a test, compute capability 8.9, 24.0 GB; 1 of them" in text and "trains in bf16" in text
    assert "all is well" in text and "FAILED with status 1" in text
    assert f"| `{RUN.path}` | ok |" in text and "| 4.5000 | 4.2500 |" in text


LATE = "import sys, time; time.sleep(6); open(sys.argv[1], 'w')"


def test_a_step_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path):
    child = [sys.executable, "-c", LATE, str(tmp_path / "alive")]
    begins = f"import subprocess, time; subprocess.Popen({child!r}); print('begun', flush=True); time.sleep(60)"
    started = time.perf_counter()
    outcome = gpu.run(Step("long", words(begins)), seconds=3)
    assert outcome.status is None and outcome.verdict.startswith("stopped") and "begun" in outcome.output
    time.sleep(max(0.0, started + 7 - time.perf_counter()))
    assert not (tmp_path / "alive").exists()


def test_all_steps_share_the_minutes_and_what_finds_none_left_is_not_begun():
    slow = [Step(str(i), words("import time; time.sleep(60)")) for i in range(3)]
    outcomes = list(gpu.all_of(slow, minutes=3 / 60))
    assert [one.status for one in outcomes] == [None] * 3
    assert outcomes[0].seconds > 2 and outcomes[1].seconds == outcomes[2].seconds == 0


def test_the_steps_name_commands_that_there_are():
    found = gpu.steps(Path("records"))
    assert [step.words[0] for step in found] == ["pytest"] + ["frugal_lib"] * 5
    assert [step.words[2] for step in found[2:]] == ["baseline", "lora", "quantization", "synthetic"]
    for step in found[1:]:
        unknown = CliRunner().invoke(app, [*step.words[1:], "--help"])
        assert unknown.exit_code == 0, unknown.output
