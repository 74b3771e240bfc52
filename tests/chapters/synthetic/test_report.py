"""What chapter 4 says of records: made-up ones, whose answers are known."""

import os

import pandas as pd
import pytest
from fakes.synthetic import fake

from frugal_lib.chapters.synthetic import claims, copies, figures, tables
from frugal_lib.chapters.synthetic import plan as synthetic_plan
from frugal_lib.chapters.synthetic import results as synthetic_results
from frugal_lib.chapters.synthetic.claims import order_words
from frugal_lib.chapters.synthetic.results import by_sonnet, leak_gaps
from frugal_lib.core.fetch import DataError
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import t_interval
from frugal_lib.data import overlap, sonnets
from frugal_lib.paper import released
from frugal_lib.profiles import load_profile
from frugal_lib.report import claim, drawing, html
from frugal_lib.report.arm import gap
from frugal_lib.report.html import marked
from frugal_lib.teachers import by_name


@pytest.fixture
def results(monkeypatch):
    monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda: "folger")

    def make(extra=(), drop=lambda run: False):
        def sweep(runs):
            return [fake(run, dict(extra)) for run in runs if not drop(run)]

        return synthetic_results.synthetic_results(synthetic_plan.records(load_profile("micro"), 0, sweep))

    return make


def verdicts(found):
    return {(v.claim, v.base): v.verdict for v in claim.verdicts(claims.CLAIMS, found, found.bases)}


def test_verdicts_follow_from_the_losses(results):
    told = verdicts(results())
    for base in ("micro", "nano"):
        for how in ("as released", "without held-out text"):
            assert told[f"Flash teaches better than Pro, {how}", base] == "holds"
            assert told[f"A stronger teacher is not always better, {how}", base] == "holds"
            assert told[f"Synthetic data helps: sonnets by Flash, {how}", base] == "holds"
        assert told["Sonnets by Flash keep zero-shot ability", base] == "holds"
        assert told["Sonnets by other poets improve the student", base] == "holds"
    assert told["Pro transfers worse for lack of capacity", "micro − nano"] == "cannot be told"


def test_a_claim_has_a_name_and_words_of_its_own(results):
    assert len({c.name for c in claims.CLAIMS}) == len({c.text for c in claims.CLAIMS}) == len(claims.CLAIMS)
    assert {c.name for c in claims.CLAIMS if c.headline} == {
        *(f"{name}-{selection}" for name in ("stronger", "flash-pro") for selection in ("released", "clean")),
        *(f"{name}-helps" for name in ("flash-lite", "flash", "pro")),
        *(f"{name}-generality" for name in ("flash", "flash-lite")),
        *("capacity", "more-hurts", "flash-helps-released", "form"),
    }


def test_capacity_is_tested_on_the_larger_base_minus_the_smaller(results):
    """Beside Flash, Pro is worth 0.1 nats more on the larger base."""
    extra = {("pro", 1000, "clean"): -0.1}

    def more(record):
        return fake(record, extra if record.base == "micro" else {})

    plan = synthetic_plan.records(load_profile("micro"), 0, lambda runs: [more(run) for run in runs])
    told = verdicts(synthetic_results.synthetic_results(plan))
    assert told["Pro transfers worse for lack of capacity", "micro − nano"] == "holds"


def test_a_leak_can_carry_a_verdict(results):
    """Flash teaches worse than Pro, but for the sonnets that it holds copies of."""
    extra = {("flash", n, s): 0.15 for n in (100, 500, 1000) for s in ("", "clean")}
    told = verdicts(results(extra))
    for base in ("micro", "nano"):
        assert told["Flash teaches better than Pro, without held-out text", base] == "not reproduced"
        assert told["A stronger teacher is not always better, without held-out text", base] != "not reproduced"


def test_the_order_of_teachers():
    better, worse, open_ = (t_interval(m, 0.002, 20, (3, 12), 0.95) for m in (-0.2, 0.2, 0.0))
    for gaps, word in (
        ([better, worse, open_], "holds"), ([better, better], "not reproduced"), ([better, open_], "cannot be told")
    ):  # fmt: skip
        assert order_words(gaps, gaps)[0] == word


