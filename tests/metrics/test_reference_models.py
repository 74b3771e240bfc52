import json
import lzma
import math

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from frugal_lib.__main__ import app
from frugal_lib.data.corpus import load_corpus
from frugal_lib.metrics import likelihood, reference_models
from frugal_lib.models import bases


def test_windows_give_what_one_pass_over_a_short_text_gives(tiny):
    ids = np.random.default_rng(0).integers(0, 300, 100)
    with torch.no_grad():
        loss = tiny(torch.tensor(ids)[None], labels=torch.tensor(ids)[None]).loss.item()
    assert reference_models.window_nats(tiny, ids).mean() == pytest.approx(loss, rel=1e-5)


def test_in_a_long_text_every_token_is_read_once_with_half_a_context_before_it(tiny):
    size = tiny.config.n_positions
    ids = np.random.default_rng(0).integers(0, 300, 3 * size + 77)
    nats = reference_models.window_nats(tiny, ids, batch_size=3)
    assert len(nats) == len(ids) - 1 and np.isfinite(nats).all()
    for start in range(0, len(ids) - 1 - size // 2, size // 2):
        window = torch.tensor(ids[start : start + size + 1])
        with torch.no_grad():
            log_probabilities = tiny(window[None, :-1]).logits.log_softmax(-1)[0]
        wanted = -log_probabilities[torch.arange(len(window) - 1), window[1:]]
        skip = size // 2 if start else 0
        assert np.allclose(nats[start + skip : start + len(window) - 1], wanted[skip:], atol=1e-4)


def test_the_sonnets_bits_are_those_of_the_chapters(sonnets, tokenizer):
    rows = reference_models.sonnet_rows(sonnets.dev[:3], tokenizer, reference_models.base_scorers(["micro"]))
    wanted = likelihood.continuation_losses(bases.load_model("micro"), tokenizer, sonnets.dev[:3])
    assert [row["bits"]["micro"] for row in rows] == pytest.approx([w["nll"] / math.log(2) for w in wanted], rel=1e-5)
    assert [row["characters"] for row in rows] == [w["characters"] for w in wanted]


def test_the_embedded_models_were_measured_and_beat_the_ngrams():
    """The bar of the base: 5 % fewer bits than Kneser-Ney of order 4 or 5 on works and on the dev sonnets."""
    found = reference_models.load()
    ngrams = [name for name in found["works"][0]["bits"] if name in ("kn4", "kn5")]
    assert ngrams
    for ngram in ngrams:
        assert reference_models.ratio(found["works"], "micro") < 0.95 * reference_models.ratio(found["works"], ngram)
    for rows in found["sonnets"].values():
        assert len(rows) == 12
        others = [reference_models.ratio(rows, name) for name in rows[0]["bits"] if name != "micro"]
        assert reference_models.ratio(rows, "micro") < min(others)


def test_numbers_of_other_weights_are_refused(monkeypatch, tmp_path):
    found = reference_models.load()
    path = tmp_path / "yardsticks.json"
    path.write_text(json.dumps(found | {"base_digests": {"micro": "0", "nano": "0"}}))
    monkeypatch.setattr(reference_models, "FILE", path)
    with pytest.raises(ValueError, match="is of other weights; run python -m frugal_lib yardsticks"):
        reference_models.load()


def test_each_held_out_work_is_measured_by_every_model_and_xz(corpus, tmp_path):
    loaded = load_corpus(corpus, tmp_path / "work", 300)
    rows = reference_models.work_rows(loaded, {"uniform": lambda ids: np.full(len(ids) - 1, math.log(300))})
    assert [row["name"] for row in rows] == list(loaded.held_out)
    for row in rows:
        text = (corpus / row["name"]).read_text()
        assert row["characters"] == len(text)
        assert row["bits"]["uniform"] == pytest.approx(row["tokens"] * math.log2(300))
        assert row["bits"]["xz"] == 8 * len(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


def test_another_text_than_the_models_were_trained_on_is_one_sentence(corpus, tmp_path):
    done = CliRunner().invoke(app, ["yardsticks", str(corpus), "--work", str(tmp_path / "work")])
    assert done.exit_code == 2
    assert "is not the text that micro was trained on" in done.stderr
