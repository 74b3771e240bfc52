"""The sentence that chapter 5 takes over."""

from __future__ import annotations

from frugal_lib.chapters.synthetic.copies import copies_by_teacher
from frugal_lib.chapters.synthetic.results import TEACHER_NAMES, SyntheticResults
from frugal_lib.metrics.overlap import MOSTLY


def copies_sentence(found: SyntheticResults) -> str:
    """How much of each Gemini's sonnets is Shakespeare, and which held-out sonnets are among them."""
    parts = [
        f"{100 * file.share:.1f} % of the {file.sonnets:,} by {TEACHER_NAMES[teacher]}"
        + f" (held-out sonnets {', '.join(map(str, file.held_out))} among them)" * bool(file.held_out)
        for teacher, file in copies_by_teacher(found).items()
    ]
    if not parts:
        return "This profile has no sonnets by a Gemini."
    return (
        f"Of the released “synthetic” sonnets these have {MOSTLY} or more lines of Shakespeare word for word: "
        f"{'; '.join(parts)}."
    )
