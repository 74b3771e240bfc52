"""What `python -m frugal_lib verify` does: checks of all records of a folder, and a table of runs computed again."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from joblib import Parallel, delayed

from frugal_lib.chapters import measurements
from frugal_lib.core import machine, runs
from frugal_lib.core.runs import Record
from frugal_lib.profiles import Profile, load_profile, names
from frugal_lib.verify import examples, files, rerun
from frugal_lib.verify.files import Problem


@dataclass
class Findings:
    """What the checks of a folder found.

    `undetermined` counts records by the metrics that their examples do not determine, `untried` by what
    this machine could not check.
    """

    records: dict[str, Record]
    problems: list[Problem]
    undetermined: Counter = field(default_factory=Counter)
    untried: Counter = field(default_factory=Counter)


def committed_profiles() -> list[Profile]:
    """The profiles whose records are part of the project."""
    found = [load_profile(name) for name in names()]
    return [one for one in found if one.results.startswith("results/") and one.results_folder().is_dir()]


def check(profile: Profile, folder: Path) -> Findings:
    """Everything that can be checked of a profile's records without computing a model."""
    records, problems = files.load(folder)
    found = Findings(records, problems)
    found.problems += files.check_sums(folder, records)
    found.problems += files.check_plans(profile, records, measurements.planned(profile, records))
    found.problems += files.check_status(records)
    commits = files.history()
    if commits is None:
        found.untried["commits (this checkout has not the whole history)"] += len(records)
    else:
        found.problems += files.check_commits(records, commits)
    jobs = (delayed(examples.problems)(record) for record in records.values())  # as many at once as there are cores
    told = Parallel(**runs.local("cpu", None, len(records)), backend="multiprocessing")(jobs)
    for name, (wrong, undetermined, untried) in zip(records, told, strict=True):
        found.problems += [Problem(name, what) for what in wrong]
        found.undetermined.update(undetermined)
        found.untried.update(untried)
    return found


def recompute(
    profile: Profile, records: Sequence[Record], wanted: str, minutes: float | None, device: str, workers: int | None
) -> list[rerun.Outcome]:
    """Runs computed again, one of each kind or all, and compared.

    They are kept in a folder that is named by the library's code and the device, so that an interrupted call goes on.
    """
    made_by = f"{machine.code_digest()}-{machine.pick_device(device)}"
    folder = machine.ROOT / "_build" / "verify" / profile.name / made_by
    groups = rerun.chosen(records, wanted)
    if minutes is not None:
        groups = rerun.within(groups, 60 * minutes)
    timed = {name for name, group in groups.items() if group[0].run.method in measurements.METHODS}
    ordered = sorted(groups.keys() - timed, key=lambda name: -rerun.cost(groups[name][0]))  # long ones first
    jobs = (delayed(rerun.first_possible)(name, groups[name], folder, device) for name in ordered)
    done = Parallel(**runs.local(device, workers, len(ordered)), return_as="generator_unordered")(jobs)
    found = list(rerun.progress(done, len(ordered)))
    # A measurement's clock may differ, all else not; nothing else runs meanwhile.
    thens = {name: groups[name][0] for name in sorted(timed)}
    again = (rerun.outcome(n, t, measurements.measured(profile, t.run, folder, device)) for n, t in thens.items())
    return sorted([*found, *rerun.progress(again, len(timed))], key=lambda one: one.kind)


def table(outcomes: Sequence[rerun.Outcome]) -> str:
    """A line a kind: seconds on record and now, the largest difference, and the verdict."""
    width = max(len(one.kind) for one in outcomes)
    lines = [f"{'kind':{width}}  {'on record':>9}  {'now':>7}  {'difference':>10}  verdict"]
    for one in outcomes:
        now = f"{one.now.environment['seconds']:7.1f}" if one.now else f"{'-':>7}"
        difference = "-" if math.isnan(one.difference) else f"{one.difference:.1e}"
        seconds = one.then.environment["seconds"]
        lines.append(f"{one.kind:{width}}  {seconds:9.1f}  {now}  {difference:>10}  {one.verdict}")
    return "\n".join(lines)


def summary(profile: Profile, folder: Path, found: Findings) -> str:
    """The findings in lines for the terminal: problems first, then what could not be checked, then the count."""
    lines = [f"{folder / problem.path}: {problem.what}" for problem in found.problems]
    if found.undetermined:
        counts = ", ".join(f"{name} ({count})" for name, count in found.undetermined.most_common())
        lines.append(f"not determined by a record's own examples (records): {counts}.")
    lines += [f"not checked on this machine in {count} records: {what}." for what, count in found.untried.items()]
    bad = len({problem.path for problem in found.problems})
    return "\n".join([*lines, f"verify, profile {profile.name}: {len(found.records)} records, {bad} with a problem."])
