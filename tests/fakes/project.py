"""The project as files, and `make` in a copy of it."""

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import jupytext

ROOT = Path(__file__).parents[2]


def said_by(chapter: str, cell: str, **names) -> str:
    """What the cell of a chapter that holds the text `cell` says, run with `names` for what stands before it."""
    cells = jupytext.read(ROOT / "book" / f"{chapter}.py").cells
    (source,) = (one.source for one in cells if one.cell_type == "code" and cell in one.source)
    said: list[str] = []
    nothing = {"source_line": lambda *_: None, "table": lambda *_: None}
    exec(source, names | {"html": SimpleNamespace(say=lambda name, text: said.append(text), **nothing)})
    return " ".join(said)


def make(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """`make` in `folder`, which the library is imported from too; nothing is installed, however old what is there."""
    command, environment = ["make", "--old-file=.venv/.installed", *words], os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
