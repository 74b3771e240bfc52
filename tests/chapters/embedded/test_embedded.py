"""The appendix on the embedded models, and the files that ship with them."""

import math
import re

import pytest
from transformers import GPT2LMHeadModel

from frugal_lib.chapters.embedded import figures, results
from frugal_lib.metrics import reference_models
from frugal_lib.models import bases

CARD = (bases.ASSETS / "README.md").read_text()


def made_up(micro, nano=2.2, kn5=2.0):
    """Works and sonnets of 1000 characters whose bits per character are about these."""
    bits = {"micro": micro, "nano": nano, "kn5": kn5, "kn4": 2.05, "kn3": 2.1, "xz": 3.0}

    def row(i):
        return {key: 1000 * value * (1 + 0.01 * (i % 5)) for key, value in bits.items()}

    works = [{"name": f"w{i}", "characters": 1000, "tokens": 300, "bits": row(i)} for i in range(10)]
    sonnets = [{"id": 132 + i, "characters": 1000, "bits": row(i)} for i in range(12)]
    for one in sonnets:
        del one["bits"]["xz"]
    return {"works": works, "sonnets": {"public-domain": sonnets}, "training_tokens": 31_000_000}


def test_the_table_has_bits_and_the_saving_on_the_best_ngram_model():
    table = results.bits_table(made_up(1.8))
    assert list(table.index) == list(results.SCORER_NAMES.values())
    works, saving = table.columns[0], table.columns[1]
    assert table.loc["micro", works].startswith("1.836 [")
    assert table.loc["micro", saving].startswith("+10.0 [")
    assert table.loc["nano", saving].startswith("−10.0 [")
    assert table.loc["Kneser-Ney, order 5", saving] == "–"
    assert table.loc["xz -9e, each work alone", table.columns[2]] == "–"


@pytest.mark.parametrize(("micro", "saved"), [(1.8, 10.0), (2.2, -10.0)])
def test_the_saving_on_the_best_ngram_model_has_the_sign_of_the_difference(micro, saved):
    found = made_up(micro)
    sets = results.text_sets(found)
    assert {place: len(rows) for place, rows in sets.items()} == {"held-out works": 10, "dev sonnets": 12}
    assert results.best_ngram(found) == "kn5"
    for rows in sets.values():
        gap = results.saving(rows, "micro", "kn5")
        assert gap.mean == pytest.approx(saved) and gap.low * gap.high > 0


def test_the_chart_has_a_curve_and_a_cloud_for_each_model():
    figure = figures.embedded_chart(made_up(1.8))
    left, right = figure.axes
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["micro", "nano", "Kneser-Ney, order 5"]
    dots = [line for line in right.lines if line.get_linestyle() == "None"]
    assert [len(line.get_xdata()) for line in dots] == [10, 10]
    (level,) = {line.get_ydata()[0] for line in left.lines if line.get_linestyle() == "--"}
    assert level == pytest.approx(2.0 * 1.02 * math.log(2) * 1000 / 300)


@pytest.mark.parametrize("base", reference_models.BASES)
def test_the_card_says_what_was_done(base):
    facts = results.training(base)
    recipe, last = facts["recipe"], facts["curve"][-1]
    assert facts["parameters"] == GPT2LMHeadModel.from_pretrained(bases.ASSETS / base).num_parameters()
    for number in (facts["parameters"], last["tokens"], last["step"], round(facts["seconds"])):
        assert f"{number:,}" in CARD, number
    assert f"{last['valid']:.3f}" in CARD and recipe["context"] == 512
    counts = facts["corpus"]["decontamination"]
    assert counts["lines_found"] == counts["ngrams_found"] == 0
    for key in ("works", "sonnet_lines", "sonnet_ngrams"):
        assert f"{counts[key]:,}" in CARD


def test_the_card_says_what_the_models_cost_in_bits():
    found = reference_models.load()
    for rows in (found["works"], reference_models.dev_rows(found)):
        for name in ("micro", "nano", "kn5", "kn4"):
            assert f"{reference_models.ratio(rows, name):.3f}" in CARD


def test_both_models_read_the_same_text_in_the_same_tokens_and_are_small():
    micro, nano = map(results.training, ("micro", "nano"))
    assert micro["corpus"] == nano["corpus"]
    assert micro["curve"][-1]["tokens"] == nano["curve"][-1]["tokens"] >= 20_000_000
    files = [(bases.ASSETS / base / "tokenizer.json").read_text() for base in reference_models.BASES]
    assert files[0] == files[1]
    assert sum((bases.ASSETS / base / "model.safetensors").stat().st_size for base in reference_models.BASES) < 20e6


def test_the_recipes_that_were_tried_can_be_tried_again():
    from frugal_lib.models.pretrain import make_recipe

    table = results.recipe_table()
    assert len(table) >= 8 and re.match(r"Muon", table.index[0])
    for run in results.recipe_search()["runs"]:
        make_recipe("micro", run["settings"].split())