def test_the_losses_without_leaked_sonnets(results):
    found = results()
    whole, clean = found.largest("nano", "flash"), found.largest("nano", "flash", "clean")
    assert gap(whole, clean, "test").mean == pytest.approx(-0.02)
    assert gap(whole.without({146}), clean.without({146}), "test").mean == pytest.approx(0, abs=1e-9)
    assert by_sonnet(whole, "dev")[138] < by_sonnet(clean, "dev")[138] - 0.15
    assert found.leaked("flash") == {138} and not found.leaked("human")


def test_where_nothing_was_taken_out_the_file_as_it_is_stands_for_the_clean_one(results):
    found = results()
    whole, clean = (found.largest("nano", "human", s) for s in ("", "clean"))
    assert clean.records == whole.records
    flash = found.largest("nano", "flash", "clean")
    assert all(r.run.selection == "clean" for r in flash.records)


def test_a_clean_run_that_failed_is_not_replaced_by_a_leaked_one(results):
    found = results(drop=lambda run: (run.teacher, run.selection, run.base) == ("flash", "clean", "nano"))
    assert found.largest("nano", "flash", "clean") is None
    assert ("Flash teaches better than Pro, without held-out text", "nano") not in verdicts(found)


def test_tables_have_the_papers_numbers_beside_ours(results, tmp_path):
    found = results()
    form = html.table(tables.form_table(found, tmp_path)).data
    assert "72" in form and "Flash Lite" in form and "Shakespeare" in form and "100.0" in form
    copies = tables.copies_table(found, tmp_path)
    assert copies.loc["Flash", "copies (10 lines or more)"] == "12 (1.0 %)"
    assert copies.loc["Flash", "sonnets that share text with dev or test"] == "12"
    assert copies.loc["Flash", "share of words, %"] == "0.9"
    floors = tables.released_floors(found)  # eight of ten characters
    assert floors.loc["student of Flash", "written of the true length"] == "80 %" and len(floors) == 3
    assert floors.loc["full fine-tuning", "random lines as long"] == "48.00"
    generations = tables.generation_table(found)
    line = generations[generations["sonnet"] == "138"].iloc[0]
    assert line["chrF"] == "97.0" and line["its lines in Flash's file"] == "144"
    assert "155 (a version of 138)" in set(generations["sonnet"])
    assert "0.6317" in html.table(tables.transfer_table(found, tmp_path)).data
    costs = tables.cost_by_teacher(found)
    assert float(costs.loc["Gemini 2.5 Pro", "USD for them"]) > float(costs.loc["Gemini 2.5 Flash", "USD for them"]) > 0
    leak = tables.leak_table(found, "nano", long=True)
    assert "138 (leaked)" in leak.index and len(leak) == 12
    strict = tables.strict_table(found, tmp_path)
    assert set(strict["teacher"]) == {"Flash Lite", "Pro"}


def test_every_student_is_in_the_table(results, tmp_path):
    found = results()
    table = tables.student_table(found, tmp_path)
    assert len(table) == sum(len(found.trained(base)) for base in found.bases)
    assert len(found.records) == len({r.run for r in found.records}) < sum(len(s.records) for s in found.students)
    human = [name for name in table["training data"] if "other poets" in name]
    assert len(human) == 4 and all("as released" in name for name in human)  # nothing was taken out of theirs
    assert sum("without held-out text" in name for name in table["training data"]) >= 2 * 3
    assert list(table["minus Shakespeare alone, test"]).count("–") == 2


