"""Tables, texts and source lines as HTML; everything that comes from a model or a file is escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from os.path import relpath
from pathlib import Path

import pandas as pd
from IPython.display import HTML, display
from markdown_it import MarkdownIt

from frugal_lib.core.machine import ROOT
from frugal_lib.core.runs import Record
from frugal_lib.data.sonnets import GIVEN_LINES, Sonnet

# Text of a model may hold an image of any server, which would learn who reads the page.
MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable("image")
LONG = 12  # rows above which a table is folded away


def table(frame: pd.DataFrame, caption: str = "", finding: str = "") -> HTML:
    """A data frame as an exhibit: a table that scrolls sideways on a narrow screen; an interval gets its own line.

    Its caption begins with what it shows, the `finding`; the anchor is that of the `caption`, which stays as records
    change.

    A cell that is `HTML` stands as it is, all others are escaped. The first column names its row and stays in sight. A
    table with sentences in it does not shrink to a phone's width, where they would be columns of single words; one of
    more than `LONG` rows is folded.
    """
    if frame.empty:
        return HTML(f"<p><small>{escape(caption or 'Table')}: this profile has no runs for it.</small></p>")
    cells = frame.reset_index()
    wordy = frame.map(lambda cell: not isinstance(cell, HTML) and len(str(cell)) > 80).any(axis=None)
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in cells.columns)
    body = "".join(f"<tr>{row_of_cells(row)}</tr>" for row in cells.itertuples(index=False))
    width = ' style="min-width:44rem"' if wordy else ""
    grid = f'<table class="table"{width}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    reach = f'role="region" tabindex="0" aria-label="{escape(caption or "table")}"'  # by the keyboard, to scroll
    grid = f'<div class="scrolls" {reach} style="overflow-x:auto;font-size:.9em">{grid}</div>'
    if len(frame) > LONG:
        grid = f"<details><summary>All {len(frame)} rows</summary>{grid}</details>"
    return HTML(exhibit("Table", slug(caption), grid, f"{finding} {caption}.".strip() if finding else caption))


def row_of_cells(row: Sequence) -> str:
    """The cells of a row, of which the first is its name."""
    first, *others = (cell.data if isinstance(cell, HTML) else escape(str(cell)) for cell in row)
    cells = f'<th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in others)
    return re.sub(r" \[([^],]*), ([^]]*)\]", r"<br>[\1,&nbsp;\2]", cells)


def exhibit(kind: str, anchor: str, body: str, caption: str) -> str:
    """A table or figure with its caption, as HTML: the one frame that all exhibits of the book have.

    Its number and its source line are empty here: `pages` fills them in, in the order of the page. What stands in
    backticks in the caption is set as code.
    """
    said = re.sub("`(.+?)`", r"<code>\1</code>", escape(caption))
    return (
        f'<figure class="exhibit" id="{escape(anchor)}"><figcaption><b class="number" data-kind="{kind}"></b> '
        f'{said}</figcaption>{body}<div class="source"></div></figure>'
    )


def slug(caption: str) -> str:
    """The anchor of an exhibit: the first words of its caption."""
    return "-".join(re.findall(r"[a-z0-9]+", caption.lower())[:8])


def linked(text: str, records: Sequence[Record], results: str | Path) -> HTML:
    """A number that opens to the records it rests on: itself for one record, else a link for each seed."""
    if len(records) == 1:
        return HTML(record_link(records[0], results, text))
    links = " ".join(record_link(record, results, str(record.run.seed)) for record in records)
    return HTML(f"{escape(text)}<br><small>seed {links}</small>")


def published_link(text: str) -> HTML:
    """A number of the paper that opens to the file that holds all of them."""
    return HTML(f'<a href="../frugal_lib/assets/published.json">{escape(text)}</a>')


def source_line(records: Sequence[Record], results: str | Path, command: str) -> HTML:
    """Where the numbers come from: command · commit · hardware · minutes · links to the records."""
    if not records:
        return HTML(f'<div class="source">Source: <code>{escape(command)}</code> · no record yet</div>')
    minutes = sum(record.environment["seconds"] for record in records) / 60
    commits = sorted({record.environment["commit"] for record in records})
    hardware = sorted({f"{r.environment['device_name']}, {r.environment['threads']} thread" for r in records})
    links = ", ".join(record_link(record, results, str(i)) for i, record in enumerate(records, start=1))
    listed = f'<details class="records"><summary>{len(records)} records</summary>{links}</details>'
    return source(command, commits, hardware, minutes, listed if len(records) > 1 else f"record {links}")


def source(command: str, commits: Sequence[str], hardware: Sequence[str], minutes: float, links: str) -> HTML:
    """A source line; `links` is HTML."""
    return HTML(
        f'<div class="source">Source: <code>{escape(command)}</code> · commit {escape(", ".join(commits))} · '
        f"{escape('; '.join(hardware))} · {minutes:.1f} minutes of computing · {links}</div>"
    )


def record_link(record: Record, results: str | Path, text: str) -> str:
    """A link from a page of the book to a record: in the built site, and for committed records in the repository."""
    return f'<a href="../{escape(site_folder(results))}/{escape(record.run.path)}">{escape(text)}</a>'


def site_folder(results: str | Path) -> str:
    """Where the site has a folder of records: Sphinx copies nothing from `_build`, so those lie one level up."""
    return Path(relpath(results, ROOT)).as_posix().removeprefix("_build/")


def embedded_source(command: str, environment: dict, files: Sequence[str]) -> HTML:
    """The source line of the embedded models' numbers, whose records lie beside the models."""
    links = ", ".join(f'<a href="../frugal_lib/assets/{escape(name)}">{escape(name)}</a>' for name in files)
    hardware = [f"{environment['device_name']}, {environment['threads']} threads"]
    return source(command, [environment["commit"]], hardware, environment["seconds"] / 60, links)


