import dataclasses
from types import SimpleNamespace

import pandas as pd
import pytest
from fakes.book import NO_FOLDS, fake_any, fake_record, made_of_all_chapters
from fakes.lora import results, step_row
from fakes.project import ROOT, said_by
from fakes.quantization import fake as fake_quantized
from fakes.records import ENVIRONMENT

from frugal_lib.chapters.baseline import figures as baseline_figures
from frugal_lib.chapters.baseline import labelled, sonnets
from frugal_lib.chapters.baseline import plan as baseline_plan
from frugal_lib.chapters.baseline.sonnets import difference, score_row
from frugal_lib.chapters.embedded import figures as embedded_figures
from frugal_lib.chapters.lora import figures
from frugal_lib.chapters.quantization import figures as quantization_figures
from frugal_lib.chapters.quantization import plan as quantization_plan
from frugal_lib.chapters.quantization import results as quantization_results
from frugal_lib.chapters.what_breaks import claims
from frugal_lib.chapters.what_breaks import contamination as chapters_what_breaks_contamination
from frugal_lib.chapters.what_breaks import figures as what_breaks_figures
from frugal_lib.core import select
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import Interval
from frugal_lib.data.sonnets import EDITIONS, Sonnet
from frugal_lib.metrics import reference_models
from frugal_lib.profiles import load_profile
from frugal_lib.report import drawing, findings, html, spot_check
from frugal_lib.report.cells import cell, compared


@pytest.fixture
def records():
    return baseline_plan.records(load_profile("micro"), 0, lambda runs: [fake_any(run) for run in runs])


def test_the_best_rate_is_that_of_the_lowest_dev_loss(records):
    assert select.best(records, "sonnets", "full").run.learning_rate == 3e-4


def test_rows_hold_ours_and_the_papers_values(records):
    full = score_row("full", records)
    assert full.intervals["dev_chrf"].mean == pytest.approx(39)
    assert (full.intervals["dev_chrf"].seeds, full.intervals["dev_chrf"].items) == (3, 12)
    assert full.intervals["test_bpc"].mean == pytest.approx(1.8, rel=1e-6)
    assert full.paper == {"dev": 41.974, "test": 41.078}
    assert all(record.run.edition == "folger" for record in full.records)


def test_a_difference_in_words_follows_the_records(records):
    def against_lines(made):
        gap = difference(score_row("full", made), score_row("floor-lines", made), "dev", "chrf")
        return gap.mean, compared(gap)

    assert against_lines(records) == (pytest.approx(-3), "less than")
    better = [fake_record(r.run, 44, 1.8) if r.run.method == "full" else r for r in records]
    assert against_lines(better) == (pytest.approx(2), "more than")
    equal = [fake_record(r.run, 42, 1.8) if r.run.method == "full" else r for r in records]
    assert against_lines(equal) == (pytest.approx(0), "not distinguishable from")
    assert compared(difference(score_row("full", records), score_row("base", records), "test", "bpc")) == "less than"


def test_a_method_without_a_finished_run_is_one_sentence(records):
    broken = [dataclasses.replace(r, status="failed") if r.run.method == "base" else r for r in records]
    with pytest.raises(ValueError, match="sonnets, base: no run has finished"):
        sonnets.score_rows(broken)


def test_tables_have_a_row_per_method(records):
    rows = sonnets.score_rows(records)
    table = sonnets.chrf_table(rows, sonnets.length_floor(records))
    assert list(table.index) == [row.name for row in rows]
    assert table.loc["full fine-tuning", "paper, dev"] == "41.97"
    assert table.loc["base, not fine-tuned", "written of the true length"] == "90 %"  # nine of ten characters
    assert table.loc["base, not fine-tuned", "random lines as long"] == "49.00"
    assert sonnets.other_table(rows).loc["given lines only", "bits per character, dev"] == "–"
    assert "overflow-x" in html.table(table).data


def test_a_table_with_sentences_keeps_its_width_on_a_phone():
    wordy, terse = (pd.DataFrame({"a": [text]}) for text in ("word " * 20, "word"))
    assert "min-width" in html.table(wordy).data and "min-width" not in html.table(terse).data


def test_intervals_are_written_with_a_real_minus():
    assert cell(Interval(-0.5, -1.25, 0.25, 3, 12), sign="+") == "−0.50 [−1.25, +0.25]"
    assert cell(None) == "–"


def drawn_of_chapter_2(monkeypatch):
    """How each figure of chapter 2 is drawn."""
    found = results(monkeypatch, 3.0)
    run = dataclasses.replace(found.floor.run, base="micro")
    costs = [Record(run, "ok", {}, [step_row(0, 1.2), step_row(1, 0.8), step_row(4, 0.9)], [], ENVIRONMENT)]
    return {
        "02_rank_gaps": lambda: figures.rank_gaps(found),
        "02_chrf_by_rate": lambda: figures.chrf_by_rate(found),
        "02_losses_by_rate": lambda: figures.losses_by_rate(found),
        "02_best_of": lambda: figures.best_of_chart(found),
        "02_agreement": lambda: figures.agreement_chart(found),
        "02_steps": lambda: figures.step_chart(costs),
    }


