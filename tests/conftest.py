"""Shared by all tests: small models, the sonnets, and one smoke book built once.

Modules of tests are shared out among one process per core, those with a test marked `slow` first. What is made
once a session is made once in each process that needs it: only one module needs the smoke book.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

# Before torch is loaded, here and in what a test starts: one thread, and where a test asks for two they do not spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest
import torch
import yaml
from fakes.project import ROOT, make
from transformers import GPT2Config, GPT2LMHeadModel

from frugal_lib.data import sonnets as sonnet_data
from frugal_lib.models import bases
from frugal_lib.profiles import FOLDER


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slow ones first, which would keep the others waiting at the end; skip what needs a GPU."""
    items.sort(key=lambda item: not item.get_closest_marker("slow"))
    for item in items if not torch.cuda.is_available() else ():
        if item.get_closest_marker("cuda"):
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device; `make gpu` runs it"))


@pytest.fixture(scope="session")
def sonnets() -> sonnet_data.Sonnets:
    """The public-domain edition: a package index is all it needs."""
    return sonnet_data.load_sonnets("public-domain")


@pytest.fixture(scope="session")
def tokenizer():
    return bases.load_tokenizer("micro")


@pytest.fixture
def tiny(tokenizer) -> GPT2LMHeadModel:
    """A randomly initialised GPT-2 of 0.3 M parameters with the embedded tokenizer."""
    torch.manual_seed(0)
    sizes = {"n_layer": 2, "n_embd": 32, "n_head": 2, "n_positions": 256, "vocab_size": len(tokenizer)}
    ids = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), tokenizer.eos_token_id)
    model = GPT2LMHeadModel(GPT2Config(**sizes, **ids, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0))
    model.loss_type = "ForCausalLM"
    return bases.linearize(model).eval()


@pytest.fixture
def corpus(tmp_path) -> Path:
    """A folder of forty small works to train on."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for i in range(40):
        text = f"This is work {i}. " + " ".join(f"word{i * j % 17} and {j}" for j in range(120))
        (folder / f"work{i}.txt").write_text(text)
    return folder


@pytest.fixture
def little(tmp_path) -> Path:
    """A profile of short runs, as a file: every task, on what a package index has."""
    content = yaml.safe_load((FOLDER / "smoke.yaml").read_text())
    content |= {"edition": "public-domain", "base": "nano", "folds": None}
    content["sonnets"].update(seeds=3, epochs=1, train_limit=8, held_out_limit=2, samples=1, max_new_tokens=30)
    for task, edition in (("sst", "vader"), ("cfimdb", "vader"), ("quora", "written")):
        content["labelled"][task] |= {"edition": edition, "train_limit": 12, "held_out_limit": 6}
    path = tmp_path / "little.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """A copy of the project's files with the same .venv, where a test may build and break things."""
    folder = tmp_path_factory.mktemp("project") / "copy"
    ignored = shutil.ignore_patterns(".venv", "_build", ".git", "__pycache__", "*.egg-info", ".pytest_cache")
    shutil.copytree(ROOT, folder, ignore=ignored)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


@pytest.fixture(scope="session")
def smoke_book(project) -> Path:
    """The project after `make book PROFILE=smoke`."""
    done = make(project, "book", "PROFILE=smoke")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return project
