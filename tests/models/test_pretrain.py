import dataclasses
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast
from typer.testing import CliRunner

from frugal_lib.__main__ import app
from frugal_lib.core import files, machine
from frugal_lib.data import corpus as corpus_text
from frugal_lib.models import pretrain
from frugal_lib.models.pretrain import Recipe

SETTINGS = ["n_layer=1", "n_embd=16", "n_head=2", "vocab_size=300", "context=16", "batch_size=4", "precision=fp32"]
TINY = pretrain.make_recipe("nano", [*SETTINGS, "tokens=768", "warmup=0.25"])


def command(corpus, work, out, tokens):
    settings = [word for setting in [*SETTINGS, "dropout=0.1"] for word in ("--set", setting)]
    words = ["pretrain", corpus, "--work", work, "--out", out, "--tokens", tokens, "--no-compile", *settings]
    return [sys.executable, "-m", "frugal_lib", *map(str, words)]


def last_checkpoint(work):
    (path,) = work.rglob("checkpoint.pt")
    return torch.load(path, weights_only=True)


def same(one, other):
    """Whether two nested states are equal, tensors to the bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.mark.slow
def test_a_training_killed_at_a_random_moment_ends_in_the_same_weights_to_the_bit(corpus, tmp_path):
    """Slow because three processes import torch and train 2,000 steps in all."""
    tokens = 64 * 1000
    subprocess.run(command(corpus, tmp_path / "whole", tmp_path / "out1", tokens), check=True, capture_output=True)
    broken = command(corpus, tmp_path / "broken", tmp_path / "out2", tokens)
    with subprocess.Popen(broken, stdout=subprocess.PIPE, text=True) as victim:
        for _ in range(random.randint(1, 5)):  # of ten checkpoints, each a line
            assert victim.stdout.readline()
        time.sleep(random.uniform(0, 0.1))  # somewhere behind it, or while the next one is written
        victim.kill()
    assert victim.returncode == -signal.SIGKILL, "the training ended before it was killed"
    killed_at = last_checkpoint(tmp_path / "broken")["state"]["step"]
    assert 100 <= killed_at < 1000
    subprocess.run(broken, check=True, capture_output=True)
    whole, resumed = last_checkpoint(tmp_path / "whole"), last_checkpoint(tmp_path / "broken")
    for part in ("model", "optimizers"):
        assert same(whole[part], resumed[part]), f"{part} differ, resumed at step {killed_at}"
    curves = [[(p["train"], p["valid"]) for p in state["state"]["curve"]] for state in (whole, resumed)]
    assert curves[0] == curves[1] and curves[0][-1][0] < curves[0][0][0]
    files = [(tmp_path / out / "model.safetensors").read_bytes() for out in ("out1", "out2")]
    assert files[0] == files[1]


def test_a_resumed_training_keeps_the_number_of_threads_that_it_began_with(corpus, tmp_path, monkeypatch):
    """On another number the weights would differ from the first steps on."""
    recipe, loaded = dataclasses.replace(TINY, tokens=64 * 10), corpus_text.load_corpus(corpus, tmp_path, 300)

    def trained(folder, threads):
        folder.mkdir(exist_ok=True)
        with machine.threads(threads):
            model = pretrain.new_model(recipe, 0)
            state = pretrain.train(model, loaded.train, loaded.valid, recipe, folder, every=5, compiled=False)
        assert state["threads"] == 2
        return last_checkpoint(folder)

    whole = trained(tmp_path / "whole", threads=2)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        step = pretrain.one_step
        patch.setattr(pretrain, "one_step", lambda number, *more: step(number, *more) if number < 7 else interrupt())
        trained(tmp_path / "broken", threads=2)
    resumed = trained(tmp_path / "broken", threads=1)
    assert same(whole["model"], resumed["model"]) and same(whole["optimizers"], resumed["optimizers"])


def interrupt():
    raise KeyboardInterrupt


def test_the_shipped_model_is_a_plain_gpt2_in_half_precision(corpus, tmp_path):
    facts = pretrain.pretrain(corpus, tmp_path / "work", tmp_path / "out", TINY, compiled=False)
    again = pretrain.pretrain(corpus, tmp_path / "work", tmp_path / "again", TINY, compiled=False)
    assert again == facts  # the finished run was found, not trained anew
    model = GPT2LMHeadModel.from_pretrained(tmp_path / "out")
    assert model.dtype == torch.float16 and (tmp_path / "out" / "model.safetensors").exists()
    assert facts["parameters"] == model.num_parameters()
    assert facts["corpus"]["works"] + facts["corpus"]["held_out_works"] == 40
    assert facts["corpus"]["held_out_works"] > 0
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tmp_path / "out")
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
    rates = [pretrain.rate_at(step, Recipe()) for step in range(Recipe().steps)]
    assert max(rates) == pytest.approx(1) and rates[0] < rates[10] < 1
    assert rates[-1] == pytest.approx(0.1, rel=0.01)


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_every_parameter_has_one_optimizer(optimizer):
    model = pretrain.new_model(TINY, 0)
    optimizers = pretrain.new_optimizers(model, dataclasses.replace(TINY, optimizer=optimizer))
    held = [id(p) for o in optimizers for group in o.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters())
    assert len(optimizers) == (2 if optimizer == "muon" else 1)


@pytest.mark.parametrize(
    ("size", "setting", "sentence"),
    [
        ("pico", "seed=1", "size 'pico' is unknown; choose one of micro, nano."),
        ("nano", "seed", "--set seed: give FIELD=VALUE, such as --set optimizer=adamw."),
        ("nano", "layers=3", "recipe: key 'layers' is unknown; remove it or correct its spelling."),
        ("nano", "optimizer=sgd", "recipe: key 'optimizer' is wrong: input should be 'muon' or 'adamw'; it is 'sgd'."),
    ],
)
def test_a_recipe_that_cannot_be_is_one_sentence(corpus, size, setting, sentence):
    done = CliRunner().invoke(app, ["pretrain", str(corpus), "--size", size, "--set", setting])
    assert done.exit_code == 2 and done.stderr == f"frugal_lib: {sentence}\n"


def test_another_corpus_or_vocabulary_never_meets_an_older_ones_tokens(corpus, tmp_path):
    first = corpus_text.tokens_folder(corpus, tmp_path, 300)
    assert corpus_text.tokens_folder(corpus, tmp_path, 301) != first
    text = (corpus / "work3.txt").read_text()
    (corpus / "work3.txt").write_text(text[::-1])  # as many bytes
    assert corpus_text.tokens_folder(corpus, tmp_path, 300) != first
    (corpus / "work3.txt").write_text(text)
    assert corpus_text.tokens_folder(corpus, tmp_path, 300) == first


def test_a_sonnet_that_takes_the_place_of_as_many_bytes_is_seen(corpus, tmp_path, sonnets):
    corpus_text.load_corpus(corpus, tmp_path / "work", 300)
    path = corpus / "work7.txt"
    size = path.stat().st_size
    path.write_bytes((sonnets.dev[3].text.encode() * 9)[:size])
    assert path.stat().st_size == size
    with pytest.raises(ValueError, match=r"^work7\.txt: shares text with the sonnets"):
        corpus_text.load_corpus(corpus, tmp_path / "work", 300)


@pytest.mark.parametrize("part", corpus_text.PARTS)
def test_tokens_that_were_damaged_are_moved_aside_and_made_again(corpus, tmp_path, capsys, part):
    first = corpus_text.load_corpus(corpus, tmp_path / "work", 300)
    whole = np.array(first.train)
    path = corpus_text.tokens_folder(corpus, tmp_path / "work", 300) / part
    path.write_bytes(path.read_bytes()[:-1])
    again = corpus_text.load_corpus(corpus, tmp_path / "work", 300)
    assert np.array_equal(again.train, whole) and again.facts == first.facts
    assert ".1.unreadable, made again" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_moved_aside_and_training_begins_anew(corpus, tmp_path, capsys):
    def trained(out):
        pretrain.pretrain(corpus, tmp_path / "work", tmp_path / out, TINY, compiled=False)
        return (tmp_path / out / "model.safetensors").read_bytes()

    whole = trained("whole")
    for damage in (lambda content: content[:1000], lambda content: b"", lambda content: content[:-1]):
        (path,) = (tmp_path / "work").rglob("checkpoint.pt")
        path.write_bytes(damage(path.read_bytes()))
        assert trained("again") == whole
        assert "checkpoint.pt: cannot be read" in capsys.readouterr().err
    assert len(list((tmp_path / "work").rglob("checkpoint.pt.*.unreadable"))) == 3


def test_two_processes_do_not_train_the_same(corpus, tmp_path):
    pretrain.pretrain(corpus, tmp_path / "work", tmp_path / "out", TINY, compiled=False)
    (folder,) = (path.parent for path in (tmp_path / "work").rglob("checkpoint.pt"))
    with files.alone(folder), pytest.raises(files.Busy, match="another process writes it"):
        pretrain.pretrain(corpus, tmp_path / "work", tmp_path / "out", TINY, compiled=False)


def test_another_recipe_starts_its_own_run(corpus, tmp_path):
    for rate in (0.01, 0.02):
        recipe = dataclasses.replace(TINY, muon_rate=rate)
        pretrain.pretrain(corpus, tmp_path / "work", tmp_path / "out", recipe, compiled=False)
    assert len(list((tmp_path / "work").rglob("checkpoint.pt"))) == 2


def test_the_check_of_the_text_is_counted_in_the_facts(corpus, tmp_path):
    counts = corpus_text.load_corpus(corpus, tmp_path / "work", 300).facts["decontamination"]
    assert counts["works"] == 40 and counts["lines_found"] == counts["ngrams_found"] == 0
    assert counts["sonnet_lines"] > 2_100 and counts["sonnet_ngrams"] > 15_000


def test_too_few_works_to_hold_some_out_is_one_sentence(tmp_path):
    (tmp_path / "only.txt").write_text("one work")
    with pytest.raises(ValueError, match=r"too few works to hold some out"):
        corpus_text.load_corpus(tmp_path, tmp_path / "work", 300)


def test_nothing_is_trained_on_text_with_a_sonnet_in_it(corpus, tmp_path, sonnets):
    planted = corpus / "work7.txt"
    planted.write_text(planted.read_text() + "\n\nTHE POET SAYS:\n" + sonnets.dev[3].text.upper())
    with pytest.raises(ValueError, match=r"^work7\.txt: shares text with the sonnets"):
        pretrain.pretrain(corpus, tmp_path / "work", tmp_path / "out", TINY, compiled=False)
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_is_one_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no \.txt file to train on"):
        corpus_text.read_works(tmp_path)
