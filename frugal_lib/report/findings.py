"""What an exhibit shows, counted: the words that its caption begins with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from frugal_lib.core.runs import Record
from frugal_lib.core.stats import Interval
from frugal_lib.report.spot_check import agreement
from frugal_lib.report.verdict import MARKS, Verdict


def counted(verdicts: Sequence[Verdict]) -> str:
    """How often each word stands in a table of verdicts."""
    words = Counter(verdict.verdict for verdict in verdicts)
    return f"Of {len(verdicts)} verdicts, {', '.join(f'{words[w]} “{w}”' for w in MARKS if words[w])}."


def beside_zero(differences: Iterable[Interval]) -> tuple[int, int, int]:
    """How many 95 % intervals lie above zero, how many below, of how many."""
    found = list(differences)
    return sum(one.low > 0 for one in found), sum(one.high < 0 for one in found), len(found)


def losses(differences: Iterable[Interval], others: str) -> str:
    """How many of some models have a higher loss than `others`, such as full fine-tuning, and how many a lower one."""
    above, below, count = beside_zero(differences)
    rest = count - above - below
    return (
        ""
        if not count
        else f"Of {count} models, {above} have a higher loss than {others}, {below} a lower one, {rest} cannot be told."
    )


def spread(values: Iterable[float], digits: int = 2) -> str:
    """The lowest and the highest of some values; once where they are the same."""
    found = list(values)
    ends = (f"{end:.{digits}f}" for end in (min(found), max(found)))
    return " to ".join(dict.fromkeys(ends))


def spot(then: Record, now: Record) -> str:
    """Whether a run that was computed again is the same."""
    if now.status != "ok":
        return "The run failed this time."
    agreed = agreement(then, now)
    texts = "every text is the same" if agreed.same_texts else "texts differ"
    return f"Computed again, {texts} and the loss differs by at most {agreed.worst:.0e} bits per character."
