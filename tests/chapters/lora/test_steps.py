import dataclasses
import json

import pytest
import torch
from fakes.lora import step_row
from fakes.records import ENVIRONMENT
from typer.testing import CliRunner

from frugal_lib.__main__ import app
from frugal_lib.chapters.lora import steps, tables
from frugal_lib.core.runs import Record, Run
from frugal_lib.models import adapt
from frugal_lib.profiles import load_profile

RUN = Run("lora", "sonnets", "full", "public-domain", "0" * 12, 0, 0, base="nano", learning_rate=1e-3, batch_size=2)


@pytest.fixture(scope="module")
def step():
    found = steps.prepare(RUN, "cpu")
    found.run()
    return found


def test_memory_by_part_is_what_adamw_must_hold(step):
    found = steps.memory(step)
    assert found["weight_bytes"] == found["gradient_bytes"] == 4 * found["trainable_parameters"]
    assert 0 <= found["optimizer_bytes"] - 8 * found["trainable_parameters"] < 1000  # two moments, and step counts
    adapted = steps.prepare(dataclasses.replace(RUN, method="lora", rank=4, alpha=16, modules="attention-mlp"), "cpu")
    adapted.run()
    little = steps.memory(adapted)
    assert (
        little["gradient_bytes"] == 4 * little["trainable_parameters"] == 4 * adapt.trainable_parameters(adapted.model)
    )
    assert little["saved_bytes"] < found["saved_bytes"] / 10


def test_what_a_forward_pass_keeps_is_counted_once_and_without_the_weights():
    """Of y = tanh(Wx), tanh keeps its output and the product keeps x; W is a weight."""
    layer = torch.nn.Linear(8, 8, bias=False)

    class Toy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            out = torch.tanh(self.layer(x))
            return type("Output", (), {"loss": out.sum() + 0 * out.sum()})

    x = torch.randn(4, 8, requires_grad=True)
    toy = steps.Step(Toy(), {"x": x}, torch.optim.AdamW(layer.parameters()))
    assert steps.kept_bytes(toy) == 2 * 4 * 8 * 4


def test_operations_of_a_full_step_are_about_six_a_parameter_and_token(step):
    tokens = step.batch["input_ids"].numel()
    weights = sum(p.numel() for n, p in step.model.named_parameters() if p.dim() == 2 and "wpe" not in n)
    assert steps.operations(step) == pytest.approx(6 * weights * tokens, rel=0.15)  # and attention


def test_every_operation_belongs_to_a_part():
    assert steps.part_of("aten::addmm") == "matrix products"
    assert steps.part_of("aten::_scaled_dot_product_flash_attention_for_cpu") == "attention"
    assert steps.part_of("aten::_fused_adamw_") == "optimizer"
    assert steps.part_of("aten::_log_softmax_backward_data") == "loss"
    assert steps.part_of("aten::cat") == "everything else"


@pytest.fixture
def smoke_records(tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "WARM_UP", 1)
    monkeypatch.setattr(steps, "TIMED", 1)
    words = ["benchmark", "lora", "--profile", "smoke", "--results", str(tmp_path), "--device", "cpu"]
    return CliRunner().invoke(app, words), tmp_path


def test_the_command_measures_every_method_and_says_how_fast(smoke_records):
    done, folder = smoke_records
    assert done.exit_code == 0, done.output
    (path,) = folder.rglob("*.json")
    record = Record.from_json(path.read_text())
    assert "nano: a full step takes" in done.output and "rank 8" in done.output
    plan = load_profile("smoke").lora.bases["nano"]
    assert [row["rank"] for row in record.examples] == [0, *plan.ranks, max(plan.ranks)]
    assert [row["modules"] for row in record.examples][-1] == "attention"
    for row in record.examples:
        assert row["seconds"] > 0 and row["activation_bytes"] > 1e6
        assert row["profile"]["matrix products"] > 0 and row["profile"]["products"] > 10
    full, lora = record.examples[:2]
    assert 1.3 < full["operations"] / lora["operations"] < 1.55  # four operations a weight and token in place of six
    assert json.loads(path.read_text())["run"]["method"] == "steps"


def test_a_chapter_shows_the_published_records_of_both_bases_where_its_profile_has_none(tmp_path):
    shown = steps.shown(load_profile("smoke"), tmp_path)
    assert [record.run.base for record in shown.records] == ["micro", "nano"] and not list(tmp_path.iterdir())
    assert shown.folder == load_profile("micro").results_folder()


def test_without_records_the_chapter_still_has_its_tables():
    assert tables.step_table([], "").empty and tables.profile_table([]).empty


def test_a_chapter_without_a_benchmark_is_one_sentence():
    done = CliRunner().invoke(app, ["benchmark", "epilogue"])
    assert done.exit_code == 2 and "chapter 'epilogue' has no benchmark; choose one of baseline, lora" in done.output


def test_the_page_has_the_speed_of_a_lora_step_at_every_rank():
    rows = [step_row(0, 1.2), step_row(1, 0.8), step_row(256, 1.1), step_row(1, 0.7, "attention")]
    record = Record(dataclasses.replace(RUN, method="steps"), "ok", {}, rows, [], ENVIRONMENT)
    assert steps.factors(record) == pytest.approx({1: 1.5, 256: 1.2 / 1.1})
    table = tables.step_table([record], "results/micro")
    assert list(table["times as fast"]) == ["1.00", "1.50", "1.09", "1.71"]
    assert table["by operations"].iloc[1] == "1.50" and "<a " in table["ms a step"].iloc[0].data
    assert tables.profile_table([record])["loss"].iloc[0] == "120"
