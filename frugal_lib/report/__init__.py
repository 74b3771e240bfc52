"""Records → tables, figures and sentences of the book. Only this package knows matplotlib."""

from frugal_lib.report.figures import learning_curves, save, score_chart
from frugal_lib.report.html import say, side_by_side, source_line, table
from frugal_lib.report.sonnets import (
    baseline_table,
    finding,
    how_measured,
    readings,
    score_rows,
    spot_sentence,
    spot_table,
)

__all__ = [
    "baseline_table",
    "finding",
    "how_measured",
    "learning_curves",
    "readings",
    "save",
    "say",
    "score_chart",
    "score_rows",
    "side_by_side",
    "source_line",
    "spot_sentence",
    "spot_table",
    "table",
]
