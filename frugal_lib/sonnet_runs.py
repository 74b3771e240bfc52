"""Runs on the sonnets that more than one chapter is made of: floors, the base as it is, full fine-tuning."""

from __future__ import annotations

from dataclasses import replace

from frugal_lib import data, models
from frugal_lib.profiles import Profile
from frugal_lib.runs import Run


def edition_of(profile: Profile) -> str:
    """The edition of the sonnets a profile runs on, on this machine."""
    return data.available_edition() if profile.edition == "available" else profile.edition


def floor_run(profile: Profile, seed: int) -> Run:
    """Completions of random training lines, which need no model."""
    grid, edition = profile.sonnets, edition_of(profile)
    return Run(
        chapter="baseline",
        task="sonnets",
        method="floor-lines",
        edition=edition,
        data_digest=data.digest(edition),
        seed=seed,
        samples=grid.floor_draws,
        train_limit=grid.train_limit,
        held_out_limit=grid.held_out_limit,
    )


def base_run(profile: Profile, seed: int) -> Run:
    """The base as it is, completing the held-out sonnets."""
    return replace(
        floor_run(profile, seed),
        method="base",
        samples=profile.sonnets.samples,
        base=profile.base,
        base_digest=models.base_digest(profile.base),
        max_new_tokens=profile.sonnets.max_new_tokens,
    )


def start(profile: Profile, seed: int, chapter: str, base: str, samples: int) -> Run:
    """What all runs of a later chapter on one base share: that base as it is."""
    digest = models.base_digest(base)
    return replace(base_run(profile, seed), chapter=chapter, base=base, base_digest=digest, samples=samples)


def full_run(profile: Profile, seed: int, learning_rate: float) -> Run:
    """Full fine-tuning at one learning rate."""
    grid = profile.sonnets
    settings = {name: getattr(grid, name) for name in ("batch_size", "epochs", "patience", "dropout")}
    return replace(base_run(profile, seed), method="full", learning_rate=learning_rate, **settings)


def on_public_domain(run: Run) -> Run:
    """The same run on the other edition."""
    return replace(run, edition="public-domain", data_digest=data.digest("public-domain"))


def with_spot_check(profile: Profile, twin: Run, **cut) -> list[Run]:
    """What a chapter on the paper's files has besides: one of its runs on what every machine has, whole and cut short.

    The short one, of a few sonnets and with `cut` in place of the run's own fields, is the spot check of a
    build: seconds, wherever it is. The long one is there for those who want to compare a run as it is.
    """
    few = {"train_limit": 16, "held_out_limit": 3, "samples": 1}
    return [twin, replace(twin, **few, **cut)] if profile.edition == "folger" else []
