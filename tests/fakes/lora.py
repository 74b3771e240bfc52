"""Records of chapter 2 that no run made."""

import dataclasses

from fakes.records import ENVIRONMENT, fake_lengths
from frugal_lib.chapters.lora import plan as lora_plan
from frugal_lib.chapters.lora import results as lora_results
from frugal_lib.chapters.lora import steps
from frugal_lib.core.runs import Record, read
from frugal_lib.paper.released import COMMITTED
from frugal_lib.profiles import load_profile

BASE_LOSS, FULL_LOSS = 4.0, 3.0


CHRF = 40.0


def losses(run, adapter_loss):
    """Nats per token: the base's, full fine-tuning's, and LoRA's; every rate but 1e-3 is worse, attention alone too."""
    if run.method == "base":
        return BASE_LOSS
    worse = 0.0 if run.learning_rate == 1e-3 else 0.5
    alone = 0.3 if run.modules == "attention" else 0.0
    return (FULL_LOSS if run.method == "full" else adapter_loss + alone) + worse


def fake(run, adapter_loss, spread=0.02):
    """A record of ten sonnets a split, which differ from run to run by `spread`."""
    if run.method == "released-sweep":
        return dataclasses.replace(read(run, COMMITTED), environment=ENVIRONMENT)
    if run.method == "floor-lengths":
        return fake_lengths(run, {"dev": range(10), "test": range(10)})
    if run.method == "floor-draws":
        draws = [{"kind": "draw", "draw": k, "chrf": 42 + 0.3 * ((k * 37 % 100) / 50 - 1)} for k in range(run.samples)]
        return Record(run, "ok", {"dev_chrf": 42.0, "dev_chrf_sd": 0.3}, draws, [], ENVIRONMENT)
    loss, examples = losses(run, adapter_loss), []
    shift = int(run.key, 16) % 5 - 2
    for split in ("dev", "test"):
        for i in range(10):
            own = loss + 0.1 * (i % 3 - 1) + spread * ((i * (shift + 3)) % 5 - 2)
            examples.append(
                {"kind": "likelihood", "split": split, "id": i, "nll": 100 * own, "tokens": 100, "characters": 400}
            )
            for k in range(2):
                score = dict.fromkeys(("chrf", "corpus_chrf"), CHRF + 0.5 * ((i + shift + k) % 3 - 1))
                examples.append({"kind": "completion", "split": split, "id": i, "sample": k, "text": "<b>"} | score)
    metrics = {
        "parameters": 1e6,
        "trainable_parameters": 1000.0 * run.rank or 1e6,
        "saved_bytes": 4000.0,
        "dev_nll": loss,
        "dev_chrf": CHRF,
    }
    last = {"train_loss": loss - (0.2 if run.method == "lora" else 0.6) + 0.01 * run.seed, "dev_loss": loss + 0.1}
    history = [
        {"epoch": 0, "dev_loss": BASE_LOSS},
        {"epoch": 1, "train_loss": loss, "dev_loss": loss},
        {"epoch": 2} | last,
    ]
    return Record(run, "ok", metrics, examples, history if run.learning_rate else [], ENVIRONMENT)


def results(monkeypatch, adapter_loss, change=lambda record: record):
    """The chapter's results where LoRA has that loss."""
    monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda: "folger")
    made = lora_plan.records(load_profile("micro"), 0, lambda runs: [change(fake(run, adapter_loss)) for run in runs])
    return lora_results.lora_results(made)


def step_row(rank, seconds, modules="attention-mlp"):
    parts = dict.fromkeys((*steps.PARTS, "everything else"), 0.1 * seconds)
    sizes = dict.fromkeys(("weight_bytes", "gradient_bytes", "optimizer_bytes", "activation_bytes", "saved_bytes"), 1e6)
    about = {"method": "lora" if rank else "full", "rank": rank, "modules": modules if rank else "", "seconds": seconds}
    more = {"trials": [seconds, 1.5 * seconds], "operations": 6 if not rank else 4, "peak_mb": 100.0}
    return about | more | sizes | {"profile": parts | {"products": 10}}
