"""The tables of chapter 4."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from frugal_lib.chapters.synthetic.results import PAPER_NAMES, TEACHER_NAMES, SyntheticResults, by_sonnet
from frugal_lib.core.stats import mean_interval
from frugal_lib.data.overlap import MOSTLY
from frugal_lib.metrics import verse
from frugal_lib.paper import published, released
from frugal_lib.report.arm import Arm, gap
from frugal_lib.report.cells import NONE, cell, framed
from frugal_lib.report.generality import MEASURES
from frugal_lib.report.html import linked, published_link
from frugal_lib.tasks import students
from frugal_lib.teachers import prices

TOKENS_PER_WORD = 100 / 70  # Google's rule of thumb for Gemini: 100 tokens are 60 to 80 words


def percent(values: np.ndarray) -> str:
    """The mean of some shares with its interval, in %."""
    return cell(mean_interval(100 * values), 1)


@framed
def form_table(found: SyntheticResults, results: str | Path) -> Iterator[dict]:
    """Table 4: how many sonnets are "perfect" by the paper's rule, and other measures of form."""
    paper = published.table("table4_perfect_sonnet_rate").set_index("teacher")["perfect_rate"]
    for teacher, record in found.audits.items():
        c, name = found.columns(teacher), PAPER_NAMES.get(teacher)
        yield {
            "writer": TEACHER_NAMES[teacher],
            "sonnets": linked(f"{len(c['lines']):,}", [record], results),
            "paper: perfect, %": published_link(f"{100 * paper[name]:.0f}") if name else NONE,
            "perfect by its rule, %": percent(c["perfect"].astype(float)),
            "rhyming pairs of 7": f"{7 * c['pairs'].mean():.2f}",
            f"rhymed {verse.SCHEME}, %": percent((c["scheme"] == verse.SCHEME).astype(float)),
            "iambic lines, %": percent(c["iambic"]),
            "unknown words, %": f"{100 * c['unknown'].mean():.1f}",
        }


@framed
def copies_table(found: SyntheticResults, results: str | Path) -> Iterator[dict]:
    """What each writer's sonnets have from Shakespeare's: lines by split, whole copies, share of words, repeats."""
    for teacher, record in found.audits.items():
        c = found.columns(teacher)
        verbatim = {split: c[f"verbatim_{split}"] for split in students.SPLITS}
        near = sum(c[f"near_{split}"].sum() for split in students.SPLITS)
        copies = found.copies(teacher)
        yield {
            "writer": TEACHER_NAMES[teacher],
            "sonnets": linked(f"{len(copies):,}", [record], results),
            "different": f"{len(set(c['first'])):,}",
            f"copies ({MOSTLY} lines or more)": f"{copies.sum()} ({100 * copies.mean():.1f} %)",
            **{f"lines verbatim, {split}": f"{values.sum():,}" for split, values in verbatim.items()},
            "lines nearly the same": f"{near:,}",
            "share of words, %": f"{100 * c['covered'].sum() / c['words'].sum():.1f}",
            "sonnets that share text with dev or test": f"{c['held_out'].sum()}",
        }


def model_of(teacher: str) -> str:
    """What the API calls a Gemini: gemini-2.5-flash."""
    return PAPER_NAMES[teacher].lower().replace(" ", "-")


def tokens_of(found: SyntheticResults, teacher: str) -> float:
    """Tokens of a thousand of a teacher's sonnets, about."""
    return 1000 * found.columns(teacher)["words"].mean() * TOKENS_PER_WORD


def usd_per_thousand(found: SyntheticResults) -> dict[str, float]:
    """What the text of a thousand sonnets by each Gemini costs at list price."""
    mine = [teacher for teacher in PAPER_NAMES if teacher in found.audits]
    return {teacher: prices.cost(model_of(teacher), 0, round(tokens_of(found, teacher))) for teacher in mine}


@framed
def cost_by_teacher(found: SyntheticResults) -> Iterator[dict]:
    """USD for a thousand sonnets: the paper's number, and list prices for the text that it received."""
    paper = published.table("figure3_synthetic").set_index("teacher")["usd_per_1000"]
    for teacher, usd in usd_per_thousand(found).items():
        c, name, model, tokens = (
            found.columns(teacher),
            PAPER_NAMES[teacher],
            model_of(teacher),
            tokens_of(found, teacher),
        )
        yield {
            "teacher": name,
            "paper: USD per 1,000": published_link(f"{paper[name]:.3f}"),
            f"list price per million tokens, {prices.AS_OF}": f"{prices.price_of(model)[1]:.2f}",
            "tokens of 1,000 sonnets, about": f"{tokens:,.0f}",
            "USD for them": f"{usd:.3f}",
            "USD per perfect sonnet": f"{usd / 1000 / c['perfect'].mean():.5f}",
        }


