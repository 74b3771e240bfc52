"""A teacher's sonnets: looked at one by one, and drawn from for a student."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import cycle

from frugal_lib.core.runs import Result, Run
from frugal_lib.data import overlap, sonnets
from frugal_lib.metrics import verse
from frugal_lib.models import generate
from frugal_lib.teachers import by_name

STRICT_IAMBIC = 12 / 14  # of a sonnet's lines, with all seven pairs rhyming: what the strict selection takes
SPLITS = ("train", "dev", "test")


def audited(run: Run, device: str) -> Result:
    """All that a teacher wrote, looked at one by one."""
    return Result(*columns_of(run.teacher, run.edition))


def chosen(run: Run) -> tuple[Sequence[str], list[int]]:
    """Everything a teacher wrote, and which of it a student reads."""
    _, rows = columns_of(run.teacher, run.edition)
    columns = {row["name"]: row["values"] for row in rows if row["kind"] == "column"}
    drawn = draw(columns | {"read": by_name.read_before(run.teacher)}, run)
    return by_name.everything(run.teacher), drawn


def targets(edition: str) -> dict[str, tuple[str, str]]:
    """The sonnets by their number: their split, and their text in every edition at hand.

    The paper's test prompts 155 and 156 are other versions of 138 and 144, of which three lines are known.
    """
    known = sonnets.public_domain()
    found = {}
    for split in SPLITS:
        for sonnet in sonnets.load_sonnets(edition).split(split):
            other = known[sonnet.id].text if sonnet.id in known else ""
            found[str(sonnet.id)] = (split, "\n".join(filter(None, (sonnet.text, other))))
    found.setdefault("144", ("test", known[144].text))  # in no split, but 156 is another version of it
    return found


@lru_cache
def columns_of(teacher: str, edition: str) -> tuple[dict[str, float], list[dict]]:
    """What is in a teacher's sonnets: totals, and rows of two kinds.

    A `column` has one value for each sonnet: lines, words, words covered by Shakespeare's, verbatim and near
    lines by split, whether it shares anything with a dev or test sonnet (`held_out`), the first sonnet with
    the same words (`first`), and its form (`verse.scan`). A `target` says how many lines one of
    Shakespeare's sonnets has in the file.
    """
    written, known = by_name.everything(teacher), targets(edition)
    split_of = {name: split for name, (split, _) in known.items()}
    index = overlap.Targets({name: text for name, (_, text) in known.items()})
    found, forms = [index.compare(text) for text in written], [verse.scan(text) for text in written]

    def lines(kind: str, split: str) -> list[int]:
        return [sum(n for name, n in getattr(one, kind).items() if split_of[name] == split) for one in found]

    columns: dict[str, Sequence] = {name: [form[name] for form in forms] for name in forms[0]}
    columns |= {name: [getattr(one, name) for one in found] for name in ("words", "covered")}
    columns |= {f"{kind}_{split}": lines(kind, split) for kind in ("verbatim", "near") for split in SPLITS}
    columns["held_out"] = [int(any(split_of[name] != "train" for name in one.targets)) for one in found]
    columns["first"] = overlap.first_of_each(written)
    rows = [{"kind": "column", "name": name, "values": plain(values)} for name, values in columns.items()]
    totals = overlap.totals(len(set(columns["first"])), known, found)
    rows += [
        {"kind": "target", "id": int(name), "split": split, "lines": totals["by_target"].get(name, 0),
         "near": totals["near_by_target"].get(name, 0)}
        for name, split in split_of.items()
    ]  # fmt: skip
    return {name: value for name, value in totals.items() if not isinstance(value, dict)}, rows


def plain(values: Sequence) -> list:
    """Numbers as JSON has them, at four digits, which is what a share of fourteen lines needs."""
    return [round(value, 4) if isinstance(value, float) else value * 1 for value in values]


def draw(columns: Mapping[str, Sequence], run: Run) -> list[int]:
    """Which of a teacher's sonnets a student reads: numbers in the file, drawn by lot from `run.seed`.

    Smaller draws are parts of larger ones. `selection` is empty (the file as it is), `clean` (none that
    shares anything with a dev or test sonnet), `free` (none that shares anything with any of Shakespeare's
    sonnets, nor a line with what the embedded bases have read) or `strict` (clean, no repeats, all pairs
    rhyming, and at least twelve of fourteen lines iambic). What a selection leaves out is replaced where it
    stood, so that two draws of one seed differ in nothing else: by sonnets that were not drawn, then by repeats.
    """
    total = len(columns["held_out"])
    order = list(range(total))
    random.Random(generate.stream_seed(run.seed, "draw", run.teacher)).shuffle(order)
    drawn, rest = order[: run.items], order[run.items :]
    allowed = [i for i in drawn if passes(columns, i, run.selection)]
    spare = [i for i in rest if passes(columns, i, run.selection)] + allowed
    if not spare:
        raise ValueError(f"{run.teacher}: no sonnet passes the selection {run.selection!r}; choose another.")
    substitutes = cycle(spare)
    return [i if passes(columns, i, run.selection) else next(substitutes) for i in drawn]


def passes(columns: Mapping[str, Sequence], i: int, selection: str) -> bool:
    """Whether the `i`-th sonnet is in a selection."""
    if selection == "":
        return True
    if selection == "free":
        near = any(columns[f"near_{split}"][i] for split in SPLITS)
        return not (columns["covered"][i] or near or columns["read"][i])
    clean = not columns["held_out"][i]
    if selection == "clean":
        return clean
    if selection != "strict":
        raise ValueError(f"selection {selection!r} is unknown; choose clean, free or strict.")
    formed = columns["lines"][i] == 14 and columns["pairs"][i] == 1 and columns["iambic"][i] >= STRICT_IAMBIC - 1e-3
    return clean and columns["first"][i] == i and formed
