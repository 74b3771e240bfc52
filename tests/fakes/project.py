"""The project as files, and `make` in a copy of it."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def make(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """`make` in `folder`, which the library is imported from too."""
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(["make", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)
