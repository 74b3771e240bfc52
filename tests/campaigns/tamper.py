"""Changes to records: `python -m campaigns.tamper [TRIES [SEED]]`, with `tests` in PYTHONPATH.

Right is: `verify` names the record. The second table is for somebody who writes the sums anew as well: what is left
then is what a record's own examples, its plan and the project's history say; the rest is in the history of the sums.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from campaigns import common
from frugal_lib.core import machine
from frugal_lib.core.records import Run
from frugal_lib.profiles import load_profile
from frugal_lib.verify import examples, files

COMMITTED = machine.ROOT / "results" / "micro"
SONNETS, LABELLED = "lora/sonnets-nano-lora-r*-public-domain-*", "baseline/sst-last-layer-*"
Change = Callable[[dict, random.Random, dict], object]


def put(*place: object, value: object) -> Change:
    """Set what lies at a place of the record."""

    def change(record: dict, rng: random.Random, other: dict) -> None:
        part = record
        for key in place[:-1]:
            part = part[key]
        part[place[-1]] = value

    return change


def scaled(*place: str) -> Change:
    """Change a number a little, in a random row where the place is a list."""

    def change(record: dict, rng: random.Random, other: dict) -> None:
        part = record
        for key in place[:-1]:
            part = part[key]
        if isinstance(part, list):
            part = rng.choice([row for row in part if place[-1] in row])
        part[place[-1]] = part[place[-1]] * 1.01 + 0.01

    return change


def text(record: dict, rng: random.Random, other: dict) -> None:
    row = rng.choice([row for row in record["examples"] if row.get("text")])
    row["text"] = row["text"].replace("e", "o", 1) + "."


def logits(record: dict, rng: random.Random, other: dict) -> None:
    row = rng.choice(record["examples"])
    row["logits"] = row["logits"][::-1]


def prediction(record: dict, rng: random.Random, other: dict) -> None:
    row = rng.choice(record["examples"])
    row["prediction"] = (row["prediction"] + 1) % 5


def renamed(record: dict, rng: random.Random, other: dict) -> str:
    """Another seed, and the name that goes with it."""
    record["run"]["seed"] += 97
    return Run(**record["run"]).path


# What is changed of which records: by the content, or by the text of the file.
CONTENT: dict[str, tuple[str, Change]] = {
    "a loss is set to 0.1": (SONNETS, put("metrics", "test_nll", value=0.1)),
    "a score is changed a little": (SONNETS, scaled("metrics", "dev_chrf")),
    "an accuracy is changed": (LABELLED, scaled("metrics", "dev_accuracy")),
    "a metric is removed": (SONNETS, lambda record, rng, other: record["metrics"].pop("test_nll")),
    "a metric is null": (SONNETS, put("metrics", "test_nll", value=None)),
    "a generated text is changed": (SONNETS, text),
    "a loss of an example is changed": (SONNETS, scaled("examples", "nll")),
    "the logits of an example are changed": (LABELLED, logits),
    "a prediction is changed": (LABELLED, prediction),
    "an example is removed": (SONNETS, lambda record, rng, other: record["examples"].pop()),
    "an example is there twice": (SONNETS, lambda record, rng, other: record["examples"].append(record["examples"][0])),
    "the examples are another record's": (
        SONNETS,
        lambda record, rng, other: record.update(examples=other["examples"]),
    ),
    "the losses of training are changed": (SONNETS, scaled("history", "dev_loss")),
    "the commit is forged": (SONNETS, put("environment", "commit", value="0123456789")),
    "the time is changed": (SONNETS, scaled("environment", "seconds")),
    "the machine is another": (SONNETS, put("environment", "device_name", value="another")),
    "the versions are others": (SONNETS, put("environment", "versions", "torch", value="9.9")),
    "ok becomes diverged": (SONNETS, put("status", value="diverged")),
    "the status is no status": (SONNETS, put("status", value="okay")),
    "the seed is changed": (SONNETS, put("run", "seed", value=99)),
    "the seed is changed, the file renamed": (SONNETS, renamed),
    "a rate is a word": (SONNETS, put("run", "learning_rate", value="x")),
    "the doses are a number": (SONNETS, put("run", "doses", value=5)),
    "the metrics are a list": (SONNETS, put("metrics", value=[1])),
    "the examples are null": (SONNETS, put("examples", value=None)),
    "the environment is empty": (SONNETS, put("environment", value={})),
    "a field nobody knows": (SONNETS, put("run", "colour", value="red")),
}
FILES: dict[str, Callable[[Path], object]] = {
    "the file is cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "a space is added": lambda path: path.write_bytes(path.read_bytes() + b" "),
    "the file is renamed": lambda path: path.rename(path.with_name("renamed.json")),
    "the file is removed": lambda path: path.unlink(),
    "there is a copy of it": lambda path: shutil.copy(path, path.with_name("copy.json")),
}
KINDS = [*CONTENT, *FILES]


def change(kind: str, folder: Path, rng: random.Random) -> None:
    """Change one record of a folder."""
    pattern = CONTENT[kind][0] if kind in CONTENT else SONNETS
    path, other = rng.sample(sorted(folder.glob(pattern)), 2)
    if kind in FILES:
        FILES[kind](path)
        return
    record = json.loads(path.read_text(encoding="utf-8"))
    name = CONTENT[kind][1](record, rng, json.loads(other.read_text(encoding="utf-8")))
    path.write_text(json.dumps(record), encoding="utf-8")
    if isinstance(name, str):
        path.rename(folder / name)


PROFILE = load_profile("micro")


def problems(folder: Path, commits: set[str] | None) -> set[tuple[str, str]]:
    """All that `verify` says of a folder, by the path of the record."""
    records, found = files.load(folder)
    found += files.check_sums(folder, records) + files.check_status(records)
    found += files.check_plans(PROFILE, records, [])
    found += files.check_commits(records, commits) if commits else []
    return {(one.path, one.what) for one in found} | {
        (name, what) for name, record in records.items() for what in examples.problems(record)[0]
    }


def sample(folder: Path, rng: random.Random, each: int = 2) -> None:
    """A results folder of a few committed records, with their sums."""
    for pattern in (SONNETS, LABELLED):
        for path in rng.sample(sorted(COMMITTED.glob(pattern)), each):
            target = folder / path.relative_to(COMMITTED)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    files.write_sums(folder)


def campaign(tries: int, seed: int, sums: str) -> Counter:
    """Every kind so many times, with the sums `kept` or written `anew`: was it found?"""
    found, commits = Counter(), files.history()
    for number in range(tries):
        with tempfile.TemporaryDirectory() as name:
            folder, rng = Path(name) / "whole", random.Random(f"{seed} {number}")
            sample(folder, rng)
            before = problems(folder, commits)
            for kind in KINDS:
                changed = Path(name) / "changed"
                shutil.copytree(folder, changed)
                change(kind, changed, rng)
                if sums == "anew":
                    files.write_sums(changed)
                found[kind, "right" if problems(changed, commits) - before else "wrong"] += 1
                shutil.rmtree(changed)
    return found


def main(tries: str = "10", seed: str = "0") -> None:
    """The campaign, and its tables."""
    for sums in ("kept", "anew"):
        print(common.table(f"tamper, sums {sums}", campaign(int(tries), int(seed), sums)), end="\n\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
