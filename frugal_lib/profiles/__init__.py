"""Profiles: which base, how much data, which grids and seeds. YAML read into frozen dataclasses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

FOLDER = Path(__file__).parent
ROOT = Path(__file__).parents[2]
DOSES = r"(\d+x\d+(\+\d+x\d+)*)?"  # copies x sonnets, joined by +; none is no copy at all
STRICT = ConfigDict(extra="forbid", strict=False)


class ProfileError(Exception):
    """A profile that cannot be read: one sentence for the user."""


@checked(frozen=True, config=STRICT)
class Search:
    """The grid of one method: every learning rate with every batch size, at the first seed."""

    learning_rates: tuple[float, ...]
    batch_sizes: tuple[int, ...]
    epochs: int
    patience: int


@checked(frozen=True, config=STRICT)
class LabelledTask:
    """A task with labels: its data and a grid for each method.

    `edition` is one of `labelled.LOADERS`, or `available`: the first that this machine can have. The
    limits cut the splits to examples drawn by lot (None: all of them). The best setting is repeated
    at `seeds` seeds.
    """

    edition: str
    methods: dict[Literal["last-layer", "full"], Search]
    seeds: int
    dropout: float = 0.1
    train_limit: int | None = None
    held_out_limit: int | None = None


@checked(frozen=True, config=STRICT)
class SonnetGrid:
    """Full fine-tuning on the sonnets: every learning rate at the first seed, the best at `seeds` seeds.

    `train_limit` and `held_out_limit` cut the splits to their first sonnets (None: all of them).
    `floor_draws` is the number of random completions behind each floor.
    """

    learning_rates: tuple[float, ...]
    batch_size: int
    epochs: int
    patience: int
    seeds: int
    samples: int
    floor_draws: int
    max_new_tokens: int
    dropout: float = 0.1
    train_limit: int | None = None
    held_out_limit: int | None = None


@checked(frozen=True, config=STRICT)
class LoraGrid:
    """Chapter 2 on one base: full fine-tuning and LoRA of every rank, at every rate and batch size.

    The grid is run at the first seed with `alpha` on `attention-mlp`; the best point of full
    fine-tuning and of each rank is repeated at `seeds` seeds. At the best rank and rate every one of
    `alphas` is tried, and at the best rank every rate on attention alone.
    """

    ranks: tuple[int, ...]
    learning_rates: tuple[float, ...]
    full_learning_rates: tuple[float, ...]
    batch_sizes: tuple[int, ...]
    alpha: float
    alphas: tuple[float, ...]
    epochs: int
    patience: int
    seeds: int
    samples: int


@checked(frozen=True, config=STRICT)
class LoraPlan:
    """Chapter 2: a grid for each base.

    `floor_draws` is the number of random completions of the dev set, `step_rounds` how often each
    method has its turn when the cost of a step is measured.
    """

    bases: dict[str, LoraGrid]
    floor_draws: int
    step_rounds: int


@checked(frozen=True, config=STRICT)
class QuantizationGrid:
    """Chapter 3 on one base: how full fine-tuning, LoRA and QLoRA, and QAFT are trained, at `seeds` seeds.

    QAFT is run at each of its rates at the first seed, and at the best of them at the others.
    """

    full_learning_rate: float
    lora_learning_rate: float
    qaft_learning_rates: tuple[float, ...]
    rank: int
    alpha: float
    batch_size: int
    epochs: int
    patience: int
    seeds: int
    samples: int


@checked(frozen=True, config=STRICT)
class QuantizationPlan:
    """Chapter 3: a grid for each base, and the formats, which are keys of `quantize.FORMATS`.

    `formats` are those that the fully fine-tuned model is put into; of `checked_formats` of them the
    generality is checked too. `qaft_formats` are trained for. `pairs` is the number of pairs of each
    set, to train a probe on and to ask about. `speed_tokens` are generated where speed is measured.
    """

    bases: dict[str, QuantizationGrid]
    formats: tuple[str, ...]
    checked_formats: tuple[str, ...]
    qaft_formats: tuple[str, ...]
    pairs: int
    speed_tokens: int
    speed_rounds: int


@checked(frozen=True, config=STRICT)
class StudentGrid:
    """Chapter 4 on one base: students of `items` sonnets of each teacher, at `seeds` seeds.

    Each may take `max_steps` steps, whatever it reads, and is judged every `judge_steps`.
    `strict_teachers` have a student of `strict_items` sonnets of strict form too. Those of
    `long_teachers` are also trained for `long_epochs` without early stopping.
    """

    items: tuple[int, ...]
    learning_rate: float
    batch_size: int
    max_steps: int
    patience: int
    judge_steps: int
    seeds: int
    samples: int
    strict_teachers: tuple[str, ...] = ()
    strict_items: int = 0
    long_teachers: tuple[str, ...] = ()
    long_learning_rate: float = 0.0
    long_epochs: int = 0


@checked(frozen=True, config=STRICT)
class SyntheticPlan:
    """Chapter 4: the teachers, and a grid of students for each base."""

    teachers: tuple[Literal["flash-lite", "flash", "pro", "human", "offline"], ...]
    bases: dict[str, StudentGrid]


@checked(frozen=True, config=STRICT)
class DoseGrid:
    """Chapter 5 on one base: students whose clean lessons hold held-out sonnets on purpose.

    `doses` are patterns of copies x sonnets (`frugal_lib.doses`), each with its number of seeds; the lessons are
    `items` sonnets of `teacher`, and the last epoch is kept.
    """

    teacher: Literal["flash-lite", "offline"]
    items: int
    doses: dict[Annotated[str, Field(pattern=rf"^{DOSES}$")], int]
    learning_rate: float
    batch_size: int
    epochs: int
    samples: int


@checked(frozen=True, config=STRICT)
class ControlsPlan:
    """Chapter 5: `samples` of each prompt at `seeds` seeds, to see how far chance moves a score; and doses by base."""

    samples: int
    seeds: int
    bases: dict[str, DoseGrid]


@checked(frozen=True, config=STRICT)
class Profile:
    """One way of running the whole book.

    `edition` names the sonnets: `folger`, `public-domain`, or `available` (the first of the two
    that this machine can have). `results` is the folder of the records.
    """

    name: str
    base: str
    edition: Literal["folger", "public-domain", "available"]
    results: str
    figures: str
    sonnets: SonnetGrid
    labelled: dict[Literal["sst", "cfimdb", "quora"], LabelledTask]
    lora: LoraPlan
    quantization: QuantizationPlan
    synthetic: SyntheticPlan
    controls: ControlsPlan

    def results_folder(self, instead: str | Path | None = None) -> Path:
        """Where records lie: `instead` where it is given, else the profile's folder in the project."""
        return Path(instead) if instead else ROOT / self.results

    @property
    def figures_folder(self) -> Path:
        return ROOT / self.figures


def names() -> list[str]:
    """The profiles there are."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_profile(name: str) -> Profile:
    """The profile of that name, or of that path to a YAML file of one's own.

    Raises:
        ProfileError: there is no such profile, or a key of it is unknown, missing or of the wrong type.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise ProfileError(f"profile {name!r} is unknown; choose one of {', '.join(names())} or a YAML file.")
    try:
        return TypeAdapter(Profile).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise ProfileError(f"{path}: not YAML ({str(error).splitlines()[0]}); mend that line.") from None
    except ValidationError as error:
        raise ProfileError(f"{path}: {first_problem(error)}") from None


def first_problem(error: ValidationError) -> str:
    """The first thing that is wrong with a profile, as one sentence."""
    problem = error.errors()[0]
    key = ".".join(map(str, problem["loc"])) or "the file"
    if problem["type"] == "unexpected_keyword_argument":
        return f"key {key!r} is unknown; remove it or correct its spelling."
    if problem["type"] == "missing":
        return f"key {key!r} is missing; add it."
    return f"key {key!r} is wrong: {problem['msg'].lower()}."
