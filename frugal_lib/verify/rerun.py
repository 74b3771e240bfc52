"""Computing committed records again, and how far the new ones are from them."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from frugal_lib.core import runs
from frugal_lib.core.fetch import DataError
from frugal_lib.core.runs import Record, Run
from frugal_lib.tasks import registry

# Of a number, relative to 1 or its size; texts must be equal. Scores of pairs and logits are kept to four
# decimals, the last of which may be rounded the other way.
TOLERANCE = 2e-4
# What depends on the clock, not on the run.
TIMES = {"train_seconds", "seconds", "trials", "profile", "peak_mb", "gemm_gflops", "training_gflops", "share_of_gemm",
         "tokens_per_second", "prompts_1", "prompts_12"}  # fmt: skip
# How far metrics that are no scores of sampled texts may be apart on another processor. From AMD EPYC to Intel Xeon
# the furthest was 0.025 bits per character, of QAFT at the highest rate; of formats without training it was 0.003.
ELSEWHERE, MEASURED = 0.05, ("_nll", "_bpc", "_loss", "_auroc")
FROM_FILE = {"from_file"}  # whether a released file was read, or the committed record of it


def kind(run: Run) -> str:
    """What is computed the same way: chapter, task, method and weight format."""
    return "/".join((run.chapter, run.task, run.method, run.format))


def cost(record: Record) -> float:
    """Seconds that a run takes from scratch: also those of a training that its record took over."""
    seconds, training = record.environment["seconds"], record.metrics.get("train_seconds", 0)
    return seconds if seconds >= training else seconds + training


def by_kind(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Records by their kind, the cheapest first."""
    found: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: (cost(record), record.run.path)):
        found.setdefault(kind(record.run), []).append(record)
    return dict(sorted(found.items()))


def chosen(records: Iterable[Record], wanted: str) -> dict[str, list[Record]]:
    """What `wanted` names: `kinds` for each kind, `all` for each record, or patterns such as `lora/*,*/qlora/*`.

    Raises:
        ValueError: no record is of such a kind.
    """
    if wanted == "all":
        return {record.run.path: [record] for record in records}
    found = by_kind(records)
    if wanted == "kinds":
        return found
    named = {name: group for name, group in found.items() if any(fnmatch(name, part) for part in wanted.split(","))}
    if not named:
        raise ValueError(f"no record is of kind {wanted!r}; choose among {', '.join(found)}.")
    return named


def within(groups: Mapping[str, list[Record]], seconds: float) -> dict[str, list[Record]]:
    """The cheapest kinds that take no more than `seconds` together."""
    fitting: dict[str, list[Record]] = {}
    for name, group in sorted(groups.items(), key=lambda item: cost(item[1][0])):
        seconds -= cost(group[0])
        if seconds < 0:
            break
        fitting[name] = group
    return fitting


@dataclass(frozen=True)
class Outcome:
    """One kind computed again: the record as it was and as it is now, or why this machine has none."""

    kind: str
    then: Record
    now: Record | None
    difference: float
    verdict: str

    @property
    def differs(self) -> bool:
        return self.verdict.startswith("DIFFERS")


def first_possible(name: str, group: Sequence[Record], folder: Path, device: str) -> Outcome:
    """The cheapest record of a kind whose data this machine has, computed again, or taken from `folder`."""
    reason = ""
    for record in group:
        try:
            now, _ = runs.run_and_write(record.run, registry.compute, folder, device, retry=True)
        except DataError as error:
            reason = reason or str(error)
            continue
        return outcome(name, record, now)
    return Outcome(name, group[0], None, math.nan, f"not here: {reason}")


def outcome(name: str, then: Record, now: Record) -> Outcome:
    """What the comparison of two records says.

    On the processor of the record everything must come out again. On another one the last bits of a product
    differ, which now and then changes a sampled word, and which coarse rounding, as of INT4 per tensor, makes
    large: there texts and what is scored of them may differ, and losses and areas by as much as `ELSEWHERE` allows.
    """
    if now.status == "unsupported":
        return Outcome(name, then, now, math.nan, f"not here: {now.error}")
    if now.metrics.get("from_file") == 0:  # what came is the committed record itself
        return Outcome(name, then, None, math.nan, "not here: the paper's released files, or some of them")
    now = Record.from_json(now.to_json())
    try:
        difference = distance(content(then), content(now))
        if difference <= TOLERANCE:
            return Outcome(name, then, now, difference, "equal" if difference == 0 else "equal within the tolerance")
        problem = "by more than the tolerance"
    except Different as found:
        difference, problem = math.inf, str(found)
    if then.environment.get("device_name") == now.environment.get("device_name"):
        return Outcome(name, then, now, difference, f"DIFFERS: {problem}")
    return on_another_processor(name, then, now, problem)


def on_another_processor(name: str, then: Record, now: Record, problem: str) -> Outcome:
    """What is left to compare where the processors differ: losses, areas, and how many sampled texts changed."""
    measured = {name: value for name, value in then.metrics.items() if name.endswith(MEASURED)}
    largest = max((abs(value - now.metrics.get(name, math.inf)) for name, value in measured.items()), default=math.inf)
    if then.status != now.status or largest > ELSEWHERE:
        return Outcome(name, then, now, largest, f"DIFFERS: {problem}")
    before, after = ([row["text"] for row in record.examples if "text" in row] for record in (then, now))
    changed = f"{sum(a != b for a, b in zip(before, after, strict=False))} of {len(before)}"
    return Outcome(name, then, now, largest, f"another processor: {changed} sampled texts differ")


class Different(Exception):
    """Two records differ in something that is no number: where."""


def content(record: Record) -> dict:
    """What of a record must come out again."""
    skipped = TIMES | FROM_FILE
    return {
        "status": record.status,
        "metrics": {name: value for name, value in record.metrics.items() if name not in skipped},
        "examples": [{name: value for name, value in row.items() if name not in skipped} for row in record.examples],
        "history": record.history,
    }


def distance(then: object, now: object, where: str = "") -> float:
    """The largest difference of two numbers at the same place, relative to 1 or their size.

    What `now` has beside what `then` has does not count: later code may measure more.

    Raises:
        Different: something is missing, or differs and is no number.
    """
    if isinstance(then, dict) and isinstance(now, dict):
        if missing := then.keys() - now.keys():
            raise Different(f"{where}/{min(missing)} is not there")
        return max((distance(then[name], now[name], f"{where}/{name}") for name in then), default=0.0)
    if isinstance(then, list) and isinstance(now, list):
        if len(then) != len(now):
            raise Different(f"{where} has {len(now)} entries, not {len(then)}")
        return max(
            (distance(a, b, f"{where}/{i}") for i, (a, b) in enumerate(zip(then, now, strict=True))), default=0.0
        )
    if all(isinstance(x, int | float) for x in (then, now)):
        return abs(then - now) / max(1.0, abs(then))
    if then != now:
        raise Different(f"{where} is {str(now)[:60]!r}, not {str(then)[:60]!r}")
    return 0.0


def progress(outcomes: Iterator[Outcome], total: int) -> Iterator[Outcome]:
    """Pass outcomes on, with a line for each on standard error."""
    for number, found in enumerate(outcomes, start=1):
        print(f"[{number}/{total}] {found.kind}: {found.verdict}", file=sys.stderr, flush=True)
        yield found
