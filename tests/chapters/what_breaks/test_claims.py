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


def test_the_first_page_says_what_copies_bring_back(records):
    found = records()
    book, rows = claims.book_of(found), sonnets.score_rows(found["baseline"])
    text = power.takeaways(book, rows, contamination.dose_results(found["what_breaks"]))
    assert "1,761 sonnets" in text or "sonnets, and there are twelve" in text
    assert text.count("\n- **") == 4


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
