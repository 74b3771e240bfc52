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


def spot_sentence(then: Record, now: Record) -> str:
    """The line that stands above the spot check of every chapter."""
    if now.status != "ok":
        return f"**The spot check failed**: {now.error.strip().splitlines()[-1]}"
    found = agreement(then, now)
    texts = "every sampled text is the same" if found.same_texts else "sampled texts differ"
    return (
        f"Run `{then.run.path}` ({EDITIONS[then.run.edition]}): {texts}, and bits per character differ by at most "
        f"{found.worst:.1e}. Record: {found.places[0]}; this build: {found.places[1]}, {found.seconds:.0f} s."
    )


def spot_table(then: Record, now: Record) -> pd.DataFrame:
    """Each metric as recorded and as computed in this build."""
    names = ["dev_chrf", "test_chrf", "dev_bpc", "test_bpc", "dev_lines", "dev_rhyme_share"]
    rows = [{"metric": n, "record": then.metrics.get(n), "this build": now.metrics.get(n)} for n in names]
    frame = pd.DataFrame(rows).set_index("metric")
    frame["difference"] = frame["this build"] - frame["record"]
    return frame.map("{:.6f}".format)
