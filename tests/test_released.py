import json
import os
from dataclasses import asdict

import pytest

from frugal_lib import fetch, released, runs
from frugal_lib.fetch import DataError

GRID = {"lora_rank": 8, "lr": 0.001, "batch_size": 16, "train_nll": [5.0, 4.5], "dev_nll": 4.1, "dev_chrf": 41.5}
FULL = GRID | {"lora_rank": "full", "lr": 7e-05}
ALPHA = GRID | {"alpha": 8}
LATER = GRID | {"lora_alpha": 512.0, "use_lora": True, "epochs": 20, "model_size": "gpt2"}
LAYER = LATER | {"layer": "attn_attn_output", "lora_alpha": 16.0}
has_data = pytest.mark.skipif(not os.environ.get("FRUGAL_DATA_DIR"), reason="needs FRUGAL_DATA_DIR")


def test_every_kind_of_entry_is_read():
    grid, full, alpha, later, layer = released.parse(json.dumps([GRID, FULL, ALPHA, LATER, LAYER]), "sweep.json")
    assert (grid.rank, grid.alpha, grid.modules, grid.kind) == (8, 16.0, "attention-mlp", "grid")
    assert (grid.train_loss, grid.epochs, grid.dev_loss, grid.dev_chrf) == (4.5, 2, 4.1, 41.5)
    assert (full.rank, full.alpha, full.modules, full.kind) == (0, 0.0, "", "grid")
    assert [(run.alpha, run.kind) for run in (alpha, later)] == [(8.0, "alpha"), (512.0, "alpha")]
    assert (layer.modules, layer.kind) == ("attention", "modules")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[{", "sweep.json: not JSON"),
        (json.dumps([GRID, {"lora_rank": 1}]), "sweep.json: entry 2 cannot be read"),
        (json.dumps([GRID | {"train_nll": []}]), "sweep.json: entry 1 cannot be read"),
        (json.dumps([GRID | {"layer": "norms"}]), "sweep.json: entry 1 cannot be read"),
    ],
)
def test_a_broken_file_is_one_sentence(text, message):
    with pytest.raises(DataError, match=message):
        released.parse(text, "sweep.json")


def test_without_a_network_the_committed_record_serves(monkeypatch):
    monkeypatch.delenv("FRUGAL_DATA_DIR", raising=False)
    monkeypatch.setattr(fetch, "download", lambda url, sha256: (_ for _ in ()).throw(DataError("no download")))
    result = released.compute(released.sweep_run(), "cpu")
    found = released.runs_of(result.examples)
    assert result.metrics == {"runs": 369, "from_file": 0} and len(found) == 369
    assert [asdict(run) for run in found] == result.examples
    kinds = [run.kind for run in found]
    assert (kinds.count("grid"), kinds.count("alpha"), kinds.count("modules")) == (360, 7, 2)


def test_a_data_folder_without_the_file_is_to_be_mended_not_passed_over(monkeypatch, tmp_path):
    monkeypatch.setenv("FRUGAL_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match=r"sweep_results\.json: no such file; unset FRUGAL_DATA_DIR or complete"):
        released.compute(released.sweep_run(), "cpu")


@has_data
def test_the_committed_record_is_what_the_file_says():
    result = released.compute(released.sweep_run(), "cpu")
    kept = runs.read(released.sweep_run(), released.COMMITTED)
    assert result.metrics["from_file"] == 1
    assert [runs.rounded(row) for row in result.examples] == kept.examples


@has_data
def test_the_released_zero_shot_predictions_are_all_no():
    rows = released.compute(released.zero_shot_run(), "cpu").examples
    assert [(row["pairs"], row["yes"]) for row in rows] == [(40_429, 0)] * 2


def test_a_broken_file_of_predictions_is_one_sentence(monkeypatch, tmp_path):
    path = tmp_path / "predictions.csv"
    path.write_text("id, Predicted_Is_Paraphrase\n1, 0\n2, yes\n")
    monkeypatch.setattr(fetch, "released_file", lambda name, sha256: path)
    with pytest.raises(DataError, match=r"predictions\.csv: a prediction is neither 0 nor 1; fetch the file again"):
        released.read_zero_shot()
