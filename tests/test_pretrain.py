import dataclasses

import numpy as np
import pytest
import torch
from transformers import GPT2LMHeadModel

from frugal_lib import pretrain
from frugal_lib.pretrain import Recipe

TINY = Recipe(
    n_layer=1, n_embd=16, n_head=2, vocab_size=300, context=16, batch_size=4, tokens=16 * 4 * 12, warmup_steps=3
)


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    for i in range(40):
        text = f"This is work {i}. " + " ".join(f"word{i * j % 17} and {j}" for j in range(120))
        (folder / f"work{i}.txt").write_text(text)
    return folder


def train(corpus, work, stop_after=None, monkeypatch=None):
    """Train TINY in `work`; die like a killed process behind checkpoint number `stop_after`."""
    work.mkdir(exist_ok=True)
    tokenizer, tokens = pretrain.prepare(corpus, work, TINY.vocab_size)
    model = pretrain.new_model(TINY, tokenizer.eos_token_id)
    if stop_after:
        save, calls = pretrain.save_checkpoint, []

        def save_then_die(*args, **kwargs):
            save(*args, **kwargs)
            calls.append(1)
            if len(calls) == stop_after:
                raise KeyboardInterrupt

        monkeypatch.setattr(pretrain, "save_checkpoint", save_then_die)
        with pytest.raises(KeyboardInterrupt):
            pretrain.train(model, tokens, TINY, work, every=3, compiled=False)
        monkeypatch.setattr(pretrain, "save_checkpoint", save)
        return None
    state = pretrain.train(model, tokens, TINY, work, every=3, compiled=False)
    return state, torch.cat([p.detach().flatten() for p in model.parameters()])


def test_a_training_that_was_stopped_ends_in_the_same_weights_to_the_bit(corpus, tmp_path, monkeypatch):
    whole, weights = train(corpus, tmp_path / "whole")
    train(corpus, tmp_path / "broken", stop_after=2, monkeypatch=monkeypatch)
    resumed, again = train(corpus, tmp_path / "broken")
    assert torch.equal(weights, again)
    assert [p["valid"] for p in whole["curve"]] == [p["valid"] for p in resumed["curve"]]
    assert whole["curve"][-1]["train"] < whole["curve"][0]["train"]


def test_the_shipped_model_is_a_plain_gpt2_in_half_precision(corpus, tmp_path):
    facts = pretrain.pretrain(corpus, tmp_path / "work", tmp_path / "out", TINY, compiled=False)
    again = pretrain.pretrain(corpus, tmp_path / "work", tmp_path / "again", TINY, compiled=False)
    assert again == facts  # the finished run was found, not trained anew
    model = GPT2LMHeadModel.from_pretrained(tmp_path / "out")
    assert model.dtype == torch.float16 and (tmp_path / "out" / "model.safetensors").exists()
    assert facts["parameters"] == model.num_parameters()
    assert facts["corpus"]["works"] + facts["corpus"]["held_out_works"] == 40
    assert facts["corpus"]["held_out_works"] > 0
    tokenizer = pretrain.PreTrainedTokenizerFast.from_pretrained(tmp_path / "out")
    assert tokenizer.decode(tokenizer.encode("word3 and 7\nnext line")) == "word3 and 7\nnext line"


def test_a_pass_reads_every_window_once_and_batches_depend_on_the_step_alone():
    tokens = np.arange(16 * 41, dtype=np.uint16)
    windows = (len(tokens) - 1) // 16 - 1
    recipe = dataclasses.replace(TINY, batch_size=1)
    starts = [int(pretrain.batch_at(step, tokens, recipe)[0, 0]) for step in range(windows)]
    assert len(set(starts)) == windows and len({start % 16 for start in starts}) == 1
    assert starts != sorted(starts)
    assert torch.equal(pretrain.batch_at(7, tokens, recipe), pretrain.batch_at(7, tokens, recipe))


def test_the_rate_warms_up_and_decays():
    rates = [pretrain.learning_rate_at(step, Recipe()) for step in range(Recipe().steps)]
    assert max(rates) == pytest.approx(Recipe().learning_rate) and rates[0] < rates[10] < max(rates)
    assert rates[-1] == pytest.approx(0.1 * max(rates), rel=0.01)


def test_another_corpus_or_recipe_never_meets_an_older_runs_files(corpus, tmp_path):
    first = pretrain.work_folders(corpus, tmp_path, TINY)
    other_recipe = pretrain.work_folders(corpus, tmp_path, dataclasses.replace(TINY, learning_rate=1e-4))
    assert other_recipe[0] == first[0] and other_recipe[1] != first[1]
    (corpus / "work3.txt").write_text("changed")
    assert pretrain.work_folders(corpus, tmp_path, TINY)[0] != first[0]


def test_nothing_is_trained_on_text_with_a_sonnet_in_it(corpus, tmp_path, sonnets):
    planted = corpus / "work7.txt"
    planted.write_text(planted.read_text() + "\n\nTHE POET SAYS:\n" + sonnets.dev[3].text.upper())
    with pytest.raises(ValueError, match=r"^work7\.txt: shares text with the sonnets"):
        pretrain.pretrain(corpus, tmp_path / "work", tmp_path / "out", TINY, compiled=False)
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_is_one_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no \.txt file to train on"):
        pretrain.read_works(tmp_path)
