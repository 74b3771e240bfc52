"""Where every command ends: what can be foreseen to go wrong is one sentence and exit 2; `--debug` shows where."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from functools import wraps
from typing import Annotated, get_type_hints
from zipfile import BadZipFile

import typer

from frugal_lib.core.fetch import DataError
from frugal_lib.core.text import printable
from frugal_lib.profiles import ProfileError

# OSError: files, network, certificates, a missing program. ValueError: JSON, Unicode, numbers out of range.
FORESEEN = (
    ProfileError, DataError, OSError, ValueError, RecursionError, MemoryError, OverflowError, ImportError, EOFError,
    BadZipFile, BrokenExecutor, subprocess.SubprocessError,
)  # fmt: skip
NETWORK = (
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "requests",
    "urllib3",
)  # packages whose errors are of no common kind
Debug = Annotated[bool, typer.Option("--debug", help="Show where it failed: the whole traceback.")]
LONGEST = 600  # characters of a sentence


def echo(text: object, err: bool = False) -> None:
    """Print text; what other people's text would have a terminal do is shown, not done."""
    typer.echo(printable(str(text)), err=err)


def fail(message: object) -> typer.Exit:
    """One clear sentence on standard error; raise what is returned."""
    echo(f"frugal_lib: {message}", err=True)
    return typer.Exit(2)


def sentence(error: BaseException) -> str:
    """What went wrong, in one line; an empty string for what could not be foreseen, which is a bug of ours."""
    if isinstance(error, RecursionError):
        return "something is nested too deeply to be read; flatten it."
    if isinstance(error, MemoryError):
        return "not enough memory; give less at once, or fewer --workers."
    if isinstance(error, BrokenExecutor):
        return "a worker was killed, perhaps for want of memory; the same command goes on (with fewer --workers)."
    if isinstance(error, ImportError):
        return f"a package is missing ({told(error)}); install it, or run `make setup`."
    if isinstance(error, subprocess.CalledProcessError):
        return f"{os.path.basename(str(words(error.cmd)[0]))} failed with status {error.returncode}; run it by hand."
    if isinstance(error, OSError) and error.strerror:
        names = " and ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
        return f"{names}: {error.strerror.lower()}; mend that." if names else f"{error.strerror}; mend that."
    if isinstance(error, FORESEEN) or type(error).__module__.partition(".")[0] in NETWORK:
        return told(error)
    return ""


def words(command: object) -> list:
    """The words of a command that was run."""
    return list(command) if isinstance(command, list | tuple) else [command]


def told(error: BaseException) -> str:
    """What an error says, in one line of bounded length; its kind where it says nothing."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= LONGEST else f"{said[:LONGEST]} …"


def with_boundary(work: Callable[..., None]) -> Callable[..., None]:
    """A command that ends in one sentence whatever can be foreseen, and has an option `--debug`."""

    @wraps(work)
    def bounded(*args, debug: bool = False, **settings) -> None:
        try:
            work(*args, **settings)
        except (typer.Exit, typer.Abort, typer.BadParameter):  # said already, or said by the command line itself
            raise
        except KeyboardInterrupt:
            echo("frugal_lib: stopped; the same command goes on where it was.", err=True)
            raise typer.Exit(130) from None
        except BrokenPipeError:  # who reads has had enough; nothing that Python writes at its end may fail again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except Exception as error:
            said = sentence(error)
            if debug or not said:
                traceback.print_exc()
            raise fail(said or f"a fault of the program itself ({type(error).__name__}: {told(error)}).") from None

    hints = get_type_hints(work, include_extras=True)  # names of the command's own module
    own = [one.replace(annotation=hints[one.name]) for one in inspect.signature(work).parameters.values()]
    option = inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Debug)
    bounded.__signature__ = inspect.Signature([*own, option])
    bounded.__annotations__ = hints | {"debug": Debug}
    return bounded


def never_unprintable() -> None:
    """Have standard output and error escape what their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
