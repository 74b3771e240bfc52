"""What the paper's own files show about GPT-2 Small: numbers, out of the rows that `released` and `reports` read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import mean

import numpy as np

from frugal_lib.core.stats import Interval, mean_interval, needed_items, sign_flip_p
from frugal_lib.models import adapt
from frugal_lib.paper import published
from frugal_lib.paper.released import ReleasedRun

TEACHERS = ("flash-lite", "flash", "pro")  # weakest first, which is the order of Table 4


def distinct(runs: Sequence[ReleasedRun]) -> list[ReleasedRun]:
    """The runs of the sweep, one that is in several of the paper's experiments once."""
    return list({(r.rank, r.learning_rate, r.batch_size, r.alpha, r.modules): r for r in runs}.values())


def best(runs: Sequence[ReleasedRun], adapters: bool) -> ReleasedRun:
    """The run of LoRA, or of full fine-tuning, with the highest dev chrF."""
    return max((run for run in runs if bool(run.rank) == adapters), key=lambda run: run.dev_chrf)


def loss_gaps(runs: Sequence[ReleasedRun]) -> dict[tuple[int, int], float]:
    """The lowest dev loss of LoRA less that of full fine-tuning, over all rates: by rank and batch size, in nats."""
    lowest: dict[tuple[int, int], float] = {}
    for run in (run for run in runs if run.kind == "grid"):
        cell = run.rank, run.batch_size
        lowest[cell] = min(run.dev_loss, lowest.get(cell, run.dev_loss))
    return {(rank, size): loss - lowest[0, size] for (rank, size), loss in lowest.items() if rank}


@dataclass(frozen=True)
class SweepEvidence:
    """The released sweep: distinct runs, the best by dev chrF, and what LoRA loses in dev loss, cell by cell."""

    lora_runs: int
    full_runs: int
    best_lora: ReleasedRun
    best_full: ReleasedRun
    cells: int
    cells_above: int
    mean_gap: float


def of_sweep(runs: Sequence[ReleasedRun]) -> SweepEvidence:
    """The sweep in numbers; a cell is one of 27 pairs of rank and batch size, and above where LoRA's loss is higher."""
    each, gaps = distinct(runs), list(loss_gaps(runs).values())
    adapters = sum(bool(run.rank) for run in each)
    return SweepEvidence(
        adapters,
        len(each) - adapters,
        best(each, True),
        best(each, False),
        len(gaps),
        sum(gap > 0 for gap in gaps),
        mean(gaps),
    )


def chrf_range(runs: Sequence[ReleasedRun], batch_size: int, ranks: Collection[int]) -> tuple[float, float]:
    """The lowest and the highest of the best dev chrF of each rank at one batch size."""
    grid = [run for run in runs if run.kind == "grid" and run.batch_size == batch_size]
    found = [max(run.dev_chrf for run in grid if run.rank == rank) for rank in ranks]
    return min(found), max(found)


@dataclass(frozen=True)
class ModuleLosses:
    """Dev losses of Table 6 in nats per token, as printed and in the file: (attention and MLP, attention only)."""

    printed: tuple[float, float]
    in_file: tuple[float, float]

    @property
    def swapped(self) -> bool:
        """Whether each number is printed in the other's place."""
        return all(abs(a - b) < 6e-4 for a, b in zip(self.printed, reversed(self.in_file), strict=True))


def module_losses(runs: Sequence[ReleasedRun]) -> ModuleLosses:
    """The dev losses of Table 6."""
    printed = [published.value("table6_lora_modules", "dev_loss", modules=name) for name in MODULES]
    found = {run.modules: run.dev_loss for run in runs if run.kind == "modules"}
    return ModuleLosses(tuple(printed), tuple(found[name] for name in MODULES.values()))


MODULES = {"attention + MLP": adapt.ALL, "attention only": adapt.ATTENTION}  # as Table 6 and as we call them


def accuracies_sum() -> float:
    """The two zero-shot accuracies of Figure 5 added: 1 where they are shares of two classes, each for one constant."""
    names = ("full FT", "QAFT INT8")
    bars = [f"paraphrase accuracy, zero-shot from sonnet {name}" for name in names]
    return sum(published.value("figure5_zero_shot", "value", bar=bar) for bar in bars)


