"""Chapter 2 as data: full fine-tuning and LoRA of each rank, each at its best setting, with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from frugal_lib import choose, lora, published, released
from frugal_lib.released import ReleasedRun
from frugal_lib.report.html import linked, published_link
from frugal_lib.report.sonnets import cell, chrf_matrix, completion_scores, loss_matrix, paired, rate_text
from frugal_lib.runs import Record
from frugal_lib.stats import Interval, mean_interval

GPT2_PER_RANK = 165_888  # trainable parameters of GPT-2 Small a rank; a test counts them
NONE = "–"


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
        found = [arm for arm in self.arms if arm.base == base and arm.modules == lora.ALL]
        alphas = Counter(arm.alpha for arm in found)
        return sorted((a for a in found if a.alpha == alphas.most_common(1)[0][0]), key=lambda arm: arm.rank)

    def best(self, base: str) -> Arm:
        """The rank with the lowest dev loss at the first seed."""
        return min(self.ranks(base), key=lambda arm: choose.badness(first(arm)))

    def alphas(self, base: str) -> list[Arm]:
        """Every alpha at the best rank and rate; of the grid's own alpha the first seed alone, as of the others."""
        best = self.best(base)
        found = [a for a in self.arms if (a.base, a.rank, a.modules) == (base, best.rank, lora.ALL)]
        return sorted((only_first(arm) for arm in found), key=lambda arm: arm.alpha)

    def attention(self, base: str) -> Arm:
        """The best rank on attention alone."""
        return next(arm for arm in self.arms if arm.base == base and arm.modules == lora.ATTENTION)


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
    best = choose.setting(min(tried, key=choose.badness).run)
    run = tried[0].run
    kept = tuple(record for record in found if choose.setting(record.run) == best)
    return Arm(run.base, run.rank, run.alpha, run.modules, tried, kept)


def lora_results(records: Sequence[Record]) -> LoraResults:
    """The chapter's records, sorted.

    Raises:
        ValueError: no run of full fine-tuning or of LoRA has finished on some base.
    """
    by_method = {record.run.method: record for record in records}
    paper, floor = by_method["released-sweep"], by_method["floor-draws"]
    ours = [record for record in records if record.run.edition == floor.run.edition]
    arms = tuple(make_arm(found) for found in lora.by_arm(ours).values())
    untuned = {record.run.base: record for record in ours if record.run.method == "base"}
    for base in untuned:
        for kind, modules in (("full", ""), ("LoRA", lora.ALL), ("LoRA on attention", lora.ATTENTION)):
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


def megabytes(size: float) -> str:
    """Bytes in MB."""
    return f"{size / 1e6:,.2f}" if size < 1e7 else f"{size / 1e6:,.1f}"


def rank_table(found: LoraResults, results: str | Path) -> pd.DataFrame:
    """Table 3: trainable parameters, best learning rate and dev chrF by rank, the paper's beside ours."""
    paper = published.table("table3_lora_rank")
    lines = []
    for _, row in paper.iterrows():
        rank = 0 if row["rank"] == "full" else int(row["rank"])
        line: dict[str, object] = {
            "rank": row["rank"],
            "GPT-2 Small: trained": f"{GPT2_PER_RANK * rank or int(row['trainable_parameters']):,}",
            "paper: rate": published_link(rate_text(row["best_learning_rate"])),
            "paper: chrF": published_link(f"{row['dev_chrf']:.3f}"),
        }
        for base in found.bases:
            arms = {arm.rank: arm for arm in found.ranks(base)} | {0: found.full(base)}
            line |= rank_cells(base, arms.get(rank), results)
        lines.append(line)
    known = {0, *(int(r) for r in paper["rank"] if r != "full")}
    for rank in sorted({arm.rank for arm in found.arms} - known):  # of a profile with other ranks than the paper's
        line = {"rank": rank, "GPT-2 Small: trained": f"{GPT2_PER_RANK * rank:,}"}
        line |= dict.fromkeys(("paper: rate", "paper: chrF"), NONE)
        for base in found.bases:
            line |= rank_cells(base, next((a for a in found.ranks(base) if a.rank == rank), None), results)
        lines.append(line)
    return pd.DataFrame(lines).set_index("rank")


