import copy

import pytest
import torch
from fakes.families import tiny as tiny_model
from fakes.runs import IDS, RUN
from torch import nn

from frugal_lib.models import adapt, formats, qat

QAFT = ["int8-tensor", "int8-channel", "int4-tensor", "int4-channel"]


@pytest.fixture
def llama(tokenizer):
    return tiny_model("llama", tokenizer)


def with_torchao(model: nn.Module, format: str) -> nn.Module:
    """The reference: torchao's fake quantization, which knows no scale for a whole tensor but sees it as one row."""
    from torchao.quantization import quantize_
    from torchao.quantization.qat import IntxFakeQuantizeConfig, QATConfig
    from torchao.quantization.qat.fake_quantizer import IntxFakeQuantizer

    class AsRow(IntxFakeQuantizer):
        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return super().forward(weight.reshape(1, -1)).view_as(weight)

    kind = formats.FORMATS[format]
    config = IntxFakeQuantizeConfig(torch.int4 if kind.bits == 4 else torch.int8, "per_channel")
    quantize_(model, QATConfig(weight_config=config, step="prepare"), filter_fn=formats.in_blocks)
    if kind.scale == "tensor":
        for _, _, layer in formats.block_layers(model):
            layer.weight_fake_quantizer = AsRow(config)
    return model


def trained(model: nn.Module) -> tuple[torch.Tensor, list[torch.Tensor], nn.Module]:
    """Losses, the last gradients, and the model, after three steps."""
    optimizer = torch.optim.AdamW(model.train().parameters(), 1e-2)
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        losses.append(model(IDS, labels=IDS).loss)
        losses[-1].backward()
        optimizer.step()
    return torch.stack(losses).detach(), [p.grad for p in model.parameters()], model.eval()


@pytest.mark.parametrize("format", QAFT)
@pytest.mark.parametrize("family", ["tiny", "llama"])
def test_training_is_torchaos_to_the_bit(request, family, format):
    """So that records which were made with torchao's layers stay what they are."""
    base = request.getfixturevalue(family)
    reference = trained(with_torchao(copy.deepcopy(base), format))
    losses, gradients, model = trained(qat.prepare(base, format))
    assert torch.equal(losses, reference[0]) and losses[2] < losses[0]
    assert all(map(torch.equal, gradients, reference[1]))
    assert all(map(torch.equal, model.parameters(), reference[2].parameters()))


def kept(model: nn.Module) -> int:
    """Bytes that autograd keeps for the backward pass beside the weights, whole numbers of layers left out."""
    known, found = {p.untyped_storage().data_ptr() for p in model.parameters()}, {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        found[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = model.train()(IDS, labels=IDS).loss
        total = sum(size for place, size in found.items() if place not in known)
    del loss
    return total


def test_no_copy_of_a_weight_is_kept_for_the_backward_pass(llama):
    weights = 4 * sum(layer.weight.numel() for _, _, layer in formats.block_layers(llama))
    plain = kept(copy.deepcopy(llama))
    assert kept(with_torchao(copy.deepcopy(llama), "int8-channel")) > plain + 1.9 * weights
    assert kept(qat.prepare(llama, "int8-channel")) < plain + 0.1 * weights


@pytest.mark.parametrize("format", QAFT)
def test_converting_after_training_changes_nothing(tiny, format):
    """What is trained is what is stored: to the rounding of the products."""
    prepared = qat.prepare(tiny, format)
    with torch.no_grad():
        trained = prepared(IDS).logits
    places = list(formats.block_layers(prepared))
    weights = [qat.Codes(layer.weight.detach(), layer.bits, layer.scale).weight() for _, _, layer in places]
    converted = formats.convert(prepared, format)
    stored = [getattr(parent, name).weight for parent, name, _ in places]
    assert len(stored) == 12 and all(map(torch.equal, weights, stored))
    with torch.no_grad():
        assert torch.allclose(converted(IDS).logits, trained, atol=1e-5)


def test_a_weight_that_is_not_a_number_is_not_hidden(tiny):
    prepared = qat.prepare(tiny, "int8-channel")
    next(formats.block_layers(prepared))[2].weight.data[0, 0] = float("nan")
    assert prepared(IDS, labels=IDS).loss.isnan()


def test_it_trains_under_autocast(tiny):
    """As on a GPU, where the backward pass runs outside it."""
    prepared = qat.prepare(tiny, "int4-tensor").train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = prepared(IDS, labels=IDS).loss
    loss.backward()
    assert all(layer.weight.grad.abs().sum() > 0 for _, _, layer in formats.block_layers(prepared))


def test_gradients_go_straight_through_to_every_weight(tiny):
    from dataclasses import replace

    model = adapt.adapt(tiny, replace(RUN, method="qaft", format="int4-tensor"))
    assert adapt.trainable_parameters(model) == model.num_parameters()
    model(IDS, labels=IDS).loss.backward()
    assert all(layer.weight.grad.abs().sum() > 0 for _, _, layer in formats.block_layers(model))


@pytest.mark.parametrize("format", ["int4-block", "nf4", "fp8", "int3"])
def test_what_cannot_be_trained_for_is_one_sentence(tiny, format):
    with pytest.raises(ValueError, match=f"format '{format}' cannot be trained for; choose int8 or int4, -tensor"):
        qat.prepare(tiny, format)
