import dataclasses

import pytest
from fakes.runs import RUN

from frugal_lib.chapters import common
from frugal_lib.chapters.quantization import plan as quantization_plan
from frugal_lib.core import runs as core_runs
from frugal_lib.core.machine import Unsupported
from frugal_lib.core.runs import Record
from frugal_lib.data import sonnets as sonnet_data
from frugal_lib.models import formats as weight_formats
from frugal_lib.profiles import load_profile, names
from frugal_lib.tasks import registry, stages


def fake(run):
    """A record whose loss is lowest at the higher rate."""
    return Record(run, "ok", {"dev_nll": 4.0 - run.learning_rate}, [], [], {})


def asked_by(profile, edition, monkeypatch):
    monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda: edition)
    stages = []

    def sweep(wanted):
        stages.append(wanted)
        return [fake(run) for run in wanted]

    return stages, quantization_plan.records(load_profile(profile), 0, sweep)


@pytest.fixture
def asked(monkeypatch):
    return asked_by("micro", "folger", monkeypatch)


def test_every_number_of_a_verdict_has_three_seeds(asked):
    _, records = asked
    plan = load_profile("micro").quantization
    for base in plan.bases:
        mine = [r.run for r in records if r.run.base == base and r.run.edition == "folger"]
        for method, formats in (("full", {"fp32", *plan.formats}), ("lora", {"fp32"}), ("qlora", {"nf4"})):
            for name in formats:
                found = [run.seed for run in mine if (run.method, run.format) == (method, name)]
                assert sorted(found) == [0, 1, 2], (method, name)
        for name in plan.qaft_formats:
            best = [run.seed for run in mine if run.format == name and run.method == "qaft"]
            assert sorted(best)[-2:] == [1, 2]


def test_the_generality_of_every_way_of_training_is_checked(asked):
    _, records = asked
    plan = load_profile("micro").quantization
    for base in plan.bases:
        checked = {(r.run.method, r.run.format) for r in records if r.run.base == base and r.run.pairs}
        assert checked == {
            ("base", "fp32"),
            ("full", "fp32"),
            ("lora", "fp32"),
            ("qlora", "nf4"),
            *(("full", name) for name in plan.checked_formats),
            *(("qaft", name) for name in plan.qaft_formats),
        }


def test_qaft_is_repeated_at_its_best_rate(asked):
    (_, second), _ = asked
    rates = {run.learning_rate for run in second if run.method == "qaft" and run.base == "nano"}
    assert rates == {max(load_profile("micro").quantization.bases["nano"].qaft_learning_rates)}


def test_the_digest_names_all_that_is_read(asked):
    _, records = asked
    runs_ = [r.run for r in records if r.run.edition == "folger" and r.run.chapter == "quantization"]
    assert len({run.data_digest for run in runs_ if run.pairs}) == 1
    assert {run.data_digest for run in runs_ if not run.pairs} == {sonnet_data.digest("folger")}
    assert {run.pair_sets for run in runs_} == {"quora/two-sources mrpc/released", ""}


def test_the_spot_check_has_a_twin_that_every_machine_can_run(asked):
    _, records = asked
    twin, short = [r.run for r in records if r.run.edition == "public-domain"]
    spot = quantization_plan.spot_run([r.run for r in records if r.run.edition == "folger"])
    assert quantization_plan.on_public_domain(spot) == twin and twin.pair_sets == "quora/written mrpc/edited"
    assert (spot.method, spot.base, spot.format, spot.seed) == ("qaft", "nano", "int4-channel", 0)
    assert (short.method, short.format, short.pair_sets) == (twin.method, twin.format, twin.pair_sets)


def test_the_runs_for_the_spot_check_have_no_say_in_which_rate_is_repeated(monkeypatch):
    monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda: "folger")
    stages = []

    def sweep(runs):
        stages.append(runs)
        badness = {run: 1.0 if run.edition == "public-domain" else 2.0 + run.learning_rate for run in runs}
        return [Record(run, "ok", {"dev_nll": badness[run]}, [], [], {}) for run in runs]

    quantization_plan.records(load_profile("micro"), 0, sweep)
    assert {run.edition for run in stages[1]} == {"folger"}


@pytest.mark.parametrize("name", names())
def test_formats_of_the_profiles_are_known_and_can_be_trained_for(name, tiny):
    plan = load_profile(name).quantization
    assert {*plan.formats, *plan.checked_formats, *plan.qaft_formats} <= set(weight_formats.FORMATS)
    assert set(plan.checked_formats) <= set(plan.formats)
    for format in plan.qaft_formats:
        assert weight_formats.FORMATS[format].by == "ours" and weight_formats.FORMATS[format].scale != "block"


def kept(monkeypatch, path):
    """Checkpoints go to a folder of the test's."""
    monkeypatch.setattr(stages, "checkpoint", lambda run: path / f"{run.seed}-bbbbbbbb.safetensors")


