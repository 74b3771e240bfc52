"""The paper's claims about synthetic data and what the records say of them. No verdict is typed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import combinations, pairwise

import numpy as np

from frugal_lib.chapters import common
from frugal_lib.chapters.synthetic.results import (
    PAPER_NAMES,
    SELECTIONS,
    STRENGTH,
    TEACHER_NAMES,
    Student,
    SyntheticResults,
    capacity_gap,
)
from frugal_lib.core.cross_validation import fold_interval
from frugal_lib.core.stats import Interval, mean_interval, t_interval
from frugal_lib.paper import published
from frugal_lib.report.cells import cell
from frugal_lib.report.claim import Claim, told
from frugal_lib.report.contrast import FOLDS, UNIT, Contrast, decide, on_splits
from frugal_lib.report.generality import damage_in
from frugal_lib.report.verdict import CONTRADICTED, LOWER, OPEN, OPPOSITE, SUPPORTED, Verdict, all_hold


def printed(teacher: str, column: str = "n1000") -> float | None:
    """A chrF of the paper's Figure 3."""
    return published.value("figure3_synthetic", column, teacher=PAPER_NAMES[teacher])


def compared(found: SyntheticResults, base: str, one: Student, other: Student) -> Contrast:
    """Two kinds of students; where neither read held-out text, cross-validation at equal exposure decides."""
    folds = all(student.selection or not student.teacher for student in (one, other))
    return found.contrast(base, one, other, folds)


def largest(found: SyntheticResults, base: str, selection: str) -> dict[str, Student]:
    """The students that read most of each Gemini, weakest teacher first."""
    arms = {teacher: found.largest(base, teacher, selection) for teacher in STRENGTH}
    return {teacher: arm for teacher, arm in arms.items() if arm}


def interval_of(contrast: Contrast, level: float = 0.95) -> Interval:
    """The difference of a contrast in bits per character: by cross-validation where it was run, else on test."""
    if contrast.folds is not None:
        return fold_interval(contrast.folds, level)
    return mean_interval(on_splits(contrast.one, contrast.other, ("test",)), level)


def stronger_is_not_better(found: SyntheticResults, base: str, selection: str) -> Verdict | None:
    """Some stronger teacher has a worse student than some weaker one."""
    arms = largest(found, base, selection)
    pairs = list(combinations(arms, 2))
    if not pairs:
        return None
    contrasts = [compared(found, base, arms[strong], arms[weak]) for weak, strong in pairs]
    joint = [interval_of(contrast, 1 - 0.05 / len(pairs)) for contrast in contrasts]
    parts = [
        f"{TEACHER_NAMES[b]} − {TEACHER_NAMES[a]} {cell(x, 4, '+')}" for (a, b), x in zip(pairs, joint, strict=True)
    ]
    scores = ", ".join(f"{TEACHER_NAMES[teacher]} {printed(teacher):.2f}" for teacher in arms)
    source = FOLDS if contrasts[0].folds is not None else "test"
    word, p = order_words(joint, [interval_of(contrast) for contrast in contrasts])
    return Verdict(
        "",
        base,
        f"dev chrF with 1,000: {scores}",
        f"loss by teacher, stronger − weaker, {source}: {'; '.join(parts)} {UNIT}",
        word,
        f"{max(zip(joint, parts, strict=True), key=lambda part: part[0].low)[1]} bits",  # nearest to such an order
        p,
        source=source,
    )


def order_words(joint: list[Interval], single: list[Interval]) -> tuple[str, float]:
    """Is some loss higher, of differences stronger minus weaker, and the p-value of that?

    It holds where one of the `joint` intervals shows it, which hold for all together; it is not reproduced where
    every `single` interval shows the contrary.
    """
    p = [difference.p_value() for difference in single]
    if any(difference.low > 0 for difference in joint):
        return SUPPORTED, min(1.0, len(p) * min(p))
    if all(difference.high < 0 for difference in single):
        return CONTRADICTED, max(p)
    return OPEN, float("nan")


def flash_beats_pro(found: SyntheticResults, base: str, selection: str) -> Verdict | None:
    """The student of Flash beats that of Pro."""
    arms = largest(found, base, selection)
    if not {"flash", "pro"} <= set(arms):
        return None
    paper = f"dev chrF {printed('flash'):.2f} against {printed('pro'):.2f}"
    return decide(compared(found, base, arms["flash"], arms["pro"]), LOWER, base, "Flash minus Pro", paper)


def helps(found: SyntheticResults, base: str, teacher: str, selection: str) -> Verdict | None:
    """Sonnets of a teacher make a better student than Shakespeare alone."""
    arm = found.largest(base, teacher, selection)
    if arm is None:
        return None
    none = published.published()["figure3_synthetic"]["baseline_chrf"]
    paper = f"dev chrF {printed(teacher):.2f} against {none:.2f}" if teacher in STRENGTH else "not tried"
    name = f"{TEACHER_NAMES[teacher]} minus none"
    return decide(compared(found, base, arm, found.plain(base)), LOWER, base, name, paper)


def more_hurts(found: SyntheticResults, base: str) -> Verdict | None:
    """The largest draw of Flash Lite is worse than the smallest."""
    arms = [found.student(base, "flash-lite", items) for items in found.sizes(base)]
    if len(arms) < 2 or not all(arms):
        return None
    scores = ", ".join(f"{printed('flash-lite', column):.2f}" for column in ("n100", "n500", "n1000"))
    name = f"{arms[0].sonnets:,} minus {arms[-1].sonnets:,} sonnets"
    contrast = found.contrast(base, arms[0], arms[-1], folds=False)
    return decide(contrast, LOWER, base, name, f"dev chrF with 100, 500, 1,000: {scores}")


