"""The built site: every page is there, executed, without errors, and complete without a network; a failed cell."""

import csv
import functools
import io
import json
import os
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from fakes.browser import BROWSER, chromium, complaints_of, opened
from fakes.project import ROOT, make

from frugal_lib.chapters.registry import CHAPTERS as SWEEPS

pytestmark = pytest.mark.slow  # the book is built first, which takes minutes
CHAPTERS = sorted(path.stem for path in (ROOT / "book").glob("[0-9]*.py"))
PAGES = ["index", *CHAPTERS[:-1], "explore", "run", "limitations", "checklist", "about", CHAPTERS[-1]]


@pytest.fixture(scope="module")
def html(request):
    """The smoke book, or the site in the folder FRUGAL_SITE: `FRUGAL_SITE=_build/html pytest tests/book -k browser`."""
    if os.environ.get("FRUGAL_SITE"):
        return ROOT / os.environ["FRUGAL_SITE"]
    return request.getfixturevalue("smoke_book") / "_build" / "html"


def soup(html, page):
    return BeautifulSoup((html / "book" / f"{page}.html").read_text(encoding="utf-8"), "html.parser")


def test_the_pages_are_those_of_the_table_of_contents(html):
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    listed = [toc["root"], *[chapter["file"] for chapter in toc["chapters"]]]
    assert listed == [f"book/{page}" for page in PAGES]
    assert sorted(path.stem for path in (html / "book").glob("*.html")) == sorted(PAGES)
    assert (html / "index.html").exists()


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_code_cell_was_executed_without_an_error(smoke_book, name):
    notebook = json.loads((smoke_book / f"_build/smoke/executed/{name}.ipynb").read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert code and all(cell["execution_count"] for cell in code)
    assert not [o for cell in code for o in cell["outputs"] if o["output_type"] == "error"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_trace_of_an_error_or_of_the_machine(html, page):
    text = soup(html, page).get_text()
    for word in ("Traceback", "Warning:", "nan", "site-packages", "{glue"):
        bounded = rf"\b{word}\b" if word == "nan" else re.escape(word)  # "nano" is a model
        assert not re.search(bounded, text), word


@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_nothing_from_elsewhere(html, page):
    tags = soup(html, page).select("script[src], link[rel=stylesheet][href], img[src], iframe[src]")
    assert tags
    assert not [tag for tag in tags if re.match(r"(https?:)?//", tag.get("src") or tag.get("href"))]


def text_of(tag):
    """What a reader sees of it, a space between words."""
    return " ".join(tag.get_text(" ").split())


def table(page, *words):
    """The one table that has all of these words."""
    (found,) = [tag for tag in page.select("table") if all(word in captioned(tag) for word in words)]
    return found


def captioned(tag):
    """What a reader sees of a table, its caption first."""
    figure = tag.find_parent("figure")
    return f"{text_of(figure.figcaption) if figure else ''} {text_of(tag)}"


def rows_of(tag):
    """The cells of each row of a table, as a reader sees them."""
    return [[text_of(cell) for cell in row.select("th, td")] for row in tag.select("tr")]


CLAIMS = {
    "02_lora": (
        "LoRA matches full fine-tuning",
        "tolerates higher",
        "avoids the strongest overfitting",
        "attention and MLP",
    ),
    "03_quantization": (
        "FP8 weights keep",
        "INT4 collapses",
        "INT4 needs QAFT",
        "QAFT at INT8 keeps",
        "damages generality",
    ),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_of_the_paper_stands_beside_its_verdict_and_our_number(html, name):
    rows = rows_of(table(soup(html, name), "claim", "verdict", *CLAIMS[name]))
    for claim in CLAIMS[name]:
        (row,) = [row for row in rows if claim in row[0]][:1]
        assert any(cell in ("holds", "not reproduced", "cannot be told") for cell in row)
        assert any(re.search(r"[+−]\d\.\d{2,4} \[", cell) for cell in row)


def captions(page):
    """What is said of each figure."""
    return [tag["aria-label"] for tag in page.select("figure.exhibit svg.wide[aria-label]")]


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_figure_of_a_chapter_is_drawn_and_described(html, name):
    shown = captions(soup(html, name))
    assert all(shown) and len(set(shown)) == len(shown) == len(list((ROOT / "figures").glob(f"{name[:3]}*.svg")))


@pytest.mark.parametrize(("name", "chapter"), [*zip(CHAPTERS[:5], SWEEPS, strict=True)])
def test_a_chapter_says_what_makes_its_records_and_computes_one_of_them_again(html, name, chapter):
    text = text_of(soup(html, name))
    assert f"python -m frugal_lib sweep {chapter} --profile smoke" in text
    assert "every sampled text is the same" in text


def test_chapter_1_sets_ours_beside_the_papers_and_the_floors(html):
    page = soup(html, "01_baseline")
    scores = table(page, "Table 1: ours")
    for words in ("SST", "CFIMDB", "Quora", "majority class", "TF-IDF", "last linear layer", "0.513", "0.971", "0.891"):
        assert words in text_of(scores)
    assert re.search(r"0\.\d{3} \[", text_of(scores))
    for words in ("full fine-tuning", "41.97", "41.08", "random training lines", "46.60"):
        assert words in text_of(scores)
    chrf = {row[0]: row for row in rows_of(table(page, "chrF over the whole sonnet"))}
    for method in ("given lines only", "given lines + random training lines", "full fine-tuning"):
        assert any(re.fullmatch(r"\d+\.\d\d \[\d+\.\d\d, \d+\.\d\d\]", cell) for cell in chrf[method]), method
    assert "80 % power" in text_of(table(page, "Minimum detectable effect"))
    assert table(page, "bits per character, dev", "rhyming pairs of 7") and table(page, "minutes on T4")
    text = text_of(page)
    assert "eleven random lines of training sonnets" in text
    assert "of FP32 matrix products" in text  # the benchmark


def test_chapter_2_sets_ours_beside_the_papers_tables(html):
    page = soup(html, "02_lora")
    ranks = text_of(table(page, "Table 3: the best learning rate"))
    for words in ("42,467,328", "165,888", "42.158", "7e-5", "nano: trained"):
        assert words in ranks
    assert table(page, "Table 5: α", "35.531", "40.401")  # printed and in the file
    assert table(page, "Table 6", "as printed", "its file")
    assert table(page, "Printed numbers that differ from the released file", "full fine-tuning, rate 1e-4, batch 8")
    assert "random draws" in text_of(page) and "times as fast" in text_of(page)


@pytest.mark.parametrize("page", ["02_lora", "03_quantization", "04_synthetic", "05_what_breaks"])
def test_links_of_a_chapter_lead_to_records(html, page):
    links = {a["href"] for a in soup(html, page).select("a[href*='results'][href$='.json']")}
    assert len(links) >= 10
    for link in links:
        record = json.loads((html / "book" / link).read_text())
        assert record["status"] == "ok" and record["examples"]


def test_chapter_3_sets_ours_beside_the_papers_tables(html):
    page = soup(html, "03_quantization")
    assert table(page, "Figure 2", "477.0", "31.28", "INT4, per block", "NF4 (bitsandbytes)", "bits × parameters")
    assert table(page, "four bits", "INT4, per tensor", "minus the base never tuned")
    assert table(page, "Table 2", "78.1", "ours, 12 prompts")
    assert table(page, "Untrained heads", "give one answer to 99 %")
    assert table(page, "Measures of generality", "QLoRA") and table(page, "calibrated", "yes-bias")
    text = text_of(page)
    assert "INT4 kernel runs on a CUDA device" in text or "could run every format" in text
    assert "untrained heads" in text


def test_chapter_4_shows_what_the_teachers_copied_and_what_the_papers_best_score_is_made_of(html):
    page = soup(html, "04_synthetic")
    assert "Shakespeare" in text_of(table(page, "copies (10 lines or more)"))
    assert table(page, "138", "97.4", "146", "155 (a version of 138)")  # the released generations
    assert table(page, "Table 4", "perfect by its rule", "n-gram writer")
    assert table(page, "Training sonnets of strict form") and table(page, "Every student", "n-gram writer")
    assert table(page, "Table 7", "0.6317", "unrelated prose")
    assert "46.60" in text_of(page) and "the rest scores 41.97" in text_of(page)
    marked = {text_of(mark) for mark in page.select("mark")}
    assert len(marked) >= 14  # a sonnet's lines, copied word for word


def test_chapter_5_has_every_control(html):
    page = soup(html, "05_what_breaks")
    assert "INT4 collapses without QAFT" in text_of(table(page, "ours, difference", "LoRA matches full fine-tuning"))
    assert table(page, "its files", "42.372", "27 of 27 cells")  # what the paper's own files show
    assert table(page, "another verdict under", "LoRA matches full fine-tuning")  # robustness
    assert table(page, "share of the variance", "prompt × seed") and table(page, "best of n draws", "random lines")
    assert table(page, "released generations against each other", "without 138")
    assert table(page, "This book's models against each other", "p, loss")
    assert table(page, "Sonnets needed for 80 % power", "358")
    assert table(page, "Copies of a dev sonnet", "loss minus no copy") and table(page, "loss of the others")
    assert table(page, "rhyming pairs, share", "of another sonnet") and table(page, "measured twice")
    assert "Copies of held-out sonnets" in text_of(page)


def test_the_first_page_has_every_claim_and_leads_to_what_was_measured(html):
    first = soup(html, "index")
    words = ("ours, difference", "LoRA matches full fine-tuning")
    claims = table(first, *words)
    assert text_of(claims) == text_of(table(soup(html, "05_what_breaks"), *words))
    for link in claims.select("a"):
        assert (html / "book" / link["href"].partition("#")[0]).is_file()
    shown, pages = captions(first), ("05_what_breaks", "04_synthetic")
    assert len(shown) == 2 and all(set(shown) & set(captions(soup(html, page))) for page in pages)
    text = text_of(first)
    assert "claims of the paper, tested on small GPT-2 models of our own, nano (" in text
    assert "Find the floor of a score" in text and "They said" in text


def test_a_stand_in_is_named_where_there_is_no_other_data(html):
    if os.environ.get("FRUGAL_DATA_DIR"):
        pytest.skip("this machine has the data itself")
    page = soup(html, "01_baseline")
    for caption in ("Table 1: ours", "Minimum detectable effect"):
        shown = text_of(table(page, caption))
        for name in ("SST", "CFIMDB", "Quora"):
            assert name in shown
            assert not re.search(rf"{name}(?! \(stand-in\))", shown)


def test_links_to_records_lead_to_records_with_an_answer_to_every_example(html):
    links = {a["href"] for a in soup(html, "01_baseline").select("a[href*='results'][href$='.json']")}
    assert len(links) > 25
    for link in links:
        record = json.loads((html / "book" / link).read_text())
        assert record["status"] == "ok"
        assert record["examples"] or record["run"]["method"] == "speed"


def test_every_number_of_table_1_is_a_link_or_has_links(html):
    scores = table(soup(html, "01_baseline"), "Table 1: ours")
    numbers = [td for td in scores.select("td") if re.match(r"\s*\d+\.\d", td.get_text())]
    assert len(numbers) > 40 and all(td.select("a[href$='.json']") for td in numbers)
    for link in {a["href"] for td in numbers for a in td.select("a")}:
        assert (html / "book" / link).is_file()


def test_the_appendix_sets_the_models_beside_ngrams_and_links_to_the_numbers(html):
    page = soup(html, "90_embedded_model")
    assert table(page, "micro", "nano", "Kneser-Ney, order 5", "Kneser-Ney, order 4", "xz -9e")
    assert table(page, "equal computing time", "Muon") and table(page, "this build", "micro", "nano")
    assert table(page, "The embedded models", "7,349,120", "1,561,728")
    links = {a["href"] for a in page.select("a[href*='frugal_lib/assets'][href$='.json']")}
    assert {link.split("frugal_lib/assets/")[1] for link in links} >= {"yardsticks.json", "recipes.json"}
    for link in links:
        assert json.loads((html / "book" / link).read_text())


def test_the_first_page_says_what_the_base_is(html):
    (sentence,) = [p.get_text() for p in soup(html, "90_embedded_model").select("p") if "The embedded base" in p.text]
    assert sentence in soup(html, "index").get_text()


def test_buttons_lead_to_the_repository_where_it_is_public(html):
    public = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]["config"]["repository_is_public"]
    url = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"].removeprefix("https://github.com/")
    for name in CHAPTERS:
        wanted = f"https://colab.research.google.com/github/{url}/blob/main/book/{name}.ipynb"
        page = soup(html, name)
        assert bool(page.select(f'a[href="{wanted}"]')) is public
        assert bool(page.select(".article-header-buttons a[href*='github.com']")) is public


def test_the_first_page_repeats_what_the_last_chapter_says(html):
    for words in ("claims of the paper, tested on", "How a verdict comes about"):
        (finding,) = [p.get_text() for p in soup(html, "05_what_breaks").select("p") if words in p.get_text()]
        assert finding in soup(html, "index").get_text()


def test_a_second_build_does_nothing(smoke_book):
    def files():
        built = (path for path in (smoke_book / "_build").rglob("*") if path.is_file())
        return {path: path.stat().st_mtime_ns for path in built}

    before = files()
    done = make(smoke_book, "book", "PROFILE=smoke")
    assert done.returncode == 0, done.stderr
    assert files() == before


def test_a_failing_cell_fails_the_build_and_keeps_the_notebook_for_reading(smoke_book, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(smoke_book, broken, symlinks=True)
    path = broken / "book" / "01_baseline.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [
        *[c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])],
        nbformat.v4.new_code_cell("print('so far so good')"),
        nbformat.v4.new_code_cell("1 / 0"),
    ]
    nbformat.write(notebook, path)
    site = (broken / "_build/html/book/01_baseline.html").read_bytes()
    for _ in range(2):  # a second try must not take the failed notebook for a finished one
        done = make(broken, "book", "PROFILE=smoke")
        assert done.returncode != 0
        assert "a cell failed; read _build/smoke/executed/01_baseline.failed.ipynb" in done.stderr
    kept = (broken / "_build/smoke/executed/01_baseline.failed.ipynb").read_text()
    assert "so far so good" in kept and "ZeroDivisionError" in kept
    assert (broken / "_build/html/book/01_baseline.html").read_bytes() == site


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    with chromium() as found:
        yield found