def side_by_side(sonnet: Sonnet, texts: dict[str, str]) -> HTML:
    """The true sonnet beside completions of it; the given lines are grey."""
    title = f"<p><strong>Sonnet {escape(str(sonnet.id))}</strong> ({GIVEN_LINES} lines given)</p>"
    return HTML(title + columns({"Shakespeare": sonnet.continuation} | texts, sonnet.given).data)


def columns(texts: dict[str, str], given: str) -> HTML:
    """Texts side by side under their names, each behind what was given, which is grey."""
    grey = f'<span class="given" style="opacity:.75">{lines(given)}</span>'
    return beside({name: f"{grey}<br>{lines(text)}" for name, text in texts.items()})


def marked(texts: Mapping[str, Sequence[tuple[str, bool]]]) -> HTML:
    """Texts side by side under their names: their lines, each with whether it is marked."""

    def one(line: str, mark: bool) -> str:
        return f"<mark>{escape(line)}</mark>" if mark else escape(line)

    return beside({name: "<br>".join(one(*line) for line in lines) for name, lines in texts.items()})


def beside(bodies: dict[str, str]) -> HTML:
    """Pieces of HTML side by side under their names, which are escaped."""
    cells = "".join(
        f'<div style="flex:1 1 17rem"><strong>{escape(name)}</strong><br>{body}</div>' for name, body in bodies.items()
    )
    style = "display:flex;flex-wrap:wrap;gap:1.5rem;font-size:.9em;margin-bottom:1.5rem"
    return HTML(f"<div style={style!r}>{cells}</div>")


def cards(texts: dict[str, dict[str, str]]) -> HTML:
    """Cards side by side: under each title some lines of Markdown, each behind its name."""
    bodies = [
        f"<h2>{escape(title)}</h2><dl>"
        + "".join(f"<dt>{escape(name)}</dt><dd>{markdown(text)}</dd>" for name, text in told.items())
        + "</dl>"
        for title, told in texts.items()
    ]
    return HTML(f'<div class="cards">{"".join(f"<div>{body}</div>" for body in bodies)}</div>')


def markdown(text: str) -> str:
    """Markdown as HTML; what looks like HTML in it is escaped."""
    return MARKDOWN.render(text)


def lines(text: str) -> str:
    """Escaped text with its line ends kept."""
    return "<br>".join(escape(line) for line in text.splitlines())


def say(name: str, text: str) -> None:
    """Show Markdown, and keep it under `name` for other pages of the book; what is in it fetches nothing."""
    keep(name, HTML(markdown(text)), text)


def keep(name: str, page: HTML, text: str) -> None:
    """Show HTML, and keep it under `name` for other pages; `text` is what a reader without HTML gets.

    This is what `myst_nb.glue` does; Colab does not have that package, and HTML is what other pages can paste.
    """
    metadata = {"scrapbook": {"mime_prefix": "", "name": name}}
    display({"text/html": page.data, "text/plain": text}, metadata=metadata, raw=True)
