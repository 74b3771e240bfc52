"""requirements.txt names versions, requirements.lock those of all that these want in turn."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution

import pytest
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def pins(name):
    """Package → version, from lines such as `torch==2.13.0`."""
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    pairs = [line.split("==") for line in lines]
    return {canonicalize_name(package): version for package, version in pairs}


REQUIRED, LOCKED = pins("requirements.txt"), pins("requirements.lock")


def test_the_lock_has_the_versions_that_are_required():
    assert LOCKED.items() >= REQUIRED.items()


def test_the_lock_is_of_no_platform_and_no_build():
    assert not [name for name in LOCKED if re.match("nvidia|cuda|triton", name)]
    assert not [version for version in LOCKED.values() if "+" in version]


def installed_version(name):
    try:
        return distribution(name).version.split("+")[0]
    except PackageNotFoundError:
        return None


@pytest.mark.skipif(
    any(installed_version(name) != version for name, version in REQUIRED.items()),
    reason="this environment has other versions than requirements.txt",
)
def test_the_lock_has_all_that_the_required_packages_want():
    wanted, seen = [Requirement(name) for name in REQUIRED], set()
    while wanted:
        requirement = wanted.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        for line in distribution(requirement.name).requires or []:
            part = Requirement(line)
            extras = requirement.extras or {""}
            if part.marker is None or any(part.marker.evaluate({"extra": extra}) for extra in extras):
                wanted.append(part)
    names = {name for name, _ in seen if not re.match("nvidia|cuda|triton", name)}
    assert names <= LOCKED.keys(), names - LOCKED.keys()


def test_the_oldest_versions_the_project_admits_are_no_newer_than_the_required_ones():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    groups = [project["dependencies"], extras["book"], extras["tests"]]  # nothing committed was made on a cluster
    for requirement in (Requirement(line) for group in groups for line in group):
        assert requirement.specifier.contains(REQUIRED[canonicalize_name(requirement.name)]), requirement
