import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from fakes.processes import ended

from frugal_lib.core import files, processes
from frugal_lib.core.files import replacing, write_text


def test_a_file_is_replaced_in_full_or_not_at_all(tmp_path):
    path = tmp_path / "below" / "name.json"
    write_text(path, "first")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half of the sec")
        raise RuntimeError
    assert path.read_text() == "first" and [p.name for p in path.parent.iterdir()] == ["name.json"]
    write_text(path, "second")
    assert path.read_text() == "second" and path.stat().st_mode & 0o777 == 0o644


def test_a_folder_is_filled_once_whoever_asks_at_the_same_time(tmp_path):
    filled = []

    def fill(folder):
        time.sleep(0.1)
        filled.append(folder)
        (folder / "part").write_text("whole")

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: files.folder_once(tmp_path / "new" / "base", fill), range(4)))
    assert found == [tmp_path / "new" / "base"] * 4 and len(filled) == 1
    assert [path.name for path in found[0].iterdir()] == ["part"]


def test_a_folder_that_could_not_be_filled_is_not_there_and_half_of_one_is_cleared_away(tmp_path):
    (tmp_path / ".base.tmp").mkdir()
    (tmp_path / ".base.tmp" / "of the dead").touch()
    with pytest.raises(ZeroDivisionError):
        files.folder_once(tmp_path / "base", lambda folder: 1 / 0)
    assert [path.name for path in tmp_path.iterdir()] == [".base.lock"]
    assert not list(files.folder_once(tmp_path / "base", lambda folder: None).iterdir())


def test_temporary_files_of_the_dead_are_swept_up_and_those_of_the_living_stay(tmp_path):
    folder = tmp_path / "results" / "baseline"
    folder.mkdir(parents=True)
    mine = files.temporary_file(folder / "run.json")
    dead, elsewhere, old = (
        mine.with_name(mine.name.replace(processes.owner(), name)) for name in (ended(), "00000000-1-1", "00000000-1-2")
    )
    others = [folder / "run.json", folder / ".run.json.tmp", folder / ".hidden"]
    for path in (dead, elsewhere, old, *others):
        path.write_text("{}")
    os.utime(old, (0, 0))
    (folder / dead.name.replace("run", "pip")).mkdir()
    files.sweep_up(tmp_path)
    assert set(folder.iterdir()) == {mine, elsewhere, *others}


def test_what_is_moved_aside_never_takes_an_earlier_ones_name(tmp_path):
    path, folder = tmp_path / "run.json", tmp_path / "tokens"
    for text in ("first", "second"):
        path.write_text(text)
        folder.mkdir()
        (folder / "part").write_text(text)
        files.move_aside(path)
        files.move_aside(folder)
    assert [(tmp_path / f"run.json.{i}.unreadable").read_text() for i in (1, 2)] == ["first", "second"]
    assert [(tmp_path / f"tokens.{i}.unreadable" / "part").read_text() for i in (1, 2)] == ["first", "second"]
    with pytest.raises(FileNotFoundError):
        files.move_aside(path)
    assert len(list(tmp_path.iterdir())) == 4  # no name is left that stands for nothing


def test_a_folder_that_cannot_be_written_is_one_sentence_before_anything_is_computed(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"file: nothing can be written there \(File exists\); choose another folder"):
        files.try_out(tmp_path / "file")
    files.try_out(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_a_disk_that_is_full_is_seen_by_the_trial(tmp_path):
    """In a process that may write files of 1,000 bytes at most."""
    code = (
        "import resource, sys, pathlib; from frugal_lib.core import files\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "files.try_out(pathlib.Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert "nothing can be written there (File too large)" in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_what_one_process_holds_another_is_refused_until_its_end(tmp_path):
    code = "import sys, pathlib; from frugal_lib.core import files\nwith files.alone(pathlib.Path(sys.argv[1])): print(1, flush=True); input()"  # fmt: skip  # noqa: E501
    path, command = tmp_path / "work", [sys.executable, "-c", code]
    with subprocess.Popen([*command, tmp_path / "work"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        with pytest.raises(files.Busy, match="work: another process writes it; wait for its end"), files.alone(path):
            pass
        holder.kill()
    with files.alone(path):
        pass
