"""Tables of chapter 2: ranks, losses, alpha and modules, the paper's beside ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from frugal_lib.chapters.lora.results import (
    Arm,
    LoraResults,
    chrf_gap,
    first,
    gap,
    last,
)
from frugal_lib.models import adapt
from frugal_lib.paper import published
from frugal_lib.report.cells import NONE, cell, megabytes, rate_text
from frugal_lib.report.html import linked, published_link

GPT2_PER_RANK = 165_888  # trainable parameters of GPT-2 Small a rank; a test counts them


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
    names = {adapt.ALL: "attention + MLP", adapt.ATTENTION: "attention only"}
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
