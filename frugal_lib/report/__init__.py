"""Records → tables, figures and sentences of the book. Only this package knows matplotlib."""

from frugal_lib.report.figures import learning_curves, score_chart, show
from frugal_lib.report.html import say, side_by_side, source_line, table
from frugal_lib.report.sonnets import (
    chrf_table,
    finding,
    how_measured,
    other_table,
    question,
    readings,
    score_rows,
    spot_sentence,
    spot_table,
)

__all__ = [
    "chrf_table",
    "finding",
    "how_measured",
    "learning_curves",
    "other_table",
    "question",
    "readings",
    "say",
    "score_chart",
    "score_rows",
    "show",
    "side_by_side",
    "source_line",
    "spot_sentence",
    "spot_table",
    "table",
]
