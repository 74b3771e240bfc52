"""One run and what came of it: settings, numbers, and where and by what they were computed; checked when read."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # which pydantic asks for below Python 3.12

from frugal_lib.core.files import move_aside, write_text
from frugal_lib.core.validated import DOSES

# What is checked of a record that is read. A `Run` that a plan makes is not: its profile was.
CHECKED = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
Name = Annotated[str, Field(pattern=r"^[\w.+@-]+$")]  # part of a file's name
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Number = int | float | None  # None was not finite: JSON has no word for it


@dataclass(frozen=True)
class Run:
    """Everything that changes a result, and nothing else: no device, no workers, no paths.

    A field at its default is left out of the identity, so that a field added later does not
    rename the records of earlier runs.
    """

    __pydantic_config__ = CHECKED

    chapter: Name
    task: Name
    method: Name
    edition: Name
    data_digest: str
    seed: Count
    samples: Count
    base: str = ""
    base_digest: str = ""
    learning_rate: Positive = 0.0
    batch_size: Count = 0
    epochs: Count = 0
    patience: Count = 0
    dropout: Share = 0.0
    weight_decay: Positive = 0.01
    train_limit: Count | None = None
    held_out_limit: Count | None = None
    temperature: Positive = 0.8
    top_k: Count = 40
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.9
    max_new_tokens: Count = 128
    rank: Count = 0
    alpha: Positive = 0.0
    modules: str = ""
    format: Name = "fp32"
    pairs: Count = 0
    pair_sets: str = ""
    teacher: str = ""
    items: Count = 0
    selection: str = ""
    judge_steps: Count = 0
    max_steps: Count = 0
    keep: Literal["best", "last"] = "best"
    doses: Annotated[str, Field(pattern=f"^{DOSES}$")] = ""
    folds: Count = 0
    fold: Count = 0
    minimal_pairs: Count = 0
    passes: Count = 0
    exposure: Count = 0
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"

    def canonical(self) -> str:
        """The run as JSON with sorted keys, without the fields that have their default."""
        set_fields = {
            f.name: getattr(self, f.name)
            for f in dataclasses.fields(self)
            if f.default is dataclasses.MISSING or getattr(self, f.name) != f.default
        }
        return json.dumps(set_fields, sort_keys=True, separators=(",", ":"))

    @property
    def key(self) -> str:
        """The first eight hex digits of the SHA-256 of `canonical()`."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:8]

    @property
    def path(self) -> str:
        """Where its record lies below a results folder: readable settings first, then the key.

        Chapter 1 has one base on the paper's split, all others are named.
        """
        base = f"-{self.base}" if self.base and (self.chapter != "baseline" or self.folds) else ""
        adapter = f"-r{self.rank:03d}-a{self.alpha:g}-{self.modules}" if self.rank else ""
        format = "" if self.format == "fp32" else f"-{self.format}"
        taught = f"-{self.teacher}" + f"{self.items:04d}" * (self.items > 0) if self.teacher else ""
        taught += f"-{self.selection}" if self.selection else ""
        taught += "" if self.keep == "best" else f"-{self.keep}"
        taught += f"-{self.doses.replace('+', '-')}" if self.doses else ""
        fold = f"f{self.fold}of{self.folds}-" if self.folds else ""
        rate = f"lr{self.learning_rate:.0e}-b{self.batch_size}-{fold}" if self.learning_rate else fold
        edition = "" if self.edition in ("folger", "released") else f"{self.edition}-"
        edition += rate + ("" if self.precision == "fp32" else f"{self.precision}-autocast-")
        name = f"{self.task}{base}-{self.method}{format}{adapter}{taught}-{edition}s{self.seed}-{self.key}.json"
        return f"{self.chapter}/{name}"


@dataclass(frozen=True)
class Result:
    """What a computation gives back: numbers, per-example outputs, and a row per epoch."""

    metrics: dict[str, float]
    examples: list[dict] = field(default_factory=list)
    history: list[dict] = field(default_factory=list)


class Environment(TypedDict):
    """Where and by what a run was computed; a later version may say more."""

    __pydantic_config__ = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    seconds: Positive
    peak_memory_mb: Positive
    device: Literal["cpu", "cuda"]
    device_name: str
    threads: Annotated[int, Field(ge=1)]
    commit: Annotated[str, Field(min_length=1)]
    versions: dict[str, str]


@dataclass(frozen=True)
class Record:
    """A run and what came of it.

    `status` is `ok`, `diverged`, `unsupported` (by the device) or `failed`; `error` says why.
    """

    __pydantic_config__ = CHECKED

    run: Run
    status: Literal["ok", "diverged", "unsupported", "failed"]
    metrics: dict[str, Number]
    examples: list[dict[str, Any]]
    history: list[dict[str, Number]]
    environment: Environment
    error: str = ""

    def to_json(self) -> str:
        """The record as it is written to disk: an example a line, floats at 8 significant digits."""
        content = rounded(dataclasses.asdict(self))
        examples = ",\n".join(f"  {json.dumps(example, ensure_ascii=False)}" for example in content.pop("examples"))
        rest = json.dumps(content, indent=1, ensure_ascii=False).removesuffix("\n}")
        return f'{rest},\n "examples": [\n{examples}\n ]\n}}\n'

    @classmethod
    def from_json(cls, text: str) -> Record:
        """The record in `text`; a `ValueError` of one sentence where it is none, or a value is out of its range."""
        try:
            record = reader().validate_json(text)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            where = ".".join(map(str, problem["loc"])) or "text"
            raise ValueError(f"{where}: {problem['msg'][0].lower()}{problem['msg'][1:]}") from None
        if record.status == "ok" and (names := lost(record.metrics)):
            raise ValueError(f"metrics.{names[0]}: null, though the status is ok")
        return record


def lost(metrics: Mapping[str, Number]) -> list[str]:
    """The metrics that are not finite and should be: all but the spread of a single draw."""
    return [
        name
        for name, value in metrics.items()
        if not name.endswith("_sd") and (value is None or not math.isfinite(value))
    ]


@cache
def reader() -> TypeAdapter[Record]:
    """What reads JSON as a record and checks it; made when the first one is read."""
    return TypeAdapter(Record)


def rounded(value: Any) -> Any:
    """The same structure with floats at 8 significant digits: far below any noise, half the bytes.

    A float that is not finite becomes None: JSON has no word for it.
    """
    if isinstance(value, float):
        return float(f"{value:.8g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def place(run: Run, results: Path) -> Path:
    """Where the record of `run` lies in a results folder.

    Raises:
        ValueError: a setting of the run would lead out of it.
    """
    path = Path(os.path.normpath(results / run.path))
    if Path(os.path.normpath(results)) not in path.parents:
        raise ValueError(f"{run.path}: this would lie outside {results}; name its base and teacher without '..'.")
    return path


def write(record: Record, results: Path) -> Path:
    """Write a record, in full or not at all."""
    path = place(record.run, results)
    write_text(path, record.to_json())
    return path


def read(run: Run, results: Path) -> Record | None:
    """The record of `run`, or None. One that does not parse, or is another run's, is moved aside and reported."""
    path = place(run, results)
    try:
        record = Record.from_json(path.read_text(encoding="utf-8"))
        if record.run != run:
            raise ValueError("another run's record")
        return record
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        aside = move_aside(path)
        print(f"{path}: not the record of its run ({error}); moved to {aside.name}.", file=sys.stderr)
        return None


def finished(runs: Iterable[Run], results: Path) -> list[Record]:
    """The records there are of runs that ended well; none is computed."""
    return [record for run in runs if (record := read(run, results)) and record.status == "ok"]
