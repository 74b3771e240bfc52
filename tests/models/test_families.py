"""What the book does to a base, it can do to a model of any family."""

import copy
from dataclasses import replace

import pytest
import torch
from fakes.families import FAMILIES, LAYERS, tiny
from fakes.runs import IDS, RUN
from torch import nn
from transformers import GenerationConfig, OPTConfig, OPTForCausalLM

from frugal_lib.metrics import generality, likelihood, reference_models
from frugal_lib.models import adapt, bases, families, formats
from frugal_lib.models.generate import Decoding, complete, stream_seed
from frugal_lib.tasks import completion

CPU = [name for name in formats.FORMATS if name != "int4-torchao"]
QAFT = ["int8-tensor", "int8-channel", "int4-tensor", "int4-channel"]


@pytest.fixture(params=FAMILIES)
def family(request) -> str:
    return request.param


@pytest.fixture
def model(family, tokenizer):
    return tiny(family, tokenizer)


def logits(model: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(IDS).logits.double()


def settings(**fields):
    return replace(RUN, **{"base": "micro", "batch_size": 4, "epochs": 2, "patience": 9} | fields)


def tuned(model, tokenizer, sonnets, run):
    """The losses on dev before training, and after each of two epochs."""
    history, _ = completion.fine_tune(run, "cpu", model, tokenizer, sonnets.train[:8], sonnets.dev[:2])
    return [row["dev_loss"] for row in history]


def test_its_parts_are_found(family, model, tokenizer):
    layers = list(families.block_layers(model))
    assert len(layers) == 2 * sum(LAYERS[family]) and len(families.blocks(model)) == 2
    assert all(families.in_blocks(m, n) == (".0." in n or ".1." in n) for n, m in model.named_modules() if is_linear(m))
    assert families.context_length(model.config) == 256 and families.width(model.config) == 64
    assert families.output_layer(model).weight.shape == (len(tokenizer), 64)
    assert families.vocabulary(model.config) == len(tokenizer)
    assert model.num_parameters() < 1.2e6


def is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear)


def test_a_model_of_another_kind_is_refused_in_one_sentence():
    config = OPTConfig(hidden_size=16, ffn_dim=32, num_hidden_layers=1, num_attention_heads=2, vocab_size=50)
    with pytest.raises(ValueError, match=r"a model of type 'opt' has .* choose GPT-2, Llama, Qwen or Gemma"):
        bases.prepared(OPTForCausalLM(config))


def test_it_is_read_from_a_folder_with_its_habits_of_writing_left_out(family, model, tokenizer, tmp_path, monkeypatch):
    if family == "gpt2":
        pytest.skip("the embedded bases are read so in every other test")
    model.generation_config = GenerationConfig(repetition_penalty=1.7, eos_token_id=[tokenizer.eos_token_id, 5])
    model.save_pretrained(tmp_path / "mine")
    tokenizer.save_pretrained(tmp_path / "mine")
    monkeypatch.setattr(bases, "ASSETS", tmp_path)
    read = bases.load_model("mine", dropout=0.3)
    assert torch.equal(logits(read), logits(model)) and read.config.attention_dropout == 0.3
    assert read.generation_config.repetition_penalty in (None, 1.0)
    assert read.generation_config.eos_token_id == [tokenizer.eos_token_id, 5]
    assert bases.context_length("mine") == 256


@pytest.mark.parametrize("modules", adapt.MODULES)
def test_lora_starts_from_the_base_and_merges_to_the_same_logits(family, model, modules):
    before = logits(model)
    run = settings(method="lora", rank=2, alpha=8, modules=modules)
    adapted = adapt.adapt(model, run)
    attention, mlp = LAYERS[family]
    trained = [name for name, weight in adapted.named_parameters() if weight.requires_grad]
    assert len(trained) == 2 * 2 * (attention + mlp * (modules == "attention-mlp"))
    assert torch.equal(logits(adapted), before)
    torch.manual_seed(1)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight, std=0.1)
    unmerged = logits(adapted)
    assert (unmerged - before).abs().max() > 0.1
    assert (logits(adapt.merge(adapted)) - unmerged).abs().max() <= 1e-4


@pytest.mark.parametrize("format", CPU)
def test_every_format_of_a_cpu_stores_its_blocks_and_answers_nearly_as_before(model, format):
    before = logits(model)
    stored = formats.convert(model, format)
    plain = [m for n, m in stored.named_modules() if families.in_blocks(m, n) and type(m.weight.data) is torch.Tensor]
    assert not [m for m in plain if type(m) is nn.Linear] or format in formats.DTYPES
    after = logits(formats.runnable(stored, format, "cpu"))
    bits, scale = formats.FORMATS[format].bits, formats.FORMATS[format].scale
    limit = {4: 0.9 if scale == "tensor" else 0.4, 8: 0.08, 16: 0.02, 32: 0, 64: 1e-5}[bits]
    miss = ((after - before).norm() / before.norm()).item()
    assert miss <= limit and (miss > 0 or format == "fp32")
    assert formats.sizes(stored)["file_bytes"] > 0


