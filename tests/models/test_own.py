"""A base of one's own: its name, what makes it what it is, and what is refused in one sentence."""

import pytest
import torch
from fakes.families import tiny
from transformers import OPTConfig, OPTForCausalLM

from frugal_lib.core.fetch import DataError
from frugal_lib.models import bases, own


@pytest.fixture(autouse=True)
def apart(monkeypatch):
    """What a test makes known ends with it."""
    monkeypatch.setenv(own.VARIABLE, "")


@pytest.fixture
def mine(tokenizer, tmp_path):
    """A tiny random Llama as a folder."""
    folder = tmp_path / "My model, v2"
    tiny("llama", tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_folder_is_a_base_under_a_name_that_a_file_can_have(mine, tokenizer):
    assert bases.use(str(mine)) == "My-model-v2"
    model, same = bases.load_model("My-model-v2"), tiny("llama", tokenizer)
    assert torch.equal(model.lm_head.weight, same.lm_head.weight) and bases.context_length("My-model-v2") == 256
    assert bases.load_tokenizer("My-model-v2").get_vocab() == tokenizer.get_vocab()


def test_its_digest_is_that_of_its_weights_and_tokenizer(mine):
    before = own.digest(mine)
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        content = (mine / name).read_bytes()
        (mine / name).write_bytes(content + b" ")
        own.digest.cache_clear()
        assert own.digest(mine) != before
        (mine / name).write_bytes(content)
    own.digest.cache_clear()
    bases.use(str(mine))
    assert bases.base_digest("My-model-v2") == before and len(before) == 12
    (mine / "README.md").write_text("says nothing of the model")
    assert own.digest(mine) == before


def test_a_name_the_library_knows_is_that_base():
    assert bases.use("nano") == "nano" and own.known() == {}


def test_what_is_no_base_is_refused_in_one_sentence(mine, tokenizer, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="no/such/folder: no such folder, and no hub id"):
        bases.use("no/such/folder")
    (mine / "model.safetensors").unlink()
    with pytest.raises(DataError, match="no weights there; give a folder as"):
        bases.use(str(mine))
    other = tmp_path / "opt"
    shape = {"hidden_size": 16, "ffn_dim": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 50}
    OPTForCausalLM(OPTConfig(**shape, word_embed_proj_dim=16)).save_pretrained(other)
    tokenizer.save_pretrained(other)
    with pytest.raises(ValueError, match=r"opt: a model of type 'opt' .* choose GPT-2, Llama, Qwen or Gemma"):
        bases.use(str(other))
    other.rename(tmp_path / "nano")
    with pytest.raises(ValueError, match="'nano' is the name of another base; rename the folder"):
        bases.use(str(tmp_path / "nano"))


def test_a_hub_that_does_not_answer_is_one_sentence(monkeypatch):
    def refuse(*args, **settings):
        raise RuntimeError("no route\nto it")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(
        DataError, match=r"owner/model: no such folder, and the hub does not give it \(no route to it\)"
    ):
        bases.use("owner/model")


def test_what_the_hub_gives_is_a_base_under_its_owners_name(mine, monkeypatch):
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, allow_patterns: str(mine))
    assert bases.use("owner/model") == "owner-model"
    assert own.known() == {"owner-model": mine.resolve()}
