"""Pre-train a small GPT-2 from a folder of text: tokens, training, shipped weights.

    python -m frugal_lib pretrain CORPUS_DIR --size micro

1. `corpus` checks, splits and encodes the text (once).
2. Muon for the matrices inside the layers and AdamW for the rest, or AdamW for all; linear warm-up,
   then a cosine to a tenth. Everything random at a step is a function of (seed, step) alone, and the
   number of threads is kept, so a run that was killed goes on as if it had not been.
3. The weights are written in half precision as safetensors, with config, tokenizer and the loss curve.
"""

from __future__ import annotations

import json
import math
import pickle
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import ValidationError
from pydantic.dataclasses import dataclass
from transformers import GPT2Config, GPT2LMHeadModel

from frugal_lib.core import machine
from frugal_lib.core.files import alone, move_aside, replacing, sweep_up, write_text
from frugal_lib.core.validated import STRICT, first_problem
from frugal_lib.data.corpus import fingerprint, load_corpus, tokens_folder
from frugal_lib.models.muon import Muon

SIZES = {
    "micro": {"n_layer": 4, "n_embd": 320, "n_head": 5},
    "nano": {"n_layer": 3, "n_embd": 128, "n_head": 2},
}


@dataclass(frozen=True, config=STRICT)
class Recipe:
    """Everything that decides which weights come out, apart from the text itself."""

    n_layer: int = 4
    n_embd: int = 320
    n_head: int = 5
    vocab_size: int = 7040  # five tokens fit one 64-bit integer, so that n-grams can be counted by sorting
    context: int = 512  # tokens in a training window, and positions of the model
    batch_size: int = 16  # windows a step: 8,192 tokens
    tokens: int = 24_000_000  # 2,929 steps
    optimizer: Literal["muon", "adamw"] = "muon"  # of the matrices inside the layers; AdamW has the rest
    learning_rate: float = 2.5e-3  # of AdamW
    muon_rate: float = 0.02
    weight_decay: float = 0.0  # of matrices
    warmup: float = 0.03  # share of the steps
    batch_warmup: float = 0.0  # share of the steps that take half a batch
    dropout: float = 0.0
    grad_clip: float = 1.0
    precision: Literal["bf16", "fp32"] = "bf16"  # of the matrix products: bf16 (autocast) or fp32
    seed: int = 0

    @property
    def small_steps(self) -> int:
        """How many steps take half a batch."""
        steps = self.tokens / (self.batch_size * self.context) / (1 - self.batch_warmup / 2)
        return int(self.batch_warmup * steps)

    @property
    def steps(self) -> int:
        """How many steps make `tokens`, the last window left out where it does not fit."""
        full = self.batch_size * self.context
        return (self.tokens + self.small_steps * (full // 2)) // full


def fast_precision() -> str:
    """`bf16` where the processor has units for it, which makes a step 2.5 times as fast; else `fp32`."""
    return "bf16" if torch.cpu.get_capabilities().get("amx_bf16") else "fp32"


def make_recipe(size: str, settings: Sequence[str] = ()) -> Recipe:
    """The recipe of `size` for this processor, with other values for the fields named in `FIELD=VALUE` settings.

    Raises:
        ValueError: one sentence on what is unknown or wrong.
    """
    if size not in SIZES:
        raise ValueError(f"size {size!r} is unknown; choose one of {', '.join(SIZES)}.")
    for setting in settings:
        if "=" not in setting:
            raise ValueError(f"--set {setting}: give FIELD=VALUE, such as --set optimizer=adamw.")
    changes = dict(setting.split("=", 1) for setting in settings)
    try:
        return Recipe(**(SIZES[size] | {"precision": fast_precision()} | changes))
    except ValidationError as error:
        raise ValueError(f"recipe: {first_problem(error)}") from None


@lru_cache(maxsize=2)
def epoch_starts(seed: int, epoch: int, windows: int, context: int) -> np.ndarray:
    """Where the windows of one pass begin: every window once, shuffled, the grid shifted at random."""
    rng = np.random.default_rng([seed, epoch])
    return rng.permutation(windows) * context + rng.integers(context)


def batch_at(step: int, tokens: np.ndarray, recipe: Recipe) -> torch.Tensor:
    """The windows of one step, int64 [batch, context]; a function of seed and step alone."""
    windows = (len(tokens) - 1) // recipe.context - 1
    picks = range(windows_before(step, recipe), windows_before(step + 1, recipe))
    starts = [epoch_starts(recipe.seed, i // windows, windows, recipe.context)[i % windows] for i in picks]
    return torch.from_numpy(np.stack([tokens[s : s + recipe.context].astype(np.int64) for s in starts]))


def windows_before(step: int, recipe: Recipe) -> int:
    """How many windows the steps before `step` read."""
    small = min(step, recipe.small_steps)
    return small * (recipe.batch_size // 2) + (step - small) * recipe.batch_size


def rate_at(step: int, recipe: Recipe) -> float:
    """Share of the peak rate: linear warm-up, then a cosine down to a tenth."""
    warm = max(1, round(recipe.warmup * recipe.steps))
    if step < warm:
        return (step + 1) / warm
    progress = (step - warm) / max(1, recipe.steps - warm)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * progress))


def new_model(recipe: Recipe, end_id: int) -> GPT2LMHeadModel:
    """A freshly initialised GPT-2 of the recipe's size."""
    torch.manual_seed(recipe.seed)
    sizes = {name: getattr(recipe, name) for name in ("vocab_size", "n_layer", "n_embd", "n_head")}
    ids = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), end_id)
    rates = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), recipe.dropout)
    model = GPT2LMHeadModel(GPT2Config(n_positions=recipe.context, **sizes, **ids, **rates))
    model.loss_type = "ForCausalLM"  # what transformers falls back to, with a warning
    return model