def test_a_cast_leaves_the_angles_of_positions_alone(model):
    before = {name: buffer.clone() for name, buffer in model.named_buffers() if "inv_freq" in name}
    after = dict(formats.convert(model, "bf16").named_buffers())
    assert all(
        torch.equal(after[name], buffer) and after[name].dtype == torch.float32 for name, buffer in before.items()
    )
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("format", QAFT)
def test_what_is_trained_for_a_format_is_what_is_stored(model, tokenizer, sonnets, format):
    run = settings(method="qaft", format=format)
    prepared = adapt.adapt(model, run)
    losses = tuned(prepared, tokenizer, sonnets, run)
    assert losses[-1] < losses[0]
    trained = logits(prepared)
    assert torch.allclose(logits(formats.convert(prepared, format)), trained, atol=1e-4)


def test_full_fine_tuning_and_adapters_beside_four_bits_learn(model, tokenizer, sonnets):
    for run in (settings(), settings(method="qlora", rank=4, alpha=32, modules="attention-mlp", format="nf4")):
        losses = tuned(adapt.adapt(copy.deepcopy(model), run), tokenizer, sonnets, run)
        assert losses[-1] < losses[0]


@pytest.mark.parametrize("decoding", [Decoding(temperature=0, max_new_tokens=24), Decoding(max_new_tokens=24)])
def test_a_completion_is_the_same_alone_and_among_twelve(model, tokenizer, sonnets, decoding):
    prompts = [sonnet.given + "\n" for sonnet in sonnets.dev]
    seeds = [stream_seed("test", sonnet.id) for sonnet in sonnets.dev]
    together = complete(model, tokenizer, prompts, seeds, 11, decoding, batch_size=12)
    assert together == complete(model, tokenizer, prompts, seeds, 11, decoding, batch_size=1)
    assert len(set(together)) > 6


def test_the_cache_writes_what_reading_all_anew_would(model, tokenizer, sonnets):
    """Greedily: the next token is the likeliest behind all before it, beyond a sliding window too."""
    prompt = sonnets.dev[0].given + "\n"
    (text,) = complete(model, tokenizer, [prompt], [0], 11, Decoding(temperature=0, max_new_tokens=12))
    ids = torch.tensor([tokenizer.encode(prompt)])
    for _ in range(12):
        ids = torch.cat([ids, model(ids).logits[:, -1].argmax(dim=1, keepdim=True)], dim=1)
    assert "\n".join(tokenizer.decode(ids[0, -12:], skip_special_tokens=True).splitlines()[:11]) == text


def test_losses_do_not_depend_on_padding_or_on_how_many_are_scored_at_once(model, tokenizer, sonnets, monkeypatch):
    examples = likelihood.language_examples([s.text[:n] for s, n in zip(sonnets.dev, (40, 200, 90))], tokenizer)  # noqa: B905
    alone = [likelihood.example_losses(model, [example])[0] for example in examples]
    monkeypatch.setattr("frugal_lib.models.batches.SCORES", 2 * 80 * len(tokenizer))
    for found in (likelihood.example_losses(model, examples), likelihood.example_losses(model, examples, batch_size=1)):
        assert found == [(pytest.approx(nll, rel=1e-5), count) for nll, count in alone]


def test_windows_give_the_losses_of_one_reading(model, tokenizer, sonnets):
    ids = bases.between_texts(tokenizer, sonnets.dev[0].text)[:200]
    nats = reference_models.window_nats(model, ids)
    example = {"input_ids": ids, "labels": ids}
    assert nats.sum() == pytest.approx(likelihood.example_losses(model, [example])[0][0], rel=1e-5)


def test_the_probe_reads_the_last_token_and_the_cloze_the_models_own_words(model, tokenizer):
    asked = generality.reader(model, tokenizer)
    prompts = ["Is it so, yes or no?", "Is it so, and was it ever so in all the days of old, yes or no?"]
    together = generality.features(asked, tokenizer, prompts)
    alone = torch.cat([generality.features(asked, tokenizer, [prompt]) for prompt in prompts])
    assert together.shape == (2, 64) and torch.allclose(together, alone, atol=1e-5)
    with torch.no_grad():
        scores = model(torch.tensor([tokenizer.encode(prompts[1])])).logits[0, -1].log_softmax(dim=0)
    no, yes = (tokenizer.encode(word)[0] for word in (" no", " yes"))
    assert generality.yes_bias(asked, together)[1] == pytest.approx(float(scores[yes] - scores[no]), abs=1e-4)


def test_adapters_act_in_the_probe(model, tokenizer):
    before = generality.features(generality.reader(model, tokenizer), tokenizer, ["a rose"])
    adapted = adapt.adapt(model, settings(method="lora", rank=2, alpha=8, modules="attention"))
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            nn.init.constant_(weight, 0.1)
    after = generality.features(generality.reader(adapted, tokenizer), tokenizer, ["a rose"])
    assert (after - before).abs().max() > 1e-3
