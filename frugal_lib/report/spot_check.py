"""One run of a chapter as recorded and as computed in this build."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from frugal_lib.core.runs import Record


@dataclass(frozen=True)
class Agreement:
    """Whether every sampled text is the same, the largest difference in bits per character, where both ran, seconds."""

    same_texts: bool
    worst: float
    places: tuple[str, str]
    seconds: float


def agreement(then: Record, now: Record) -> Agreement:
    """How a run that was computed again agrees with its record."""
    return Agreement(
        [e.get("text") for e in then.examples] == [e.get("text") for e in now.examples],
        max(abs(then.metrics[name] - now.metrics[name]) for name in ("dev_bpc", "test_bpc")),
        tuple(f"{r.environment['device_name']}, torch {r.environment['versions']['torch']}" for r in (then, now)),
        now.environment["seconds"],
    )


def spot_table(then: Record, now: Record) -> pd.DataFrame:
    """Each metric as recorded and as computed in this build."""
    names = ["dev_chrf", "test_chrf", "dev_bpc", "test_bpc", "dev_lines", "dev_rhyme_share"]
    return then_and_now("metric", {name: (then.metrics.get(name), now.metrics.get(name)) for name in names})


def then_and_now(index: str, values: dict[str, tuple[float | None, float | None]]) -> pd.DataFrame:
    """Numbers as recorded, as computed in this build, and their difference."""
    frame = pd.DataFrame.from_dict(values, orient="index", columns=["record", "this build"]).rename_axis(index)
    frame["difference"] = frame["this build"] - frame["record"]
    return frame.map("{:.6f}".format)
