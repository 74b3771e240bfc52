"""A real browser on the built site: what a reader would see go wrong, as a list of complaints."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BROWSER = next((path for name in ("chromium", "google-chrome", "chrome") if (path := shutil.which(name))), None)
WIDE, PHONE, PAPER = 1400, 390, 718  # pixels; paper is A4 within its margins
PATIENCE = 180_000  # milliseconds for a page, on a machine that has much else to do

# Elements that reach beyond the screen, but for tables that say so and scroll, and what nobody sees.
TOO_WIDE = """() => {
  const complaints = document.documentElement.scrollWidth > innerWidth ? ["the page itself"] : [];
  for (const one of document.querySelectorAll(".bd-article *")) {
    const place = one.getBoundingClientRect();
    if (place.width && place.right > innerWidth + 1 && !one.closest(".scrolls > *, .visually-hidden"))
      complaints.push(`${one.tagName} ${one.className.baseVal ?? one.className} ${one.textContent.slice(0, 60)}`);
  }
  return complaints.slice(0, 5);
}"""
CUT = """() => [...document.querySelectorAll(".bd-article .scrolls, .bd-article pre")]
  .filter((one) => one.scrollWidth > one.clientWidth + 1)
  .map((one) => `${one.className} ${one.scrollWidth}>${one.clientWidth} ${one.textContent.slice(0, 80)}`)"""
EXHIBITS = """() => {
  const complaints = [], ids = new Set();
  for (const one of document.querySelectorAll("figure.exhibit")) {
    const parts = {number: ".number", caption: "figcaption", source: ".source"};
    for (const [name, where] of Object.entries(parts))
      if (!one.querySelector(where)?.textContent.trim()) complaints.push(`${one.id}: no ${name}`);
    if (!/ \\S+\\.\\d+\\./.test(one.querySelector(".number")?.textContent)) complaints.push(`${one.id}: no number`);
    if (!one.id || ids.has(one.id)) complaints.push(`${one.id}: no anchor of its own`);
    ids.add(one.id);
    for (const picture of one.querySelectorAll("svg"))
      if (!picture.getAttribute("aria-label") || !picture.querySelector("text"))
        complaints.push(`${one.id}: no alternative, or no text`);
    for (const cell of one.querySelectorAll("th")) if (!cell.scope) complaints.push(`${one.id}: a header of nothing`);
  }
  const framed = [...document.querySelectorAll(".cell_output table, .cell_output svg")];
  return complaints.concat(framed.filter((one) => !one.closest("figure.exhibit")).map((one) => `bare ${one.tagName}`));
}"""
# What is inside of pictures is checked by `EXHIBITS`, and a hundred links to records are all alike: axe takes long over
# each of them.
FEWER = """() => {
  for (const picture of document.querySelectorAll("figure.exhibit svg")) picture.replaceChildren();
  for (const link of document.querySelectorAll("details.records a:not(:first-of-type)")) link.remove();
}"""
AXE = "(rules) => axe.run(document, {preload: false, resultTypes: ['violations'], ...(rules && {runOnly: rules})})"


@contextmanager
def chromium() -> Iterator:
    """A headless browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(browser, path: Path, complaints: list[str]):
    """A page from a file; what it says on the console and asks from elsewhere becomes a complaint."""
    page = browser.new_page(viewport={"width": WIDE, "height": 900}, color_scheme="light")
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda message: complaints.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("requestfailed", lambda request: complaints.append(f"missing: {request.url}"))
    page.on(
        "request", lambda request: request.url.startswith(("file:", "data:", "blob:")) or complaints.append(request.url)
    )
    page.goto(path.as_uri())
    return page


def complaints_of(browser, path: Path) -> list[str]:
    """What is wrong with a page: wide and on a phone, by day and in the dark, on paper."""
    from axe_playwright_python.base import AXE_FILE_PATH

    complaints: list[str] = []
    page = opened(browser, path, complaints)
    complaints += page.evaluate(EXHIBITS)
    page.evaluate(Path(AXE_FILE_PATH).read_text(encoding="utf-8"))
    page.evaluate(FEWER)
    page.add_style_tag(content="* {transition: none !important}")  # colours halfway between day and dark
    for width, scheme, rules in (
        (WIDE, "light", None),
        (WIDE, "dark", ["color-contrast"]),
        (PHONE, "dark", ["scrollable-region-focusable", "target-size"]),
    ):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
        where = f"{width} px, {scheme}: "
        complaints += [f"{where}{name} is too wide" for name in page.evaluate(TOO_WIDE)]
        complaints += [where + spoken(found) for found in page.evaluate(AXE, rules)["violations"]]
    page.emulate_media(media="print", color_scheme="light")
    page.set_viewport_size({"width": PAPER, "height": 1000})
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    complaints += [f"paper cuts {name}" for name in page.evaluate(CUT) + page.evaluate(TOO_WIDE)]
    page.close()
    return complaints


def spoken(violation: dict) -> str:
    """A finding of axe, with the first places."""
    places = "; ".join(str(node["target"]) for node in violation["nodes"][:3])
    return f"{violation['id']} ({len(violation['nodes'])}): {places}"
