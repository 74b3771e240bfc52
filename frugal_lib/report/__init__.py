"""Records → tables, figures and sentences of the book. Only this package knows matplotlib."""

from frugal_lib.report.costs import cost_how, cost_table
from frugal_lib.report.embedded import (
    PROSE,
    base_sentence,
    bits_table,
    embedded_finding,
    embedded_how,
    family_table,
    recipe_search,
    recipe_table,
    samples,
    sonnet_check,
    training_environment,
)
from frugal_lib.report.figures import embedded_chart, learning_curves, score_chart, show
from frugal_lib.report.html import columns, embedded_source, say, side_by_side, source_line, table
from frugal_lib.report.labelled import (
    detectable_table,
    labelled_how,
    labelled_rows,
    paraphrase_finding,
    sentiment_finding,
)
from frugal_lib.report.labelled_figures import accuracy_chart, confusion_chart, data_chart, labelled_curves
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
from frugal_lib.report.table1 import table1

__all__ = [
    "PROSE",
    "accuracy_chart",
    "base_sentence",
    "bits_table",
    "chrf_table",
    "columns",
    "confusion_chart",
    "cost_how",
    "cost_table",
    "data_chart",
    "detectable_table",
    "embedded_chart",
    "embedded_finding",
    "embedded_how",
    "embedded_source",
    "family_table",
    "finding",
    "how_measured",
    "labelled_curves",
    "labelled_how",
    "labelled_rows",
    "learning_curves",
    "other_table",
    "paraphrase_finding",
    "question",
    "readings",
    "recipe_search",
    "recipe_table",
    "samples",
    "say",
    "score_chart",
    "score_rows",
    "sentiment_finding",
    "show",
    "side_by_side",
    "sonnet_check",
    "source_line",
    "spot_sentence",
    "spot_table",
    "table",
    "table1",
    "training_environment",
]
