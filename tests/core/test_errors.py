"""The one boundary: what can be foreseen to go wrong is one sentence and exit 2, and `--debug` shows the traceback."""

import json
import os
import ssl
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from zipfile import BadZipFile

import httpx2
import pytest
import typer
from fakes.project import ROOT
from typer.testing import CliRunner

from frugal_lib.core.fetch import DataError
from frugal_lib.errors import echo, with_boundary


def ended(error, *words):
    """How a command ends in which something goes wrong."""
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    @with_boundary
    def work(number: int = 1) -> None:
        raise error

    return CliRunner().invoke(app, [*words])


def of(work):
    """The error that some work ends with."""
    try:
        work()
    except Exception as error:
        return error


FORESEEN = [
    (DataError("x.txt: no text in it."), "x.txt: no text in it."),
    (PermissionError(13, "Permission denied", "out/a.json"), "out/a.json: permission denied; mend that."),
    (OSError(28, "No space left on device"), "No space left on device; mend that."),
    (of(lambda: json.loads("{")), "property name"),
    (of(lambda: b"\xff".decode()), "codec can't decode byte 0xff"),
    (of(lambda: int("9" * 5000)), "4300 digits"),
    (of(lambda: json.loads("[" * 100_000)), "nested too deeply"),
    (httpx2.ProxyError("407 Proxy Authentication Required"), "407 Proxy"),
    (httpx2.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), "CERTIFICATE_VERIFY_FAILED"),
    (ssl.SSLCertVerificationError(1, "certificate verify failed"), "certificate verify failed"),
    (ModuleNotFoundError("No module named 'pip'"), "a package is missing (No module named 'pip')"),
    (subprocess.CalledProcessError(3, ["/usr/bin/git", "log"]), "git failed with status 3"),
    (BrokenProcessPool("terminated abruptly"), "a worker was killed"),
    (MemoryError(), "not enough memory"),
    (BadZipFile("File is not a zip file"), "not a zip file"),
    (EOFError(), "EOFError"),
    (ValueError("a\x1b[2Jb\n" * 1000), "a\\x1b[2Jb a"),
]


@pytest.mark.parametrize(("error", "words"), FORESEEN, ids=[type(error).__name__ for error, _ in FORESEEN])
def test_what_can_be_foreseen_is_one_sentence(error, words):
    done = ended(error)
    assert done.exit_code == 2 and words in done.stderr and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and len(done.stderr) < 2500 and "\x1b" not in done.stderr


def test_debug_shows_where():
    done = ended(DataError("no"), "--debug")
    assert done.exit_code == 2 and "Traceback" in done.stderr and done.stderr.endswith("frugal_lib: no\n")


def test_what_could_not_be_foreseen_is_a_fault_of_ours_and_shown():
    done = ended(KeyError("x"))
    assert done.exit_code == 2 and "Traceback" in done.stderr
    assert "a fault of the program itself (KeyError" in done.stderr


def test_a_command_that_ends_itself_keeps_its_exit_status():
    done = ended(typer.Exit(1))
    assert done.exit_code == 1 and not done.stderr


def test_an_interruption_is_no_error():
    done = ended(KeyboardInterrupt())
    assert done.exit_code == 130 and "stopped; the same command goes on" in done.stderr


def test_every_command_has_the_boundary():
    from frugal_lib.__main__ import app

    for command in app.registered_commands:
        assert "debug" in command.callback.__annotations__, command.callback.__name__


def test_what_is_printed_steers_no_terminal(capsys):
    echo("a\x1b]0;t\x07\u202eb\ud800\tc\nd")
    assert capsys.readouterr().out == "a\\x1b]0;t\\x07\\u202eb\\ud800\tc\nd\n"


def audit(folder, **settings):
    (folder / "a.json").write_text(json.dumps({"r→": "one two three four", "b": "five six seven eight"}))
    command = [sys.executable, "-m", "frugal_lib", "audit", "a.json", "--against", "a.json"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "latin-1"}
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, **settings)


def test_letters_that_the_terminal_lacks_and_a_reader_who_leaves_are_no_error(tmp_path):
    out, said = audit(tmp_path, stdout=subprocess.PIPE).communicate()
    assert b"r\\u2192: 1 lines" in out and said == b""
    process = audit(tmp_path, stdout=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait() == 1
