"""Install what the library needs and this environment lacks; what is there stays, torch above all.

Run by the first cell of every chapter in Colab, before anything is imported: standard library only.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[1]
# torchao's kernels load with the torch that they were built for and newer ones: those of our pin want 2.11. On a torch
# that is older still, the version of 2.10 runs without its kernels; what is older than that, peft refuses.
OLDER_TORCHAO = ((2, 11), "0.16.0")


def installed(name: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def pins() -> dict[str, str]:
    """Package → pinned version, from requirements.txt."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==", 1) for line in (raw.split("#")[0].strip() for raw in lines) if "==" in line)


def torchao_for(torch: str, pin: str) -> str:
    """The torchao that fits a torch, `pin` where that is not too new for it."""
    below, older = OLDER_TORCHAO
    return older if tuple(map(int, re.findall(r"\d+", torch)[:2])) < below else pin


def constraints() -> list[str]:
    """Pins for what is missing; torch held at the version that is installed, and torchao at the one that fits it."""
    pinned, torch = pins(), installed("torch")
    held = {name: pin for name, pin in pinned.items() if not installed(name)}
    if torch:
        held |= {"torch": torch, "torchao": torchao_for(torch, pinned["torchao"])}
    return [f"{name}=={pin}" for name, pin in held.items()]


def needs() -> list[str]:
    """What the library needs. A torch that is there stays, whatever its version: the rest of Colab is built for it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [need for need in project["dependencies"] if not (need.startswith("torch>") and installed("torch"))]


def main() -> None:
    """Let pip add what is missing: it leaves alone what satisfies the library's lower bounds."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "constraints.txt"
        file.write_text("\n".join(constraints()), encoding="utf-8")
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "-c", file, *needs()], check=True)


if __name__ == "__main__":
    main()
