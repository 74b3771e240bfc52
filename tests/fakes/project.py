"""The project as files, and `make` in a copy of it."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def make(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """`make` in `folder`, which the library is imported from too; nothing is installed, however old what is there."""
    command, environment = ["make", "--old-file=.venv/.installed", *words], os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
