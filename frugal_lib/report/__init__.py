"""Records → tables, figures and sentences of the book. Only this package knows matplotlib."""

from frugal_lib.report.embedded import (
    PROSE,
    bits_table,
    embedded_finding,
    embedded_how,
    family_table,
    recipe_table,
    samples,
    sonnet_check,
)
from frugal_lib.report.figures import embedded_chart, learning_curves, score_chart, show
from frugal_lib.report.html import columns, embedded_source, say, side_by_side, source_line, table
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
    "PROSE",
    "bits_table",
    "chrf_table",
    "columns",
    "embedded_chart",
    "embedded_finding",
    "embedded_how",
    "embedded_source",
    "family_table",
    "finding",
    "how_measured",
    "learning_curves",
    "other_table",
    "question",
    "readings",
    "recipe_table",
    "samples",
    "say",
    "score_chart",
    "score_rows",
    "show",
    "side_by_side",
    "sonnet_check",
    "source_line",
    "spot_sentence",
    "spot_table",
    "table",
]
