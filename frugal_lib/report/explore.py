"""The page of all runs: what they were, what came of them, and what they wrote, as scripts that work without a server.

Run by `make book` before the site is built: `python -m frugal_lib.report.explore RESULTS FOLDER`
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from frugal_lib.core.runs import Record
from frugal_lib.data.sonnets import load_sonnets
from frugal_lib.report.html import site_folder

SETTINGS = ("chapter", "task", "base", "method", "teacher", "selection", "format", "rank", "learning_rate", "items",
            "passes", "folds", "fold", "seed")  # fmt: skip
SHARED = 10  # runs that have a metric, for it to be a column


def rows_of(records: Sequence[Record]) -> dict:
    """The table of all runs, a column at a time, and the floor: {"columns", "floor"}.

    A column holds a value a run, null where the run has none; the floor has for each metric of random training lines
    the range of 95 % of draws, mean ± 1.96 standard deviations.
    """
    counts = Counter(name for record in records for name in record.metrics)
    metrics = sorted(name for name, count in counts.items() if count >= SHARED)
    columns = {"record": [record.run.path for record in records], "status": [record.status for record in records]}
    columns |= {name: [getattr(record.run, name) for record in records] for name in SETTINGS}
    columns |= {name: [record.metrics.get(name) for record in records] for name in metrics}
    columns["minutes"] = [round(record.environment.get("seconds", 0) / 60, 2) for record in records]
    return {"columns": columns, "metrics": metrics, "floor": floor_of(records)}


def floor_of(records: Sequence[Record]) -> dict[str, tuple[float, float]]:
    """Metric → the range of 95 % of draws of random training lines."""
    found = {}
    for record in records:
        if record.run.method == "floor-draws":
            for name, spread in record.metrics.items():
                if name.endswith("_sd"):
                    mean = record.metrics[name.removesuffix("_sd")]
                    found[name.removesuffix("_sd")] = (mean - 1.96 * spread, mean + 1.96 * spread)
    return found


def texts_of(record: Record) -> dict[str, str]:
    """The first completion of each sonnet, by its number."""
    first = [e for e in record.examples if e.get("kind") == "completion" and e.get("sample") == 0 and e.get("text")]
    return {str(example["id"]): example["text"] for example in first}


def shakespeare() -> dict[str, dict[str, str]]:
    """Number → prompt and true ending of the dev and test sonnets, from the public-domain edition."""
    sonnets = load_sonnets("public-domain")
    return {str(s.id): {"given": s.given, "true": s.continuation} for s in (*sonnets.dev, *sonnets.test)}


def write(results: Path, folder: Path) -> None:
    """Write `runs.js` for the page, and beside it what one record holds, to be fetched when it is opened.

    A script can be read from a file where a JSON file cannot: browsers let no page fetch that without a server.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = sorted(results.glob("*/*.json"))
    records = [Record.from_json(path.read_text(encoding="utf-8")) for path in paths]
    table = rows_of(records) | {"results": f"../{site_folder(results)}/", "sonnets": shakespeare()}
    (folder / "runs.js").write_text(f"window.RUNS = {json.dumps(table, ensure_ascii=False)};\n", encoding="utf-8")
    for record in records:
        content = dataclasses.asdict(record)
        content = {name: content[name] for name in ("run", "status", "metrics", "environment", "error")}
        script = json.dumps(content | {"texts": texts_of(record)}, ensure_ascii=False)
        (folder / f"{record.run.key}.js").write_text(f"window.opened({script});\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