def test_formats_are_made_of_one_fine_tuning_that_is_trained_once(monkeypatch, tmp_path):
    kept(monkeypatch, tmp_path)
    run = common.without_checks(tiny_full())
    trained = []
    once = stages.trained
    monkeypatch.setattr(stages, "trained", lambda work: trained.append(work.run.format) or once(work))
    old = tmp_path / "0-aaaaaaaa.safetensors"
    old.touch()
    chosen = [dataclasses.replace(run, format=name) for name in ("fp64", "int4-tensor")]
    results = {run.format: core_runs.execute(run, registry.compute, "cpu") for run in chosen}
    assert trained == ["fp64"] and not old.exists()
    assert results["fp64"].history == results["int4-tensor"].history
    assert results["int4-tensor"].metrics["dev_nll"] > results["fp64"].metrics["dev_nll"]
    assert results["int4-tensor"].metrics["file_bytes"] < results["fp64"].metrics["file_bytes"] / 2
    path = stages.checkpoint(run)
    path.write_bytes(path.read_bytes()[:-1000])
    again = core_runs.execute(chosen[1], registry.compute, "cpu")
    assert trained == ["fp64", "int4-tensor"] and again.examples == results["int4-tensor"].examples
    assert path.exists() and path.with_name(f"{path.name}.1.unreadable").exists()
    plain = core_runs.execute(dataclasses.replace(run, chapter="lora"), registry.compute, "cpu")
    assert plain.metrics["dev_nll"] == pytest.approx(results["fp64"].metrics["dev_nll"], abs=1e-4)


def tiny_full():
    """Full fine-tuning of nano on a few sonnets for one epoch."""
    return dataclasses.replace(
        RUN, chapter="quantization", method="full", edition="public-domain", base="nano", samples=1, epochs=1,
        patience=1, batch_size=8, learning_rate=3e-4, train_limit=8, held_out_limit=2, max_new_tokens=40,
        pairs=8, pair_sets="quora/written mrpc/edited",
    )  # fmt: skip


def test_a_checkpoint_of_other_code_or_another_run_is_another_file(monkeypatch):
    run = tiny_full()
    path = stages.checkpoint(run)
    unchecked = common.without_checks(dataclasses.replace(run, format="nf4", samples=3))
    assert unchecked.data_digest != run.data_digest and stages.checkpoint(unchecked) == path
    assert stages.checkpoint(dataclasses.replace(run, seed=1)) != path
    monkeypatch.setattr("frugal_lib.core.machine.code_digest", lambda: "ffffffff")
    assert stages.checkpoint(run) != path


@pytest.mark.parametrize(("method", "format", "rank"), [("qaft", "int4-channel", 0), ("qlora", "nf4", 2)])
def test_a_run_has_its_sonnets_its_bytes_and_its_checks(method, format, rank):
    run = dataclasses.replace(tiny_full(), method=method, format=format, rank=rank)
    run = dataclasses.replace(run, alpha=4, modules="attention-mlp") if rank else run
    record = core_runs.execute(run, registry.compute, "cpu")
    assert record.status == "ok", record.error
    assert {
        "dev_nll",
        "dev_chrf",
        "file_bytes",
        "memory_bytes",
        "quora_cloze_auroc",
        "mrpc_probe_auroc",
        "prose_bpc",
    } <= set(record.metrics)
    assert {row["kind"] for row in record.examples} == {"completion", "likelihood", "pairs", "text"}
    assert record.metrics["file_bytes"] < 0.75 * 4 * record.metrics["parameters"]
    assert Record.from_json(record.to_json()).examples == core_runs.rounded(record.examples)


def test_what_a_device_cannot_run_is_a_record_that_another_device_computes_again(tmp_path, capsys, monkeypatch):
    run = dataclasses.replace(tiny_full(), format="int4-torchao")
    monkeypatch.setattr("frugal_lib.core.machine.pick_device", lambda device="auto": "cpu")
    (record,) = core_runs.sweep([run], registry.compute, tmp_path, workers=1)
    assert record.status == "unsupported" and record.metrics == {}
    assert record.error == "int4-torchao: torchao's INT4 kernel runs on a CUDA device, and this is a cpu."
    assert "0 failed or diverged" in capsys.readouterr().err
    assert core_runs.sweep([run], unsupported_no_more, tmp_path, workers=1)[0].status == "unsupported"
    elsewhere = dataclasses.replace(record, environment=record.environment | {"device": "cuda"})
    core_runs.write(elsewhere, tmp_path)
    assert core_runs.sweep([run], unsupported_no_more, tmp_path, workers=1)[0].status == "ok"


def unsupported_no_more(run, device):
    return core_runs.Result({"dev_nll": 1.0})


def test_unsupported_is_raised_before_anything_is_trained(monkeypatch):
    monkeypatch.setattr("frugal_lib.models.bases.load_model", lambda *a: pytest.fail("a model was loaded"))
    with pytest.raises(Unsupported):
        registry.compute(dataclasses.replace(tiny_full(), format="int4-torchao"), "cpu")
