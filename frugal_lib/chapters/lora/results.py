"""Chapter 2 as data: full fine-tuning and LoRA of each rank, each at its best setting, with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from frugal_lib.chapters.lora import plan
from frugal_lib.core import select
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import Interval
from frugal_lib.models import adapt
from frugal_lib.paper import released
from frugal_lib.paper.released import ReleasedRun, grid_at_16
from frugal_lib.report import folded
from frugal_lib.report.arm import Arm, token_losses
from frugal_lib.report.contrast import Contrast, Side
from frugal_lib.report.folded import FoldArm
from frugal_lib.report.length_floor import LengthFloor
from frugal_lib.report.measures import completion_scores, paired

TOLERANCE = 0.1  # nats: within it of its lowest dev loss, the paper's own early stopping saw no change


def method_name(rank: int, modules: str = adapt.ALL) -> str:
    """A way of fine-tuning in words; rank 0 is full fine-tuning."""
    where = ", attention only" if modules == adapt.ATTENTION else ""
    return f"LoRA, rank {rank}{where}" if rank else "full fine-tuning"


@dataclass(frozen=True)
class LoraArm(Arm):
    """A base and a way of fine-tuning it. `rank` is 0 for full fine-tuning.

    `tried` are the runs of the first seed, one a setting; `records` are those of the setting with the
    lowest dev loss, one a seed.
    """

    rank: int
    alpha: float
    modules: str
    tried: tuple[Record, ...]

    @property
    def name(self) -> str:
        return method_name(self.rank)

    @property
    def rate(self) -> float:
        return self.records[0].run.learning_rate

    @property
    def rates(self) -> list[float]:
        """The learning rates of its grid."""
        return sorted({record.run.learning_rate for record in self.tried})

    @property
    def edge(self) -> str:
        """Whether the kept rate is the lowest or the highest of the grid: a better one may lie outside."""
        ends = {self.rates[0]: "lowest", self.rates[-1]: "highest"} if len(self.rates) > 1 else {}
        return ends.get(self.rate, "")

    def at_rate(self, rate: float) -> LoraArm:
        """Its run at one learning rate, first seed."""
        chosen = tuple(record for record in self.tried if record.run.learning_rate == rate)
        return replace(self, records=chosen[:1], tried=chosen)


@dataclass(frozen=True)
class LoraResults:
    """All that chapter 2 reads: the arms by base, the bases as they are, the paper's runs, the floor's draws."""

    arms: tuple[LoraArm, ...]
    untuned: dict[str, Record]
    paper: tuple[ReleasedRun, ...]
    paper_record: Record
    floor: Record
    lengths: LengthFloor
    others: tuple[Record, ...]  # runs that diverged or failed
    folds: tuple[FoldArm, ...] = ()  # in cross-validation

    @property
    def bases(self) -> list[str]:
        return list(self.untuned)

    @property
    def draws(self) -> list[float]:
        """dev chrF of each draw of random training lines."""
        return [row["chrf"] for row in self.floor.examples]

    def full(self, base: str) -> LoraArm:
        """Full fine-tuning of a base."""
        return next(arm for arm in self.arms if arm.base == base and not arm.rank)

    def ranks(self, base: str) -> list[LoraArm]:
        """LoRA on attention and MLP at the grid's alpha, by rank."""
        found = [arm for arm in self.arms if arm.base == base and arm.modules == adapt.ALL]
        alphas = Counter(arm.alpha for arm in found)
        return sorted((a for a in found if a.alpha == alphas.most_common(1)[0][0]), key=lambda arm: arm.rank)

    def best(self, base: str) -> LoraArm:
        """The rank with the lowest dev loss at the first seed."""
        return min(self.ranks(base), key=lambda arm: select.selection_loss(select.first_seed(arm.records)[0]))

    def alphas(self, base: str) -> list[LoraArm]:
        """Every alpha at the best rank and rate; of the grid's own alpha the first seed alone, as of the others."""
        best = self.best(base)
        found = [a for a in self.arms if (a.base, a.rank, a.modules) == (base, best.rank, adapt.ALL)]
        firsts = [replace(arm, records=tuple(select.first_seed(arm.records))) for arm in found]
        return sorted(firsts, key=lambda arm: arm.alpha)

    def side(self, base: str, arm: LoraArm) -> Side:
        """An arm on the paper's split, and its counterpart in cross-validation."""
        fields = {"modules": arm.modules} if arm.rank else {}
        return Side(arm, folded.find(self.folds, base, "lora" if arm.rank else "full", **fields))

    def contrast(self, one: LoraArm, other: LoraArm) -> Contrast:
        """Two arms of one base, compared."""
        base = one.base
        untuned = Side(Arm(base, (self.untuned[base],)), folded.find(self.folds, base, "base"))
        return Contrast(self.side(base, one), self.side(base, other), self.side(base, self.full(base)), untuned)

    def attention(self, base: str) -> LoraArm:
        """The best rank on attention alone."""
        return next(arm for arm in self.arms if arm.base == base and arm.modules == adapt.ATTENTION)