@framed
def generation_table(found: SyntheticResults) -> Iterator[dict]:
    """chrF of the sonnets that the paper's Flash student wrote, and how many lines of each it had read."""
    held = found.copied("flash") if "flash" in found.audits else {}
    for row in (r for r in found.generations.examples if r["model"] == "flash"):
        version = released.OTHER_VERSIONS.get(row["id"], row["id"])
        yield {
            "split": row["split"],
            "sonnet": f"{row['id']}" if version == row["id"] else f"{row['id']} (a version of {version})",
            "chrF": f"{row['chrf']:.1f}",
            "chrF of lines 4–14": f"{row['chrf_continuation']:.1f}",
            "its lines in Flash's file": f"{held.get(version, 0)}" if held else NONE,
        }


@framed
def released_floors(found: SyntheticResults) -> Iterator[dict]:
    """What the paper's models wrote on dev, beside random lines as long: chrF and length, all sonnets together."""
    rows = pd.DataFrame(found.generations.examples)
    for model, own in rows[rows["split"] == "dev"].groupby("model", sort=False):
        share = found.lengths.share_of(own.set_index("id")["characters"], "dev")
        yield {
            "the paper's model": model if model not in TEACHER_NAMES else f"student of {TEACHER_NAMES[model]}",
            "chrF": f"{found.generations.metrics[f'{model}_dev_chrf']:.2f}",
            "without copies": f"{found.generations.metrics[f'{model}_dev_chrf_without_copies']:.2f}",
            "written of the true length": f"{100 * share:.0f} %",
            "random lines as long": f"{found.lengths.at_share(share):.2f}",
        }


@framed
def student_table(found: SyntheticResults, results: str | Path) -> Iterator[dict]:
    """Every student: dev chrF, test loss, and the difference to the one that read Shakespeare alone."""
    for student in (student for base in found.bases for student in found.trained(base)):
        plain = found.plain(student.base)
        gaps = {split: None if student is plain else gap(student, plain, split) for split in ("dev", "test")}
        yield {
            "base": student.base,
            "training data": student.name,
            "dev chrF": linked(cell(student.chrf()), student.records, results),
            "random lines as long": f"{found.lengths.at(student.records):.2f}",
            "test loss": cell(student.nats("test"), 3),
            **{f"minus Shakespeare alone, {split}": cell(difference, 3, "+") for split, difference in gaps.items()},
            "rhyming pairs of 7, dev": rhyming(student),
        }


def rhyming(student: Arm) -> str:
    """How many of the seven pairs rhyme in what the students write for dev."""
    return f"{7 * np.mean([record.metrics['dev_rhyme_share'] for record in student.records]):.2f}"


@framed
def leak_table(found: SyntheticResults, base: str, long: bool) -> Iterator[dict]:
    """Dev sonnets one by one, for students of Flash as released and without held-out text: chrF and loss."""
    if (base, long) not in found.leak_pairs:
        return
    arms = dict(zip(("as released", "without held-out text"), found.leak_pairs[base, long], strict=True))
    chrf, loss = ({name: by_sonnet(arm, "dev", c) for name, arm in arms.items()} for c in ("chrf", "nll"))
    leaked, held = found.leaked("flash"), found.copied("flash")
    for number in loss["as released"]:
        yield {
            "sonnet": f"{number}" + " (leaked)" * (number in leaked),
            "its lines in Flash's file": f"{held.get(number, 0)}",
            **{f"chrF, {name}": f"{values[number]:.1f}" for name, values in chrf.items()},
            **{f"loss, {name}": f"{values[number]:.3f}" for name, values in loss.items()},
        }


@framed
def strict_table(found: SyntheticResults, results: str | Path) -> Iterator[dict]:
    """Students of sonnets of strict form, beside those of as many drawn at random from the same teacher."""
    for strict, drawn in found.strict_pairs:
        yield {
            "base": strict.base,
            "teacher": TEACHER_NAMES[strict.teacher],
            "sonnets": f"{strict.sonnets:,}",
            "test loss, strict form": linked(cell(strict.nats("test"), 3), strict.records, results),
            "test loss, drawn at random": linked(cell(drawn.nats("test"), 3), drawn.records, results),
            "difference": cell(gap(strict, drawn, "test"), 3, "+"),
            "rhyming pairs of 7 it writes": f"{rhyming(strict)} / {rhyming(drawn)}",
        }


@framed
def transfer_table(found: SyntheticResults, results: str | Path) -> Iterator[dict]:
    """Table 7: dev chrF, and what the students still know of other tasks; the paper's accuracies are a constant's."""
    paper = published.table("table7_zero_shot").set_index("model")
    names = {"": "sonnet SFT (baseline)", "flash": "Flash SFT (1k)", "flash-lite": "Flash Lite SFT (1k)"}
    checked = [s for s in found.students if s.records[0].run.pairs and s.selection == ""]
    for student in sorted(checked, key=lambda s: (found.bases.index(s.base), s.rank)):
        printed = paper.loc[names[student.teacher]] if student.teacher in names else None
        yield {
            "base": student.base,
            "training data": student.name,
            "paper: dev chrF": NONE if printed is None else published_link(f"{printed.sonnet_dev_chrf:.2f}"),
            "paper: accuracy": NONE if printed is None else published_link(f"{printed.paraphrase_dev_accuracy:.4f}"),
            "dev chrF": linked(cell(student.chrf()), student.records, results),
            **{f"{m.name}, {m.unit}": cell(m.of(student), 3) for m in MEASURES},
        }
