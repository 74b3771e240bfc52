"""A language model on this machine as a teacher: no key, no network, no cost; a restart goes on from the answers."""

from __future__ import annotations

import hashlib
import itertools
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from frugal_lib.core import machine
from frugal_lib.models import bases, generate
from frugal_lib.teachers.answers import Answers, TeacherError
from frugal_lib.teachers.prompt import LINES, prompt

OPENING = "=== 1 ===\n"  # how an answer is to begin; a small model is not left to think of it
ENDS = LINES + 6  # line ends after which an answer is over: fourteen lines, and a few that are blank


@dataclass(frozen=True)
class Settings:
    """What writes, where its answers lie, and when it stops.

    Attributes:
        base: a name that `models.bases` knows.
        log: the JSONL file of all answers.
        together: answers that are written at once; an answer is the same in any company.
        max_failures: answers in a row without a new sonnet after which it stops.
    """

    base: str
    log: Path
    together: int = 12
    seed: int = 0
    temperature: float = 0.8
    max_new_tokens: int = 256
    max_failures: int = 120
    device: str = "auto"


class Local:
    """A teacher on this machine, asked for one sonnet at a time, as Gemini is for many (`prompt`)."""

    def __init__(self, settings: Settings):
        self.settings, self.name = settings, settings.base
        self._digest = bases.base_digest(settings.base)
        self._tokenizer = bases.load_tokenizer(settings.base)
        self.answers = Answers(settings.log, 1, self._identity)

    def sonnets(self, count: int) -> list[str]:
        """`count` sonnets of fourteen lines, none twice: those on file, and where they are fewer newly written ones.

        Raises:
            TeacherError: the log does not belong here, or nothing new comes; the sentence says what there is.
        """
        with self.answers.opened():
            if not self._write(count):
                have = f"{len(self.answers.found):,} of {count:,} sonnets lie in {self.settings.log}"
                raise TeacherError(f"{self.settings.max_failures} answers in a row brought nothing new; {have}.")
        return self.answers.items()[:count]

    def save(self, path: Path, count: int) -> str:
        """Write up to `count` sonnets as a JSON list; one line that says what there is."""
        sonnets, facts = self.answers.save(path, count), self.answers.summary()
        return (
            f"{self.name}: {sonnets:,} of {count:,} sonnets in {path} ({facts['answers']} answers, "
            f"{facts['malformed']} malformed, {facts['duplicates']} duplicates)"
        )

    def _identity(self, request: int) -> dict:
        """What makes an answer to a request one of these settings."""
        s = self.settings
        sha256 = hashlib.sha256(asked(self._tokenizer, request, s.seed).encode()).hexdigest()
        model = f"{s.base}@{self._digest}"
        return {"model": model, "temperature": s.temperature, "seed": s.seed + request, "prompt_sha256": sha256}

    def _write(self, count: int) -> bool:
        """Answer requests until there are `count` sonnets; whether there are."""
        device = machine.pick_device(self.settings.device)
        model = bases.load_model(self.settings.base).to(device)
        numbers = (n for n in itertools.count(1) if n not in self.answers.requests)
        barren = 0
        with tqdm(total=count, initial=min(count, len(self.answers.found)), unit="sonnet") as bar:
            while (have := len(self.answers.found)) < count:
                for line in self._answered(model, list(itertools.islice(numbers, self.settings.together))):
                    barren = 0 if self.answers.record(line) else barren + 1
                bar.update(min(count, len(self.answers.found)) - min(count, have))
                if barren >= self.settings.max_failures:
                    return False
        return True

    def _answered(self, model, requests: list[int]) -> list[dict]:
        """The lines of the log for some requests, answered together."""
        s, tokenizer, started = self.settings, self._tokenizer, time.monotonic()
        prompts = [asked(tokenizer, n, s.seed) for n in requests]
        seeds = [generate.stream_seed("teach", s.seed + n) for n in requests]
        decoding = generate.Decoding(temperature=s.temperature, max_new_tokens=s.max_new_tokens)
        texts = generate.complete(model, tokenizer, prompts, seeds, ENDS, decoding, batch_size=s.together)
        seconds, now = (time.monotonic() - started) / len(requests), datetime.now(UTC).isoformat(timespec="seconds")
        lines = []
        for number, question, text in zip(requests, prompts, texts, strict=True):
            poem, ended = first_lines(text)
            facts = {"text": OPENING + poem, "finish_reason": "STOP" if ended else "MAX_TOKENS", "usd": 0.0}
            counts = {name: len(tokenizer.encode(t)) for name, t in (("prompt", question), ("output", text))}
            facts |= {"prompt_tokens": counts["prompt"], "output_tokens": counts["output"]}
            lines.append({"request": number} | self._identity(number) | facts | {"seconds": seconds, "time": now})
        return lines


def asked(tokenizer: PreTrainedTokenizerBase, request: int, seed: int) -> str:
    """The text of a request up to where the model goes on: a conversation, where it was taught to hold one."""
    text = prompt(request, 1, seed)
    if not tokenizer.chat_template:
        return f"{text}\n{OPENING}"
    said = [{"role": "user", "content": text}]
    return tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True) + OPENING


def first_lines(text: str) -> tuple[str, bool]:
    """The first fourteen lines with text, and whether there are so many: a model of this size rarely ends by itself."""
    found = [line for line in text.splitlines() if line.strip()]
    return "\n".join(found[:LINES]), len(found) >= LINES
