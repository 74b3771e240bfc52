"""The headline claims of all chapters, and what happens to a verdict when a record is another."""

import dataclasses

import pytest
from fakes.book import NO_FOLDS, made_of_all_chapters
from fakes.folds import made

from frugal_lib.chapters.baseline import sonnets
from frugal_lib.chapters.lora.paper_sweep import best_of
from frugal_lib.chapters.synthetic.copies import copies_by_teacher
from frugal_lib.chapters.what_breaks import chance, claims, comparisons, figures
from frugal_lib.chapters.what_breaks.claims import collected, evaluated
from frugal_lib.chapters.what_breaks.figures import our_groups, paper_groups
from frugal_lib.core.stats import Interval
from frugal_lib.report import claim, html


@pytest.fixture
def records(monkeypatch):
    monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda: "folger")
    return made_of_all_chapters


def words(book):
    return {(claim.text, v.base): v.verdict for _, claim, found in evaluated(book) for v in found}


def test_every_claim_of_the_paper_has_a_verdict_from_records(records):
    book = claims.book_of(records(), NO_FOLDS)
    found = evaluated(book)
    assert len(found) == len(collected()) == 32
    assert {v.verdict for line in found for v in line[2]} <= {"holds", "not reproduced", "cannot be told"}
    assert all(v.number and v.paper for line in found for v in line[2])
    pages = [page for page, _, _ in collected()]
    chapters = [page.partition(".html#")[0] for page in pages]
    assert pages == sorted(pages) and set(chapters) == {"01_baseline", "02_lora", "03_quantization", "04_synthetic"}


def test_a_doctored_record_changes_its_verdict_and_no_other(records):
    """Full fine-tuning in INT4 per tensor is made as good as in FP32."""

    def doctored(record):
        if (record.run.method, record.run.format) != ("full", "int4-tensor"):
            return record
        rows = [row | {"nll": row["nll"] - 200} if row["kind"] == "likelihood" else row for row in record.examples]
        return dataclasses.replace(record, examples=rows)

    before, after = (words(claims.book_of(records(change), NO_FOLDS)) for change in (lambda record: record, doctored))
    changed = sorted({text for text, base in before if before[text, base] != after[text, base]})
    assert len(changed) == 2
    assert changed[0].startswith("INT4 collapses without QAFT") and changed[1].startswith("QAFT restores INT4")
    assert (before[changed[0], "micro"], after[changed[0], "micro"]) == ("holds", "not reproduced")


def in_folds(change=lambda run, loss: loss):
    """The cross-validation of all chapters, where LoRA and QAFT are as good as full fine-tuning."""

    def loss(run):
        return change(run, {"base": 4.0}.get(run.method, 3.0) + (2.0 if run.format == "int4-tensor" else 0.0))

    return {name: made(name, loss) for name in ("lora", "quantization", "synthetic")}


def test_a_doctored_fold_changes_its_verdict_and_no_other(records):
    def doctored(run, loss):
        return loss + 0.5 * (run.chapter == "lora" and run.modules == "attention-mlp" and run.base == "nano")

    before, after = (words(claims.book_of(records(), folds)) for folds in (in_folds(), in_folds(doctored)))
    changed = sorted(key for key in before if before[key] != after[key])
    assert changed == [
        ("Adapting attention and MLP beats attention alone", "nano"),
        ("LoRA matches full fine-tuning", "nano"),
    ]
    assert (before[changed[1]], after[changed[1]]) == ("holds", "not reproduced")


def test_a_verdict_says_what_it_rests_on_and_what_would_turn_it(records):
    table = claims.robustness_table(claims.book_of(records(), in_folds()))
    matches = table.loc["LoRA matches full fine-tuning"]
    assert set(matches["by"]) == {"cross-validation"} and "margin 5 %" in matches["the same under"].iloc[0]
    assert table.loc["Full fine-tuning beats the last layer (SST)", "by"] == "test"


