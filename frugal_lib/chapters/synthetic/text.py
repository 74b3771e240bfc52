"""The sentences of chapter 4 whose numbers come from records, and the copies for a reader to see."""

from __future__ import annotations

from IPython.display import HTML

from frugal_lib.chapters.synthetic.claims import SELECTIONS, flash_beats_pro, printed, stronger_is_not_better
from frugal_lib.chapters.synthetic.results import TEACHER_NAMES, SyntheticResults, gap
from frugal_lib.chapters.synthetic.tables import PAPER_NAMES
from frugal_lib.core import fetch
from frugal_lib.core.fetch import DataError
from frugal_lib.core.stats import sign_flip_p
from frugal_lib.data import overlap, sonnets
from frugal_lib.data.overlap import MOSTLY
from frugal_lib.data.sonnets import clean
from frugal_lib.paper import published, released
from frugal_lib.report.cells import cell, rate_text
from frugal_lib.report.html import marked
from frugal_lib.tasks import students
from frugal_lib.teachers import by_name

SHOWN = 138  # the dev sonnet that carries the paper's score


def synthetic_how(found: SyntheticResults) -> str:
    """How students were trained, and what a selection is."""
    lines = []
    for base in found.bases:
        run, long = found.plain(base).records[0].run, [s for s in found.students if s.base == base and s.long]
        lines.append(
            f"`{base}`, {len(found.plain(base).records)} seeds: full fine-tuning at {rate_text(run.learning_rate)}, "
            f"batch size {run.batch_size}, at most {run.max_steps} steps, judged every {run.judge_steps}, patience "
            f"{run.patience}"
            + (f"; long training: {long[0].records[0].run.epochs} epochs at "
               f"{rate_text(long[0].records[0].run.learning_rate)}, last weights kept" if long else "")
        )  # fmt: skip
    return (
        f"*How it was measured.* {'. '.join(lines)}. Students read Shakespeare's training sonnets and so many of a "
        f"teacher's, drawn by lot at each seed, the smaller draw a part of the larger; a file that has fewer gives "
        f"all. “Without held-out text”: what shares a line, nearly a line or {overlap.NGRAM} words in a row with a dev "
        f"or test sonnet is replaced, where it stood, by another of the same teacher, or, where there is none left, by "
        f"a repeat. “Of strict form”: fourteen lines, all seven pairs rhyme, at least "
        f"{14 * students.STRICT_IAMBIC:.0f} lines iambic, no repeats. Losses are those of the true lines 4–14, "
        f"intervals are 95 %, with sonnets and seeds both taken as random."
    )


def synthetic_sentence(found: SyntheticResults) -> str:
    """The chapter's question and its answers with and without the leak, for every base."""
    parts = []
    for base in found.bases:
        asked = [claim(found, base, s) for claim in (stronger_is_not_better, flash_beats_pro) for s in SELECTIONS]
        if answers := [f"{v.claim} – **{v.verdict}**" for v in asked if v]:
            parts.append(f"On `{base}`: {'; '.join(answers)}.")
    if not parts:
        return "Is a stronger teacher not always better? This profile has no students of more than one Gemini."
    return f"Is a stronger teacher not always better? {' '.join(parts)}"


def form_sentence(found: SyntheticResults) -> str:
    """Whether the paper's rule gives the paper's order of teachers, and what Shakespeare scores by it."""
    rates = {t: 100 * found.columns(t)["perfect"].mean() for t in found.audits}
    own = rates[by_name.SHAKESPEARE]
    known = {t: rates[t] for t in PAPER_NAMES if t in rates}
    if not known:
        return f"By the paper's rule {own:.0f} % of Shakespeare's own sonnets are perfect."
    ours = " < ".join(TEACHER_NAMES[t] for t in sorted(known, key=known.get))
    return (
        f"The paper's rates put Flash Lite < Flash < Pro. By its own rule the released files put {ours}. Shakespeare's "
        f"own sonnets pass at {own:.0f} %: words that rhymed in 1600, and endings that the dictionary lacks."
    )


def copies_sentence(found: SyntheticResults) -> str:
    """How much of each Gemini's sonnets is Shakespeare, and which held-out sonnets are among them."""
    parts = []
    for teacher in (t for t in PAPER_NAMES if t in found.audits):
        copies = found.copies(teacher)
        held = [n for n in sorted(found.leaked(teacher)) if n not in sonnets.TRAIN]
        parts.append(
            f"{100 * copies.mean():.1f} % of the {len(copies):,} by {TEACHER_NAMES[teacher]}"
            + (f" (held-out sonnets {', '.join(map(str, held))} among them)" if held else "")
        )
    if not parts:
        return "This profile has no sonnets by a Gemini."
    return (
        f"Of the released “synthetic” sonnets these have {MOSTLY} or more lines of Shakespeare word for word: "
        f"{'; '.join(parts)}."
    )