def strict_helps(found: SyntheticResults, base: str, teacher: str) -> Verdict | None:
    """Stricter filters on rhyme and metre help, at the same number of sonnets."""
    for strict, drawn in found.strict_pairs:
        if (strict.base, strict.teacher) == (base, teacher):
            name = f"{strict.sonnets:,} of strict form minus as many drawn at random"
            return decide(found.contrast(base, strict, drawn, folds=False), LOWER, base, name, "left open")
    return None


def form_orders_teachers(found: SyntheticResults, base: str) -> Verdict | None:
    """Stronger teachers write more perfect sonnets by the paper's rule: of the files, and so told once."""
    if base != found.bases[0] or not set(STRENGTH) <= set(found.audits):
        return None
    printed_rates = published.table("table4_perfect_sonnet_rate").set_index("teacher")["perfect_rate"]
    perfect = [found.columns(teacher)["perfect"].astype(float) for teacher in STRENGTH]
    steps = [difference_of_shares(weak, strong) for weak, strong in pairwise(perfect)]
    names = [TEACHER_NAMES[teacher] for teacher in STRENGTH]
    ours = ", ".join(f"{name} {100 * share.mean():.1f} %" for name, share in zip(names, perfect, strict=True))
    paper = ", ".join(
        f"{name} {100 * printed_rates[PAPER_NAMES[t]]:.0f} %" for name, t in zip(names, STRENGTH, strict=True)
    )
    word, p = all_hold([LOWER.word(step) for step in steps]), [step.p_value() for step in steps]
    decided = max(p) if word == SUPPORTED else min(1.0, len(p) * min(p))
    return Verdict("", "files", f"perfect: {paper}", f"perfect: {ours}", word, ours, decided, source="released files")


def difference_of_shares(one: np.ndarray, other: np.ndarray) -> Interval:
    """The share of ones in `one` minus that in `other`, two samples of zeros and ones, with Wald's interval."""
    variance = sum(part.var() / len(part) for part in (one, other))
    return t_interval(float(one.mean() - other.mean()), variance, np.inf, (1, len(one) + len(other)), 0.95)


def keeps_generality(found: SyntheticResults, base: str, teacher: str) -> Verdict | None:
    """Students of synthetic data know as much of other tasks as those of Shakespeare alone."""
    arm = found.largest(base, teacher)
    damage = damage_in(found.contrast(base, arm, found.plain(base), folds=True)) if arm else None
    if damage is None:
        return None
    paper = published.table("table7_zero_shot").set_index("model")["paraphrase_dev_accuracy"]
    accuracies = f"accuracy {paper[f'{TEACHER_NAMES[teacher]} SFT (1k)']:.4f} against {paper.iloc[0]:.4f}"
    return Verdict(
        "",
        base,
        f"{accuracies}, through an output layer with random weights",
        f"worse than Shakespeare alone, {damage.differences}",
        OPPOSITE[damage.word],
        damage.number,
        damage.p,
        source=damage.source,
    )


def lacks_capacity(found: SyntheticResults, base: str) -> Verdict | None:
    """Pro transfers worse for lack of capacity: beside Flash, the larger base gains more from Pro than the smaller."""
    if base != found.bases[0] or (gap := capacity_gap(found, "pro", "flash")) is None:
        return None
    difference, source = gap
    paper = f"dev chrF {printed('pro'):.2f} against {printed('flash'):.2f}; Pro's sonnets are said to be too hard"
    larger, smaller = found.bases[0], found.bases[-1]
    name = f"Pro minus Flash without held-out text, on {larger} minus on {smaller}, {source}"
    verdict = told(LOWER, difference, f"{larger} − {smaller}", name, paper, UNIT, 4)
    return replace(verdict, source=source)


BOTH = {"released": "", "clean": common.CLEAN}
CLAIMS = (
    *(Claim(f"stronger-{name}", f"A stronger teacher is not always better, {SELECTIONS[selection]}", "Figure 3",
            partial(stronger_is_not_better, selection=selection)) for name, selection in BOTH.items()),
    *(Claim(f"flash-pro-{name}", f"Flash teaches better than Pro, {SELECTIONS[selection]}", "Figure 3",
            partial(flash_beats_pro, selection=selection)) for name, selection in BOTH.items()),
    Claim("capacity", "Pro transfers worse for lack of capacity", "Figure 3", lacks_capacity),
    Claim("flash-helps-released", "Synthetic data helps: sonnets by Flash, as released", "Figure 3",
          partial(helps, teacher="flash", selection="")),
    *(Claim(f"{teacher}-helps", f"Synthetic data helps: sonnets by {TEACHER_NAMES[teacher]}, "
            f"{SELECTIONS[common.CLEAN]}", "Figure 3", partial(helps, teacher=teacher, selection=common.CLEAN))
      for teacher in STRENGTH),
    Claim("human-helps", "Sonnets by other poets improve the student", "not in the paper",
          partial(helps, teacher="human", selection="")),
    Claim("more-hurts", "More Flash Lite data hurts", "Figure 3", more_hurts),
    *(Claim(f"{teacher}-strict", f"Strict rhyme and metre make {TEACHER_NAMES[teacher]} a better teacher",
            "left open in the paper", partial(strict_helps, teacher=teacher))
      for teacher in ("flash-lite", "flash", "pro", "human", "offline")),
    Claim("form", "Stronger teachers write more perfect sonnets", "Table 4", form_orders_teachers),
    *(Claim(f"{teacher}-generality", f"Sonnets by {TEACHER_NAMES[teacher]} keep zero-shot ability", "Table 7",
            partial(keeps_generality, teacher=teacher)) for teacher in ("flash", "flash-lite")),
)  # fmt: skip