def test_a_claim_without_runs_is_left_out(records):
    some = records()
    some["synthetic"] = [r for r in some["synthetic"] if r.run.teacher != "flash"]
    here = {(claim.name, claim.text) for _, claim, _ in evaluated(claims.book_of(some, NO_FOLDS))}
    missing = [(page, claim.text) for page, _, claim in collected() if (claim.name, claim.text) not in here]
    assert missing and {page for page, _ in missing} == {"04_synthetic.html#what-survives"}
    assert "LoRA matches full fine-tuning" in {text for _, text in here}


def test_the_table_links_to_the_chapters_and_names_the_base(records):
    page = html.table(claims.claim_table(claims.book_of(records(), NO_FOLDS))).data
    assert page.count('href="04_synthetic.html#what-survives"') >= 6 and "micro: <strong" in page


def test_verdicts_of_a_test_are_sorted_by_word(records):
    told = [v for line in evaluated(claims.book_of(records(), NO_FOLDS)) for v in line[2]]
    by_base = {v.base: v for v in told if v.verdict == "holds"}
    assert claim.bases_by_word(by_base.get, ["micro", "nano", "nowhere"]) == {"holds": ["micro", "nano"]}


def test_the_floors_chart_has_every_score(records):
    found = records()
    book, rows = claims.book_of(found, NO_FOLDS), sonnets.score_rows(found["baseline"])
    assert len(paper_groups(book)["its sweep, batch 16"]) > 100
    assert len(our_groups(book, rows)["students of teachers"]) == len(book.synthetic.students)
    (axes,) = figures.floors_chart(book, rows).axes
    assert len(axes.get_yticklabels()) == 10


def test_controls_are_tables_of_numbers(records):
    found = records()
    book = claims.book_of(found, NO_FOLDS)
    assert set(chance.metric_table(found["what_breaks"]).index) == set(chance.METRICS)
    assert len(chance.power_table(book)) == len(chance.paper_differences()) == 6
    assert len(chance.release_table(book)) == 3


def test_a_metric_that_shakespeare_cannot_be_told_by_says_so(records):
    table = chance.metric_table(records()["what_breaks"])
    for other in ("random lines", "Shakespeare's lines of another sonnet"):
        assert table.loc["nats per token", f"tuned − {other}"] == "–"
        assert table.loc["chrF, whole sonnet", f"tuned − {other}"].startswith("−")


def test_the_papers_difference_takes_more_sonnets_the_larger_the_spread(records, monkeypatch):
    """Ten times as large a spread: (1.96 + 0.84)² · 10² = 785, and two more since the spread is estimated."""
    difference = next(iter(chance.paper_differences().values()))
    assert difference == pytest.approx(0.184)
    book, scores = claims.book_of(records(), NO_FOLDS), chance.release_scores(claims.book_of(records(), NO_FOLDS))
    wide = scores.assign(**{"full fine-tuning": 0.0, "flash-lite": scores.flash - scores.flash.mean()})
    wide["flash-lite"] *= 1.84 / wide["flash-lite"].std()
    monkeypatch.setattr(chance, "release_scores", lambda book: wide)
    assert chance.sonnets_needed(book, difference) == 787


def test_the_numbers_of_the_takeaways(records):
    found = records()
    book, rows = claims.book_of(found, NO_FOLDS), sonnets.score_rows(found["baseline"])
    assert sonnets.row_of(rows, "floor-lines").intervals["dev_chrf"].mean == pytest.approx(42)
    assert sonnets.row_of(rows, "full").intervals["dev_chrf"].mean == pytest.approx(39)
    costs = {arm.format: cost.mean for arm, cost in comparisons.four_bits(book)}
    assert costs == pytest.approx({"int4-tensor": 2, "nf4": 0.3})
    assert comparisons.constant_heads(book) == pytest.approx(0.75)
    file = copies_by_teacher(book.synthetic)["flash"]
    assert (file.sonnets, file.share, file.held_out) == (1200, pytest.approx(0.01, abs=5e-4), [138])


def test_the_best_of_many_draws_has_the_range_of_its_quantiles():
    best = best_of(list(range(100)), 10)
    assert isinstance(best, Interval) and best.low < best.mean < best.high <= 99
    assert best.mean == pytest.approx(90.8, abs=0.05)
