"""Shared by all tests: small models, the sonnets, and one smoke book built once."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from transformers import GPT2Config, GPT2LMHeadModel

from frugal_lib import chapters, data, models
from frugal_lib.profiles import Profile
from frugal_lib.runs import Run

ROOT = Path(__file__).parents[1]


def first_runs(profile: Profile, seed: int = 0) -> list[Run]:
    """The runs chapter 1 asks for before it has seen a record."""
    asked = []
    chapters.baseline(profile, seed, lambda runs: asked.extend(runs) or [])
    return asked


@pytest.fixture(scope="session")
def sonnets() -> data.Sonnets:
    """The public-domain edition: a package index is all it needs."""
    return data.load_sonnets("public-domain")


@pytest.fixture(scope="session")
def tokenizer():
    return models.load_tokenizer("micro")


@pytest.fixture
def tiny(tokenizer) -> GPT2LMHeadModel:
    """A randomly initialised GPT-2 of 0.3 M parameters with the embedded tokenizer."""
    import torch

    torch.manual_seed(0)
    sizes = {"n_layer": 2, "n_embd": 32, "n_head": 2, "n_positions": 256, "vocab_size": len(tokenizer)}
    ids = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), tokenizer.eos_token_id)
    model = GPT2LMHeadModel(GPT2Config(**sizes, **ids, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0))
    model.loss_type = "ForCausalLM"
    return models.linearize(model).eval()


@pytest.fixture
def corpus(tmp_path) -> Path:
    """A folder of forty small works to train on."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for i in range(40):
        text = f"This is work {i}. " + " ".join(f"word{i * j % 17} and {j}" for j in range(120))
        (folder / f"work{i}.txt").write_text(text)
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """A copy of the project's files with the same .venv, where a test may build and break things."""
    folder = tmp_path_factory.mktemp("project") / "copy"
    ignored = shutil.ignore_patterns(".venv", "_build", ".git", "__pycache__", "*.egg-info", ".pytest_cache")
    shutil.copytree(ROOT, folder, ignore=ignored)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def make(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """`make` in `folder`, which the library is imported from too."""
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(["make", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def smoke_book(project) -> Path:
    """The project after `make book PROFILE=smoke`."""
    done = make(project, "book", "PROFILE=smoke")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return project
