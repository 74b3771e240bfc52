"""What chapter 2 says of records: made-up ones, whose answers are known."""

import dataclasses

import pytest
from fakes.lora import results

from frugal_lib.chapters.lora import claims, paper_sweep, tables
from frugal_lib.chapters.lora import results as lora
from frugal_lib.chapters.lora.paper_sweep import differing_table
from frugal_lib.core.runs import read
from frugal_lib.core.stats import Interval
from frugal_lib.paper.confirmed import sweep_numbers
from frugal_lib.paper.released import COMMITTED, sweep_run
from frugal_lib.report import claim
from frugal_lib.report.verdict import HIGHER, KEEPS, LOWER, worse_perhaps


@pytest.mark.parametrize(
    ("adapter_loss", "verdict"), [(3.0, "holds"), (2.5, "holds"), (3.02, "holds"), (3.5, "not reproduced")]
)
def test_the_verdict_on_matching_follows_the_records(monkeypatch, adapter_loss, verdict):
    found = results(monkeypatch, adapter_loss)
    assert found.bases == ["micro", "nano"]
    assert [claims.matches(found, base).verdict for base in found.bases] == [verdict] * 2


def test_where_full_fine_tuning_wins_nothing_there_is_nothing_to_match(monkeypatch):
    def change(record):
        if record.run.method != "base":
            return record
        rows = [e | ({"nll": 290.0} if e["kind"] == "likelihood" else {}) for e in record.examples]
        return dataclasses.replace(record, examples=rows)

    assert claims.matches(results(monkeypatch, 3.0, change), "micro").verdict == "cannot be told"
    kept, lost = Interval(0.0, -0.01, 0.01, 3, 10), Interval(-0.2, -0.3, -0.1, 3, 10)
    assert KEEPS.word(kept, lost) == "not testable at this size"  # beyond doubt nothing was won


def test_a_match_is_a_loss_within_a_tenth_of_the_gain():
    interval = Interval(0.05, 0.01, 0.09, 3, 10)
    assert KEEPS.beside(interval, 0.1) == "holds"
    assert KEEPS.beside(interval, 0.08) == "cannot be told"  # worse, and perhaps within the margin: no contradiction
    assert KEEPS.beside(interval, 0.005) == "not reproduced"
    assert worse_perhaps(interval, 0.08) and not worse_perhaps(interval, 0.1) and not worse_perhaps(interval, 0.005)
    assert (LOWER.word(interval), HIGHER.word(interval)) == ("not reproduced", "holds")
    assert HIGHER.word(Interval(0.0, -1.0, 1.0, 3, 10)) == "cannot be told"


def test_the_other_claims_follow_the_records_too(monkeypatch):
    found = results(monkeypatch, 3.0)
    by_claim = {v.claim: v for v in claim.verdicts(claims.CLAIMS, found, found.bases) if v.base == "micro"}
    assert list(by_claim) == [one.text for one in claims.CLAIMS] and len(by_claim) == 5
    assert by_claim["LoRA avoids the strongest overfitting"].verdict == "holds"
    assert "−0.400" in by_claim["LoRA avoids the strongest overfitting"].ours
    assert by_claim["Ranks 1–128 stay within about one chrF point"].verdict == "holds"
    assert by_claim["Adapting attention and MLP beats attention alone"].verdict == "holds"
    assert "+0.1082" in by_claim["Adapting attention and MLP beats attention alone"].ours  # 0.3 · 100 / 400 / ln 2
    assert by_claim["LoRA tolerates higher learning rates"].verdict != "not reproduced"
    assert "rate 5e-3" in by_claim["LoRA tolerates higher learning rates"].ours


def test_a_claim_that_rests_on_one_seed_is_left_open(monkeypatch):
    found = results(monkeypatch, 3.0)
    one = dataclasses.replace(found, arms=tuple(dataclasses.replace(a, records=a.records[:1]) for a in found.arms))
    assert claims.overfits_less(one, "micro").verdict == "cannot be told"


def test_table_3_has_the_papers_ranks_with_its_values_and_ours_beside(monkeypatch):
    table = tables.rank_table(results(monkeypatch, 3.0), "results/micro")
    assert list(table.index) == [1, 2, 4, 8, 16, 32, 64, 128, 256, "full"]
    assert table.loc[256, "GPT-2 Small: trained"] == "42,467,328" and "42.158" in table.loc[256, "paper: chrF"].data
    assert table.loc[4, "micro: rate"] == "1e-3" and table.loc[2, "micro: rate"] == "–"
    cell = table.loc["full", "nano: chrF"].data
    assert "40.0" in cell and cell.count("../results/micro/lora/sonnets-nano-full") == 3  # a link a seed