@pytest.mark.parametrize("page", PAGES)
def test_a_real_browser_has_nothing_to_complain_of(html, browser, page):
    assert not complaints_of(browser, html / "book" / f"{page}.html")


@pytest.mark.parametrize("page", [*(f"book/{page}" for page in PAGES), "index"])
def test_no_link_is_broken(html, page):
    path = html / f"{page}.html"
    broken = []
    for link in {a["href"] for a in BeautifulSoup(path.read_text(), "html.parser").select("a[href]")}:
        name, _, anchor = link.partition("#")
        target = path.parent / unquote(name.partition("?")[0]) if name else path
        if re.match(r"(https?|mailto):", link) or link == "#":
            continue
        if not target.exists() or (anchor and "=" not in anchor and not has_anchor(target, unquote(anchor))):
            broken.append(link)
    assert not broken


@functools.cache
def anchors_of(path):
    """The anchors of a page."""
    return {tag["id"] for tag in BeautifulSoup(path.read_text(), "html.parser").select("[id]")}


def has_anchor(path, anchor):
    return anchor in anchors_of(path.resolve())


def records_of_the_profile(html):
    """The records of the profile that the site shows, by file name."""
    table = json.loads((html / "explore/runs.js").read_text().removeprefix("window.RUNS = ").rstrip(";\n"))
    paths = list((html / "book" / table["results"]).glob("*/*.json"))
    assert paths and {path.name for path in paths} == {name.split("/")[-1] for name in table["columns"]["record"]}
    return {path.name: json.loads(path.read_text()) for path in paths}


