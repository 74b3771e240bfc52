import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.pytorch_utils import Conv1D

from frugal_lib.models import bases


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
    bases.base_digest.cache_clear()
    assert bases.base_digest("micro") != before
    bases.base_digest.cache_clear()


def test_hub_bases_are_pinned_to_a_revision():
    assert bases.source("gpt2") == {"pretrained_model_name_or_path": "gpt2", "revision": bases.HUB_REVISIONS["gpt2"]}
    assert bases.base_digest("gpt2") == bases.HUB_REVISIONS["gpt2"][:12]


def test_an_unknown_base_is_one_sentence():
    with pytest.raises(ValueError, match="base 'gpt5' is unknown; choose one of micro"):
        bases.load_model("gpt5")
