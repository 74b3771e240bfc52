"""Chapter 2 as data: full fine-tuning and LoRA of each rank, each at its best setting, with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from frugal_lib.chapters.lora import plan
from frugal_lib.core import select
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import Interval, mean_interval
from frugal_lib.models import adapt
from frugal_lib.paper import released
from frugal_lib.paper.released import ReleasedRun
from frugal_lib.report.measures import chrf_matrix, completion_scores, loss_matrix, paired


@dataclass(frozen=True)
class Arm:
    """What is compared: a base and a way of fine-tuning it. `rank` is 0 for full fine-tuning.

    `tried` are the runs of the first seed, one a setting; `kept` are those of the setting with the
    lowest dev loss, one a seed.
    """

    base: str
    rank: int
    alpha: float
    modules: str
    tried: tuple[Record, ...]
    kept: tuple[Record, ...]

    @property
    def name(self) -> str:
        return f"LoRA, rank {self.rank}" if self.rank else "full fine-tuning"

    @property
    def rate(self) -> float:
        return self.kept[0].run.learning_rate

    def chrf(self, split: str = "dev") -> Interval:
        """Corpus chrF over the whole sonnet."""
        return mean_interval(chrf_matrix(self.kept, split, "corpus_chrf"))

    def nats(self, split: str) -> Interval:
        """Loss on the true lines 4-14, in nats per token."""
        return mean_interval(loss_matrix(self.kept, split, "tokens"))


@dataclass(frozen=True)
class LoraResults:
    """All that chapter 2 reads: the arms by base, the bases as they are, the paper's runs, the floor's draws."""

    arms: tuple[Arm, ...]
    untuned: dict[str, Record]
    paper: tuple[ReleasedRun, ...]
    paper_record: Record
    floor: Record
    others: tuple[Record, ...]  # runs that diverged or failed

    @property
    def bases(self) -> list[str]:
        return list(self.untuned)

    def full(self, base: str) -> Arm:
        """Full fine-tuning of a base."""
        return next(arm for arm in self.arms if arm.base == base and not arm.rank)

    def ranks(self, base: str) -> list[Arm]:
        """LoRA on attention and MLP at the grid's alpha, by rank."""
        found = [arm for arm in self.arms if arm.base == base and arm.modules == adapt.ALL]
        alphas = Counter(arm.alpha for arm in found)
        return sorted((a for a in found if a.alpha == alphas.most_common(1)[0][0]), key=lambda arm: arm.rank)

    def best(self, base: str) -> Arm:
        """The rank with the lowest dev loss at the first seed."""
        return min(self.ranks(base), key=lambda arm: select.badness(first(arm)))

    def alphas(self, base: str) -> list[Arm]:
        """Every alpha at the best rank and rate; of the grid's own alpha the first seed alone, as of the others."""
        best = self.best(base)
        found = [a for a in self.arms if (a.base, a.rank, a.modules) == (base, best.rank, adapt.ALL)]
        return sorted((only_first(arm) for arm in found), key=lambda arm: arm.alpha)

    def attention(self, base: str) -> Arm:
        """The best rank on attention alone."""
        return next(arm for arm in self.arms if arm.base == base and arm.modules == adapt.ATTENTION)


def first(arm: Arm) -> Record:
    """The kept setting at the first seed."""
    return min(arm.kept, key=lambda record: record.run.seed)


def only_first(arm: Arm) -> Arm:
    """The same arm without its later seeds."""
    return Arm(arm.base, arm.rank, arm.alpha, arm.modules, arm.tried, (first(arm),))


def make_arm(found: Sequence[Record]) -> Arm:
    """The runs of one arm, sorted into tried and kept."""
    seed = min(record.run.seed for record in found)
    tried = tuple(record for record in found if record.run.seed == seed)
    best = select.setting(min(tried, key=select.badness).run)
    run = tried[0].run
    kept = tuple(record for record in found if select.setting(record.run) == best)
    return Arm(run.base, run.rank, run.alpha, run.modules, tried, kept)


def lora_results(records: Sequence[Record]) -> LoraResults:
    """The chapter's records, sorted.

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
    return LoraResults(arms, untuned, tuple(released.runs_of(paper.examples)), paper, floor, others)


def gap(one: Arm, other: Arm, split: str) -> Interval:
    """Nats per token of `one` minus those of `other`, paired by sonnet and by seed."""
    return paired(one.kept, other.kept, lambda records: loss_matrix(records, split, "tokens"))


def chrf_gap(one: Arm, other: Arm, split: str) -> Interval:
    """chrF of `one` minus that of `other`, paired by sonnet and by seed."""
    return paired(one.kept, other.kept, lambda records: chrf_matrix(records, split, "corpus_chrf"))


def gain(found: LoraResults, base: str, split: str) -> Interval:
    """What full fine-tuning wins over the base as it is, in nats per token, paired by sonnet."""
    untuned = [found.untuned[base]]
    return paired(untuned, found.full(base).kept, lambda records: loss_matrix(records, split, "tokens"))


def draw_spread(found: LoraResults, base: str) -> float:
    """Standard deviation of dev chrF between samples of one and the same tuned model, over all of them."""
    kept = [record for arm in found.arms if arm.base == base for record in arm.kept]
    draws = [completion_scores(record, "dev", "corpus_chrf").mean(axis=1) for record in kept]
    return float(np.sqrt(np.mean([d.var(ddof=1) for d in draws if len(d) > 1] or [np.nan])))


def last(record: Record) -> dict:
    """The last epoch of a run that was trained."""
    return record.history[-1]