def scores(rows: Sequence[dict], split: str = "dev", column: str = "chrf") -> dict[str, dict[int, float]]:
    """A score of every released sonnet of a split: by model, then by the sonnet's number."""
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        if column in row and row["split"] == split:
            found.setdefault(row["model"], {})[row["id"]] = row[column]
    return found


def corpus_scores(rows: Sequence[dict], split: str = "dev") -> dict[str, float]:
    """Corpus chrF of each model's released sonnets of a split: the mean of their shares."""
    return {model: mean(shares.values()) for model, shares in scores(rows, split, "corpus_chrf").items()}


@dataclass(frozen=True)
class Difference:
    """A paired difference of chrF with its interval over sonnets, and its p-value by all sign flips."""

    interval: Interval
    p: float


def difference(rows: Sequence[dict], one: str, other: str, without: Collection[int] = ()) -> Difference:
    """One model's dev sonnets against another's, paired, some sonnets left out."""
    found = scores(rows)
    values = [score - found[other][i] for i, score in found[one].items() if i not in without]
    return Difference(mean_interval(np.array(values)), sign_flip_p(values))


def needed_range(rows: Sequence[dict], effect: float, models: Collection[str]) -> tuple[int, int]:
    """How many sonnets detect a difference of `effect` chrF in four of five cases: the fewest and the most.

    The spread of the paired differences is taken of each pair of the released `models` in turn.
    """
    found = scores(rows)
    counts = []
    for one, other in combinations(models, 2):
        values = [score - found[other][i] for i, score in found[one].items()]
        counts.append(needed_items(effect, float(np.std(values, ddof=1))))
    return min(counts), max(counts)


def format_losses(rows: Sequence[dict], checkpoint: str) -> dict[str, float]:
    """Dev loss of one checkpoint in each weight format of its reports, in nats per token."""
    found = (row for row in rows if row.get("kind") == "format" and row["checkpoint"] == checkpoint)
    return {row["format"]: row["dev_loss"] for row in found}


def rescored(rows: Sequence[dict]) -> dict[tuple[str, str], list[float]]:
    """dev chrF of what was scored more than once, same weights and another draw: by checkpoint and format."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in (row for row in rows if row.get("kind") == "format"):
        found.setdefault((row["checkpoint"], row["format"]), []).append(row["dev_chrf"])
    return {name: values for name, values in found.items() if len(values) > 1}


Columns = Mapping[str, np.ndarray]  # an audit's columns: a value for each of a teacher's sonnets


def not_copied(c: Columns, most: int = 9) -> np.ndarray:
    """Sonnets with at most so many lines of Shakespeare word for word: by default no copies."""
    return sum(c[f"verbatim_{split}"] for split in ("train", "dev", "test")) <= most


SELECTIONS = {
    "all": lambda c: np.ones(len(c["lines"]), bool),
    "without copies": not_copied,
    "without any line of Shakespeare": lambda c: not_copied(c, 0),
    "without repeats": lambda c: c["first"] == np.arange(len(c["first"])),
    "without held-out text": lambda c: c["held_out"] == 0,
}
RULES = {
    "perfect by the paper's rule": lambda c: c["perfect"],
    "fourteen lines": lambda c: c["lines"] == 14,
    "rhyming pairs": lambda c: c["rhyme_share"],
    "rhyming pairs, Early Modern endings known": lambda c: c["pairs"],
    "all pairs rhyme, Early Modern endings known": lambda c: (c["pairs"] == 1) & (c["lines"] == 14),
    "the whole scheme": lambda c: c["scheme"] == "ABABCDCDEFEFGG",
    "iambic lines": lambda c: c["iambic"],
}


def teacher_rates(columns: Mapping[str, Columns]) -> dict[tuple[str, str], tuple[float, ...]]:
    """What each rule gives for the three teachers, weakest first: by rule and by which sonnets are counted."""
    found = {}
    for rule, value in RULES.items():
        for selection, chosen in SELECTIONS.items():
            parts = (value(columns[teacher])[chosen(columns[teacher])] for teacher in TEACHERS)
            found[rule, selection] = tuple(float(np.mean(part)) for part in parts)
    return found


def orders_as_printed(rates: Mapping[tuple[str, str], Sequence[float]]) -> list[tuple[str, str]]:
    """The rules that rank the teachers as Table 4 does: Flash Lite below Flash below Pro."""
    return [name for name, (lite, flash, pro) in rates.items() if lite < flash < pro]
