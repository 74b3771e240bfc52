import os
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from frugal_lib.__main__ import app
from frugal_lib.core import machine
from frugal_lib.data.labelled import LOADERS
from frugal_lib.doctor import checks
from frugal_lib.profiles import names


def test_devices():
    assert machine.pick_device("cpu") == "cpu"
    assert machine.pick_device() == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ValueError, match="device 'tpu' is unknown; choose auto, cpu or cuda"):
        machine.pick_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="torch sees no GPU"):
            machine.pick_device("cuda")


def test_one_thread_is_for_the_block_only():
    with machine.threads(2):
        with machine.one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux lets the peak be reset")
def test_peak_memory_is_that_of_the_run():
    with machine.Meter("cpu") as large:
        np.ones(50_000_000)  # 400 MB
    with machine.Meter("cpu") as small:
        np.ones(1_000)
    assert large.peak_memory_mb - small.peak_memory_mb > 300


def test_the_doctor_looks_at_everything_and_finds_this_machine_well():
    results = list(checks())
    assert {name for name, _, _ in results} == {
        "packages",
        "device",
        "base",
        "sonnets",
        *LOADERS,
        "teachers",
        "records",
    }
    assert [finding for _, ok, finding in results if not ok] == []


@pytest.mark.parametrize("error", [OSError(2, "No such file or directory", "/x"), RuntimeError("?"), KeyError("a")])
def test_the_doctor_survives_what_it_diagnoses(monkeypatch, error):
    def broken(*_):
        raise error

    for place in ("bases.embedded_bases", "sonnet_data.available_edition", "machine.pick_device", "pins"):
        monkeypatch.setattr(f"frugal_lib.doctor.{place}", broken)
    monkeypatch.setattr("frugal_lib.doctor.is_record", broken)
    results = list(checks())
    assert {name for name, ok, _ in results if not ok} >= {"packages", "device", "base", "sonnets", "records"}
    assert len(results) == 9 + len(names())
    assert all(finding and "\n" not in finding for _, _, finding in results)


def test_the_doctor_names_a_record_that_cannot_be_read(tmp_path, monkeypatch):
    (tmp_path / "results" / "micro").mkdir(parents=True)
    (tmp_path / "results" / "micro" / "broken.json").write_text("{")
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    findings = [finding for name, ok, finding in checks() if name == "records" and not ok]
    assert len(findings) == 1 and "broken.json" in findings[0]


BAD_WORDS = [
    (["sweep", "epilogue", "--profile", "smoke"], "chapter 'epilogue' is unknown"),
    (["sweep", "baseline", "--profile", "huge"], "profile 'huge' is unknown"),
    (["sweep", "baseline", "--profile", "smoke", "--device", "tpu"], "device 'tpu' is unknown"),
    (["pretrain", "nowhere", "--size", "giant"], "size 'giant' is unknown"),
]


@pytest.mark.parametrize(("words", "message"), BAD_WORDS)
def test_bad_words_on_the_command_line_get_one_sentence_and_status_2(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2, done.output
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_a_process_of_its_own_says_no_more_than_the_sentence(tmp_path):
    """What libraries say while they are imported would stand above it."""
    words, message = BAD_WORDS[0]
    command = [sys.executable, "-m", "frugal_lib", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1


def repository(folder):
    """A git repository with one commit of all that lies in a folder; the commit."""
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", "-C", folder, *words], check=True, env=os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null"})
    return subprocess.run(["git", "-C", folder, "rev-parse", "HEAD"], capture_output=True, text=True).stdout[:10]


@pytest.fixture
def unpacked(tmp_path, monkeypatch):
    """The project as files in a folder of another project's repository, taken for the one that runs."""
    copy = tmp_path / "other" / "frugal"
    (copy / "frugal_lib").mkdir(parents=True)
    (copy / "pyproject.toml").touch()
    (tmp_path / "other" / "code.c").touch()
    monkeypatch.setattr(machine, "ROOT", copy)
    machine.commit.cache_clear()
    yield copy
    machine.commit.cache_clear()


def test_the_commit_is_the_projects_own_or_unknown(unpacked):
    other = repository(unpacked.parent)
    assert machine.commit() == "unknown"
    machine.commit.cache_clear()
    own = repository(unpacked)
    assert machine.commit() == own != other
    (unpacked / "frugal_lib" / "new.py").touch()
    machine.commit.cache_clear()
    assert machine.commit() == f"{own}+"


def test_the_variables_that_git_sets_for_its_hooks_lead_nowhere_else(unpacked, monkeypatch):
    repository(unpacked.parent)
    monkeypatch.setenv("GIT_DIR", str(unpacked.parent / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(unpacked))
    assert machine.commit() == "unknown"


def test_an_installed_package_without_a_checkout_says_so(unpacked):
    (unpacked / "pyproject.toml").unlink()
    assert machine.commit() == f"package {version('frugal-gpt2')}"
