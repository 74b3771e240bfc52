"""A run of chapter 3: a model, fine-tuned or not, in a weight format; its sonnets, its bytes, and its generality."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_model, save_model
from torch import nn

from frugal_lib import adapt, fetch, generality, models, quantization, quantize, sonnets
from frugal_lib.runs import Result, Run


def compute(run: Run, device: str) -> Result:
    """The result of one run: as `sonnets.compute`, with the model in `run.format`.

    Where `run.pairs` is set, the checks of `generality` are made as well.
    """
    quantize.check_format(run.format, device)
    training, held_out = sonnets.splits_of(run)
    tokenizer = models.load_tokenizer(run.base)
    if run.method == "full":  # of which every format is made
        model, history, facts = fine_tuned_once(run, device, tokenizer, training, held_out["dev"])
    else:
        model, history, facts = sonnets.trained(run, device, tokenizer, training, held_out["dev"])
    model, sizes = in_format(model, run, device)
    result = sonnets.scored(run, model, tokenizer, held_out)
    checks = generality.measure(model, tokenizer, run) if run.pairs else []
    found = generality.metrics_of(checks) if checks else {}
    return Result(result.metrics | facts | sizes | found, result.examples + checks, history)


def in_format(model: nn.Module, run: Run, device: str) -> tuple[nn.Module, dict[str, int]]:
    """The model as its format stores it, ready to run, and the bytes it has so; QLoRA is in its format already."""
    if run.method != "qlora":
        model = quantize.convert(adapt.merge(model), run.format, device)
    sizes = quantize.sizes(model)
    return quantize.runnable(model, run.format, device), sizes


def code_digest() -> str:
    """Eight hex digits that name the library's code and torch: what was trained by other code is not taken over."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources) + torch.__version__.encode()).hexdigest()[:8]


def checkpoint(run: Run) -> Path:
    """Where the weights of a full fine-tuning lie: the same place for all that differ in what is done afterwards."""
    training = replace(quantization.without_checks(run), format="fp32", samples=0)
    return fetch.cache_dir() / "checkpoints" / f"{training.key}-{code_digest()}.safetensors"


def fine_tuned_once(run: Run, device: str, tokenizer, training, dev) -> tuple[nn.Module, list[dict], dict[str, float]]:
    """What `sonnets.trained` gives: in FP32 trained anew and kept, in any other format read where it was kept."""
    path = checkpoint(run)
    if run.format != "fp32" and path.exists():
        with safe_open(path, "pt") as file:
            kept = json.loads(file.metadata()["trained"])
        model = models.load_model(run.base, run.dropout)
        load_model(model, path)
        return model.to(device).eval(), kept["history"], kept["facts"]
    model, history, facts = sonnets.trained(run, device, tokenizer, training, dev)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    save_model(model, str(temporary), {"trained": json.dumps({"history": history, "facts": facts})})
    for old in path.parent.glob(f"{path.name.split('-')[0]}-*.safetensors"):
        old.unlink(missing_ok=True)  # by other code
    os.replace(temporary, path)
    return model, history, facts
