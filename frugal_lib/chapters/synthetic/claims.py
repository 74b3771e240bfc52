"""The paper's claims about synthetic data and what the records say of them. No verdict is typed."""

from __future__ import annotations

from itertools import combinations

from frugal_lib.chapters import common
from frugal_lib.chapters.synthetic.results import STRENGTH, TEACHER_NAMES, Student, SyntheticResults, gap
from frugal_lib.core.stats import Interval
from frugal_lib.paper import published
from frugal_lib.report.cells import cell
from frugal_lib.report.generality import judged_damage
from frugal_lib.report.verdict import CONTRADICTED, OPEN, SUPPORTED, Verdict, against, lower

SELECTIONS = {"": "as released", common.CLEAN: "without held-out text"}


def printed(teacher: str, column: str = "n1000") -> float | None:
    """A chrF of the paper's Figure 3."""
    return published.value("figure3_synthetic", column, teacher=f"Gemini 2.5 {TEACHER_NAMES[teacher]}")


def largest(found: SyntheticResults, base: str, selection: str) -> dict[str, Student]:
    """The students that read most of each Gemini, weakest teacher first."""
    arms = {teacher: found.largest(base, teacher, selection) for teacher in STRENGTH}
    return {teacher: arm for teacher, arm in arms.items() if arm}


def stronger_is_not_better(found: SyntheticResults, base: str, selection: str) -> Verdict | None:
    """Some stronger teacher has a worse student than some weaker one; intervals hold for all pairs together.

    Contradicted where every stronger teacher has the better student beyond doubt.
    """
    arms = largest(found, base, selection)
    pairs = list(combinations(arms, 2))
    if not pairs:
        return None
    level = 1 - 0.05 / len(pairs)
    gaps = {pair: gap(arms[pair[1]], arms[pair[0]], "test", level) for pair in pairs}
    parts = [f"{TEACHER_NAMES[b]} − {TEACHER_NAMES[a]} {cell(gaps[a, b], 3, '+')}" for a, b in pairs]
    scores = ", ".join(f"{TEACHER_NAMES[teacher]} {printed(teacher):.2f}" for teacher in arms)
    return Verdict(
        f"A stronger teacher is not always better, {SELECTIONS[selection]}",
        base,
        f"dev chrF with 1,000: {scores}",
        f"test loss by teacher, stronger − weaker: {'; '.join(parts)} nats per token",
        order_words(list(gaps.values())),
        f"{parts[pairs.index(max(gaps, key=lambda pair: gaps[pair].low))]} nats",  # the pair nearest to such an order
    )


def order_words(gaps: list[Interval]) -> str:
    """Is some loss higher, of differences stronger minus weaker? No, where all are lower."""
    if any(difference.low > 0 for difference in gaps):
        return SUPPORTED
    return CONTRADICTED if all(difference.high < 0 for difference in gaps) else OPEN


def flash_beats_pro(found: SyntheticResults, base: str, selection: str) -> Verdict | None:
    """Flash is the best teacher: its student beats that of Pro."""
    arms = largest(found, base, selection)
    if not {"flash", "pro"} <= set(arms):
        return None
    difference = gap(arms["flash"], arms["pro"], "test")
    return Verdict(
        f"Flash teaches better than Pro, {SELECTIONS[selection]}",
        base,
        f"dev chrF {printed('flash'):.2f} against {printed('pro'):.2f}",
        against("Flash minus Pro", difference),
        lower(difference),
        f"{cell(difference, 3, '+')} nats",
    )


def helps(found: SyntheticResults, base: str, teacher: str, selection: str) -> Verdict | None:
    """A thousand sonnets of a teacher make a better student than Shakespeare alone."""
    arm = found.largest(base, teacher, selection)
    if arm is None:
        return None
    difference = gap(arm, found.plain(base), "test")
    none = published.published()["figure3_synthetic"]["baseline_chrf"]
    written = teacher in STRENGTH
    return Verdict(
        f"Sonnets by {TEACHER_NAMES[teacher]} improve the student" + f", {SELECTIONS[selection]}" * written,
        base,
        f"dev chrF {printed(teacher):.2f} against {none:.2f}" if written else "not tried",
        against(f"{arm.lessons:,} sonnets minus none", difference),
        lower(difference),
        f"{cell(difference, 3, '+')} nats",
    )


