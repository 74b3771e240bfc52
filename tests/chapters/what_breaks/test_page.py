"""The sentences of the page on records that no run made: which profile has what decides what they say."""

import dataclasses

import jupytext
import pytest
from fakes.book import made_of_all_chapters
from fakes.project import ROOT


def said(monkeypatch, records):
    """What the chapter says of these records, by the name of each sentence."""
    found = {}
    monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda: "folger")
    monkeypatch.setattr("frugal_lib.chapters.registry.records_of", lambda name, *_: records[name])
    monkeypatch.setattr("frugal_lib.report.html.say", found.__setitem__)
    monkeypatch.setattr("frugal_lib.report.html.keep", lambda *_: None)
    monkeypatch.setattr("frugal_lib.report.drawing.show", lambda *_: None)
    cells = jupytext.read(ROOT / "book" / "05_what_breaks.py").cells
    here = {}
    for cell in (c for c in cells if c.cell_type == "code" and "spot_check(" not in c.source):
        exec(cell.source, here)
    return found


@pytest.fixture
def page(monkeypatch):
    monkeypatch.setattr("frugal_lib.data.sonnets.available_edition", lambda: "folger")

    def of(change=lambda record: record, keeps=lambda record: True):
        def from_files(record):
            return change(dataclasses.replace(record, metrics=record.metrics | {"from_file": 1.0}))

        made = made_of_all_chapters(from_files)
        kept = {name: [record for record in records if keeps(record)] for name, records in made.items()}
        return said(monkeypatch, kept)

    return of


def test_the_full_book(page):
    text = page()
    answers = text["answers"].splitlines()
    takeaways = ("LoRA matches", "Quantization keeps", "A stronger teacher")
    assert len(answers) == 3
    assert all(name in answer and "`micro`" in answer for name, answer in zip(takeaways, answers, strict=True))
    assert "neither of them within" in answers[0] and "46.60" in answers[2]  # these floors are narrower
    assert "32 claims of the paper" in text["claims_count"]
    for said in (
        "Eleven random lines reach a chrF of 42.00",
        "full fine-tuning 39.00",
        "INT4, per tensor +2.000",
        "NF4 (bitsandbytes) +0.300",
        "Of untrained heads, 75 % give at least 99 % of the pairs the same answer",
        "1.0 % of the 1,200 by Flash (held-out sonnets 138 among them)",
        "Of a sonnet that has 8 copies in training, `micro` writes 8 of 11 lines word for word",
        "its chrF is 56 instead of 40 (62 copies of 10 sonnets among 250 examples).",
    ):
        assert said in text["takeaways"]
    assert "at 16 copies the loss is" in text["doses"] and "excludes zero" not in text["doses"]
    assert "138" in text["doses_file"] and "the curve says" in text["doses_file"] and "chrF of" in text["doses_file"]
    assert "250 training examples" in text["doses_how"] and "Of these 14 differences" in text["exact"]
    assert "M parameters" in text["capacity"]


def test_copies_that_are_worth_nothing_reproduce_nothing(page):
    def worthless(record):
        if not record.run.doses:
            return record
        rows = [row | {"verbatim": 0, "chrf": 40} if row["kind"] == "completion" else row for row in record.examples]
        return dataclasses.replace(record, examples=rows)

    text = page(worthless)
    assert (
        "`micro` writes 0 of 11 lines word for word, and its chrF is 40 instead of 40 (62 copies of 10 sonnets"
        in text["takeaways"]
    )
    assert "no interval of the change in chrF excludes zero" in text["doses"]


def test_a_profile_of_one_base_without_geminis_best_teachers_and_without_copies(page):
    """What `smoke` has: neither Flash nor Pro, one base; and no contaminated students."""

    def keeps(record):
        run = record.run
        return (
            run.teacher not in ("flash", "pro")
            and not (run.chapter == "controls" and run.teacher)
            and (run.base != "nano" or run.chapter == "baseline")
        )

    text = page(keeps=keeps)
    assert len(text["answers"].splitlines()) == 2 and "stronger teacher" not in text["answers"]
    assert text["doses"] == "No student was trained on copies in this profile." and text["doses_how"] == ""
    assert text["doses_file"] == "The released file of Flash is not part of this profile."
    assert text["capacity"] == "This profile has one base, which says nothing about capacity."
    assert "copies of a sonnet among" not in text["takeaways"]
