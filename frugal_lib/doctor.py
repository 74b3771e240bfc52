"""What `python -m frugal_lib doctor` looks at: one line per thing, with its mend where it is broken."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from frugal_lib import profiles
from frugal_lib.colab import pins
from frugal_lib.core import fetch, machine, runs
from frugal_lib.data import labelled
from frugal_lib.data import sonnets as sonnet_data
from frugal_lib.models import bases
from frugal_lib.teachers.on_file import SOURCES, poems

Check = tuple[str, bool, str]


def check_packages() -> Check:
    """Installed packages against the pins."""
    wrong = []
    for name, wanted in pins().items():
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "missing"
        if found.split("+")[0] != wanted:
            wrong.append(f"{name} {found} (pinned {wanted})")
    if wrong:
        return "packages", False, f"{', '.join(wrong)}; run `make setup`, or expect other numbers"
    return "packages", True, f"all {len(pins())} pinned packages, Python {sys.version.split()[0]}"


def check_device() -> Check:
    """Which device runs would be on."""
    device = machine.pick_device()
    return "device", True, f"{device}: {machine.device_name(device)}"


def check_base() -> Check:
    """Every base that ships loads and gives finite logits."""
    import torch

    names = bases.embedded_bases()
    for name in names:
        ids = bases.load_tokenizer(name)("Shall I compare thee", return_tensors="pt")
        if not torch.isfinite(bases.load_model(name)(**ids).logits).all():
            return "base", False, f"{name} gives logits that are not finite; restore frugal_lib/assets/{name} from git"
    return "base", bool(names), ", ".join(f"{name} ({bases.base_digest(name)})" for name in names) or "none found"


def check_sonnets() -> Check:
    """Which edition of the sonnets this machine can have."""
    try:
        edition = sonnet_data.available_edition()
        sonnets = sonnet_data.load_sonnets(edition)
    except fetch.DataError as error:
        return "sonnets", False, str(error)
    return "sonnets", True, f"{edition}: {sonnet_data.EDITIONS[edition]}; {sizes(sonnets)}"


def check_labelled(task: str) -> Check:
    """Which edition of a labelled task this machine can have."""
    try:
        edition = labelled.available_edition(task)
        splits = labelled.load(task, edition)
    except fetch.DataError as error:
        return task, False, str(error)
    return task, True, f"{edition}: {labelled.SOURCES[task, edition]}; {sizes(splits)}"


def check_teachers() -> Check:
    """Which teachers' sonnets this machine can have; what it lacks, it can read in records only."""
    found, missing = [], []
    for name in SOURCES:
        try:
            found.append(f"{name} {len(poems(name)):,}")
        except fetch.DataError as error:
            if fetch.data_dir():
                return "teachers", False, str(error)
            missing.append(name)
    parts = [", ".join(found), f"not here: {', '.join(missing)}" if missing else ""]
    return "teachers", True, "; ".join(filter(None, parts))


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
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    return path == folder / record.run.path


def checks() -> Iterator[Check]:
    """All checks, each run when its turn comes."""
    yield check_packages()
    yield check_device()
    yield check_base()
    yield check_sonnets()
    for task in labelled.LOADERS:
        yield check_labelled(task)
    yield check_teachers()
    for name in profiles.names():
        yield check_records(name)