def test_the_pages_numbers_come_from_records(results):
    found = results()
    dev = copies.generations(found, "dev")
    assert (dev.paper, dev.sonnets, dev.copies, dev.rest) == (46.605, 12, {138: 97.0}, 41.0)
    assert dev.score == pytest.approx((11 * 41 + 97) / 12)
    assert copies.lead_over_lite(found) == (1.0, 4096)  # one sonnet alone differs
    file = copies.copies_by_teacher(found)["flash"]
    assert (file.sonnets, file.share, file.held_out) == (1200, 0.01, [138])
    gaps = leak_gaps(found)
    assert set(gaps) == {("micro", False), ("nano", False), ("nano", True)}
    assert gaps["nano", True]["test"].mean == pytest.approx(-0.02)


def test_figures_are_shown_with_their_caption_and_the_same_twice(results, tmp_path, monkeypatch):
    shown, found = [], results()
    monkeypatch.setattr("frugal_lib.report.html.display", lambda page, **_: shown.append(page["text/html"]))
    draw = (figures.gains_chart, figures.losses_by_number, figures.generations_chart, figures.leak_chart)
    for folder in (tmp_path / "a", tmp_path / "b"):
        for one in draw:
            drawing.show(one(found), folder, one.__name__, "a <caption>")
    for one in draw:
        first, second = (tmp_path / folder / f"{one.__name__}.svg" for folder in "ab")
        assert first.read_bytes() == second.read_bytes()
    assert len(shown) == 8 and all('aria-label="a &lt;caption&gt;"' in page for page in shown)


def test_marked_lines_are_marked_and_everything_is_escaped():
    page = marked({"<b>": [("Dimm'd was the sun", True), ("<script>x</script>", False)]}).data
    assert page.count("<mark>") == 1 and "<script>" not in page and "&lt;b&gt;" in page


def test_a_copy_is_shown_from_the_public_domain_without_any_file(results, monkeypatch):
    def missing(*words):
        raise DataError("no network")

    for name in ("core.fetch.released_file", "paper.released.generated", "teachers.by_name.everything"):
        monkeypatch.setattr(f"frugal_lib.{name}", missing)
    texts = copies.texts_to_see(results())
    true = [line for line, _ in texts.pop("Shakespeare, sonnet 138")]
    copied = {name: sum(mark for _, mark in lines) for name, lines in texts.items()}
    assert copied.pop("the paper's student of Flash") == 13 and copied.pop("a training example by Flash") == 14
    assert list(copied.values()) == [3]  # the prompt of our student, whose text is markup
    assert {line for lines in texts.values() for line, mark in lines if mark} <= set(true)
    page = marked(texts).data
    assert "alert(1)" in page and "<script" not in page and page.count("<mark>") == 13 + 14 + 3


def test_the_student_that_copied_most_is_shown(results):
    run = results().records[0].run
    true = copies.shown().text.splitlines()
    rows = [
        {"kind": "completion", "id": 138, "copies": n, "verbatim": n, "text": "\n".join(true[3 : 3 + n])}
        for n in (2, 8)
    ]
    texts = copies.texts_to_see(results(), [Record(run, "ok", {}, rows, [], {})])
    (name,) = (name for name in texts if "copies of it" in name)
    assert name == f"our student of 8 copies of it, {run.base}"
    assert texts[name] == [(line, True) for line in true[:11]]


@pytest.mark.skipif("FRUGAL_DATA_DIR" not in os.environ, reason="needs the released files")
def test_the_copied_lines_on_file_are_those_of_the_released_texts():
    index = overlap.Targets({str(copies.SHOWN): copies.shown().text})
    nearest = max(by_name.everything("flash"), key=lambda text: sum(index.compare(text).verbatim.values()))
    (written,) = (text for true, text in released.generated("flash", "dev") if true.id == copies.SHOWN)
    found = map(copies.line_numbers, ("\n".join(sonnets.clean(written)), nearest))
    assert list(copies.released_lines().values()) == list(found)


def test_a_base_without_plain_students_is_an_error(results):
    with pytest.raises(ValueError, match="no run without a teacher has finished"):
        results(drop=lambda run: run.method == "full" and not run.teacher)


def test_a_table_without_lines_says_so():
    assert "this profile has no runs for it" in html.table(pd.DataFrame(), "Cost <by> teacher").data
