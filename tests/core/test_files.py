import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from frugal_lib.core import files
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
