"""Runs on the sonnets that more than one chapter is made of: floors, the base as it is, full fine-tuning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from frugal_lib.core import fetch
from frugal_lib.core.runs import Run
from frugal_lib.data import labelled, sonnets, unrelated
from frugal_lib.models import bases
from frugal_lib.profiles import Profile
from frugal_lib.teachers import by_name

STAND_INS = {"quora": "written", "mrpc": "edited"}


def pair_editions(profile: Profile) -> dict[str, str]:
    """Which edition of each set of pairs the checks are made on, on this machine."""
    wanted = {"quora": profile.labelled["quora"].edition}
    wanted["mrpc"] = "available" if profile.edition == "available" else "released"
    return {task: labelled.edition_of(task, edition) for task, edition in wanted.items()}


def on_pairs(run: Run, editions: dict[str, str], pairs: int) -> Run:
    """The run with checks of generality on so many pairs of each set, and digests of all that it reads."""
    hashes = by_name.digest_parts(run.teacher) if run.teacher else []
    hashes += [labelled.edition_digest(task, edition) for task, edition in editions.items()]
    return replace(
        run,
        pairs=pairs,
        pair_sets=" ".join(f"{task}/{edition}" for task, edition in editions.items()),
        data_digest=fetch.digest([sonnets.digest(run.edition), *hashes, *unrelated.digest_parts()]),
    )


def without_checks(run: Run) -> Run:
    """The run on the sonnets alone."""
    return replace(run, pairs=0, minimal_pairs=0, pair_sets="", data_digest=sonnets.digest(run.edition))


def edition_of(profile: Profile) -> str:
    """The edition of the sonnets a profile runs on, on this machine."""
    return sonnets.available_edition() if profile.edition == "available" else profile.edition


def floor_run(profile: Profile, seed: int) -> Run:
    """Completions of random training lines, which need no model."""
    grid, edition = profile.sonnets, edition_of(profile)
    return Run(
        chapter="baseline",
        task="sonnets",
        method="floor-lines",
        edition=edition,
        data_digest=sonnets.digest(edition),
        seed=seed,
        samples=grid.floor_draws,
        train_limit=grid.train_limit,
        held_out_limit=grid.held_out_limit,
    )


def length_run(profile: Profile, seed: int) -> Run:
    """What random training lines score at every length; their spread takes two draws."""
    lines = floor_run(profile, seed)
    return replace(lines, method="floor-lengths", samples=max(2, lines.samples))


def base_run(profile: Profile, seed: int) -> Run:
    """The base as it is, completing the held-out sonnets."""
    return replace(
        floor_run(profile, seed),
        method="base",
        samples=profile.sonnets.samples,
        base=profile.base,
        base_digest=bases.base_digest(profile.base),
        max_new_tokens=profile.sonnets.max_new_tokens,
    )


def start(profile: Profile, seed: int, chapter: str, base: str, samples: int) -> Run:
    """What all runs of a later chapter on one base share: that base as it is."""
    digest = bases.base_digest(base)
    return replace(base_run(profile, seed), chapter=chapter, base=base, base_digest=digest, samples=samples)


def full_run(profile: Profile, seed: int, learning_rate: float) -> Run:
    """Full fine-tuning at one learning rate."""
    grid = profile.sonnets
    settings = {name: getattr(grid, name) for name in ("batch_size", "epochs", "patience", "dropout")}
    return replace(base_run(profile, seed), method="full", learning_rate=learning_rate, **settings)


class Settings(Protocol):
    """What a grid says of every fine-tuning run on it."""

    batch_size: int
    epochs: int
    patience: int


def tuned(start: Run, grid: Settings, dropout: float, method: str, rate: float, **more) -> Run:
    """A fine-tuning run with the settings that all methods of a grid share."""
    settings = {name: getattr(grid, name) for name in ("batch_size", "epochs", "patience")}
    return replace(start, method=method, learning_rate=rate, dropout=dropout, **settings, **more)


def on_public_domain(run: Run) -> Run:
    """The same run on the other edition."""
    return replace(run, edition="public-domain", data_digest=sonnets.digest("public-domain"))


def with_spot_check(profile: Profile, runs: Sequence[Run], twin_of: Callable[[Sequence[Run]], Run], **cut) -> list[Run]:
    """What a chapter on the paper's files has besides: one of its runs on what every machine has, whole and cut short.

    The short one, of a few sonnets and with `cut` in place of the run's own fields, is the spot check of a
    build: seconds, wherever it is. The long one is there for those who want to compare a run as it is.
    """
    few = {"train_limit": 16, "held_out_limit": 3, "samples": 1}
    if profile.edition != "folger" or not runs:
        return []
    twin = twin_of(runs)
    return [twin, replace(twin, **few, **cut)]


CLEAN, FREE, STRICT = "clean", "free", "strict"


def taught(run: Run, teacher: str, **more) -> Run:
    """The run with lessons by a teacher, and digests of all that it reads."""
    digest = fetch.digest([sonnets.digest(run.edition), *by_name.digest_parts(teacher)])
    return replace(run, teacher=teacher, data_digest=digest, **more)
