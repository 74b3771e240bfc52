"""The chapters as files: twins, parameters, the Colab cell."""

import json
import os
import shutil
import subprocess
import sys
import textwrap

import jupytext
import nbformat
import pytest
import yaml
from fakes.project import ROOT

CHAPTERS = sorted((ROOT / "book").glob("[0-9]*.py"))
NAMES = [path.stem for path in CHAPTERS]


@pytest.mark.parametrize("source", CHAPTERS, ids=NAMES)
def test_the_twin_has_the_same_cells_and_no_outputs(source):
    """`make notebooks` brings a twin up to date."""
    ours, twin = jupytext.read(source), nbformat.read(source.with_suffix(".ipynb"), as_version=4)

    def cells(notebook):
        return [(c.cell_type, c.source, c.metadata.get("tags", [])) for c in notebook.cells]

    assert cells(ours) == cells(twin)
    code = [cell for cell in twin.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


@pytest.mark.parametrize("source", CHAPTERS, ids=NAMES)
def test_a_chapter_has_the_parameters_everyone_can_set(source):
    (cell,) = [c for c in jupytext.read(source).cells if "parameters" in c.metadata.get("tags", [])]
    values = {}
    exec(cell.source, values)
    assert {"profile", "seed", "device", "results"} <= set(values)
    assert ("base" in values) == source.name.startswith("0")  # the appendix is about two of them
    assert values["profile"] == "micro"


@pytest.mark.parametrize("source", CHAPTERS, ids=NAMES)
def test_a_table_is_the_last_thing_in_its_cell(source):
    """A notebook shows the value of a cell's last line; a table further up would be lost."""
    for cell in jupytext.read(source).cells:
        lines = [line for line in cell.source.splitlines() if line.startswith(("report.table", "report.source_line"))]
        assert not lines or (len(lines) == 1 and cell.source.splitlines()[-1] == lines[0]), cell.source


def colab_cell(source):
    return next(c.source for c in jupytext.read(source).cells if "google.colab" in c.source)


def test_every_chapter_fetches_the_project_the_site_links_to():
    url = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    first = colab_cell(CHAPTERS[0])
    assert url in first
    assert all(colab_cell(source) == first for source in CHAPTERS)


def test_outside_colab_the_first_cell_does_nothing(tmp_path):
    done = subprocess.run([sys.executable, "-c", colab_cell(CHAPTERS[0])], cwd=tmp_path, check=True)
    assert done.returncode == 0 and not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def fresh_colab(tmp_path_factory):
    """A new environment with a stand-in `google.colab` and a torch of Colab's own, and a public repository."""
    folder = tmp_path_factory.mktemp("colab")
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    (packages,) = (folder / "env").glob("lib/python*/site-packages")
    for name in ("google/colab", "torch"):
        (packages / name).mkdir(parents=True)
        (packages / name / "__init__.py").write_text("__version__ = '2.10.0+cu999'\n")
    (packages / "torch-2.10.0+cu999.dist-info").mkdir()
    facts = "Metadata-Version: 2.1\nName: torch\nVersion: 2.10.0+cu999\n"
    (packages / "torch-2.10.0+cu999.dist-info" / "METADATA").write_text(facts)
    (packages / "torch-2.10.0+cu999.dist-info" / "RECORD").write_text("")
    repository = folder / "repository"
    ignored = shutil.ignore_patterns(".venv", "_build", ".git", "__pycache__", "*.egg-info", "results")
    shutil.copytree(ROOT, repository, ignore=ignored)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", *identity, *words], cwd=repository, check=True)
    return folder


@pytest.mark.slow
def test_in_colab_the_first_cell_fetches_the_project_and_leaves_torch_alone(fresh_colab):
    """Slow because a new environment is made and the project's packages are installed into it."""
    after = """
        from importlib.metadata import version
        import os, frugal_lib, transformers, sacrebleu, pronouncing, typer
        from frugal_lib.profiles import load_profile
        assert version("torch") == "2.10.0+cu999", version("torch")
        import torch
        assert torch.__version__ == "2.10.0+cu999" and not hasattr(torch, "Tensor")
        print(os.path.basename(os.getcwd()), load_profile("micro").name, version("transformers"))
    """
    (fresh_colab / "run.py").write_text(colab_cell(CHAPTERS[0]) + textwrap.dedent(after))
    environment = os.environ | {"FRUGAL_REPOSITORY": str(fresh_colab / "repository")}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [fresh_colab / "env/bin/python", "run.py"], cwd=fresh_colab, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    pin = next(line for line in (ROOT / "requirements.txt").read_text().split() if line.startswith("transformers=="))
    assert done.stdout.split() == ["frugal-gpt2", "micro", pin.split("==")[1]]


@pytest.mark.slow
def test_papermill_runs_a_chapter_from_the_root(project, little, tmp_path):
    """Slow because a chapter is computed from nothing, on little data."""
    results = tmp_path / "results"
    words = ["-p", "profile", str(little), "-p", "results", str(results), "-p", "seed", "5"]
    command = [".venv/bin/papermill", "book/01_baseline.ipynb", str(tmp_path / "out.ipynb"), *words]
    environment = os.environ | {"PYTHONPATH": str(project)}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    runs = [json.loads(path.read_text())["run"] for path in results.rglob("*.json")]
    seeds = {run["task"]: set() for run in runs}
    for run in runs:
        if run["method"] in ("full", "last-layer"):
            seeds[run["task"]].add(run["seed"])
    assert seeds == {task: {5, 6} for task in ("sst", "cfimdb", "quora")} | {"sonnets": {5, 6, 7}}
