"""The paper's claims about synthetic data and what the records say of them. No verdict is typed."""

from __future__ import annotations

from functools import partial
from itertools import combinations

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
from frugal_lib.core.stats import Interval
from frugal_lib.paper import published
from frugal_lib.report.arm import gap
from frugal_lib.report.cells import cell
from frugal_lib.report.claim import Claim
from frugal_lib.report.generality import judged_damage
from frugal_lib.report.verdict import CONTRADICTED, OPEN, SUPPORTED, Verdict, against, lower


def printed(teacher: str, column: str = "n1000") -> float | None:
    """A chrF of the paper's Figure 3."""
    return published.value("figure3_synthetic", column, teacher=PAPER_NAMES[teacher])


def better(base: str, paper: str, compared: str, difference: Interval) -> Verdict:
    """Whether the first of two has the lower test loss."""
    ours = against(compared, difference)
    return Verdict("", base, paper, ours, lower(difference), f"{cell(difference, 3, '+')} nats")


def largest(found: SyntheticResults, base: str, selection: str) -> dict[str, Student]:
    """The students that read most of each Gemini, weakest teacher first."""
    arms = {teacher: found.largest(base, teacher, selection) for teacher in STRENGTH}
    return {teacher: arm for teacher, arm in arms.items() if arm}


def stronger_is_not_better(found: SyntheticResults, base: str, selection: str) -> Verdict | None:
    """Some stronger teacher has a worse student than some weaker one; intervals hold for all pairs together."""
    arms = largest(found, base, selection)
    pairs = list(combinations(arms, 2))
    if not pairs:
        return None
    level = 1 - 0.05 / len(pairs)
    gaps = {pair: gap(arms[pair[1]], arms[pair[0]], "test", level) for pair in pairs}
    parts = [f"{TEACHER_NAMES[b]} − {TEACHER_NAMES[a]} {cell(gaps[a, b], 3, '+')}" for a, b in pairs]
    scores = ", ".join(f"{TEACHER_NAMES[teacher]} {printed(teacher):.2f}" for teacher in arms)
    return Verdict(
        "",
        base,
        f"dev chrF with 1,000: {scores}",
        f"test loss by teacher, stronger − weaker: {'; '.join(parts)} nats per token",
        order_words(list(gaps.values())),
        f"{parts[pairs.index(max(gaps, key=lambda pair: gaps[pair].low))]} nats",  # the pair nearest to such an order
    )


def order_words(gaps: list[Interval]) -> str:
    """Is some loss higher, of differences stronger minus weaker? Contradicted where all are lower."""
    if any(difference.low > 0 for difference in gaps):
        return SUPPORTED
    return CONTRADICTED if all(difference.high < 0 for difference in gaps) else OPEN


def flash_beats_pro(found: SyntheticResults, base: str, selection: str) -> Verdict | None:
    """The student of Flash beats that of Pro."""
    arms = largest(found, base, selection)
    if not {"flash", "pro"} <= set(arms):
        return None
    paper = f"dev chrF {printed('flash'):.2f} against {printed('pro'):.2f}"
    return better(base, paper, "Flash minus Pro", gap(arms["flash"], arms["pro"], "test"))


def helps(found: SyntheticResults, base: str, teacher: str, selection: str) -> Verdict | None:
    """A thousand sonnets of a teacher make a better student than Shakespeare alone."""
    arm = found.largest(base, teacher, selection)
    if arm is None:
        return None
    none = published.published()["figure3_synthetic"]["baseline_chrf"]
    paper = f"dev chrF {printed(teacher):.2f} against {none:.2f}" if teacher in STRENGTH else "not tried"
    return better(base, paper, f"{arm.sonnets:,} sonnets minus none", gap(arm, found.plain(base), "test"))


def more_hurts(found: SyntheticResults, base: str) -> Verdict | None:
    """The largest draw of Flash Lite is worse than the smallest."""
    arms = [found.student(base, "flash-lite", items) for items in found.sizes(base)]
    if len(arms) < 2 or not all(arms):
        return None
    scores = ", ".join(f"{printed('flash-lite', column):.2f}" for column in ("n100", "n500", "n1000"))
    compared = f"{arms[0].sonnets:,} minus {arms[-1].sonnets:,} sonnets"
    return better(base, f"dev chrF with 100, 500, 1,000: {scores}", compared, gap(arms[0], arms[-1], "test"))


