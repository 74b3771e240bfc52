"""The claims of the paper as data, and what happens to a verdict when a record is another."""

import dataclasses

import pytest
from fakes.book import made_of_all_chapters

from frugal_lib.chapters.baseline import sonnets
from frugal_lib.chapters.what_breaks import answers, claims, contamination, figures, power
from frugal_lib.chapters.what_breaks.claims import CLAIMS, judged
from frugal_lib.chapters.what_breaks.figures import our_groups, paper_groups
from frugal_lib.chapters.what_breaks.power import METRICS, paper_differences
from frugal_lib.report import html


@pytest.fixture
def records(monkeypatch):
    monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda: "folger")
    return made_of_all_chapters


def words(book):
    return {(claim.text, v.base): v.verdict for claim, told in judged(book) for v in told}


def test_every_claim_of_the_paper_has_a_verdict_from_records(records):
    book = claims.book_of(records())
    told = judged(book)
    assert len(told) == len(CLAIMS) == 18
    assert {v.verdict for _, found in told for v in found} <= {"supported", "contradicted", "not distinguishable"}
    assert all(v.number and v.paper for _, found in told for v in found)
    assert {claim.page for claim in CLAIMS} == {"01_baseline", "02_lora", "03_quantization", "04_synthetic"}


def test_a_doctored_record_changes_its_verdict_and_no_other(records):
    """Full fine-tuning in INT4 per tensor is made as good as in FP32."""

    def doctored(record):
        if (record.run.method, record.run.format) != ("full", "int4-tensor"):
            return record
        rows = [row | {"nll": row["nll"] - 200} if row["kind"] == "likelihood" else row for row in record.examples]
        return dataclasses.replace(record, examples=rows)

    before, after = (words(claims.book_of(records(change))) for change in (lambda record: record, doctored))
    changed = {key for key in before if before[key] != after[key]}
    assert {text for text, _ in changed} == {"INT4 collapses without QAFT", "QAFT restores INT4"}
    assert before["INT4 collapses without QAFT", "micro"] == "supported"
    assert after["INT4 collapses without QAFT", "micro"] == "contradicted"


def test_a_claim_without_runs_is_left_out(records):
    profile_records = records()
    profile_records["synthetic"] = [r for r in profile_records["synthetic"] if r.run.teacher != "flash"]
    texts = {claim.text for claim, _ in judged(claims.book_of(profile_records))}
    assert "Flash is the best teacher" not in texts and "LoRA matches full fine-tuning" in texts


def test_the_table_links_to_the_chapters_and_names_the_base(records):
    page = html.table(claims.claim_table(claims.book_of(records()))).data
    assert page.count('href="04_synthetic.html"') >= 6 and "micro: <strong" in page
    assert "18 claims of the paper" in claims.claim_sentence(claims.book_of(records()))


def test_the_floors_chart_has_every_score(records):
    found = records()
    book, rows = claims.book_of(found), sonnets.score_rows(found["baseline"])
    assert len(paper_groups(book)["its sweep, batch 16"]) > 100
    assert len(our_groups(book, rows)["students of teachers"]) == len(book.synthetic.students)
    (axes,) = figures.floors_chart(book, rows).axes
    assert len(axes.get_yticklabels()) == 10


def test_controls_are_tables_of_numbers(records):
    found = records()
    book = claims.book_of(found)
    assert set(power.metric_table(found["what_breaks"]).index) == set(METRICS)
    assert len(power.power_table(book)) == len(paper_differences()) == 6
    assert len(power.release_table(book)) == 3


def test_a_measure_that_shakespeare_cannot_be_told_by_says_so(records):
    table = power.metric_table(records()["what_breaks"])
    for other in ("random lines", "Shakespeare's lines of another sonnet"):
        assert table.loc["nats per token", f"tuned − {other}"] == "–"
        assert table.loc["chrF, whole sonnet", f"tuned − {other}"].startswith("−")


def takeaways(found):
    return power.takeaways(
        claims.book_of(found), sonnets.score_rows(found["baseline"]), contamination.dose_results(found["what_breaks"])
    )


def test_the_first_page_says_what_copies_bring_back(records):
    """A copy in the made-up records is worth a line and 2 chrF; one that is worth nothing brings nothing back."""

    def worthless(record):
        if not record.run.doses:
            return record
        rows = [row | {"verbatim": 0, "chrf": 40} if row["kind"] == "completion" else row for row in record.examples]
        return dataclasses.replace(record, examples=rows)

    assert "With 8 copies of a sonnet in 250 lessons, `micro` writes 8 of its 11 lines word for word" in takeaways(
        records()
    )
    assert "its chrF is 56 instead of 40." in takeaways(records())
    assert "`micro` writes 0 of its 11 lines word for word and its chrF is 40 instead of 40." in takeaways(
        records(worthless)
    )


def test_the_first_page_says_how_many_sonnets_the_papers_difference_would_take(records, monkeypatch):
    """Ten times as large a spread: (1.96 + 0.84)² · 10² = 785, and two more since the spread is estimated."""
    assert next(iter(paper_differences().values())) == pytest.approx(0.184)
    monkeypatch.setattr("frugal_lib.chapters.what_breaks.power.release_spread", lambda book: 1.84)
    assert "is +0.18 chrF: to find it, were it real, takes 787 sonnets, and there are twelve." in takeaways(records())


def test_every_takeaway_has_its_number(records):
    text = takeaways(records())
    for said in (
        "Eleven random lines reach a chrF of 42.00",
        "full fine-tuning 39.00",
        "INT4, per tensor +2.000",
        "NF4 (bitsandbytes) +0.300",
        "Of untrained heads, 75 % give at least 99 % of the pairs the same answer",
        "1.0 % of the 1,200 by Flash (held-out sonnets 138 among them)",
    ):
        assert said in text


def test_the_first_page_answers_the_three_takeaways_with_verdicts_from_records(records):
    found = records()
    text = answers.answers(claims.book_of(found), sonnets.score_rows(found["baseline"]))
    lines = text.splitlines()
    assert len(lines) == 3
    for takeaway, line in zip(("LoRA matches", "Quantization keeps", "A stronger teacher"), lines, strict=True):
        assert takeaway in line and "`micro`" in line
    assert "neither of them within" in lines[0] and "46.60" in lines[2]  # these floors are narrower


def test_a_profile_without_geminis_teachers_has_two_answers(records):
    found = records()
    found["synthetic"] = [r for r in found["synthetic"] if r.run.teacher not in ("flash", "pro")]
    text = answers.answers(claims.book_of(found), sonnets.score_rows(found["baseline"]))
    assert len(text.splitlines()) == 2 and "stronger teacher" not in text
