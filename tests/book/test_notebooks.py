"""The chapters as files: twins, parameters, the Colab cell."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
import tomllib
import venv

import jupytext
import nbformat
import pytest
import yaml
from fakes.project import ROOT
from packaging.requirements import Requirement

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


def test_every_chapter_fetches_the_version_that_this_is():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f'"FRUGAL_VERSION", "v{version}"' in colab_cell(CHAPTERS[0])
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text()


FAKE_PIP = """
import json, os, pathlib, sys
words = sys.argv[1:]
limits = pathlib.Path(words.pop(words.index("-c") + 1))
row = {"words": words, "limits": limits.read_text().splitlines(), "file": str(limits), "cwd": os.getcwd()}
with open(os.environ["FAKE_LOG"], "a") as file:
    file.write(json.dumps(row) + "\\n")
"""


@pytest.fixture
def colab(tmp_path, monkeypatch):
    """Runs the first cell so many times in one process; gives what pip was called with.

    There are an environment with a stand-in `google.colab`, a pip that only notes what it is asked for, and packages
    of which there is but the version; and a repository with a tag and a commit behind it.
    """
    repository, content = tmp_path / "repository", tmp_path / "content"
    venv.create(tmp_path / "env")
    (packages,) = (tmp_path / "env").glob("lib/python*/site-packages")
    (packages / "google" / "colab").mkdir(parents=True)
    (packages / "google" / "colab" / "__init__.py").touch()
    (packages / "pip").mkdir()
    (packages / "pip" / "__init__.py").touch()
    (packages / "pip" / "__main__.py").write_text(FAKE_PIP)
    content.mkdir()
    (repository / "frugal_lib").mkdir(parents=True)
    (repository / "frugal_lib" / "__init__.py").touch()
    for name in ("frugal_lib/colab.py", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, repository / name)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
    for words in ("init -q", "add -A", "commit -qm one", "tag v0.1.0", "commit -qm two --allow-empty"):
        subprocess.run([*git, *words.split()], cwd=repository, check=True)

    def run(times: int, cwd=content, version=None, **installed):
        for name, number in installed.items():
            facts = packages / f"{name}-{number}.dist-info"
            facts.mkdir(exist_ok=True)
            (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
        log, cell = tmp_path / "log", tmp_path / "cell.py"
        log.unlink(missing_ok=True)
        cell.write_text(
            f"cell = {colab_cell(CHAPTERS[0])!r}\nfor _ in range({times}):\n    exec(cell)\nprint(sys.path)"
        )
        environment = {"FRUGAL_REPOSITORY": str(repository), "FAKE_LOG": str(log), "PYTHONPATH": ""}
        environment |= {"FRUGAL_VERSION": version} if version else {}
        words = [tmp_path / "env" / "bin" / "python", cell]
        done = subprocess.run(words, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(str(content / "frugal-gpt2")) == (cwd == content)
        return [json.loads(line) for line in log.read_text().splitlines()]

    return run, content / "frugal-gpt2", repository


def at(folder, name="HEAD"):
    return subprocess.run(["git", "rev-parse", name], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_the_first_cell_may_run_as_often_as_one_likes_and_goes_on_where_it_was_stopped(colab):
    run, clone, repository = colab
    (clone / ".git").mkdir(parents=True)  # by a run that was stopped at once
    first, second, third = run(3)
    assert first == second | {"file": first["file"]} == third | {"file": first["file"]} and first["cwd"] == str(clone)
    assert not os.path.exists(first["file"]) and not os.path.exists(os.path.dirname(first["file"]))
    assert at(clone) == at(repository, "v0.1.0") != at(repository) and not list(clone.glob("*/.git"))
    (clone / "results").mkdir()
    (clone / "results" / "record.json").write_text("computed here")
    (clone / "requirements.txt").write_text("# changed here\ntorchao==0.18.0\n")
    run(1)  # as after a restart of the kernel
    run(1, cwd=clone)
    assert (clone / "results" / "record.json").read_text() == "computed here"
    assert (clone / "requirements.txt").read_text().startswith("# changed here")
    assert at(clone) == at(repository, "v0.1.0") and not list(clone.glob("*/.git"))


def test_the_first_cell_takes_a_commit_for_a_tag(colab):
    run, clone, repository = colab
    run(1, version=at(repository).strip())
    assert at(clone) == at(repository)


@pytest.mark.parametrize(
    ("torch", "torchao"),
    [("2.13.0+cu130", "0.18.0"), ("2.11.0", "0.18.0"), ("2.10.0+cu128", "0.16.0"), ("2.9.1", "0.16.0")],
)
def test_torchao_is_the_one_that_fits_the_torch_that_is_there(colab, torch, torchao):
    (asked,) = colab[0](1, torch=torch, torchao="0.10.0")
    assert f"torch=={torch}" in asked["limits"] and f"torchao=={torchao}" in asked["limits"]
    assert not [need for need in asked["words"] if need.startswith("torch>")]
    (need,) = [word for word in asked["words"] if word.startswith("torchao")]
    assert Requirement(need).specifier.contains(torchao)


def test_where_no_torch_is_there_pip_gets_the_pinned_one(colab):
    (asked,) = colab[0](1)
    pin = next(line for line in (ROOT / "requirements.txt").read_text().splitlines() if line.startswith("torch=="))
    assert pin in asked["limits"] and [word for word in asked["words"] if word.startswith("torch>=")]


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
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"], ["tag", "v0.1.0"]):
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", *identity, *words], cwd=repository, check=True)
    return folder


@pytest.mark.slow
def test_in_colab_the_first_cell_fetches_the_project_and_leaves_torch_alone(fresh_colab):
    """Slow because a new environment is made and the project's packages are installed into it."""
    after = """
        from importlib.metadata import version
        import os, frugal_lib, transformers, sacrebleu, pronouncing, typer
        from frugal_lib.paper import published
        assert version("torch") == "2.10.0+cu999" and version("torchao") == "0.16.0", version("torchao")
        import torch
        assert torch.__version__ == "2.10.0+cu999" and not hasattr(torch, "Tensor")
        print(os.path.basename(os.getcwd()), len(published.table("table3_lora_rank")), version("transformers"))
    """
    (fresh_colab / "run.py").write_text(colab_cell(CHAPTERS[0]) + textwrap.dedent(after))
    environment = os.environ | {"FRUGAL_REPOSITORY": str(fresh_colab / "repository")}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [fresh_colab / "env/bin/python", "run.py"], cwd=fresh_colab, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    pin = next(line for line in (ROOT / "requirements.txt").read_text().split() if line.startswith("transformers=="))
    assert done.stdout.split() == ["frugal-gpt2", "10", pin.split("==")[1]]


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
