import copy

import pytest
import torch
from fakes.runs import IDS, RUN
from safetensors.torch import load_file
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from frugal_lib.core.machine import Unsupported
from frugal_lib.models import adapt, bases, formats

OURS = [name for name, kind in formats.FORMATS.items() if kind.by == "ours"]
CPU = [name for name in formats.FORMATS if name != "int4-torchao"]


@pytest.fixture
def wide(tokenizer) -> GPT2LMHeadModel:
    """A random GPT-2 whose layers are wide enough for blocks of 64, some of them with one large weight."""
    torch.manual_seed(0)
    ids = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), tokenizer.eos_token_id)
    config = GPT2Config(n_layer=2, n_embd=128, n_head=2, n_positions=256, vocab_size=len(tokenizer), **ids)
    model = bases.linearize(GPT2LMHeadModel(config)).eval()
    for block in model.transformer.h:
        block.mlp.c_fc.weight.data[3, 5] = 0.4  # twenty standard deviations
    return model


def layer(rows: int, columns: int) -> nn.Linear:
    torch.manual_seed(rows)
    return nn.Linear(columns, rows)


def logits(model: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(IDS).logits.double()


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("scale", formats.GROUPS)
def test_integers_use_their_whole_range_and_miss_by_half_a_step_at_most(bits, scale):
    weight = layer(96, 128).weight.detach()
    codes, scales = formats.integers(weight, bits, scale)
    assert codes.dtype == torch.int8 and scales.shape == (len(codes), 1)
    limit = 2 ** (bits - 1)
    assert codes.min() >= -limit and codes.max() <= limit - 1 <= codes.int().abs().max()
    miss = (formats.GROUPS[scale](weight) - codes * scales).abs() / scales
    assert miss.max() <= 0.5 + 1e-3
    assert len(codes) == {"tensor": 1, "channel": 96, "block": 96 * 128 // 64}[scale]


def test_a_layer_of_zeros_stays_one():
    codes, scales = formats.integers(torch.zeros(4, 64), 4, "channel")
    assert not codes.any() and torch.isfinite(scales).all() and not (codes * scales).any()


def test_four_bits_are_packed_two_to_a_byte_and_come_back():
    codes = torch.arange(-8, 8, dtype=torch.int8).repeat(3)
    packed = formats.pack(codes)
    assert packed.dtype == torch.uint8 and packed.numel() == codes.numel() // 2
    assert torch.equal(formats.unpack(packed), codes)


def test_a_finer_scale_is_nearer_to_the_weight(wide):
    """One large weight spoils the scale of its tensor, of its row, or of its block: this is why INT4 collapses."""
    weight = wide.transformer.h[0].mlp.c_fc.weight.detach()
    errors = {}
    for scale, group in formats.GROUPS.items():
        codes, scales = formats.integers(weight, 4, scale)
        errors[scale] = (group(weight) - codes * scales).square().mean().item()
    assert errors["tensor"] > 5 * errors["channel"] > 5.5 * errors["block"]


def untouched(model: GPT2LMHeadModel) -> list[str]:
    """Names of the layers of the blocks that still are what they were, their weights FP32."""
    return [
        name
        for name, module in model.named_modules()
        if ".h." in name and type(module) is nn.Linear and type(module.weight.data) is torch.Tensor
    ]


@pytest.mark.parametrize("format", [name for name in CPU if name not in formats.DTYPES])
def test_every_layer_of_the_blocks_is_quantized_and_nothing_else(wide, format):
    assert len(list(formats.block_layers(wide))) == 2 * 6 == len(untouched(wide))
    head = wide.lm_head.weight
    formats.convert(wide, format)
    assert untouched(wide) == []
    assert wide.lm_head.weight is head is wide.transformer.wte.weight and head.dtype == torch.float32


@pytest.mark.parametrize("format", formats.DTYPES)
def test_a_cast_takes_in_all_weights(wide, format):
    dtypes = {tensor.dtype for tensor in formats.stored(formats.convert(wide, format)).values()}
    assert dtypes == {formats.DTYPES[format]}


@pytest.mark.parametrize("format", CPU)
def test_a_model_in_any_format_answers_nearly_as_before(wide, format):
    before = logits(wide)
    after = logits(formats.runnable(formats.convert(wide, format), format, "cpu"))
    miss = ((after - before).norm() / before.norm()).item()
    bits, scale = formats.FORMATS[format].bits, formats.FORMATS[format].scale
    limit = {4: 0.7 if scale == "tensor" else 0.25, 8: 0.06, 16: 0.01, 32: 0, 64: 1e-6}[bits]
    assert miss <= limit and (miss > 0 or format == "fp32")


def test_a_coarser_format_is_further_off(wide):
    before = logits(wide)
    miss = {f: (logits(formats.convert(copy.deepcopy(wide), f)) - before).norm().item() for f in OURS}
    assert miss["int4-tensor"] > miss["int4-channel"] > miss["int4-block"] > miss["int8-tensor"] > miss["int8-block"]


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("scale", ["tensor", "channel"])
def test_bytes_are_those_of_what_is_stored(wide, bits, scale):
    weights = sum(linear.weight.numel() for _, _, linear in formats.block_layers(wide))
    rows = sum(len(linear.weight) if scale == "channel" else 1 for _, _, linear in formats.block_layers(wide))
    before = formats.sizes(wide)["memory_bytes"]
    assert before == 4 * wide.num_parameters()
    sizes = formats.sizes(formats.convert(wide, f"int{bits}-{scale}"))
    assert sizes["memory_bytes"] == before - 4 * weights + weights * bits // 8 + 4 * rows
    assert 0 < sizes["file_bytes"] - sizes["memory_bytes"] < 10_000  # the file's header


@pytest.mark.parametrize(("bits", "printed", "on_disk"), [(8, 119.24, 232.37), (4, 59.62, 191.59)])
def test_gpt2_small_has_the_papers_bytes_on_disk_and_not_those_it_prints(bits, printed, on_disk):
    """In MiB: what it prints is bits x parameters, and what it measured has the embeddings in FP32."""
    with torch.device("meta"):
        model = bases.linearize(GPT2LMHeadModel(GPT2Config()))
    weights = sum(linear.weight.numel() for _, _, linear in formats.block_layers(model))
    stored = 4 * (model.num_parameters() - weights) + weights * bits / 8
    assert model.num_parameters() * bits / 8 / 2**20 == pytest.approx(printed, rel=0.006)
    assert stored / 2**20 == pytest.approx(on_disk, rel=0.006)


def test_the_file_holds_what_the_model_keeps(wide, tmp_path):
    from safetensors.torch import save_file

    tensors = formats.stored(formats.convert(wide, "fp8"))
    save_file(tensors, tmp_path / "model.safetensors")
    loaded = load_file(tmp_path / "model.safetensors")
    assert torch.float8_e4m3fn in {t.dtype for t in loaded.values()}
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors.items())


def change(**fields):
    from dataclasses import replace

    return replace(RUN, **({"method": "qaft"} | fields))


def test_qlora_trains_adapters_beside_four_bits(wide):
    model = adapt.adapt(wide, change(method="qlora", rank=2, alpha=4, modules="attention-mlp", format="nf4"))
    stored = [m for m in model.modules() if type(getattr(m, "weight", None)).__name__ == "Params4bit"]
    assert len({id(m.weight) for m in stored}) == 2 * 6
    trainable = [name for name, p in model.named_parameters() if p.requires_grad]
    assert len(trainable) == 2 * 12 and all("lora_" in name for name in trainable)
    model.train()(IDS, labels=IDS).loss.backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
    assert formats.sizes(model)["memory_bytes"] < 0.6 * 4 * 4 * 128 * 12 * 128 + 4 * 2e6


def test_an_unknown_format_is_one_sentence(wide):
    with pytest.raises(ValueError, match="format 'int3' is unknown; choose one of fp64, fp32"):
        formats.convert(wide, "int3")


def test_a_kernel_of_another_device_is_unsupported_in_one_sentence(wide):
    with pytest.raises(Unsupported, match=r"int4-torchao: torchao's INT4 kernel runs on a CUDA device, and this is a"):
        formats.convert(wide, "int4-torchao", "cpu")


def test_a_missing_kernel_package_is_unsupported_too(wide, monkeypatch):
    """What torchao says on a CUDA device without its kernels, which it says here as well."""
    monkeypatch.setattr(formats, "check_format", lambda format, device: None)
    from importlib.util import find_spec

    if find_spec("mslk"):
        pytest.skip("needs a machine without the package mslk")
    with pytest.raises(Unsupported, match=r"int4-torchao: torchao's kernel needs another package \(.*mslk"):
        formats.convert(wide, "int4-torchao", "cuda")


@pytest.mark.cuda
@pytest.mark.parametrize("format", formats.FORMATS)
def test_every_format_runs_on_a_gpu(wide, format):
    before = logits(wide)
    try:
        model = formats.convert(wide.to("cuda"), format, "cuda")
    except Unsupported as reason:
        pytest.skip(str(reason))
    after = model(IDS.to("cuda")).logits.double().cpu()
    assert ((after - before).norm() / before.norm()).item() < 0.5
