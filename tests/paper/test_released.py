import json
import os
from dataclasses import asdict

import pytest

from frugal_lib.core import fetch, runs
from frugal_lib.core.fetch import DataError
from frugal_lib.paper import released
from frugal_lib.tasks import registry

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
    result = registry.compute(released.sweep_run(), "cpu")
    found = released.runs_of(result.examples)
    assert result.metrics == {"runs": 369, "from_file": 0} and len(found) == 369
    assert [asdict(run) for run in found] == result.examples
    kinds = [run.kind for run in found]
    assert (kinds.count("grid"), kinds.count("alpha"), kinds.count("modules")) == (360, 7, 2)


def test_a_data_folder_without_the_file_is_to_be_mended_not_passed_over(monkeypatch, tmp_path):
    monkeypatch.setenv("FRUGAL_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match=r"sweep_results\.json: no such file; unset FRUGAL_DATA_DIR or complete"):
        registry.compute(released.sweep_run(), "cpu")


@has_data
def test_the_committed_record_is_what_the_file_says():
    result = registry.compute(released.sweep_run(), "cpu")
    kept = runs.read(released.sweep_run(), released.COMMITTED)
    assert result.metrics["from_file"] == 1
    assert [runs.rounded(row) for row in result.examples] == kept.examples


@has_data
def test_the_released_zero_shot_predictions_are_all_no():
    rows = registry.compute(released.zero_shot_run(), "cpu").examples
    assert [(row["pairs"], row["yes"]) for row in rows] == [(40_429, 0)] * 2


def test_a_broken_file_of_predictions_is_one_sentence(monkeypatch, tmp_path):
    path = tmp_path / "predictions.csv"
    path.write_text("id, Predicted_Is_Paraphrase\n1, 0\n2, yes\n")
    monkeypatch.setattr(fetch, "released_file", lambda name: path)
    with pytest.raises(DataError, match=r"predictions\.csv: a prediction is neither 0 nor 1; fetch the file again"):
        released.read_zero_shot()


@has_data
def test_the_papers_best_score_is_that_of_one_copy_on_dev_and_three_on_test():
    result = registry.compute(released.generations_run(), "cpu")
    rows = {
        split: [r for r in result.examples if (r["model"], r["split"]) == ("flash", split)] for split in ("dev", "test")
    }
    copies = {split: {r["id"] for r in found if r["chrf"] >= released.COPY} for split, found in rows.items()}
    assert copies == {"dev": {138}, "test": {146, 147, 155}}
    assert result.metrics["flash_dev_chrf"] == pytest.approx(46.605, abs=1e-3)  # as printed
    assert result.metrics["flash_dev_chrf_without_copies"] == pytest.approx(41.968, abs=1e-3)
    assert result.metrics["flash_test_chrf"] > 52 and 40 < result.metrics["flash_test_chrf_without_copies"] < 42
    assert result.metrics["flash_test_chrf_public_domain"] == pytest.approx(53.82, abs=0.01)
    assert all(0 < row["characters"] < 700 for row in result.examples)
    for split, found in rows.items():
        mean = sum(r["corpus_chrf"] for r in found) / len(found)
        assert mean == pytest.approx(result.metrics[f"flash_{split}_chrf"])


def test_generations_without_a_network_are_those_on_record(monkeypatch):
    monkeypatch.delenv("FRUGAL_DATA_DIR", raising=False)
    monkeypatch.setattr(fetch, "download", lambda url, sha256: (_ for _ in ()).throw(DataError("no download")))
    result = registry.compute(released.generations_run(), "cpu")
    assert result.metrics["from_file"] == 0 and len(result.examples) == 48
    assert result.metrics["flash_dev_chrf_without_copies"] == pytest.approx(41.968, abs=1e-3)


@has_data
def test_a_file_with_a_sonnet_missing_is_refused(monkeypatch):
    monkeypatch.setattr("frugal_lib.data.sonnets.parse_blocks", lambda text, name: [(0, "only one")])
    with pytest.raises(DataError, match="1 sonnets, but dev has 12"):
        released.generated("flash", "dev")