def new_optimizers(model: GPT2LMHeadModel, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """AdamW for all, weight decay on matrices only; or Muon for the matrices inside the layers."""
    inner = {id(p) for p in model.transformer.h.parameters() if p.dim() == 2 and recipe.optimizer == "muon"}
    rest = [p for p in model.parameters() if id(p) not in inner]
    groups = [
        {"params": [p for p in rest if p.dim() >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in rest if p.dim() < 2], "weight_decay": 0.0},
    ]
    optimizers = [torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.95), fused=True)]
    if inner:
        matrices = [p for p in model.parameters() if id(p) in inner]
        optimizers.append(Muon(matrices, lr=recipe.muon_rate, weight_decay=recipe.weight_decay))
    return optimizers


@torch.no_grad()
def validation_loss(forward, tokens: np.ndarray, recipe: Recipe, windows: int = 64) -> float:
    """Mean loss in nats per token over the same evenly spaced windows of `tokens` each time."""
    starts = np.linspace(0, len(tokens) - recipe.context - 1, windows, dtype=int)
    rows = np.stack([tokens[s : s + recipe.context].astype(np.int64) for s in starts])
    parts = torch.from_numpy(rows).split(recipe.batch_size)
    return sum(forward(part).item() for part in parts) / len(parts)


def read_checkpoint(checkpoint: Path) -> dict:
    """What is in a checkpoint; nothing where there is none, or one that was damaged, which is moved aside."""
    if not checkpoint.exists():
        return {}
    try:
        saved = torch.load(checkpoint, weights_only=True)
        return {name: saved[name] for name in ("model", "optimizers", "state")}
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        aside = move_aside(checkpoint).name
        problem = f"cannot be read ({type(error).__name__}); moved to {aside}, and training begins anew"
        print(f"{checkpoint}: {problem}.", file=sys.stderr)
        return {}


def resume(checkpoint: Path, model, optimizers) -> dict:
    """The state in `checkpoint`, model and optimizers set to it; a fresh state where there is none."""
    fresh = {"step": 0, "seconds": 0.0, "curve": [], "threads": torch.get_num_threads()}
    if not (saved := read_checkpoint(checkpoint)):
        return fresh
    model.load_state_dict(saved["model"])
    for optimizer, state in zip(optimizers, saved["optimizers"], strict=True):
        optimizer.load_state_dict(state)
    return fresh | saved["state"]


def make_forward(model: GPT2LMHeadModel, recipe: Recipe, compiled: bool):
    """A function from a batch of windows to their mean loss, in the recipe's precision."""
    network = torch.compile(model) if compiled else model

    def forward(batch: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16) if recipe.precision == "bf16" else nullcontext():
            return network(batch, labels=batch).loss

    return forward


