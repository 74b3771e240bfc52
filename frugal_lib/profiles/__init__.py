"""Profiles: which base, how much data, which grids and seeds. YAML read into frozen dataclasses."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, is_dataclass, make_dataclass, replace
from importlib import import_module
from pathlib import Path
from textwrap import shorten
from typing import Annotated, ClassVar, Literal

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from frugal_lib.core.text import read_text
from frugal_lib.core.validated import STRICT, Count, Dropout, Patience, Rate, Rates, checked, first_problem

FOLDER = Path(__file__).parent
ROOT = Path(__file__).parents[2]
LIMIT = 2**20  # bytes


class ProfileError(Exception):
    """A profile that cannot be read: one sentence for the user."""


@checked(frozen=True, config=STRICT)
class Search:
    """The grid of one method: every learning rate with every batch size, at the first seed."""

    learning_rates: Rates
    batch_sizes: tuple[Count, ...]
    epochs: Count
    patience: Patience


@checked(frozen=True, config=STRICT)
class LabelledTask:
    """A task with labels: its data and a grid for each method.

    `edition` is one of `labelled.LOADERS`, or `available`: the first that this machine can have. The
    limits cut the splits to examples drawn by lot (None: all of them). The best setting is repeated
    at `seeds` seeds.
    """

    edition: str
    methods: dict[Literal["last-layer", "full"], Search]
    seeds: Count
    dropout: Dropout = 0.1
    train_limit: Count | None = None
    held_out_limit: Count | None = None


@checked(frozen=True, config=STRICT)
class SonnetGrid:
    """Full fine-tuning on the sonnets: every learning rate at the first seed (none: not done), the best at `seeds`.

    `train_limit` and `held_out_limit` cut the splits to their first sonnets (None: all of them).
    `floor_draws` is the number of random completions behind each floor.
    """

    learning_rates: tuple[Rate, ...]
    batch_size: Count
    epochs: Count
    patience: Patience
    seeds: Count
    samples: Count
    floor_draws: Count
    max_new_tokens: Count
    dropout: Dropout = 0.1
    train_limit: Count | None = None
    held_out_limit: Count | None = None


@checked(frozen=True, config=STRICT)
class FoldGrid:
    """How one base is fine-tuned in cross-validation: fully, and by LoRA on each of `modules`.

    Every rate (and rank) is tried on the first fold at the first seed; that of the lowest loss on its inner dev
    split is used in every fold.
    """

    full_learning_rates: Rates
    lora_learning_rates: tuple[Rate, ...]
    ranks: tuple[Count, ...]
    alpha: Rate
    batch_size: Count
    epochs: Count
    patience: Patience
    modules: tuple[Literal["attention-mlp", "attention"], ...] = ("attention-mlp", "attention")


@checked(frozen=True, config=STRICT)
class Folds:
    """Cross-validation over all 154 sonnets: `count` folds, each at `seeds` seeds.

    `minimal_pairs` of each set check the grammar of every model. Where `matched` names who wrote sonnets to compare
    with, it is checked of every base whether it knows Shakespeare's by heart.
    """

    count: Annotated[int, Field(ge=2, le=77)]
    seeds: Count
    minimal_pairs: Count
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
        """Where records lie: `instead` where it is given, else the profile's folder in the project.

        Raises:
            ProfileError: the profile's folder is not in the project.
        """
        folder = Path(os.path.normpath(ROOT / self.results))
        if not instead and ROOT not in folder.parents:
            problem = f"results: {self.results!r} lies outside the project; name a folder in it, or give --results"
            raise ProfileError(f"profile {self.name!r}, {problem}.")
        return Path(instead) if instead else folder

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
        ProfileError: there is no such profile, or a key of it is unknown, missing, of the wrong type or out of range.
        DataError: the file cannot be read, or is no text.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise ProfileError(f"profile {name!r} is unknown; choose one of {', '.join(names())} or a YAML file.")
    content = loaded(read_text(path, LIMIT), path)
    try:
        profile = TypeAdapter(Profile).validate_python(content)
        check_names(profile)
    except ValidationError as error:
        raise ProfileError(f"{path}: {first_problem(error)}") from None
    except ValueError as error:
        raise ProfileError(f"{path}: {error}") from None
    return profile


class Loader(yaml.SafeLoader):
    """YAML without dates, where what cannot be read is said with its line."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        """As YAML has it; what Python says against a value (too many digits) is an error of its line."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, AttributeError, OverflowError) as error:
            raise yaml.MarkedYAMLError(problem=f"not a value ({error})", problem_mark=node.start_mark) from None


def loaded(text: str, path: Path) -> object:
    """What a YAML file says; see `load_profile`."""
    try:
        return yaml.load(text, Loader)
    except RecursionError:
        raise ProfileError(f"{path}: nested too deeply to be read; flatten it.") from None
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = shorten(problem or str(error), 200, placeholder=" …")
        raise ProfileError(f"{path}{where}: not YAML: {problem}; mend that line.") from None


def check_names(profile: Profile) -> None:
    """Hold the names in a profile against what there is; the modules that know are above this one.

    Raises:
        ValueError: a base, an edition or a weight format is unknown; one sentence with its key.
    """
    bases, data, formats = (
        import_module(f"frugal_lib.{name}") for name in ("models.bases", "data.labelled", "models.formats")
    )
    chapters = {name: getattr(profile, name) for name in ("folds", *settings_of_chapters())}
    named = {"base": profile.base} | {
        f"{name}.bases": base for name, part in chapters.items() for base in getattr(part, "bases", ())
    }
    for key, base in named.items():
        try:
            bases.check_base(base)
        except ValueError as error:
            raise ValueError(f"key {key!r} is wrong: {error}") from None
    for task, plan in profile.labelled.items():
        if plan.edition not in ("available", *data.LOADERS[task]):
            known = ", ".join(["available", *data.LOADERS[task]])
            raise ValueError(f"key 'labelled.{task}.edition' is wrong: choose one of {known}; it is {plan.edition!r}.")
    known = ", ".join(formats.FORMATS)
    for key, names in vars(profile.quantization).items():
        for name in names if key.endswith("formats") else ():
            if name not in formats.FORMATS:
                raise ValueError(f"key 'quantization.{key}' is wrong: {name!r} is unknown; choose one of {known}.")
