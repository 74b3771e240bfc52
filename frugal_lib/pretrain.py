"""Pre-train a small GPT-2 from a folder of text: tokenizer, tokens, training, shipped weights.

    python -m frugal_lib pretrain CORPUS_DIR --size micro --tokens 5000000

0. The text must share no line and no eight words in a row with the sonnets; else nothing is trained.
1. Every `*.txt` file is one work. About 1 work in 30 is held out for validation, chosen by
   the hash of its path, so that no line of a held-out work is ever trained on.
2. A byte-level BPE tokenizer is trained on the training works.
3. AdamW, linear warm-up, cosine decay to a tenth of it; the batch at a step is a function of
   (seed, step) alone, so a run that was killed goes on with the same batches.
4. The weights are written in half precision as safetensors, with config and tokenizer.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from frugal_lib import machine
from frugal_lib.audit import Held, find_overlaps
from frugal_lib.data import public_domain, read_text

END = "<|endoftext|>"
SIZES = {"micro": {"n_layer": 6, "n_embd": 256, "n_head": 8}}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides which weights come out, apart from the text itself."""

    n_layer: int = 6
    n_embd: int = 256
    n_head: int = 8
    vocab_size: int = 8192
    context: int = 256  # tokens in a training window, and positions of the model
    batch_size: int = 16  # windows a step: 4,096 tokens with context 256
    tokens: int = 5_000_000  # 1,220 steps of 4,096 tokens; about 35 minutes on 2 CPU cores
    learning_rate: float = 2.5e-3
    warmup_steps: int = 60
    weight_decay: float = 0.1
    grad_clip: float = 1.0
    seed: int = 0

    @property
    def steps(self) -> int:
        return self.tokens // (self.batch_size * self.context)


def text_files(folder: Path) -> list[Path]:
    """Every `*.txt` under `folder`, sorted; a `FileNotFoundError` of one sentence where there is none."""
    paths = sorted(folder.rglob("*.txt"))
    if not paths:
        raise FileNotFoundError(f"{folder}: no .txt file to train on; give a folder of plain text.")
    return paths


def read_works(folder: Path) -> dict[str, str]:
    """The text of every `*.txt` under `folder`, by its path relative to it."""
    return {path.relative_to(folder).as_posix(): read_text(path) for path in text_files(folder)}


