"""Executed notebooks become pages: code is folded, papermill's own cell goes, exhibits get numbers and sources.

Run by `make book` before the site is built: `python -m frugal_lib.report.pages FOLDER NOTEBOOK...`
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

NUMBER = re.compile(r'<b class="number" data-kind="(\w+)"></b>')
NO_SOURCE = '<div class="source"></div>'
SOURCE = re.compile(r'<div class="source">(Source: .*?)</div>', re.S)


def page(notebook: NotebookNode, chapter: str) -> NotebookNode:
    """The notebook as a page of the book, its exhibits numbered like `Table 2.3` in chapter `2`."""
    notebook.cells = [cell for cell in notebook.cells if "injected-parameters" not in tags(cell)]
    answer_first(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code" and not tags(cell) & {"hide-cell", "remove-cell", "remove-input"}:
            cell.metadata["tags"] = sorted(tags(cell) | {"hide-input", "remove-stderr"})
    number_exhibits(notebook, chapter)
    fill_in_sources(notebook)
    return notebook


def answer_first(notebook: NotebookNode) -> None:
    """Put the cell tagged `answer`, which needs the cells that load the records, right under the title."""
    for place, cell in enumerate(notebook.cells):
        if "answer" in tags(cell):
            cell.metadata["tags"] = sorted((tags(cell) - {"hide-input"}) | {"remove-input"})
            notebook.cells.insert(1, notebook.cells.pop(place))
            return


def tags(cell: NotebookNode) -> set[str]:
    """The tags of a cell."""
    return set(cell.metadata.get("tags", []))


def number_exhibits(notebook: NotebookNode, chapter: str) -> None:
    """Number tables and figures, each kind in the order of the page."""
    counts: Counter[str] = Counter()

    def numbered(found: re.Match) -> str:
        counts[found[1]] += 1
        return f'<b class="number" data-kind="{found[1]}">{found[1]} {chapter}.{counts[found[1]]}.</b>'

    for data in shown(notebook):
        data["text/html"] = NUMBER.sub(numbered, data["text/html"])


def fill_in_sources(notebook: NotebookNode) -> None:
    """Give every exhibit without a source line the one that closes its section, else all records of the chapter.

    The records themselves are listed once, where the line stands.
    """
    sections = sections_of(notebook)
    lines = [[line for data in part for line in SOURCE.findall(data["text/html"])] for part in sections]
    everything = next((whole_chapter(line) for part in lines for line in part), "")
    for part, own in zip(sections, lines, strict=True):
        line = without_list(own[-1]) if own else everything
        for data in part:
            data["text/html"] = data["text/html"].replace(NO_SOURCE, f'<div class="source">{line}</div>')


def sections_of(notebook: NotebookNode) -> list[list[NotebookNode]]:
    """What is shown, section by section: a new one begins with each heading of the second level."""
    sections: list[list[NotebookNode]] = [[]]
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and re.match("## ", cell.source):
            sections.append([])
        sections[-1] += shown_by(cell)
    return sections


def without_list(line: str) -> str:
    """A source line with the number of its records and no list of them."""
    return re.sub(r'<details class="records"><summary>(.*?)</summary>.*?</details>', r"\1, listed below", line)


def whole_chapter(line: str) -> str:
    """The source line of an exhibit made of all records of a chapter: its command, and where the records are."""
    command = re.search(r"<code>(.*?)</code>", line)[1]
    name = re.search(r"sweep (\w+)", command)
    records = f' · <a href="explore.html#chapter={name[1]}">its records</a>' if name else ""
    return f"Source: <code>{command}</code>{records}"


def shown(notebook: NotebookNode) -> Iterator[NotebookNode]:
    """All outputs that are HTML."""
    for cell in notebook.cells:
        yield from shown_by(cell)


def shown_by(cell: NotebookNode) -> Iterator[NotebookNode]:
    """The outputs of a cell that are HTML, to be changed in place."""
    for output in cell.get("outputs", []):
        if "text/html" in output.get("data", {}):
            yield output["data"]


def main(folder: Path, paths: list[Path]) -> None:
    """Write the pages of some executed notebooks into a folder."""
    for path in paths:
        number = path.stem.split("_")[0]
        chapter = "A" if number.startswith("9") else str(int(number))
        nbformat.write(page(nbformat.read(path, as_version=4), chapter), folder / path.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