def drawn_of_chapter_3(monkeypatch):
    """How each figure of chapter 3 is drawn."""
    monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda: "folger")
    made = quantization_plan.records(
        load_profile("micro"), 0, lambda runs: [fake_quantized(run, {}, {}) for run in runs]
    )
    found = quantization_results.quantization_results(made)
    return {
        "03_sizes_and_scores": lambda: quantization_figures.sizes_and_scores(found),
        "03_loss_by_format": lambda: quantization_figures.loss_by_format(found),
        "03_zero_shot": lambda: quantization_figures.zero_shot_bars(found),
        "03_generality": lambda: quantization_figures.generality_chart(found),
    }


def drawn_of_chapter_5(monkeypatch):
    """The figures of chapter 5 from made-up records."""
    records = made_of_all_chapters()
    book, dosed = (
        claims.book_of(records, NO_FOLDS),
        chapters_what_breaks_contamination.contaminated_results(records["what_breaks"]),
    )
    rows = sonnets.score_rows(
        baseline_plan.records(load_profile("micro"), 0, lambda runs: [fake_any(run) for run in runs])
    )
    return {
        "05_doses": lambda: what_breaks_figures.copies_chart(dosed, book.synthetic),
        "05_floors": lambda: what_breaks_figures.floors_chart(book, rows),
    }


def test_figures_are_shown_and_written_and_the_same_twice(records, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr("frugal_lib.report.html.display", lambda page, **_: shown.append(page["text/html"]))
    rows = labelled.labelled_rows(records)
    draw = (
        {
            "01_scores": lambda: baseline_figures.score_chart(sonnets.score_rows(records)),
            "01_learning_curves": lambda: baseline_figures.learning_curves(records),
            "01_accuracy": lambda: baseline_figures.accuracy_chart(rows),
            "01_confusion": lambda: baseline_figures.confusion_chart(rows),
            "01_labelled_curves": lambda: baseline_figures.labelled_curves(records),
            "90_embedded": lambda: embedded_figures.embedded_chart(reference_models.load()),
        }
        | drawn_of_chapter_2(monkeypatch)
        | drawn_of_chapter_3(monkeypatch)
        | drawn_of_chapter_5(monkeypatch)
        | {
            f"01_data_{t}": lambda t=t: baseline_figures.data_chart(records, t)
            for t in ("sst", "cfimdb", "quora", "sonnets")
        }
    )
    assert set(draw) == {path.stem for path in (ROOT / "figures").glob("*.svg") if path.stem[:2] != "04"}  # its own
    for folder in (tmp_path / "a", tmp_path / "b"):
        for name, figure in draw.items():
            drawing.show(figure(), folder, name, f"<{name}> shown")
        assert {p.name for p in folder.iterdir()} == {f"{name}.{kind}" for name in draw for kind in ("svg", "png")}
    once, twice = ({name: (tmp_path / k / f"{name}.svg").read_text() for name in draw} for k in "ab")
    assert [name for name in draw if once[name] != twice[name]] == []
    assert len(shown) == 2 * len(draw)
    assert 'aria-label="&lt;01_scores&gt; shown"' in shown[0]


def test_what_is_said_fetches_nothing(monkeypatch):
    shown = []
    monkeypatch.setattr("frugal_lib.report.html.display", lambda page, **_: shown.append(page["text/html"]))
    html.say("x", "![alt](https://example.org/pixel.png) <img src=x> [a link](https://example.org)")
    assert "<img" not in shown[0] and '<a href="https://example.org">' in shown[0]


def test_text_of_models_and_machines_is_escaped(records):
    sonnet = Sonnet(132, ("<i>one", "two", "three", "four"))
    page = html.side_by_side(sonnet, {"model": "<script>alert(1)</script>\n& more"}).data
    assert "<script>" not in page and "<i>" not in page and "&lt;script&gt;" in page
    line = html.source_line(records[:2], "results/micro", "python -m frugal_lib").data
    assert "a &lt;cpu&gt;" in line and "2.0 minutes" in line
    assert f'href="../results/micro/{records[0].run.path}"' in line


CHAPTERS = ("01_baseline", "02_lora", "03_quantization", "04_synthetic", "05_what_breaks")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_spot_check_tells_same_from_different(records, chapter):
    def said(now):
        registry = SimpleNamespace(spot_check=lambda *_: (then, now))
        names = {"registry": registry, "records": [], "controls": [], "device": "cpu"}
        return said_by(
            chapter, "registry.spot_check(", spot_check=spot_check, findings=findings, EDITIONS=EDITIONS, **names
        )

    then = next(r for r in records if r.run.task == "sonnets" and r.run.learning_rate)
    found = spot_check.agreement(then, then)
    assert (found.same_texts, found.worst, found.seconds) == (True, 0.0, 60.0)
    assert found.places == ("a <cpu>, torch 2", "a <cpu>, torch 2")
    assert "every sampled text is the same" in said(then)
    other = dataclasses.replace(then, examples=[{"text": "else"}], metrics=then.metrics | {"dev_bpc": 9.0})
    found = spot_check.agreement(then, other)
    assert (found.same_texts, found.worst) == (False, pytest.approx(9 - then.metrics["dev_bpc"]))
    assert "sampled texts differ" in said(other)
    failed = dataclasses.replace(then, status="failed", error="RuntimeError: no such luck")
    assert said(failed) == "**The spot check failed**: RuntimeError: no such luck"