def more_hurts(found: SyntheticResults, base: str) -> Verdict | None:
    """More Flash Lite data hurts: the largest draw is worse than the smallest."""
    arms = [found.student(base, "flash-lite", items) for items in found.sizes(base)]
    if len(arms) < 2 or not all(arms):
        return None
    difference = gap(arms[0], arms[-1], "test")
    scores = ", ".join(f"{printed('flash-lite', column):.2f}" for column in ("n100", "n500", "n1000"))
    return Verdict(
        "More Flash Lite data hurts",
        base,
        f"dev chrF with 100, 500, 1,000: {scores}",
        against(f"{arms[0].lessons:,} minus {arms[-1].lessons:,} sonnets", difference),
        lower(difference),
        f"{cell(difference, 3, '+')} nats",
    )


def strict_helps(found: SyntheticResults, base: str, teacher: str) -> Verdict | None:
    """Stricter filters on rhyme and metre help, at the same number of sonnets."""
    strict = next(
        (s for s in found.students if (s.base, s.teacher, s.selection) == (base, teacher, common.STRICT)), None
    )
    drawn = strict and found.student(base, teacher, strict.items, common.CLEAN)
    if drawn is None:
        return None
    difference = gap(strict, drawn, "test")
    return Verdict(
        f"Strict rhyme and metre make {TEACHER_NAMES[teacher]} a better teacher",
        base,
        "left open",
        against(f"{strict.lessons:,} of strict form minus as many by lot", difference),
        lower(difference),
        f"{cell(difference, 3, '+')} nats",
    )


def keeps_generality(found: SyntheticResults, base: str, teacher: str) -> Verdict | None:
    """Students of synthetic data know as much of other tasks as those of Shakespeare alone."""
    arm, plain = found.largest(base, teacher), found.plain(base)
    if arm is None or not arm.records[0].run.pairs:
        return None
    paper = published.table("table7_zero_shot").set_index("model")["paraphrase_dev_accuracy"]
    word, text, worst = judged_damage(arm, plain, found.untuned[base])
    return Verdict(
        f"Sonnets by {TEACHER_NAMES[teacher]} keep zero-shot ability",
        base,
        f"accuracy {paper[f'{TEACHER_NAMES[teacher]} SFT (1k)']:.4f} against {paper.iloc[0]:.4f}, by a head that was "
        "never trained",
        f"worse than Shakespeare alone by {text}",
        {SUPPORTED: CONTRADICTED, CONTRADICTED: SUPPORTED, OPEN: OPEN}[word],
        worst,
    )


def synthetic_verdicts(found: SyntheticResults) -> list[Verdict]:
    """Every claim of chapter 4 on every base; a claim whose runs a profile does not have is left out."""
    claims = [
        *(lambda base, s=s: stronger_is_not_better(found, base, s) for s in SELECTIONS),
        *(lambda base, s=s: flash_beats_pro(found, base, s) for s in SELECTIONS),
        *(lambda base, s=s: helps(found, base, "flash", s) for s in SELECTIONS),
        lambda base: helps(found, base, "flash-lite", common.CLEAN),
        lambda base: helps(found, base, "pro", common.CLEAN),
        lambda base: helps(found, base, "human", ""),
        lambda base: more_hurts(found, base),
        *(lambda base, t=t: strict_helps(found, base, t) for t in found.teachers),
        *(lambda base, t=t: keeps_generality(found, base, t) for t in ("flash", "flash-lite")),
    ]
    return [verdict for claim in claims for base in found.bases if (verdict := claim(base))]