def strict_helps(found: SyntheticResults, base: str, teacher: str) -> Verdict | None:
    """Stricter filters on rhyme and metre help, at the same number of sonnets."""
    for strict, drawn in found.strict_pairs:
        if (strict.base, strict.teacher) == (base, teacher):
            compared = f"{strict.sonnets:,} of strict form minus as many drawn at random"
            return better(base, "left open", compared, gap(strict, drawn, "test"))
    return None


def keeps_generality(found: SyntheticResults, base: str, teacher: str) -> Verdict | None:
    """Students of synthetic data know as much of other tasks as those of Shakespeare alone."""
    arm, plain = found.largest(base, teacher), found.plain(base)
    if arm is None or not arm.records[0].run.pairs:
        return None
    paper = published.table("table7_zero_shot").set_index("model")["paraphrase_dev_accuracy"]
    word, text, worst = judged_damage(arm, plain, found.untuned[base])
    return Verdict(
        "",
        base,
        f"accuracy {paper[f'{TEACHER_NAMES[teacher]} SFT (1k)']:.4f} against {paper.iloc[0]:.4f}, by a head that was "
        "never trained",
        f"worse than Shakespeare alone by {text}",
        {SUPPORTED: CONTRADICTED, CONTRADICTED: SUPPORTED, OPEN: OPEN}[word],
        worst,
    )


def lacks_capacity(found: SyntheticResults, base: str) -> Verdict | None:
    """Pro transfers worse for lack of capacity: beside Flash, the larger base gains more from Pro than the smaller."""
    difference = capacity_gap(found, "pro", "flash")
    if difference is None or base != found.bases[0]:
        return None
    larger, smaller = found.bases[0], found.bases[-1]
    return Verdict(
        "",
        f"{larger} − {smaller}",
        f"dev chrF {printed('pro'):.2f} against {printed('flash'):.2f} of Flash; Pro's sonnets are said to be too hard",
        f"test loss, Pro minus Flash without held-out text, on {larger} minus on {smaller}: "
        f"{cell(difference, 3, '+')} nats per token",
        lower(difference),
        f"{cell(difference, 3, '+')} nats",
    )


BOTH = {"released": "", "clean": common.CLEAN}
CLAIMS = (
    *(Claim(f"stronger-{name}", f"A stronger teacher is not always better, {SELECTIONS[selection]}", "Figure 3",
            partial(stronger_is_not_better, selection=selection)) for name, selection in BOTH.items()),
    *(Claim(f"flash-pro-{name}", f"Flash teaches better than Pro, {SELECTIONS[selection]}", "Figure 3",
            partial(flash_beats_pro, selection=selection)) for name, selection in BOTH.items()),
    Claim("capacity", "Pro transfers worse for lack of capacity", "Figure 3", lacks_capacity),
    *(Claim(f"flash-helps-{name}", f"Sonnets by Flash improve the student, {SELECTIONS[selection]}", "Figure 3",
            partial(helps, teacher="flash", selection=selection), False) for name, selection in BOTH.items()),
    *(Claim(f"{teacher}-helps", f"Sonnets by {TEACHER_NAMES[teacher]} improve the student, {SELECTIONS[common.CLEAN]}",
            "Figure 3", partial(helps, teacher=teacher, selection=common.CLEAN), False)
      for teacher in ("flash-lite", "pro")),
    Claim("human-helps", "Sonnets by other poets improve the student", "not in the paper",
          partial(helps, teacher="human", selection=""), False),
    Claim("more-hurts", "More Flash Lite data hurts", "Figure 3", more_hurts),
    *(Claim(f"{teacher}-strict", f"Strict rhyme and metre make {TEACHER_NAMES[teacher]} a better teacher",
            "left open in the paper", partial(strict_helps, teacher=teacher), False)
      for teacher in ("flash-lite", "flash", "pro", "human", "offline")),
    *(Claim(f"{teacher}-generality", f"Sonnets by {TEACHER_NAMES[teacher]} keep zero-shot ability", "Table 7",
            partial(keeps_generality, teacher=teacher), teacher == "flash") for teacher in ("flash", "flash-lite")),
)  # fmt: skip
