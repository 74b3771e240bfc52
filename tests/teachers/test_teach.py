"""The command `teach`, against a fake server: a thousand sonnets through failures and kills."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from fakes.gemini import KEY, serving
from fakes.project import ROOT
from typer.testing import CliRunner

from frugal_lib.__main__ import app
from frugal_lib.data.overlap import words

MODEL = "gemini-2.5-flash-lite"
FAILURES = ("429", "503", "truncated", "never", "empty", "short", "thirteen", "html", "echo", "cut JSON", "surrogate")


@pytest.fixture
def serve(monkeypatch):
    with serving(monkeypatch) as start:
        yield start


def a_fifth(number: int, attempt: int) -> str:
    """The first attempt at every fifth request goes wrong, each time in another way."""
    return FAILURES[(number // 5 - 1) % len(FAILURES)] if number % 5 == 0 and attempt == 1 else "good"


def log(folder) -> list[dict]:
    """What came back: without the rows of what was sent, and of what was withdrawn."""
    rows = [json.loads(row) for row in (folder / "all.answers.jsonl").read_bytes().splitlines()]
    return [row for row in rows if not {"sent", "withdrawn"} & row.keys()]


def command(folder, *more: str) -> list[str]:
    return ["teach", MODEL, "--out", str(folder / "all.json"), "--count", "1000", "--timeout", "3", *more]


def listen() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(folder) -> subprocess.Popen:
    """The command in a process of its own, told nothing but by its environment.

    Who runs in the background ignores Ctrl-C, and so would what it starts.
    """
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(
        [sys.executable, "-m", "frugal_lib", *command(folder)], cwd=ROOT, preexec_fn=listen, **pipes
    )


def answered(folder) -> set[int]:
    path = folder / "all.answers.jsonl"
    rows = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return {line["request"] for line in map(json.loads, rows) if "text" in line}


def wait_for(folder, process, answers: int) -> None:
    """Until so many answers are on the disk, and the process is at work on more."""
    while len(answered(folder)) < answers:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


def check_thousand(folder, said: str) -> None:
    found = json.loads((folder / "all.json").read_text())
    assert len(found) == 1000 and all(len(text.splitlines()) == 14 for text in found)
    assert len({"".join(words(text)) for text in found}) == 1000
    assert max(Counter(line["request"] for line in log(folder) if "error" not in line).values()) == 1
    assert len(log(folder)) > 50  # as many would do if none went wrong
    assert (folder / "all.answers.rejected.jsonl").stat().st_size
    assert KEY not in said and all(KEY not in path.read_text() for path in folder.iterdir())
    usd = sum(line["usd"] for line in log(folder))
    assert f"{MODEL}: 1,000 of 1,000 sonnets in {folder / 'all.json'}, {usd:.4f} USD" in said


def test_a_thousand_sonnets_through_failures_and_kills(serve, tmp_path):
    server = serve(a_fifth, delay=0.1)
    for answers in (8, 20, 32):
        process, before, sent = start(tmp_path), answered(tmp_path), len(server.seen)
        wait_for(tmp_path, process, answers)
        process.kill()
        said = "".join(process.communicate())
        assert process.returncode == -signal.SIGKILL and KEY not in said
        assert not before & set(server.seen[sent:])
    process, before, sent = start(tmp_path), answered(tmp_path), len(server.seen)
    said = "".join(process.communicate())
    assert process.returncode == 0, said
    assert not before & set(server.seen[sent:])
    check_thousand(tmp_path, said)


@pytest.mark.filterwarnings("ignore:.*FinishReason")  # pytest shows them again, with the key
def test_a_thousand_sonnets_through_failures(serve, tmp_path):
    server = serve(a_fifth)
    done = CliRunner().invoke(app, command(tmp_path))
    assert done.exit_code == 0, done.output
    check_thousand(tmp_path, done.output)
    again = {a_fifth(number, 1) for number, times in Counter(server.seen).items() if times > 1}
    assert again - {"good"} == {
        "429",
        "503",
        "truncated",
        "never",
        "cut JSON",
    }  # on a busy machine a good one may be late


def test_ctrl_c_keeps_what_there_is(serve, tmp_path):
    serve(delay=0.1)
    process = start(tmp_path)
    wait_for(tmp_path, process, 4)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130 and "stopped; the same command goes on where it was" in err
    found = json.loads((tmp_path / "all.json").read_text())
    assert len(found) == 20 * len(answered(tmp_path)) >= 80 and f"{len(found)} of 1,000" in out


def test_the_command_says_what_is_wrong_in_one_sentence(serve, tmp_path):
    serve("400")
    done = CliRunner().invoke(app, command(tmp_path))
    assert done.exit_code == 2 and "frugal_lib: gemini-2.5-flash-lite refuses (400 FAILED no luck" in done.stderr
    assert not (tmp_path / "all.json").exists()


def test_the_command_writes_what_the_budget_gave(serve, tmp_path):
    serve()
    done = CliRunner().invoke(app, command(tmp_path, "--budget", "0.01"))
    assert done.exit_code == 2 and "ceiling of 0.01 USD is reached (raise the budget)" in done.stderr
    found = json.loads((tmp_path / "all.json").read_text())
    assert found and f"{len(found)} of 1,000 sonnets" in done.stdout


def test_the_command_overwrites_no_file_of_others(serve, tmp_path):
    server = serve()
    (tmp_path / "all.json").write_text("[]")
    done = CliRunner().invoke(app, command(tmp_path))
    assert done.exit_code == 2 and "all.json: it exists, and no answers lie beside it" in done.stderr
    assert (tmp_path / "all.json").read_text() == "[]" and not server.seen
