"""What captions begin with."""

import dataclasses

import pandas as pd

from frugal_lib.core.stats import Interval
from frugal_lib.report import findings, html
from frugal_lib.report.verdict import CONTRADICTED, OPEN, SUPPORTED, Verdict


def test_verdicts_are_counted_by_their_words():
    told = [Verdict("", "", "", "", word) for word in (OPEN, SUPPORTED, OPEN, CONTRADICTED)]
    assert findings.counted(told) == "Of 4 verdicts, 1 “holds”, 1 “not reproduced”, 2 “cannot be told”."
    assert findings.counted([dataclasses.replace(told[0])]) == "Of 1 verdicts, 1 “cannot be told”."


def test_a_difference_counts_where_its_whole_interval_is_on_one_side():
    found = [
        Interval(1, 0.5, 2, 3, 9),
        Interval(1, -0.5, 2, 3, 9),
        Interval(-1, -2, -0.1, 3, 9),
        Interval(2, 1, 3, 3, 9),
    ]
    assert findings.beside_zero(iter(found)) == (2, 1, 4)
    assert "2 have a higher loss than the base, 1 a lower one, 1 cannot be told" in findings.losses(found, "the base")
    assert findings.losses([], "the base") == ""
    assert findings.spread([2, 1.256, 3]) == "1.26 to 3.00"
    assert findings.spread([5, 5], 0) == "5"


def test_the_anchor_of_a_table_does_not_change_with_its_finding():
    frame = pd.DataFrame({"a": [1], "b": [2]})
    page = html.table(frame, "Many rows", "`micro` has <3>.").data
    assert 'id="many-rows"' in page and "<code>micro</code> has &lt;3&gt;. Many rows." in page
