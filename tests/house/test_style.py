"""The rules of the house that a machine can check."""

import ast
import subprocess
import sys

from fakes.project import ROOT

SOURCES = sorted((ROOT / "frugal_lib").rglob("*.py"))


def test_ruff_finds_nothing():
    for words in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "--no-cache", "frugal_lib", "tests", "book"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_files_and_functions_are_short_and_public_ones_documented():
    assert SOURCES
    for path in SOURCES:
        text = path.read_text()
        assert text.count("\n") <= 350, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno <= 45, f"{path}: {node.name}"
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                assert ast.get_docstring(node), f"{path}: {node.name} has no docstring"
