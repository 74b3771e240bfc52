"""How good are the embedded models? Bits per character beside n-gram models and xz, on text none of them saw.

    python -m frugal_lib yardsticks CORPUS_DIR

Held-out works of the corpus, and lines 4-14 of the twelve dev sonnets. All models read the same tokens.
"""

from __future__ import annotations

import json
import lzma
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from frugal_lib.core.machine import Meter, keep_memory
from frugal_lib.data.corpus import Corpus, load_corpus
from frugal_lib.data.sonnets import Sonnet, available_edition, load_sonnets
from frugal_lib.metrics.likelihood import IGNORED, language_examples
from frugal_lib.models import bases as model_bases
from frugal_lib.models import families
from frugal_lib.models.batches import rows_at_once
from frugal_lib.models.kneser_ney import KneserNey

FILE = model_bases.ASSETS / "yardsticks.json"
ORDERS = (3, 4, 5)
BASES = ("micro", "nano")
WINDOW = 1024  # tokens, GPT-2's context; the time that attention takes grows with it
Nats = Callable[[np.ndarray], np.ndarray]  # token ids [n] → nats of ids[1:], each given those before it


@torch.no_grad()
def window_nats(model: PreTrainedModel, ids: np.ndarray, batch_size: int = 8) -> np.ndarray:
    """Negative log-likelihood of `ids[1:]`, float64 [n - 1], in windows that overlap by half.

    A window is the model's context, or `WINDOW` tokens where that is shorter. Every token but those
    of the first window is read with at least half a window before it.
    """
    size = min(families.context_length(model.config), WINDOW)
    batch_size = rows_at_once(batch_size, size, families.vocabulary(model.config))
    ids = torch.from_numpy(np.asarray(ids).astype(np.int64))
    starts = range(0, max(1, len(ids) - 1 - size // 2), size // 2)
    windows = [ids[start : start + size + 1] for start in starts]
    result = np.empty(len(ids) - 1)
    for i in range(0, len(windows), batch_size):
        batch = torch.nn.utils.rnn.pad_sequence(windows[i : i + batch_size], batch_first=True, padding_value=IGNORED)
        inputs = batch[:, :-1].clamp(min=0).to(model.device)
        logits = model(inputs, attention_mask=torch.ones_like(inputs)).logits
        labels = batch[:, 1:].to(model.device)
        losses = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="none"
        ).view_as(labels)
        for start, row in zip(starts[i : i + batch_size], losses, strict=True):
            skip = size // 2 if start else 0
            end = min(size, len(result) - start)
            result[start + skip : start + end] = row[skip:end].cpu().numpy()
    return result


def work_rows(corpus: Corpus, scorers: dict[str, Nats]) -> list[dict]:
    """One row per held-out work: `name`, `characters`, `tokens` and `bits` by scorer, xz among them."""
    end = corpus.tokenizer.eos_token_id
    rows = []
    for name, ids in corpus.held_out.items():
        framed = np.concatenate([[end], ids])  # as in training, each work follows an end-of-text token
        bits = {key: float(nats(framed).sum() / math.log(2)) for key, nats in scorers.items()}
        text = corpus.tokenizer.decode(ids[:-1].tolist()).encode()
        bits["xz"] = 8 * len(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))
        characters = corpus.facts["held_out_characters"][name]
        rows.append({"name": name, "characters": characters, "tokens": len(ids), "bits": bits})
    return rows


def sonnet_rows(sonnets: Sequence[Sonnet], tokenizer: PreTrainedTokenizerBase, scorers: dict[str, Nats]) -> list[dict]:
    """One row per sonnet: `id`, `characters` and `bits` of the true lines 4-14 (and the end), given lines 1-3."""
    given = [sonnet.given + "\n" for sonnet in sonnets]
    rows = []
    for sonnet, example in zip(sonnets, language_examples([s.text for s in sonnets], tokenizer, given), strict=True):
        ids, unscored = np.array(example["input_ids"]), example["labels"].count(IGNORED)
        bits = {key: float(nats(ids)[unscored - 1 :].sum() / math.log(2)) for key, nats in scorers.items()}
        rows.append({"id": sonnet.id, "characters": len(sonnet.continuation), "bits": bits})
    return rows


def base_scorers(bases: Sequence[str] = BASES) -> dict[str, Nats]:
    """The embedded models as scorers."""
    loaded = {base: model_bases.load_model(base) for base in bases}
    return {base: lambda ids, model=model: window_nats(model, ids) for base, model in loaded.items()}


def check_tokenizer(corpus: Corpus, base: str) -> None:
    """Raise a `ValueError` where `base` was not trained on this corpus: held-out works are held out in no other."""
    ours = model_bases.load_tokenizer(base).backend_tokenizer.model
    if corpus.tokenizer.backend_tokenizer.model.__getstate__() != ours.__getstate__():
        raise ValueError(f"the folder is not the text that {base} was trained on; its tokenizer comes out differently.")


def measure(folder: Path, work: Path) -> dict:
    """Bits of every held-out work and dev sonnet by every model, with the machine and the digests.

    Raises:
        FileNotFoundError, ValueError: `folder` has no text, or other text than the models were trained on.
    """
    keep_memory()
    with Meter("cpu") as meter:
        corpus = load_corpus(folder, work, model_bases.load_model(BASES[0]).config.vocab_size)
        check_tokenizer(corpus, BASES[0])
        scorers = base_scorers()
        for order in ORDERS:
            ngrams = KneserNey(corpus.train, len(corpus.tokenizer), order)
            scorers[f"kn{order}"] = lambda ids, ngrams=ngrams: ngrams.nats(ids)[1:]
        works = work_rows(corpus, scorers)
        editions = sorted({available_edition(), "public-domain"})
        sonnets = {name: sonnet_rows(load_sonnets(name).dev, corpus.tokenizer, scorers) for name in editions}
    return {
        "environment": meter.environment(),
        "base_digests": {base: model_bases.base_digest(base) for base in BASES},
        "training_tokens": len(corpus.train),
        "works": works,
        "sonnets": sonnets,
    }


def load() -> dict:
    """What `measure` found for the embedded models.

    Raises:
        ValueError: it was measured with other weights than those that are here.
    """
    found = json.loads(FILE.read_text(encoding="utf-8"))
    if found["base_digests"] != {base: model_bases.base_digest(base) for base in BASES}:
        raise ValueError(f"{FILE.name} is of other weights; run python -m frugal_lib yardsticks CORPUS_DIR again.")
    return found


def main_edition(found: dict) -> str:
    """The paper's edition where it was measured, else the other one."""
    return "folger" if "folger" in found["sonnets"] else "public-domain"


def dev_rows(found: dict) -> list[dict]:
    """The dev sonnets in the main edition."""
    return found["sonnets"][main_edition(found)]


def ratio(rows: Sequence[dict], name: str) -> float:
    """Bits per character of one model over all rows."""
    return sum(row["bits"][name] for row in rows) / sum(row["characters"] for row in rows)
