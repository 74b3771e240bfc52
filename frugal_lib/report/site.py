"""What the theme leaves to be done on a built site: a root page, descriptions, and nothing that is not used.

Run by `make book` after the site is built: `python -m frugal_lib.report.site HTML_FOLDER`
"""

from __future__ import annotations

import re
import shutil
import sys
from html import escape, unescape
from pathlib import Path

# The theme's icons (1.5 MB of script) are characters in the book's style sheet.
ICONS = re.compile(
    r"\s*(<!-- So that users can add custom icons -->)?\s*<script[^>]*scripts/fontawesome\.js[^>]*></script>"
)
# Tables of the pages in Markdown scroll sideways where they must, by the keyboard too.
TABLE = '<div class="pst-scrollable-table-container">'
SCROLLS = '<div class="scrolls" tabindex="0" role="group" aria-label="a table">'
SIDEBAR = '<div id="pst-primary-sidebar"'
UNUSED = ("_static/vendor", "_static/locales", "_static/scripts/fontawesome.js", "_static/sbt-webpack-macros.html",
          "_static/webpack-macros.html")  # fmt: skip
FIRST_PARAGRAPH = re.compile(r"<h1.*?</h1>.*?<p>(.*?)</p>", re.S)
WORDS = 160  # characters of a description that search engines show


def finish(html: Path) -> None:
    """Mend the pages of a built site in place, and write its root page."""
    for page in html.rglob("*.html"):
        page.write_text(mended(page.read_text(encoding="utf-8")), encoding="utf-8")
    for script in html.glob("_static/scripts/pydata-sphinx-theme.js"):  # it tells the console what mode it is in
        script.write_text(script.read_text(encoding="utf-8").replace("console.log(", "void("), encoding="utf-8")
    for style in html.glob("_static/styles/*.css"):  # fonts of the icons
        style.write_text(re.sub(r"@font-face ?\{[^}]*\}", "", style.read_text(encoding="utf-8")), encoding="utf-8")
    for name in (*UNUSED, *(path.relative_to(html) for path in html.rglob("*.map"))):
        remove(html / name)
    write_root(html)


def mended(text: str) -> str:
    """A page without the icons' script, with a description, and with its sidebar as a landmark."""
    text = ICONS.sub("", text).replace(TABLE, SCROLLS)
    text = text.replace(SIDEBAR, f'{SIDEBAR} role="region" aria-label="Contents of the book"', 1)
    return text.replace("</head>", f"{described(text)}</head>", 1) if "og:title" not in text else text


def described(text: str) -> str:
    """The description of a page for search engines and previews: how its first paragraph begins."""
    title = unescape(re.search(r"<title>(.*?)</title>", text, re.S)[1]) if "<title>" in text else ""
    first = FIRST_PARAGRAPH.search(text)
    words = " ".join(unescape(re.sub(r"<[^>]*>", "", first[1])).split()) if first else title
    short = words if len(words) <= WORDS else words[:WORDS].rsplit(" ", 1)[0] + " …"
    tags = {"og:title": title.strip(), "og:description": short, "og:type": "article"}
    lines = [f'<meta property="{name}" content="{escape(value)}" />' for name, value in tags.items()]
    return "\n".join([f'<meta name="description" content="{escape(short)}" />', *lines, ""])


def write_root(html: Path) -> None:
    """The page that leads to the first page, in a language and with a link for those who are not led."""
    title = re.search(r"<title>(.*?)</title>", (html / "book/index.html").read_text(encoding="utf-8"), re.S)[1]
    (html / "index.html").write_text(
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title.strip()}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="refresh" content="0; url=book/index.html"><link rel="canonical" href="book/index.html">\n'
        f'</head><body><main><h1>{title.strip()}</h1><p><a href="book/index.html">The book</a></p></main></body>'
        "</html>\n",
        encoding="utf-8",
    )


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    finish(Path(sys.argv[1]))
