"""The built site: every page is there, executed, without errors, and complete without a network."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time

import pytest
import yaml
from bs4 import BeautifulSoup
from fakes.project import ROOT, make

PAGES = ["index", *sorted(path.stem for path in (ROOT / "book").glob("[0-9]*.py"))]
CHAPTERS = PAGES[1:]


@pytest.fixture(scope="module")
def html(smoke_book):
    return smoke_book / "_build" / "html"


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


def tables_of(page):
    """The text of every table, and its caption first."""
    return [table.get_text(" ").replace("\xa0", " ") for table in page.select("table")]


def test_chapter_1_shows_ours_the_papers_and_the_floors(html):
    page = soup(html, "01_baseline")
    first, detectable, chrf, other, costs, _ = tables_of(page)
    for words in ("SST", "CFIMDB", "Quora", "majority class", "TF-IDF", "last linear layer", "0.513", "0.971", "0.891"):
        assert words in first
    assert re.search(r"0\.\d{3}\s+\[", first)
    for words in ("full fine-tuning", "41.97", "41.08", "random training lines", "46.60"):
        assert words in first
    assert "given lines only" in chrf and re.search(r"\d+\.\d\d\s+\[\d+\.\d\d, \d+\.\d\d\]", chrf)
    assert "80 % power" in detectable and "bits per character" in other and "minutes on a T4" in costs
    assert len(page.select("figure.frugal svg")) == 9
    text = page.get_text(" ")
    assert "eleven random lines of training sonnets" in text
    assert "python -m frugal_lib sweep baseline --profile smoke" in text
    assert "of FP32 matrix products" in text  # the benchmark
    assert "every sampled text is the same" in text  # the spot check


def test_chapter_2_has_the_papers_tables_and_figures_and_a_verdict_for_each_claim(html):
    page = soup(html, "02_lora")
    tables = tables_of(page)
    assert len(tables) == 13
    for claim in ("LoRA matches full fine-tuning", "tolerates higher", "overfits less", "attention and MLP"):
        assert claim in tables[0]
    assert re.search(r"supported|contradicted|not distinguishable", tables[0])
    for words in ("42,467,328", "165,888", "42.158", "7e-5", "nano: trained"):
        assert words in tables[1]
    assert "35.531" in tables[5] and "40.401" in tables[5]  # Table 5, printed and in the file
    assert "as printed" in tables[6] and "its file" in tables[6]  # Table 6
    assert "full fine-tuning, rate 1e-4, batch 8" in tables[7]
    assert len(page.select("figure.frugal svg")) == 6
    text = page.get_text(" ")
    assert "python -m frugal_lib sweep lora --profile smoke" in text
    assert "random draws" in text and "times as fast" in text and "every sampled text is the same" in text


@pytest.mark.parametrize("page", ["02_lora", "03_quantization", "04_synthetic", "05_what_breaks"])
def test_links_of_a_chapter_lead_to_records(html, page):
    links = {a["href"] for a in soup(html, page).select("a[href*='results'][href$='.json']")}
    assert len(links) >= 10
    for link in links:
        record = json.loads((html / "book" / link).read_text())
        assert record["status"] == "ok" and record["examples"]


def test_chapter_3_has_the_papers_tables_and_figures_and_a_verdict_for_each_claim(html):
    page = soup(html, "03_quantization")
    tables = tables_of(page)
    assert len(tables) == 8
    for claim in ("FP8 weights keep", "INT4 collapses", "INT4 needs QAFT", "QAFT at INT8 keeps", "damages generality"):
        assert claim in tables[0]
    assert re.search(r"supported|contradicted|not distinguishable", tables[0])
    for words in ("477.0", "31.28", "INT4, per block", "NF4 (bitsandbytes)", "bits × parameters"):
        assert words in tables[1]
    assert "INT4, per tensor" in tables[2] and "minus the base never tuned" in tables[2]
    assert "78.1" in tables[3] and "ours, 12 prompts" in tables[3]  # Table 2
    assert "give one answer to 99 %" in tables[4] and "QLoRA" in tables[5] and "lean" in tables[6]
    assert len(page.select("figure.frugal svg")) == 4
    text = page.get_text(" ")
    assert "python -m frugal_lib sweep quantization --profile smoke" in text
    assert "INT4 kernel runs on a CUDA device" in text or "could run every format" in text
    assert "untrained heads" in text and "every sampled text is the same" in text


def test_chapter_4_has_the_papers_tables_and_figures(html):
    page = soup(html, "04_synthetic")
    tables = tables_of(page)
    assert len(tables) == 8
    assert "copies (10 lines or more)" in tables[1] and "Shakespeare" in tables[1]
    for words in ("138", "97.4", "146", "155 (a version of 138)"):
        assert words in tables[2]  # the released generations
    assert "perfect by its rule" in tables[3] and "n-gram writer" in tables[3]  # Table 4
    assert "of strict form" in tables[4] and "n-gram writer" in tables[5]
    assert "0.6317" in tables[6] and "unrelated prose" in tables[6]  # Table 7
    assert len(page.select("figure.frugal svg")) == 4
    text = page.get_text(" ")
    assert "46.60" in text and "the rest scores 41.97" in " ".join(text.split())
    assert "python -m frugal_lib sweep synthetic --profile smoke" in text
    assert "every sampled text is the same" in text
    assert len(page.select("mark")) >= 14


def test_chapter_5_and_the_first_page_have_every_claim_that_was_tested(html):
    page, first = soup(html, "05_what_breaks"), soup(html, "index")
    tables = tables_of(page)
    claims, variance, luck, released, ours, power, doses, numbers, measures, twice, _ = tables
    assert "LoRA matches full fine-tuning" in claims and "INT4 collapses without QAFT" in claims
    assert "prompt × seed" in variance and "random lines" in luck
    assert "without 138" in released and "p, loss" in ours and "1,761" in power
    assert "loss minus no copy" in doses and "loss of the others" in numbers
    assert "rhyming pairs, share" in measures and "of another sonnet" in twice
    assert len(page.select("figure.frugal svg")) == 2
    text = " ".join(page.get_text(" ").split())
    assert "python -m frugal_lib sweep what_breaks --profile smoke" in text and "every sampled text is the same" in text
    assert "Copies of held-out sonnets" in text
    assert tables_of(first)[0] == tables[0]
    assert len(first.select("figure.frugal svg")) == 3
    text = " ".join(first.get_text(" ").split())
    assert "claims of the paper, tested on small GPT-2 models of our own, nano (" in text
    assert "Find the floor of a score" in text and "LoRA costs" in text
    for link in first.select("table")[0].select("a"):
        assert (html / "book" / link["href"]).is_file()


def test_a_stand_in_is_named_where_there_is_no_other_data(html):
    if os.environ.get("FRUGAL_DATA_DIR"):
        pytest.skip("this machine has the data itself")
    first, detectable, *_ = tables_of(soup(html, "01_baseline"))
    for name in ("SST", "CFIMDB", "Quora"):
        assert name in first + detectable
        assert not re.search(rf"{name}(?! \(stand-in\))", first + detectable)


def test_links_to_records_lead_to_records_with_an_answer_to_every_example(html):
    links = {a["href"] for a in soup(html, "01_baseline").select("a[href*='results'][href$='.json']")}
    assert len(links) > 25
    for link in links:
        record = json.loads((html / "book" / link).read_text())
        assert record["status"] == "ok"
        assert record["examples"] or record["run"]["method"] == "speed"


def test_every_number_of_table_1_is_a_link_or_has_links(html):
    table = soup(html, "01_baseline").select("table")[0]
    numbers = [td for td in table.select("td") if re.match(r"\s*\d+\.\d", td.get_text())]
    assert len(numbers) > 40 and all(td.select("a[href$='.json']") for td in numbers)
    for link in {a["href"] for td in numbers for a in td.select("a")}:
        assert (html / "book" / link).is_file()


def test_the_appendix_sets_the_models_beside_ngrams_and_links_to_the_numbers(html):
    page = soup(html, "90_embedded_model")
    tables = [table.get_text(" ") for table in page.select("table")]
    for words in ("micro", "nano", "Kneser-Ney, order 5", "Kneser-Ney, order 4", "xz -9e"):
        assert words in tables[0]
    assert "Muon" in tables[2] and "this build" in tables[3]
    assert len(page.select("figure svg")) == 1
    links = {a["href"] for a in page.select("a[href*='frugal_lib/assets'][href$='.json']")}
    assert len(links) == 4
    for link in links:
        assert json.loads((html / "book" / link).read_text())


def test_the_first_page_says_what_the_base_is(html):
    (sentence,) = [p.get_text() for p in soup(html, "90_embedded_model").select("p") if "The embedded base" in p.text]
    assert sentence in soup(html, "index").get_text()


def test_every_chapter_opens_in_colab(html):
    url = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"].removeprefix("https://github.com/")
    for name in CHAPTERS:
        wanted = f"https://colab.research.google.com/github/{url}/blob/main/book/{name}.ipynb"
        assert soup(html, name).select(f'a[href="{wanted}"]')


def test_the_first_page_repeats_what_the_last_chapter_says(html):
    for words in ("claims of the paper, tested on", "How a verdict comes about"):
        (finding,) = [p.get_text() for p in soup(html, "05_what_breaks").select("p") if words in p.get_text()]
        assert finding in soup(html, "index").get_text()


def test_a_second_build_does_nothing(smoke_book):
    before = {path: path.stat().st_mtime_ns for path in (smoke_book / "_build").rglob("*.html")}
    started = time.perf_counter()
    done = make(smoke_book, "book", "PROFILE=smoke")
    assert done.returncode == 0 and time.perf_counter() - started < 60
    assert {path: path.stat().st_mtime_ns for path in (smoke_book / "_build").rglob("*.html")} == before


BROWSER = next((path for name in ("chromium", "google-chrome", "chrome") if (path := shutil.which(name))), None)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("page", PAGES)
def test_a_real_browser_renders_the_page_without_complaint(html, page):
    with tempfile.TemporaryDirectory() as profile:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        words = ["--enable-logging=stderr", "--virtual-time-budget=5000", f"--user-data-dir={profile}", "--dump-dom"]
        address = (html / "book" / f"{page}.html").as_uri()
        command = [BROWSER, *flags, *words, address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ, check=False)
    assert "<h1>" in done.stdout
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line and "Uncaught" in line]
    assert not complaints
