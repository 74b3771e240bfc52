"""One run of a chapter as recorded and as computed in this build."""

from __future__ import annotations

import pandas as pd

from frugal_lib.core.runs import Record
from frugal_lib.data.sonnets import EDITIONS


def spot_table(then: Record, now: Record) -> pd.DataFrame:
    """The spot check: each metric as recorded and as computed in this build."""
    names = ["dev_chrf", "test_chrf", "dev_bpc", "test_bpc", "dev_lines", "dev_rhyme_share"]
    rows = [{"metric": n, "record": then.metrics.get(n), "this build": now.metrics.get(n)} for n in names]
    frame = pd.DataFrame(rows).set_index("metric")
    frame["difference"] = frame["this build"] - frame["record"]
    return frame.map("{:.6f}".format)


def spot_sentence(then: Record, now: Record) -> str:
    """Whether the spot check agreed, and what differs between then and now where it did not."""
    if now.status != "ok":
        return f"**The spot check failed**: {now.error.strip().splitlines()[-1]}"
    same_text = [e.get("text") for e in then.examples] == [e.get("text") for e in now.examples]
    worst = max(abs(then.metrics[name] - now.metrics[name]) for name in ("dev_bpc", "test_bpc"))
    verdict = "every sampled text is the same" if same_text else "sampled texts differ"
    places = [f"{r.environment['device_name']}, torch {r.environment['versions']['torch']}" for r in (then, now)]
    return (
        f"Run `{then.run.path}` ({EDITIONS[then.run.edition]}): {verdict}, and bits per character differ by at most "
        f"{worst:.1e}. Record: {places[0]}; this build: {places[1]}, {now.environment['seconds']:.0f} s."
    )