def one_step(step: int, forward, model, optimizers, tokens: np.ndarray, recipe: Recipe) -> float:
    """One optimizer step; returns the loss of its batch before it, in nats per token."""
    for optimizer, peak in zip(optimizers, (recipe.learning_rate, recipe.muon_rate), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = peak * rate_at(step, recipe)
    torch.manual_seed(recipe.seed * 1_000_003 + step)  # dropout too depends on seed and step alone
    loss = forward(batch_at(step, tokens, recipe))
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.grad_clip)
    for optimizer in optimizers:
        optimizer.step()
    model.zero_grad()
    return loss.item()


def train(model, train_tokens, valid_tokens, recipe: Recipe, work: Path, every: int = 100, compiled=True) -> dict:
    """Train to the recipe's last step, from the last checkpoint in `work` where there is one.

    Model, optimizers, step and number of threads are the whole state: a resumed run ends in the same
    weights, to the bit, as one that was never stopped on the same machine. Sums are rounded otherwise on
    another number of threads, from the first steps on, so a run keeps the number that it began with.

    Returns the state that ships: `step`, `seconds` of training, `threads`, and `curve`, a list of
    `{step, tokens, seconds, train, valid}` (losses in nats per token), printed as it grows.
    """
    machine.keep_memory()
    optimizers = new_optimizers(model, recipe)
    state = resume(work / "checkpoint.pt", model, optimizers)
    forward = make_forward(model, recipe, compiled)
    losses, started = [], time.perf_counter() - state["seconds"]
    with machine.threads(state["threads"]):
        for step in range(state["step"], recipe.steps):
            model.train()
            losses.append(one_step(step, forward, model, optimizers, train_tokens, recipe))
            if (step + 1) % every == 0 or step + 1 == recipe.steps:
                model.eval()
                point = {
                    "step": step + 1,
                    "tokens": windows_before(step + 1, recipe) * recipe.context,
                    "seconds": round(time.perf_counter() - started, 1),
                    "train": round(float(np.mean(losses)), 4),
                    "valid": round(validation_loss(forward, valid_tokens, recipe), 4),
                }
                losses, curve = [], [*state["curve"], point]
                state = state | {"step": step + 1, "seconds": point["seconds"], "curve": curve}
                keep(work, model, optimizers, state)
                print(json.dumps(point), flush=True)
    return state


def keep(work: Path, model, optimizers, state: dict) -> None:
    """Write the whole state into `work`, so that a kill never leaves half of it, and the loss curve for reading."""
    states = [optimizer.state_dict() for optimizer in optimizers]
    with replacing(work / "checkpoint.pt") as temporary:
        torch.save({"model": model.state_dict(), "optimizers": states, "state": state}, temporary)
    write_text(work / "curve.json", json.dumps(state["curve"]))


def pretrain(folder: Path, work: Path, out: Path, recipe: Recipe, compiled: bool = True) -> dict:
    """The whole way from a folder of text to shipped weights; returns the facts written beside them.

    A killed run goes on from its last checkpoint below `work`; another corpus or recipe starts its own.

    Raises:
        Busy: another process is at the same run.
    """
    corpus = load_corpus(folder, work, recipe.vocab_size)
    run_folder = tokens_folder(folder, work, recipe.vocab_size) / f"run-{fingerprint(asdict(recipe))}"
    run_folder.mkdir(parents=True, exist_ok=True)
    model = new_model(recipe, corpus.tokenizer.eos_token_id)
    with alone(run_folder):
        sweep_up(run_folder)
        state = train(model, corpus.train, corpus.valid, recipe, run_folder, compiled=compiled)
    where = {"processor": machine.processor(), "threads": state["threads"]}
    facts = {
        "recipe": asdict(recipe),
        "parameters": model.num_parameters(),
        "corpus": corpus.facts,
        "machine": where | {"torch": torch.__version__, "commit": machine.commit()},
        "seconds": state["seconds"],
        "curve": state["curve"],
    }
    model.half().save_pretrained(out)
    corpus.tokenizer.save_pretrained(out)
    write_text(out / "training.json", json.dumps(facts, indent=1) + "\n")
    return facts