def rank_cells(base: str, arm: Arm | None, results: str | Path) -> dict[str, object]:
    """What Table 3 says of one rank of one base."""
    if arm is None:
        return dict.fromkeys((f"{base}: trained", f"{base}: saved MB", f"{base}: rate", f"{base}: chrF"), NONE)
    facts = first(arm).metrics
    return {
        f"{base}: trained": f"{facts['trainable_parameters']:,.0f}",
        f"{base}: saved MB": megabytes(facts["saved_bytes"]),
        f"{base}: rate": rate_text(arm.rate),
        f"{base}: chrF": linked(cell(arm.chrf()), arm.kept, results),
    }


def likelihood_table(found: LoraResults, results: str | Path) -> pd.DataFrame:
    """The same runs by the likelihood of the true lines: dev, test, and the difference from full fine-tuning."""
    lines = []
    for base in found.bases:
        full = found.full(base)
        for arm in (full, *found.ranks(base)):
            lines.append({
                "base": base,
                "method": arm.name,
                "dev, nats per token": linked(cell(arm.nats("dev"), 3), arm.kept, results),
                "test": cell(arm.nats("test"), 3),
                "test, minus full": NONE if arm is full else cell(gap(arm, full, "test"), 3, "+"),
                "dev, minus full": NONE if arm is full else cell(gap(arm, full, "dev"), 3, "+"),
                "chrF, dev, minus full": NONE if arm is full else cell(chrf_gap(arm, full, "dev"), sign="+"),
                "seeds": len(arm.kept),
            })  # fmt: skip
    return pd.DataFrame(lines).set_index("base")


def alpha_table(found: LoraResults, results: str | Path) -> pd.DataFrame:
    """Table 5: alpha at the best rank and rate. The paper's and ours, one seed each."""
    paper = dict(published.table("table5_lora_alpha").itertuples(index=False))
    file = {run.alpha: run for run in found.paper if run.kind == "alpha"}
    arms = {base: {arm.alpha: arm for arm in found.alphas(base)} for base in found.bases}
    lines = []
    for alpha in sorted({*paper, *(a for by_alpha in arms.values() for a in by_alpha)}):
        released_run = file.get(alpha)
        line: dict[str, object] = {
            "alpha": f"{alpha:g}",
            "paper: chrF": published_link(f"{paper[alpha]:.3f}") if alpha in paper else NONE,
            "its file: chrF": f"{released_run.dev_chrf:.3f}" if released_run else NONE,
            "its file: dev loss": f"{released_run.dev_loss:.3f}" if released_run else NONE,
        }
        for base, by_alpha in arms.items():
            arm = by_alpha.get(alpha)
            line[f"{base}: chrF"] = linked(cell(arm.chrf()), arm.kept, results) if arm else NONE
            line[f"{base}: dev loss"] = cell(arm.nats("dev"), 3) if arm else NONE
        lines.append(line)
    return pd.DataFrame(lines).set_index("alpha")


def module_table(found: LoraResults, results: str | Path) -> pd.DataFrame:
    """Table 6: attention and MLP against attention alone. The paper's, its file's, and ours."""
    paper = published.table("table6_lora_modules").set_index("modules")
    names = {lora.ALL: "attention + MLP", lora.ATTENTION: "attention only"}
    lines = []
    for modules, name in names.items():
        row = paper.loc[name]
        lines.append(module_line("paper, as printed", name, row.train_loss, row.dev_loss, f"{row.dev_chrf:.3f}"))
        for run in (r for r in found.paper if r.kind == "modules" and r.modules == modules):
            lines.append(module_line("paper, its file", name, run.train_loss, run.dev_loss, f"{run.dev_chrf:.3f}"))
    for base in found.bases:
        for arm in (found.best(base), found.attention(base)):
            train = float(np.mean([last(record)["train_loss"] for record in arm.kept]))
            dev = float(np.mean([last(record)["dev_loss"] for record in arm.kept]))
            score = linked(cell(arm.chrf()), arm.kept, results)
            line = module_line(f"{base}, rank {arm.rank}", names[arm.modules], train, dev, score)
            lines.append(line | {"best dev loss": cell(arm.nats("dev"), 3), "test loss": cell(arm.nats("test"), 3)})
    return pd.DataFrame(lines).fillna(NONE).set_index("where")


def module_line(where: str, modules: str, train: float, dev: float, chrf: object) -> dict[str, object]:
    """One line of Table 6: losses at the last epoch, in nats per token."""
    return {
        "where": where,
        "modules": modules,
        "train loss, last epoch": f"{train:.3f}",
        "dev loss, last epoch": f"{dev:.3f}",
        "dev chrF": chrf,
    }


def last(record: Record) -> dict:
    """The last epoch of a run that was trained."""
    return record.history[-1]
