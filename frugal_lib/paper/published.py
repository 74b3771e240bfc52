"""The paper's tables and figures as data (`assets/published.json`)."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

PATH = Path(__file__).parents[1] / "assets" / "published.json"


@lru_cache
def published() -> dict[str, Any]:
    """Everything the paper states, by table and figure."""
    return json.loads(PATH.read_text(encoding="utf-8"))


def table(name: str) -> pd.DataFrame:
    """One table or figure of the paper, such as `table1_baseline`.

    Raises:
        KeyError: the paper has no table of that name; the message lists those it has.
    """
    tables = {key: value for key, value in published().items() if "rows" in value}
    if name not in tables:
        raise KeyError(f"{name!r} is none of the paper's tables: {', '.join(sorted(tables))}")
    return pd.DataFrame(tables[name]["rows"], columns=tables[name]["columns"])


def value(name: str, column: str, **where: str) -> float | None:
    """One number: the row of table `name` that matches `where`, in `column`; None where it is blank.

    Raises:
        KeyError: not exactly one row matches.
    """
    rows = table(name)
    for key, wanted in where.items():
        rows = rows[rows[key] == wanted]
    if len(rows) != 1:
        raise KeyError(f"{name}: {len(rows)} rows match {where}, not one")
    number = rows.iloc[0][column]
    return None if pd.isna(number) else float(number)
