"""Held-out sonnets put into a student's training examples on purpose: how many copies of how many of them."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

from frugal_lib.core.runs import Run
from frugal_lib.core.validated import DOSES
from frugal_lib.data.overlap import folded
from frugal_lib.data.sonnets import Sonnet
from frugal_lib.models import generate


def parse(doses: str) -> list[int]:
    """A number of copies for each sonnet that has any: `8x1+2x3`, 8 copies of one and 2 of three, is [8, 2, 2, 2].

    Raises:
        ValueError: it does not read so.
    """
    if not re.fullmatch(DOSES, doses):
        raise ValueError(f"doses {doses!r} cannot be read; write copies x sonnets, such as 8x1 or 1x2+16x2.")
    pairs = [tuple(map(int, part.split("x"))) for part in doses.split("+") if part]
    return [copies for copies, sonnets in pairs for _ in range(sonnets)]


def deal(run: Run, held_out: Sequence[Sonnet]) -> dict[int, int]:
    """The duplication count of each held-out sonnet in the training examples of `run`, by the sonnet's number.

    The sonnets stand in one order, drawn by lot for all runs, and each seed deals from two places on: six
    seeds give each of twelve sonnets each of two-fold doses once, so that a dose is compared with none on
    the same sonnets (a Latin square; Fisher 1935, "The design of experiments", chapter 5).

    Raises:
        ValueError: more sonnets are asked for than are held out.
    """
    copies = parse(run.doses)
    if len(copies) > len(held_out):
        raise ValueError(f"doses {run.doses!r} name {len(copies)} sonnets, but only {len(held_out)} are held out.")
    order = sorted(sonnet.id for sonnet in held_out)
    random.Random(generate.stream_seed(0, "doses")).shuffle(order)
    start = 2 * run.seed % len(order)
    dealt = copies + [0] * (len(order) - len(copies))
    return dict(zip(order[start:] + order[:start], dealt, strict=True))


def contaminated(examples: Sequence[Sonnet], held_out: Sequence[Sonnet], copies: Mapping[int, int]) -> list[Sonnet]:
    """The training examples, of which the first ones have made room for the copies: their number stays as it is.

    They stand in an order drawn by lot, and two doses of one seed differ in nothing but the copies.

    Raises:
        ValueError: there are more copies than examples.
    """
    added = [sonnet for sonnet in held_out for _ in range(copies[sonnet.id])]
    if len(added) > len(examples):
        raise ValueError(
            f"{len(added)} copies do not fit into {len(examples)} examples; take more items or fewer copies."
        )
    return [*added, *examples[len(added) :]]


def verbatim_lines(text: str, true: str) -> int:
    """How many lines of `text` stand in `true` too, whatever their case, punctuation and spelling of endings."""
    known = {folded(line) for line in true.splitlines()}
    return sum(folded(line) in known for line in text.splitlines() if line.strip())


def marked(examples: Sequence[dict], held_out: Mapping[str, Sequence[Sonnet]], copies: Mapping[int, int]) -> list[dict]:
    """The rows of a record, with the number of `copies` on each of dev, and `verbatim` lines on completions."""
    true = {(split, sonnet.id): sonnet.continuation for split, sonnets in held_out.items() for sonnet in sonnets}
    rows = []
    for row in examples:
        dose = {"copies": copies.get(row["id"], 0) if row["split"] == "dev" else 0}
        if row["kind"] == "completion" and true[row["split"], row["id"]]:
            dose["verbatim"] = verbatim_lines(row["text"], true[row["split"], row["id"]])
        rows.append(row | dose)
    return rows
