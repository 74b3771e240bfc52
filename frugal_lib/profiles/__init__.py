"""Profiles: which base, how much data, which grids and seeds. YAML read into frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, make_dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Literal

import yaml
from pydantic import TypeAdapter, ValidationError

from frugal_lib.core.validated import STRICT, checked, first_problem

FOLDER = Path(__file__).parent
ROOT = Path(__file__).parents[2]


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
class FoldGrid:
    """How one base is fine-tuned in cross-validation: fully, and by LoRA on each of `modules`.

    Every rate (and rank) is tried on the first fold at the first seed; that of the lowest loss on its inner dev
    split is used in every fold.
    """

    full_learning_rates: tuple[float, ...]
    lora_learning_rates: tuple[float, ...]
    ranks: tuple[int, ...]
    alpha: float
    batch_size: int
    epochs: int
    patience: int
    modules: tuple[Literal["attention-mlp", "attention"], ...] = ("attention-mlp", "attention")


@checked(frozen=True, config=STRICT)
class Folds:
    """Cross-validation over all 154 sonnets: `count` folds, each at `seeds` seeds.

    `minimal_pairs` of each set check the grammar of every model. Where `matched` names who wrote sonnets to compare
    with, it is checked of every base whether it knows Shakespeare's by heart.
    """

    count: int
    seeds: int
    minimal_pairs: int
    bases: dict[str, FoldGrid]
    matched: Literal["", "human"] = ""


@dataclass(frozen=True)
class Common:
    """One way of running the whole book.

    `edition` names the sonnets: `folger`, `public-domain`, or `available` (the first of the two
    that this machine can have). `results` is the folder of the records. Every chapter that has settings adds a
    field of its name (`Profile`).
    """

    name: str
    base: str
    edition: Literal["folger", "public-domain", "available"]
    results: str
    figures: str
    sonnets: SonnetGrid
    labelled: dict[Literal["sst", "cfimdb", "quora"], LabelledTask]
    folds: Folds | None

    def results_folder(self, instead: str | Path | None = None) -> Path:
        """Where records lie: `instead` where it is given, else the profile's folder in the project."""
        return Path(instead) if instead else ROOT / self.results

    @property
    def figures_folder(self) -> Path:
        return ROOT / self.figures


def settings_of_chapters() -> dict[str, type]:
    """The type `Settings` of every chapter that has one, by the chapter's name."""
    names = sorted(path.parent.name for path in (ROOT / "frugal_lib" / "chapters").glob("*/settings.py"))
    return {name: import_module(f"frugal_lib.chapters.{name}.settings").Settings for name in names}


Profile = checked(
    make_dataclass(
        "Profile", settings_of_chapters().items(), bases=(Common,), frozen=True, namespace={"__module__": __name__}
    ),
    config=STRICT,
    frozen=True,
)


def on_base(profile: Profile, base: str) -> Profile:
    """The same profile on another base: it takes the settings of the profile's own, and all other bases go.

    Its records have a folder of their own.
    """

    def moved(value: object) -> object:
        if is_dataclass(value):
            return replace(value, **{f.name: moved(getattr(value, f.name)) for f in fields(value)})
        known = isinstance(value, dict) and profile.base in value
        return {base: value[profile.base]} if known else value

    return replace(moved(profile), base=base, results=f"results/bases/{base}")


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
