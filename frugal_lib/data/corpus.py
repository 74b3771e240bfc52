"""From a folder of text to token ids: works, the split by work, decontamination, tokenizer.

Every `*.txt` file is one work. About 1 work in 30 is held out for validation, chosen by the hash of its
path, so that no line of a held-out work is ever trained on.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from frugal_lib.core.fetch import file_sha256, read_text
from frugal_lib.core.files import folder_once, move_aside
from frugal_lib.data.overlap import SHORTEST, Targets, folded
from frugal_lib.data.sonnets import available_edition, load_sonnets, public_domain

END = "<|endoftext|>"
PARTS = ("train.npy", "held_out.npz", "facts.json", "tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json")


@dataclass(frozen=True)
class Corpus:
    """A folder of text as token ids, uint16: all training works in a row, and each held-out work by its path."""

    tokenizer: PreTrainedTokenizerFast
    train: np.ndarray
    held_out: dict[str, np.ndarray]
    facts: dict

    @property
    def valid(self) -> np.ndarray:
        """All held-out works in a row."""
        return np.concatenate(list(self.held_out.values()))


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


def tokens_folder(folder: Path, work: Path, vocab_size: int) -> Path:
    """Where the tokens of this corpus lie below `work`: no other text or vocabulary can meet them there."""
    listing = [(path.relative_to(folder).as_posix(), file_sha256(path)) for path in text_files(folder)]
    return work / f"tokens-{fingerprint(listing, vocab_size)}"


def check_decontaminated(works: dict[str, str]) -> dict[str, int]:
    """Compare every work with Shakespeare's 154 sonnets: lines, and runs of eight words.

    Returns:
        What was compared and what was found: `sonnet_lines`, `sonnet_ngrams` (distinct, of all editions at
        hand), `works`, `lines_found`, `ngrams_found`.

    Raises:
        ValueError: something was found; the message names the works.
    """
    edition = load_sonnets(available_edition())
    sonnets = (*edition.train, *edition.dev, *edition.test, *public_domain().values())  # of all editions at hand
    index = Targets({str(i): sonnet.text for i, sonnet in enumerate(sonnets)})
    if found := [name for name, text in works.items() if any(index.exact(text))]:
        names = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
        raise ValueError(f"{names}: shares text with the sonnets that models are tested on; take it out.")
    counts = {"sonnet_lines": len(index.lines), "sonnet_ngrams": len(index.runs), "works": len(works)}
    return counts | {"lines_found": 0, "ngrams_found": 0}


def lines_read(poems: Sequence[str], works: Iterable[str]) -> list[int]:
    """How many lines of each poem stand, word for word, in a work; lines of fewer than four words are anyone's."""
    lines = [[line for line in map(folded, poem.splitlines()) if len(line) >= SHORTEST] for poem in poems]
    wanted = {line for poem in lines for line in poem}
    found = {line for work in works for line in map(folded, work.splitlines()) if line in wanted}
    return [sum(line in found for line in poem) for poem in lines]


def is_held_out(name: str, one_in: int = 30) -> bool:
    """Whether the work of that path belongs to the validation set (about 1 in `one_in`)."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % one_in == 0


def train_tokenizer(texts: Iterator[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer like GPT-2's, whose only special token is `<|endoftext|>`."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    settings = {"initial_alphabet": pre_tokenizers.ByteLevel.alphabet(), "show_progress": False}
    bpe.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=[END], **settings))
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END, bos_token=END, pad_token=END)


def encode(text: str, tokenizer: PreTrainedTokenizerFast) -> np.ndarray:
    """Token ids of a text and the end-of-text token behind it, uint16."""
    return np.array([*tokenizer.backend_tokenizer.encode(text).ids, tokenizer.eos_token_id], dtype=np.uint16)


def prepare(folder: Path, target: Path, vocab_size: int) -> None:
    """Check, split and encode the works of `folder` into `target`, with the SHA-256 of each file of tokens."""
    works = read_works(folder)
    decontamination = check_decontaminated(works)
    train = {name: text for name, text in works.items() if not is_held_out(name)}
    held_out = {name: text for name, text in works.items() if is_held_out(name)}
    if not train or not held_out:
        raise ValueError(f"{folder}: too few works to hold some out; give about 100 text files or more.")
    tokenizer = train_tokenizer(iter(train.values()), vocab_size)
    tokenizer.save_pretrained(target / "tokenizer")
    rows = [encode(text, tokenizer) for text in train.values()]
    np.save(target / "train.npy", np.concatenate(rows))
    np.savez(target / "held_out.npz", **{name: encode(text, tokenizer) for name, text in held_out.items()})
    facts = {
        "works": len(train),
        "held_out_works": len(held_out),
        "characters": sum(map(len, train.values())),
        "held_out_characters": {name: len(text) for name, text in held_out.items()},
        "tokens": sum(map(len, rows)),
        "decontamination": decontamination,
    }
    (target / "facts.json").write_text(json.dumps(facts))
    (target / "sums.json").write_text(json.dumps({name: file_sha256(target / name) for name in PARTS}))


def read_tokens(target: Path) -> Corpus:
    """What `prepare` wrote; a `ValueError` or `OSError` where that was damaged since."""
    sums = json.loads((target / "sums.json").read_text())
    if damaged := [name for name in PARTS if file_sha256(target / name) != sums.get(name)]:
        raise ValueError(f"{damaged[0]} is no longer what was written")
    with np.load(target / "held_out.npz") as rows:
        held_out = dict(rows)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(target / "tokenizer")
    facts = json.loads((target / "facts.json").read_text())
    return Corpus(tokenizer, np.load(target / "train.npy", mmap_mode="r"), held_out, facts)


def load_corpus(folder: Path, work: Path, vocab_size: int) -> Corpus:
    """The corpus in `folder`, encoded once and kept below `work`.

    Raises:
        FileNotFoundError: there is no text in `folder`.
        ValueError: it holds lines of the sonnets, or too few works.
    """
    target = tokens_folder(folder, work, vocab_size)

    def fill(unfinished: Path) -> None:
        prepare(folder, unfinished, vocab_size)

    try:
        return read_tokens(folder_once(target, fill))
    except (OSError, ValueError) as error:
        if not target.is_dir():  # the text is at fault, not what was kept of it
            raise
        print(f"{target}: cannot be read ({error}); moved to {move_aside(target).name}, made again.", file=sys.stderr)
        return read_tokens(folder_once(target, fill))