def generation_sentence(found: SyntheticResults) -> str:
    """What the paper's 46.60 is made of, from the generations that it released."""
    best = {"dataset": "sonnets", "method": "best data augmentation"}
    paper = {split: published.value("table1_baseline", split, **best) for split in ("dev", "test")}
    parts = []
    for split in ("dev", "test"):
        rows = [r for r in found.generations.examples if (r["model"], r["split"]) == ("flash", split)]
        whole = sum(r["corpus_chrf"] for r in rows) / len(rows)
        copies = [r for r in rows if r["chrf"] >= released.COPY]
        names = ", ".join(f"{r['id']} at {r['chrf']:.0f}" for r in copies)
        rest = found.generations.metrics[f"flash_{split}_chrf_without_copies"]
        parts.append(
            f"on {split} {whole:.2f} (the paper: {paper[split]:.2f}), copies: {len(copies)} of {len(rows)} ({names}), "
            f"the rest scores **{rest:.2f}**"
        )
    lead = lead_over_lite(found)
    baseline = published.published()["figure3_synthetic"]["baseline_chrf"]
    return (
        f"The paper's best score on the sonnets, {printed('flash'):.2f} on dev, is of a student of Flash, whose "
        f"generations were released. Scored here: {'; '.join(parts)}. The paper's baseline is {baseline:.2f}. Sonnet "
        f"by sonnet, its lead on dev over the student of Flash Lite has p = {sign_flip_p(lead):.2f} (all "
        f"{2 ** len(lead):,} flips of sign)."
    )


def lead_over_lite(found: SyntheticResults) -> list[float]:
    """chrF of the paper's student of Flash minus that of Flash Lite, dev sonnet by dev sonnet."""
    scores: dict[str, dict[int, float]] = {"flash": {}, "flash-lite": {}}
    for row in found.generations.examples:
        if row["split"] == "dev" and row["model"] in scores:
            scores[row["model"]][row["id"]] = row["chrf"]
    return [scores["flash"][number] - scores["flash-lite"][number] for number in scores["flash"]]


def leak_sentence(found: SyntheticResults) -> str:
    """What the held-out text in Flash is worth to a student, in nats per token on dev and test."""
    parts = []
    for base in found.bases:
        for long in (False, True):
            whole, kept = (found.largest(base, "flash", s, long) for s in SELECTIONS)
            if whole and kept:
                gaps = {split: gap(whole, kept, split) for split in ("dev", "test")}
                outside = gap(whole, kept, "test", without=found.leaked("flash"))
                name = f"`{base}`" + ", long training" * long
                parts.append(
                    f"{name}: {cell(gaps['dev'], 3, '+')} on dev, {cell(gaps['test'], 3, '+')} on test, "
                    f"{cell(outside, 3, '+')} on the test sonnets that are not in it"
                )
    if not parts:
        return "This profile has no students of Flash."
    return f"Flash as released minus Flash without held-out text, nats per token: {'; '.join(parts)}."


def copies_to_see(found: SyntheticResults) -> HTML:
    """One dev sonnet, what the paper's Flash student and ours wrote for it, and the lesson that has most of it."""
    sonnet = sonnets.public_domain()[SHOWN]
    texts = {f"Shakespeare, sonnet {SHOWN}": sonnet.text}
    for name, get in (("the paper's student of Flash", paper_text), ("a lesson by Flash", lesson)):
        try:
            texts[name] = get(found)
        except DataError:
            if fetch.data_dir():
                raise
            texts[name] = "(This machine cannot have the released file.)"
    student = next((s for s in reversed(found.students) if s.teacher == "flash" and s.selection == "" and s.long), None)
    if student:
        rows = [r for r in student.records[0].examples if (r["kind"], r.get("id")) == ("completion", SHOWN)]
        texts[f"our student of Flash, {student.base}, long training"] = f"{sonnet.given}\n{rows[0]['text']}"
    return marked(texts, sonnet.text)


def paper_text(found: SyntheticResults) -> str:
    """What the paper's Flash student wrote for the sonnet shown."""
    return "\n".join(clean(next(text for true, text in released.generated("flash", "dev") if true.id == SHOWN)))


def lesson(found: SyntheticResults) -> str:
    """The sonnet in Flash's file that has most lines of the one shown."""
    index = overlap.Targets({str(SHOWN): sonnets.public_domain()[SHOWN].text})
    return max(by_name.everything("flash"), key=lambda text: sum(index.compare(text).verbatim.values()))
