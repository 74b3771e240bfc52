"""One run of a chapter as recorded and as computed in this build."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from frugal_lib.core.runs import Record
from frugal_lib.data.sonnets import EDITIONS


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


def spot_line(then: Record, now: Record) -> str:
    """What every chapter says of its spot check: a line about records, as the source line is, and no chapter's text."""
    if now.status != "ok":
        return f"**The spot check failed**: {now.error.strip().splitlines()[-1]}"
    agreed = agreement(then, now)
    texts = "every sampled text is the same" if agreed.same_texts else "sampled texts differ"
    return (
        f"Run `{then.run.path}` ({EDITIONS[then.run.edition]}): {texts}, and bits per character differ by at most "
        f"{agreed.worst:.1e}. Record: {agreed.places[0]}; this build: {agreed.places[1]}, {agreed.seconds:.0f} s."
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