def test_tables_5_and_6_hold_printed_released_and_ours(monkeypatch):
    found = results(monkeypatch, 3.0)
    alpha = tables.alpha_table(found, "results/micro")
    assert list(alpha.index) == ["8", "16", "32", "64", "128", "256", "512"]
    assert "40.041" in alpha.loc["64", "paper: chrF"].data and alpha.loc["64", "its file: chrF"] == "40.401"
    assert alpha.loc["16", "nano: chrF"].data.count("<a ") == 1  # one seed, as of the other alphas
    modules = tables.module_table(found, "results/micro")
    assert [*modules["dev loss, last epoch"][:4]] == ["4.170", "4.355", "4.355", "4.170"]
    assert len(modules) == 8


def test_other_ranks_than_the_papers_have_lines_of_their_own(monkeypatch):
    found = results(monkeypatch, 3.0)
    odd = tuple(dataclasses.replace(a, rank=3) if a.rank == 4 else a for a in found.arms)
    assert 3 in tables.rank_table(dataclasses.replace(found, arms=odd), "results/micro").index


def test_the_papers_tables_are_held_against_its_file(monkeypatch):
    found = results(monkeypatch, 3.0)
    numbers = list(sweep_numbers(found.paper))
    assert len(numbers) == 23 and sum(number.confirmed for number in numbers) == 16
    losses = {number.place: number.in_file for number in numbers if number.what == "dev loss"}
    assert losses == pytest.approx({"Table 6, attention + MLP": 4.355, "Table 6, attention only": 4.170}, abs=5e-4)
    table = differing_table(found)
    assert set(table.index) == {
        "Table 3, rank 256", "Table 5, α = 16", "Table 5, α = 64", "Table 5, α = 128",
        "Table 6, attention + MLP", "Table 6, attention only",
    }  # fmt: skip
    column = "the file has the printed number for"
    assert table.loc["Table 3, rank 256", column] == "full fine-tuning, rate 1e-4, batch 8"


def test_the_best_of_many_floors_stands_beside_the_papers_best(monkeypatch):
    found = results(monkeypatch, 3.0)
    scores = paper_sweep.scores_of(found, True)
    assert len(scores) == 331 < len(found.draws) and max(scores) == pytest.approx(42.37, abs=0.005)
    luck = paper_sweep.best_of(found.draws, len(scores))
    assert 42.2 < luck.low <= luck.mean <= luck.high < 42.3  # these draws end at 42.29


def test_noise_is_counted_in_pairs(monkeypatch):
    table = paper_sweep.noise_table(results(monkeypatch, 3.0))
    assert table.loc["random lines", "visible from"] == "0.83"
    assert table.loc["random lines", "Table 3: ranks and full"].endswith("of 45")
    assert table.loc["random lines", "Table 6: modules"] == "0 of 1"


def test_diverged_runs_are_counted_and_left_out(monkeypatch):
    def change(record):
        if record.run.method == "full" and record.run.learning_rate == 5e-3:
            history = [{"epoch": 1, "train_loss": None, "dev_loss": None}]
            return dataclasses.replace(record, status="diverged", metrics={}, examples=[], history=history)
        return record

    found = results(monkeypatch, 3.0, change)
    assert [record.status for record in found.others] == ["diverged", "diverged"]
    assert tables.tolerance_table(found, "results/micro").loc["5e-3", "micro: full"] == "–"
    assert "rate 1e-3" in claims.tolerates(found, "micro").ours


def test_a_base_without_a_finished_run_is_one_sentence(monkeypatch):
    def change(record):
        bad = record.run.method == "lora" and record.run.base == "nano"
        return dataclasses.replace(record, status="failed") if bad else record

    with pytest.raises(ValueError, match="nano, LoRA: no run has finished"):
        results(monkeypatch, 3.0, change)


def test_the_tolerated_rate_is_the_highest_near_the_lowest_loss():
    assert lora.highest_rate({1e-4: 3.0, 1e-3: 3.05, 1e-2: 3.2}) == 1e-3
    assert lora.highest_rate({1e-4: 3.3, 1e-3: 3.05}) == 1e-3


def test_the_tolerated_rates_are_those_of_the_papers_file_and_of_ours(monkeypatch):
    assert lora.tolerated(results(monkeypatch, 3.0)) == {
        "the paper": (1e-4, 5e-3), "micro": (1e-3, 1e-3), "nano": (1e-3, 1e-3),
    }  # fmt: skip


def test_a_kept_rate_at_the_edge_of_its_grid_is_told(monkeypatch):
    full = results(monkeypatch, 3.0).full("micro")
    assert full.rates == [3e-5, 1e-4, 3e-4, 1e-3, 5e-3] and full.rate == 1e-3 and full.edge == ""
    low, high = (dataclasses.replace(full, records=full.at_rate(rate).records) for rate in (3e-5, 5e-3))
    assert (low.edge, high.edge) == ("lowest", "highest")
    assert dataclasses.replace(low, tried=low.records).edge == ""


def test_the_released_sweep_is_committed():
    assert read(sweep_run(), COMMITTED).status == "ok"