def test_every_record_of_the_profile_is_on_the_page_of_all_runs(html):
    for name in records_of_the_profile(html):
        assert (html / f"explore/{name[-13:-5]}.js").is_file()


def test_explore_filters_sorts_opens_a_record_and_gives_it_as_csv(html, browser):
    complaints = []
    page = opened(browser, html / "book/explore.html", complaints)
    rows = list(csv.DictReader(io.StringIO(downloaded(page))))
    records = records_of_the_profile(html)
    assert len(rows) == len(records)
    teacher = next(row["teacher"] for row in rows if row["teacher"] and row["test_nll"])
    page.locator("select[data-name=teacher]").select_option(teacher)
    sort = page.get_by_role("button", name="test nll")
    if page.locator("#runs th[aria-sort]").inner_text() != "test nll":
        sort.click()
    rows = list(csv.DictReader(io.StringIO(downloaded(page))))
    losses = [float(row["test_nll"]) for row in rows if row["test_nll"]]
    assert losses and losses == sorted(losses) and {row["teacher"] for row in rows} == {teacher}
    for row in rows:
        record = records[row["record"].split("/")[-1]]
        for name in ("learning_rate", "seed", "items", "teacher", "method"):
            assert row[name] == text_of_value(record["run"].get(name)), name
        for name in ("test_nll", "dev_chrf"):
            assert row[name] == text_of_value(record["metrics"].get(name)), name
    sort.click()
    assert [float(r["test_nll"]) for r in csv.DictReader(io.StringIO(downloaded(page))) if r["test_nll"]] == losses[
        ::-1
    ]
    page.locator("button.open").first.click()
    page.locator("#texts summary").first.wait_for()
    assert teacher in page.locator("#texts").inner_text() or page.locator("#texts details").count()
    assert page.locator("#texts h3").count() == 0 or "Shakespeare" in page.locator("#texts").inner_text()
    page.close()
    assert not complaints


def text_of_value(value):
    """As the CSV file has it."""
    return "" if value is None else f"{value:g}" if isinstance(value, float) and value == int(value) else str(value)


def downloaded(page):
    """The CSV file that the page gives."""
    with page.expect_download() as found:
        page.locator("#download").click()
    return Path(found.value.path()).read_text()


def test_the_first_page_has_few_numbers_above_the_fold(html):
    """Fifteen at most, outside of pictures and of names such as GPT-2 and INT8."""
    page = soup(html, "index").select_one("article")
    fold = page.select_one("details.sd-dropdown")
    for tag in [*page.select("svg, .source, .number"), *fold.find_all_next(), fold]:
        tag.extract()
    assert "They said" in text_of(page)
    assert len(re.findall(r"(?<![\w.-])\d[\d.,]*", text_of(page))) <= 15


@pytest.mark.parametrize("word", ["contamination", "license", "cite"])
def test_the_search_finds(html, word):
    index = (html / "searchindex.js").read_text()
    assert re.search(rf'"?{word[:5]}\w*"?:', index)
