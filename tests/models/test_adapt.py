import copy

import pytest
import torch
from fakes.runs import IDS, RUN
from peft import PeftModel
from safetensors.torch import load_file
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from frugal_lib.core.runs import Run
from frugal_lib.models import adapt, bases


def lora_run(rank: int = 4, modules: str = "attention-mlp", seed: int = 0) -> Run:
    return Run("lora", "sonnets", "lora", "folger", "0" * 12, seed, 1, rank=rank, alpha=16, modules=modules)


def trained(model: nn.Module) -> nn.Module:
    """The same adapters with a B that is not zero, as after training."""
    torch.manual_seed(1)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight, std=0.1)
    return model


def test_full_fine_tuning_trains_every_parameter(tiny):
    tiny.requires_grad_(False)
    assert adapt.trainable_parameters(tiny) == 0
    assert adapt.trainable_parameters(adapt.adapt(tiny, RUN)) == tiny.num_parameters()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "half"}, "method 'half' is unknown; choose one of full"),
        ({"method": "lora"}, "rank 0 is not possible; give a whole number of at least 1"),
        ({"method": "lora", "rank": 4, "modules": "norms"}, "modules 'norms' are unknown; choose one of attention-mlp"),
    ],
)
def test_what_cannot_be_adapted_is_one_sentence(tiny, change, message):
    from dataclasses import replace

    with pytest.raises(ValueError, match=message):
        adapt.adapt(tiny, replace(RUN, **change))


@pytest.fixture(scope="module")
def gpt2_small():
    """GPT-2 Small without memory for its weights: enough to count parameters."""
    with torch.device("meta"):
        model = GPT2LMHeadModel(GPT2Config())
        return bases.linearize(model)


@pytest.mark.parametrize("rank", [1, 2, 4, 8, 16, 32, 64, 128, 256])
def test_gpt2_small_has_the_papers_number_of_trainable_parameters(gpt2_small, rank):
    with torch.device("meta"):
        adapted = adapt.adapt(copy.deepcopy(gpt2_small), lora_run(rank))
    assert adapt.trainable_parameters(adapted) == 165_888 * rank


def test_only_the_adapters_are_trained_and_attention_alone_has_fewer(tiny):
    both, attention = (adapt.adapt(copy.deepcopy(tiny), lora_run(4, m)) for m in adapt.MODULES)
    for model, layers in ((both, 2 * 6), (attention, 2 * 4)):
        names = [name for name, weight in model.named_parameters() if weight.requires_grad]
        assert len(names) == 2 * layers and all("lora_" in name for name in names)
    assert not [n for n, p in attention.named_parameters() if p.requires_grad and "mlp" in n]
    width = 32
    assert adapt.trainable_parameters(attention) == 2 * 4 * (4 * 2 * width)
    assert adapt.trainable_parameters(both) == adapt.trainable_parameters(attention) + 2 * 4 * (2 * 5 * width)


def test_training_starts_from_the_base_whatever_the_seed_and_a_follows_the_seed(tiny):
    before = tiny(IDS).logits
    first, again, other = (adapt.adapt(copy.deepcopy(tiny), lora_run(seed=seed)) for seed in (0, 0, 1))
    weights = [next(p for n, p in m.named_parameters() if "lora_A" in n) for m in (first, again, other)]
    assert torch.equal(first(IDS).logits, before) and torch.equal(other(IDS).logits, before)
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_drawing_adapters_leaves_the_global_random_stream_alone(tiny):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    adapt.adapt(tiny, lora_run(seed=7))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("modules", adapt.MODULES)
def test_merged_and_unmerged_models_give_the_same_logits(tiny, modules):
    base = tiny(IDS).logits
    adapted = trained(adapt.adapt(tiny, lora_run(modules=modules)))
    unmerged = adapted(IDS).logits
    merged = adapt.merge(adapted)
    assert isinstance(merged, GPT2LMHeadModel) and not [n for n, _ in merged.named_modules() if "lora" in n]
    assert (merged(IDS).logits - unmerged).abs().max() <= 1e-5
    assert (unmerged - base).abs().max() > 0.1


def test_the_scale_is_alpha_over_rank(tiny):
    """A layer's output moves by (alpha / rank) BAx."""
    adapted = trained(adapt.adapt(tiny, lora_run(rank=4)))
    layer = adapted.base_model.model.transformer.h[0].mlp.c_fc
    x = torch.randn(3, 32)
    a, b = (getattr(layer, name)["default"].weight for name in ("lora_A", "lora_B"))
    assert torch.allclose(layer(x), layer.base_layer(x) + 16 / 4 * x @ a.T @ b.T, atol=1e-5)


def test_saved_adapters_are_safetensors_that_load_into_a_fresh_base(tiny, tmp_path):
    fresh = copy.deepcopy(tiny)
    adapted = trained(adapt.adapt(tiny, lora_run()))
    adapted.save_pretrained(tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    assert sum(weight.numel() for weight in load_file(file).values()) == adapt.trainable_parameters(adapted)
    assert adapt.saved_bytes(adapted) == file.stat().st_size > 4 * adapt.trainable_parameters(adapted)
    loaded = PeftModel.from_pretrained(fresh, tmp_path)
    assert torch.equal(loaded(IDS).logits, adapted(IDS).logits)


def test_a_model_without_adapters_is_saved_whole(tiny):
    assert adapt.merge(tiny) is tiny
    assert adapt.saved_bytes(tiny) > 4 * tiny.num_parameters()
