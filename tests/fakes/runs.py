"""Runs for tests."""

import dataclasses

import torch

from frugal_lib.chapters.baseline import plan as baseline_plan
from frugal_lib.core.runs import Run
from frugal_lib.profiles import Profile

RUN = Run("baseline", "sonnets", "full", "folger", "0123456789ab", seed=0, samples=2, learning_rate=1e-3, batch_size=16)


def first_runs(profile: Profile, seed: int = 0) -> list[Run]:
    """The runs chapter 1 asks for before it has seen a record."""
    asked = []
    baseline_plan.records(profile, seed, lambda runs: asked.extend(runs) or [])
    return asked


def tiny(**changes):
    """A student of a few sonnets, for a few steps."""
    settings = {"edition": "public-domain", "base": "nano", "samples": 1, "max_steps": 4, "judge_steps": 2,
                "batch_size": 8, "learning_rate": 3e-4, "patience": 9, "train_limit": 8, "held_out_limit": 2,
                "max_new_tokens": 40, "chapter": "synthetic"}  # fmt: skip
    return dataclasses.replace(RUN, **settings | changes)


IDS = torch.tensor([[5, 77, 300, 4, 9, 12]])
