"""What of a model is trained: all of it, its last linear layer, or low-rank adapters beside its layers."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from frugal_lib.core.runs import Run
from frugal_lib.models import families, formats, qat

# Which linear layers get an adapter, as what PEFT matches against their full names.
MODULES = {
    "attention-mlp": rf".*\.({families.ROLES['attention']}|{families.ROLES['mlp']})",
    "attention": rf".*\.{families.ROLES['attention']}",
}


def full(model: nn.Module, run: Run) -> nn.Module:
    """Every parameter is trainable; changed in place."""
    return model.requires_grad_(True)


def last_layer(model: nn.Module, run: Run) -> nn.Module:
    """Only the head of a classifier is trainable; changed in place."""
    model.requires_grad_(False)
    model.head.requires_grad_(True)
    return model


def lora(model: nn.Module, run: Run) -> PeftModel:
    """Adapters of rank `run.rank` beside the linear layers named by `run.modules`; the base is frozen.

    A layer then computes Wx + (alpha / rank) BAx, with A [rank, in] drawn by Kaiming's rule from
    `run.seed` and B [out, rank] zero, so that training starts from the base.
    Source: Hu et al. 2021, "LoRA: Low-rank adaptation of large language models".

    Raises:
        ValueError: the rank is not positive, or nobody knows the modules.
    """
    if run.rank < 1:
        raise ValueError(f"rank {run.rank} is not possible; give a whole number of at least 1.")
    if run.modules not in MODULES:
        raise ValueError(f"modules {run.modules!r} are unknown; choose one of {', '.join(MODULES)}.")
    config = LoraConfig(
        r=run.rank, lora_alpha=run.alpha, target_modules=MODULES[run.modules], task_type="CAUSAL_LM"
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)  # PEFT's, not ours to mend
        torch.manual_seed(run.seed)
        return get_peft_model(model, config)


def qaft(model: nn.Module, run: Run) -> nn.Module:
    """Every parameter is trainable, and the blocks compute with weights rounded to `run.format`; changed in place."""
    return full(qat.prepare(model, run.format), run)


def qlora(model: nn.Module, run: Run) -> PeftModel:
    """Adapters as in `lora`, beside layers that are stored in NF4.

    Source: Dettmers et al. 2023, "QLoRA: Efficient finetuning of quantized LLMs".
    """
    model.requires_grad_(False)  # bitsandbytes adds a bias in place
    return lora(formats.convert(model, "nf4", model.device.type), run)


METHODS = {"full": full, "last-layer": last_layer, "lora": lora, "qaft": qaft, "qlora": qlora}


def adapt(model: nn.Module, run: Run) -> nn.Module:
    """`model` made ready to be fine-tuned by `run.method`, a key of `METHODS`; the model itself is changed."""
    if run.method not in METHODS:
        raise ValueError(f"method {run.method!r} is unknown; choose one of {', '.join(METHODS)}.")
    return METHODS[run.method](model, run)


def merge(model: nn.Module) -> nn.Module:
    """The model without adapters: W becomes W + (alpha / rank) BA. A model that has none stays as it is."""
    return model.merge_and_unload() if isinstance(model, PeftModel) else model


def trainable_parameters(model: nn.Module) -> int:
    """How many parameters the optimizer would change."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def saved_bytes(model: nn.Module) -> int:
    """Bytes of the safetensors file that keeps what was trained: the adapters, or the whole model."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return sum(path.stat().st_size for path in Path(folder).glob("*.safetensors"))


ALL, ATTENTION = "attention-mlp", "attention"
