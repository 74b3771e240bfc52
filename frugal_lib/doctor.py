"""What `python -m frugal_lib doctor` looks at: one line per thing, with its mend where it is broken."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from frugal_lib import profiles
from frugal_lib.colab import installed, pins
from frugal_lib.core import fetch, machine, runs
from frugal_lib.data import labelled
from frugal_lib.data import sonnets as sonnet_data
from frugal_lib.errors import sentence, told
from frugal_lib.models import bases
from frugal_lib.teachers.on_file import SOURCES, poems

Check = tuple[str, bool, str]


def check_packages() -> Check:
    """Installed packages against the pins."""
    found = {name: installed(name) or "missing" for name in pins()}
    wrong = [f"{n} {found[n]} (pinned {wanted})" for n, wanted in pins().items() if found[n].split("+")[0] != wanted]
    if wrong:
        return "packages", False, f"{', '.join(wrong)}; run `make setup`, or expect other numbers"
    return "packages", True, f"all {len(found)} pinned packages, Python {sys.version.split()[0]}"


def check_base() -> Check:
    """Every base that ships loads and gives finite logits."""
    import torch

    names = bases.embedded_bases()
    for name in names:
        ids = bases.load_tokenizer(name)("Shall I compare thee", return_tensors="pt")
        if not torch.isfinite(bases.load_model(name)(**ids).logits).all():
            return "base", False, f"{name} gives logits that are not finite; restore frugal_lib/assets/{name} from git"
    return "base", bool(names), ", ".join(f"{name} ({bases.base_digest(name)})" for name in names) or "none found"


def check_data(name: str, look: Callable[[], str]) -> Check:
    """What this machine can have of some data."""
    return name, True, look()


def check_device() -> Check:
    """The device that a run would take."""
    return "device", True, f"{machine.pick_device()}: {machine.device_name(machine.pick_device())}"


def survived(name: str, check: Callable[[], Check]) -> Check:
    """A check, or what it failed with: the next ones have their turn whatever is broken."""
    try:
        return check()
    except Exception as error:
        return name, False, sentence(error) or f"{type(error).__name__}: {told(error)}"


def sonnets_here() -> str:
    """The edition of the sonnets, and its sizes."""
    edition = sonnet_data.available_edition()
    return f"{edition}: {sonnet_data.EDITIONS[edition]}; {sizes(sonnet_data.load_sonnets(edition))}"


def labelled_here(task: str) -> str:
    """The edition of a labelled task, and its sizes."""
    edition = labelled.available_edition(task)
    return f"{edition}: {labelled.SOURCES[task, edition]}; {sizes(labelled.load(task, edition))}"


def teachers_here() -> str:
    """Sonnets by teacher; what this machine lacks, it can read in records only."""
    found = {name: fetch.available(partial(poems, name)) for name in SOURCES}
    here = ", ".join(f"{name} {len(poems(name)):,}" for name in SOURCES if found[name])
    missing = ", ".join(name for name in SOURCES if not found[name])
    return "; ".join(filter(None, (here, missing and f"not here: {missing}")))


def sizes(splits: sonnet_data.Sonnets | labelled.Labelled) -> str:
    """How many examples each split has."""
    return ", ".join(f"{name} {len(splits.split(name)):,}" for name in ("train", "dev", "test"))


def check_records(name: str) -> Check:
    """Every record of a profile parses and lies under its own key."""
    folder = machine.ROOT / profiles.load_profile(name).results
    wrong = [path.name for path in sorted(folder.rglob("*.json")) if not is_record(path, folder)]
    if wrong:
        return "records", False, f"{name}: {', '.join(wrong)} cannot be read or was renamed; restore from git or delete"
    return "records", True, f"{name}: {len(list(folder.rglob('*.json')))} in {folder.relative_to(machine.ROOT)}"


def is_record(path: Path, folder: Path) -> bool:
    """Whether a file is a record and has the name its run gives it."""
    try:
        record = runs.Record.from_json(path.read_text(encoding="utf-8"))
        return path == folder / record.run.path
    except Exception:  # whatever a file may hold in place of a record
        return False


def checks() -> Iterator[Check]:
    """All checks, each run when its turn comes."""
    yield survived("packages", check_packages)
    yield survived("device", check_device)
    yield survived("base", check_base)
    looks = {"sonnets": sonnets_here} | {task: partial(labelled_here, task) for task in labelled.LOADERS}
    for name, look in (looks | {"teachers": teachers_here}).items():
        yield survived(name, partial(check_data, name, look))
    for name in profiles.names():
        yield survived("records", partial(check_records, name))
