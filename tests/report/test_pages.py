"""Executed notebooks as pages: numbers, sources, folded code."""

import nbformat.v4 as nb
import pandas as pd

from frugal_lib.report import html, pages


def shown(page):
    return nb.new_output("display_data", {"text/html": page})


def code(*outputs, tags=()):
    return nb.new_code_cell("x", outputs=[shown(page) for page in outputs], metadata={"tags": list(tags)})


def table(name):
    return html.table(pd.DataFrame({"a": [1], "b": [2]}), name).data


SOURCE = (
    '<div class="source">Source: <code>python -m frugal_lib sweep lora --profile micro</code> · 1.0 minutes · '
    '<details class="records"><summary>2 records</summary><a href="r">1</a></details></div>'
)


def test_exhibits_are_numbered_and_have_the_source_of_their_section_or_of_the_chapter():
    cells = [
        nb.new_markdown_cell("## One"),
        code(table("First")),
        code(SOURCE),
        nb.new_markdown_cell("## Two"),
        code(table("Second")),
        code("parameters", tags=["injected-parameters"]),
    ]
    made = pages.page(nb.new_notebook(cells=cells), "2")
    assert len(made.cells) == 5 and all("hide-input" in c.metadata.tags for c in made.cells if c.cell_type == "code")
    first, line, second = (data["text/html"] for data in pages.shown(made))
    assert "Table 2.1." in first and "2 records, listed below" in first and "<details" not in first
    assert line == SOURCE
    assert "Table 2.2." in second and 'href="explore.html#chapter=lora"' in second


def test_the_answer_stands_right_under_the_title_without_its_code():
    cells = [nb.new_markdown_cell("# A title"), nb.new_markdown_cell("What it is about."), code(), code("<p>42</p>")]
    cells[-1].metadata.tags = ["answer", "hide-input"]
    made = pages.page(nb.new_notebook(cells=cells), "1").cells
    assert [cell.source for cell in made] == ["# A title", "x", "What it is about.", "x"]
    assert made[1].outputs and made[1].metadata.tags == ["answer", "remove-input"]
    assert made[3].metadata.tags == ["hide-input", "remove-stderr"]


def test_a_long_table_is_folded_and_every_header_says_what_it_is_of():
    page = html.table(pd.DataFrame({"a": range(13)}), "Many <rows>").data
    assert "<summary>All 13 rows</summary>" in page and 'id="many-rows"' in page and "<rows>" not in page
    assert page.count('scope="row"') == 13 and page.count("<th ") == page.count("scope=")
