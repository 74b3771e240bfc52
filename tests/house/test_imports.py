"""Who may import whom: the contracts in pyproject.toml hold, and would be seen to be broken."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from fakes.project import ROOT


def lint(folder):
    """What the contracts say of the library in `folder`."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_contracts_hold():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


def test_a_chapter_that_imports_another_and_a_table_that_draws_are_seen(tmp_path):
    shutil.copytree(
        ROOT / "frugal_lib", tmp_path / "frugal_lib", ignore=shutil.ignore_patterns("assets", "__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    plan = tmp_path / "frugal_lib/chapters/lora/plan.py"
    plan.write_text(plan.read_text() + "\nfrom frugal_lib.chapters.synthetic import plan as other\n")
    tables = tmp_path / "frugal_lib/chapters/lora/tables.py"
    tables.write_text(tables.read_text() + "\nimport matplotlib\n")
    done = lint(tmp_path)
    assert done.returncode != 0
    assert "frugal_lib.chapters.lora.plan -> frugal_lib.chapters.synthetic.plan" in done.stdout
    assert "frugal_lib.chapters.lora.tables -> matplotlib" in done.stdout
