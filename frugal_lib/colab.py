"""Install what the library needs and this environment lacks; what is there stays, torch above all.

Run by the first cell of every chapter in Colab, before anything is imported: standard library only.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[1]


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


def constraints() -> list[str]:
    """Pins for what is missing, and torch held at the version that is installed."""
    held = [f"{name}=={pin}" for name, pin in pins().items() if not installed(name)]
    torch = installed("torch")
    return [*held, f"torch=={torch}"] if torch else held


def main() -> None:
    """Let pip add what is missing: it leaves alone what satisfies the library's lower bounds."""
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
        file.write("\n".join(constraints()))
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "-c", file.name, *needs], check=True)


if __name__ == "__main__":
    main()