def fingerprint(*parts) -> str:
    """Eight hex digits that name any JSON-able things."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]


def work_folders(corpus: Path, work: Path, recipe: Recipe) -> tuple[Path, Path]:
    """Where the tokens and the checkpoint of this corpus and this recipe lie: no other run can meet them there."""
    listing = [(path.relative_to(corpus).as_posix(), path.stat().st_size) for path in text_files(corpus)]
    tokens = work / f"tokens-{fingerprint(listing, recipe.vocab_size)}"
    return tokens, tokens / f"run-{fingerprint(asdict(recipe))}"


def check_decontaminated(works: dict[str, str]) -> None:
    """Raise a `ValueError` that names the works with a line or eight words in a row of Shakespeare's sonnets."""
    found = find_overlaps(list(works.items()), Held(sonnet.text for sonnet in public_domain().values()))
    if found:
        names = ", ".join(list(found)[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
        raise ValueError(f"{names}: shares text with the sonnets that models are tested on; take it out.")


def is_held_out(name: str, one_in: int = 30) -> bool:
    """Whether the work of that path belongs to the validation set (about 1 in `one_in`)."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % one_in == 0


def train_tokenizer(texts: Iterator[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer like GPT-2's, whose only special token is `<|endoftext|>`."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocab_size, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
        ),
    )
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END, bos_token=END, pad_token=END)


def encode(texts: list[str], tokenizer: PreTrainedTokenizerFast) -> np.ndarray:
    """All texts as one row of token ids, an end-of-text token behind each."""
    backend, end = tokenizer.backend_tokenizer, tokenizer.eos_token_id
    rows = [np.array([*backend.encode(text).ids, end], dtype=np.uint16) for text in texts]
    return np.concatenate(rows)


def prepare(corpus: Path, work: Path, vocab_size: int) -> tuple[PreTrainedTokenizerFast, dict[str, np.ndarray]]:
    """Tokenizer and token rows of `train` and `valid`, made once and kept in `work`."""
    if not (work / "valid.npy").exists():
        works = read_works(corpus)
        check_decontaminated(works)
        train = [text for name, text in works.items() if not is_held_out(name)]
        valid = [text for name, text in works.items() if is_held_out(name)]
        tokenizer = train_tokenizer(iter(train), vocab_size)
        tokenizer.save_pretrained(work / "tokenizer")
        np.save(work / "train.npy", encode(train, tokenizer))
        np.save(work / "valid.npy", encode(valid or train[-1:], tokenizer))
        facts = {"works": len(train), "held_out_works": len(valid), "characters": sum(map(len, train))}
        (work / "corpus.json").write_text(json.dumps(facts))
    tokens = {split: np.load(work / f"{split}.npy", mmap_mode="r") for split in ("train", "valid")}
    return PreTrainedTokenizerFast.from_pretrained(work / "tokenizer"), tokens


@lru_cache(maxsize=2)
def epoch_starts(seed: int, epoch: int, windows: int, context: int) -> np.ndarray:
    """Where the windows of one pass begin: every window once, shuffled, the grid shifted at random."""
    rng = np.random.default_rng([seed, epoch])
    return rng.permutation(windows) * context + rng.integers(context)


def batch_at(step: int, tokens: np.ndarray, recipe: Recipe) -> torch.Tensor:
    """The windows of one step, int64 [batch_size, context]; a function of seed and step alone."""
    windows = (len(tokens) - 1) // recipe.context - 1
    picks = range(step * recipe.batch_size, (step + 1) * recipe.batch_size)
    starts = [epoch_starts(recipe.seed, i // windows, windows, recipe.context)[i % windows] for i in picks]
    return torch.from_numpy(np.stack([tokens[s : s + recipe.context].astype(np.int64) for s in starts]))


def learning_rate_at(step: int, recipe: Recipe) -> float:
    """Linear warm-up, then a cosine down to a tenth of the peak."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    progress = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return recipe.learning_rate * (0.1 + 0.45 * (1 + math.cos(math.pi * progress)))


def new_model(recipe: Recipe, end_id: int) -> GPT2LMHeadModel:
    """A freshly initialised GPT-2 of the recipe's size, without dropout."""
    torch.manual_seed(recipe.seed)
    config = GPT2Config(
        vocab_size=recipe.vocab_size,
        n_positions=recipe.context,
        n_layer=recipe.n_layer,
        n_embd=recipe.n_embd,
        n_head=recipe.n_head,
        bos_token_id=end_id,
        eos_token_id=end_id,
        pad_token_id=end_id,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    return GPT2LMHeadModel(config)


def new_optimizer(model: GPT2LMHeadModel, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices only, as is usual for GPT-2."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.95), fused=True)


@torch.no_grad()
def validation_loss(forward, tokens: np.ndarray, recipe: Recipe, batches: int = 8) -> float:
    """Mean loss in nats per token over the same evenly spaced windows of `tokens` each time."""
    starts = np.linspace(0, len(tokens) - recipe.context - 1, batches * recipe.batch_size, dtype=int)
    rows = np.stack([tokens[s : s + recipe.context].astype(np.int64) for s in starts])
    parts = torch.from_numpy(rows).split(recipe.batch_size)
    return sum(forward(part, labels=part).loss.item() for part in parts) / len(parts)


def save_checkpoint(path: Path, **state) -> None:
    """Write a checkpoint beside its old self and swap, so that a kill never leaves half a file."""
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)


def one_step(step: int, forward, model, optimizer, tokens: np.ndarray, recipe: Recipe) -> float:
    """One optimizer step; returns the loss of its batch before it, in nats per token."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate_at(step, recipe)
    batch = batch_at(step, tokens, recipe)
    loss = forward(batch, labels=batch).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.grad_clip)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def resume(checkpoint: Path, model, optimizer) -> dict:
    """The state in `checkpoint`, model and optimizer set to it; a fresh state where there is none."""
    if not checkpoint.exists():
        return {"step": 0, "seconds": 0.0, "curve": []}
    saved = torch.load(checkpoint, weights_only=True)
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    return saved["state"]


def train(model, tokens: dict[str, np.ndarray], recipe: Recipe, work: Path, every: int = 50, compiled=True) -> dict:
    """Train to the recipe's last step, from the last checkpoint in `work` where there is one.

    Batches depend on the step alone and there is no dropout, so model and optimizer are the
    whole state: a resumed run ends in the same weights, to the bit, as an uninterrupted one.

    Returns the state that ships: `step`, `seconds` of training, and `curve`, a list of
    `{step, tokens, seconds, train, valid}` (losses in nats per token).
    """
    optimizer, checkpoint = new_optimizer(model, recipe), work / "checkpoint.pt"
    state = resume(checkpoint, model, optimizer)
    forward = torch.compile(model) if compiled else model
    losses, started = [], time.perf_counter() - state["seconds"]
    for step in range(state["step"], recipe.steps):
        losses.append(one_step(step, forward, model, optimizer, tokens["train"], recipe))
        if (step + 1) % every == 0 or step + 1 == recipe.steps:
            point = {
                "step": step + 1,
                "tokens": (step + 1) * recipe.batch_size * recipe.context,
                "seconds": round(time.perf_counter() - started, 1),
                "train": float(np.mean(losses)),
                "valid": validation_loss(forward, tokens["valid"], recipe),
            }
            state = {"step": step + 1, "seconds": point["seconds"], "curve": [*state["curve"], point]}
            losses = []
            save_checkpoint(checkpoint, model=model.state_dict(), optimizer=optimizer.state_dict(), state=state)
            print(json.dumps(point), flush=True)
    return state


def ship(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, out: Path, facts: dict) -> None:
    """Write weights (half precision), config, tokenizer and how they came to be into `out`."""
    model.half().save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "training.json").write_text(json.dumps(facts, indent=1) + "\n")


def pretrain(corpus: Path, work: Path, out: Path, recipe: Recipe, compiled: bool = True) -> dict:
    """The whole way from a folder of text to shipped weights; returns the facts written beside them.

    A killed run goes on from its last checkpoint below `work`; another corpus or recipe starts its own.
    """
    tokens_folder, run_folder = work_folders(corpus, work, recipe)
    run_folder.mkdir(parents=True, exist_ok=True)
    tokenizer, tokens = prepare(corpus, tokens_folder, recipe.vocab_size)
    model = new_model(recipe, tokenizer.eos_token_id)
    state = train(model, tokens, recipe, run_folder, compiled=compiled)
    sizes = {"tokens": len(tokens["train"]), "held_out_tokens": len(tokens["valid"])}
    facts = {
        "recipe": asdict(recipe),
        "parameters": model.num_parameters(),
        "corpus": json.loads((tokens_folder / "corpus.json").read_text()) | sizes,
        "machine": {
            "processor": machine.processor(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        },
        "seconds": state["seconds"],
        "curve": state["curve"],
    }
    ship(model, tokenizer, out, facts)
    return facts
