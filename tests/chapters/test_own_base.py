"""A sweep on a base of one's own: it starts, computes, resumes, and keeps its records apart."""

import json

import pytest
import yaml
from fakes.families import tiny
from typer.testing import CliRunner

from frugal_lib.__main__ import app
from frugal_lib.chapters import registry
from frugal_lib.core import fetch
from frugal_lib.models import own
from frugal_lib.profiles import FOLDER


@pytest.fixture
def mine(tokenizer, tmp_path, monkeypatch):
    """A tiny random Llama as a folder."""
    monkeypatch.setenv(own.VARIABLE, "")
    tiny("llama", tokenizer).save_pretrained(tmp_path / "mine")
    tokenizer.save_pretrained(tmp_path / "mine")
    return str(tmp_path / "mine")


@pytest.fixture
def folded(tmp_path):
    """Profile smoke with nothing but a short cross-validation, on what a package index has."""
    content = yaml.safe_load((FOLDER / "smoke.yaml").read_text())
    content |= {"edition": "available", "labelled": {}}
    content["sonnets"].update(learning_rates=[], seeds=1, samples=1, train_limit=8, held_out_limit=2, max_new_tokens=20)
    content["folds"]["minimal_pairs"] = 1
    path = tmp_path / "folded.yaml"
    path.write_text(yaml.safe_dump(content))
    return str(path)


def test_it_starts_computes_and_resumes(mine, folded, tmp_path):
    results = tmp_path / "results"
    words = ["sweep", "baseline", "--profile", folded, "--base", mine, "--results", str(results), "--workers", "1"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    records = sorted(results.rglob("*.json"))
    runs = [json.loads(path.read_text())["run"] for path in records]
    assert {run["base"] for run in runs} == {"mine", ""}  # floors have none
    assert {run["base_digest"] for run in runs} == {own.digest(own.known()["mine"]), ""}
    assert sum("cv-mine-full" in path.name for path in records) == 2  # a rate in two folds
    records[0].unlink()
    before = {path: path.stat().st_mtime_ns for path in records[1:]}
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 0 and records[0].exists()
    assert before == {path: path.stat().st_mtime_ns for path in records[1:]} and "[1/1] ok" in again.output


@pytest.mark.parametrize("name", ["smoke", "micro", "small", "paper"])
def test_a_profile_moves_to_it_with_the_settings_of_its_own_base(mine, name, monkeypatch):
    there, moved = registry.profile_of(name), registry.profile_of(name, mine)
    assert moved.base == "mine" and str(moved.results_folder()).endswith("results/bases/mine")
    for part in ("lora", "quantization", "synthetic", "what_breaks"):
        grids = {old: getattr(one, part).bases for old, one in ((there.base, there), ("mine", moved))}
        assert grids["mine"] == ({"mine": grids[there.base][there.base]} if grids[there.base] else {})
    monkeypatch.setattr(fetch, "data_dir", lambda: None)
    elsewhere = registry.profile_of(name, mine)
    assert "human" not in elsewhere.synthetic.teachers
    if there.folds:
        assert list(moved.folds.bases) == ["mine"] and elsewhere.folds.matched == ""
        assert moved.folds.bases["mine"] == there.folds.bases[there.base]


def test_a_folder_that_is_none_is_one_sentence(tmp_path):
    done = CliRunner().invoke(app, ["sweep", "baseline", "--base", str(tmp_path / "none")])
    assert done.exit_code == 2 and "no such folder, and no hub id" in done.stderr
