import pytest

from frugal_lib.paper import published


def test_the_papers_sonnet_row():
    row = {"dataset": "sonnets", "method": "full fine-tuning"}
    assert published.value("table1_baseline", "dev", **row) == 41.974
    assert published.value("table1_baseline", "test", **row) == 41.078
    assert published.value("table1_baseline", "test", dataset="sonnets", method="best LoRA") is None


def test_every_table_has_as_many_values_as_columns():
    tables = [key for key, value in published.published().items() if "rows" in value]
    assert len(tables) == 10
    for name in tables:
        assert len(published.table(name)) > 0


def test_a_wrong_name_lists_the_right_ones():
    with pytest.raises(KeyError, match="table1_baseline"):
        published.table("table99")
    with pytest.raises(KeyError, match="0 rows match"):
        published.value("table1_baseline", "dev", dataset="limericks")