def make_arm(found: Sequence[Record]) -> LoraArm:
    """The runs of one arm, sorted into those tried and those of the best setting."""
    tried, run = tuple(select.first_seed(found)), found[0].run
    return LoraArm(run.base, tuple(select.kept(found)), run.rank, run.alpha, run.modules, tried)


def lora_results(records: Sequence[Record], folds: Sequence[Record] = ()) -> LoraResults:
    """The chapter's records and those of its cross-validation, sorted.

    Raises:
        ValueError: no run of full fine-tuning or of LoRA has finished on some base.
    """
    by_method = {record.run.method: record for record in records}
    paper, floor = by_method["released-sweep"], by_method["floor-draws"]
    ours = [record for record in records if record.run.edition == floor.run.edition]
    arms = tuple(make_arm(found) for found in plan.by_arm(ours).values())
    untuned = {record.run.base: record for record in ours if record.run.method == "base"}
    for base in untuned:
        for kind, modules in (("full", ""), ("LoRA", adapt.ALL), ("LoRA on attention", adapt.ATTENTION)):
            if not any((arm.base, arm.modules) == (base, modules) for arm in arms):
                raise ValueError(f"{base}, {kind}: no run has finished; see the records, then sweep --retry-failed.")
    others = tuple(record for record in ours if record.status != "ok")
    lengths = LengthFloor(by_method["floor-lengths"])
    return LoraResults(arms, untuned, tuple(released.runs_of(paper.examples)), paper, floor, lengths, others,
                       tuple(folded.arms_of(folds)))  # fmt: skip


def gain(found: LoraResults, base: str, split: str) -> Interval:
    """What full fine-tuning gains over the base as it is, in nats per token, paired by sonnet."""
    return paired([found.untuned[base]], found.full(base).records, token_losses(split))


def draw_spread(found: LoraResults, base: str) -> float:
    """Standard deviation of dev chrF between samples of one and the same tuned model, over all of them."""
    records = [record for arm in found.arms if arm.base == base for record in arm.records]
    draws = [completion_scores(record, "dev", "corpus_chrf").mean(axis=1) for record in records]
    return float(np.sqrt(np.mean([d.var(ddof=1) for d in draws if len(d) > 1] or [np.nan])))


def last(record: Record) -> dict:
    """The last epoch of a run that was trained."""
    return record.history[-1]


def overfit(arm: LoraArm) -> np.ndarray:
    """Dev loss minus train loss at the last epoch: one value a seed."""
    return np.array([last(record)["dev_loss"] - last(record)["train_loss"] for record in arm.records])


def highest_rate(losses_by_rate: dict[float, float]) -> float:
    """The highest learning rate whose dev loss is within `TOLERANCE` of the lowest."""
    lowest = min(losses_by_rate.values())
    return max(rate for rate, loss in losses_by_rate.items() if loss <= lowest + TOLERANCE)


def tolerated(found: LoraResults) -> dict[str, tuple[float, float]]:
    """The highest tolerated rate of full fine-tuning and of LoRA of any rank, by source, at the last epoch."""
    paper: dict[int, dict[float, float]] = {}
    for run in grid_at_16(found.paper):
        paper.setdefault(run.rank, {})[run.learning_rate] = run.dev_loss
    losses = {"the paper": paper}
    for base in found.bases:
        arms = (found.full(base), *found.ranks(base))
        losses[base] = {a.rank: {r.run.learning_rate: last(r)["dev_loss"] for r in a.tried} for a in arms}
    return {
        name: (highest_rate(ranks[0]), max(highest_rate(by_rate) for rank, by_rate in ranks.items() if rank))
        for name, ranks in losses.items()
    }
