import functools
import hashlib
import http.server
import io
import tarfile
import threading

import pytest

from frugal_lib.core import fetch
from frugal_lib.core.fetch import DataError, Package


@pytest.fixture
def server(tmp_path):
    """A folder that is served over HTTP, and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def test_a_download_is_verified_and_kept(server, tmp_path, monkeypatch):
    folder, address = server
    monkeypatch.setattr(fetch, "cache_dir", lambda: tmp_path / "cache")
    (folder / "sonnets.txt").write_text("1\nFrom fairest creatures\n")
    sha256 = hashlib.sha256((folder / "sonnets.txt").read_bytes()).hexdigest()
    path = fetch.download(f"{address}/sonnets.txt", sha256)
    assert path.read_text().startswith("1\nFrom")
    (folder / "sonnets.txt").unlink()
    assert fetch.download(f"{address}/sonnets.txt", sha256) == path  # from the cache


def test_files_of_one_name_in_two_folders_are_kept_apart(server, tmp_path, monkeypatch):
    folder, address = server
    monkeypatch.setattr(fetch, "cache_dir", lambda: tmp_path / "cache")
    for name in ("flash", "pro"):
        (folder / name).mkdir()
        (folder / name / "dev.txt").write_text(name)
    paths = {name: fetch.download(f"{address}/{name}/dev.txt", None) for name in ("flash", "pro")}
    assert {name: path.read_text() for name, path in paths.items()} == {"flash": "flash", "pro": "pro"}


def test_a_truncated_download_is_refused(server, tmp_path, monkeypatch):
    folder, address = server
    monkeypatch.setattr(fetch, "cache_dir", lambda: tmp_path / "cache")
    (folder / "sonnets.txt").write_text("1\nFrom fair")
    with pytest.raises(DataError, match=r"sonnets\.txt: what came is not the pinned file"):
        fetch.download(f"{address}/sonnets.txt", "0" * 64)
    with pytest.raises(DataError, match=r"missing\.txt: no download"):
        fetch.download(f"{address}/missing.txt", "0" * 64)


def test_a_download_can_be_verified_by_gits_name_of_it(server, tmp_path, monkeypatch):
    folder, address = server
    monkeypatch.setattr(fetch, "cache_dir", lambda: tmp_path / "cache")
    (folder / "hello.csv").write_text("hello\n")
    name = "ce013625030ba8dba906f756967f9e9ca394464a"  # what `git hash-object` prints for this content
    path = fetch.download(f"{address}/hello.csv", None, name)
    assert fetch.git_blob(path) == name
    path.unlink()
    (folder / "hello.csv").write_text("hell")
    with pytest.raises(DataError, match=r"hello\.csv: what came is not the pinned file"):
        fetch.download(f"{address}/hello.csv", None, name)
    assert not path.exists()  # a cut file is not kept


def test_a_package_that_no_index_has_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "cache_dir", lambda: tmp_path)
    with pytest.raises(DataError, match="frugal-no-such-package==0: pip cannot download it"):
        fetch.package_file(Package("frugal-no-such-package==0", "none.whl", "0" * 64))


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip takes packages from, and none else, with an sdist whose build writes a file."""
    folder, mark = tmp_path / "index", tmp_path / "the build has run"
    folder.mkdir()
    setup = (
        f"import pathlib, setuptools\npathlib.Path({str(mark)!r}).touch()\nsetuptools.setup(name='verse', version='1')"
    )
    with tarfile.open(folder / "verse-1.tar.gz", "w:gz") as archive:
        for name, text in (("setup.py", setup), ("PKG-INFO", "Metadata-Version: 2.1\nName: verse\nVersion: 1\n")):
            member = tarfile.TarInfo(f"verse-1/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    for name, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(folder)), ("PIP_NO_BUILD_ISOLATION", "0")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(fetch, "cache_dir", lambda: tmp_path / "cache")
    return folder / "verse-1.tar.gz", mark


def test_nothing_of_a_doctored_sdist_is_run_before_its_hash_is_compared(index, tmp_path):
    path, mark = index
    with pytest.raises(DataError, match=r"verse==1: the index has another file than the pinned one"):
        fetch.package_file(Package("verse==1", path.name, "0" * 64))
    assert not mark.exists() and list((tmp_path / "cache").iterdir()) == []


def test_the_pinned_package_is_fetched_once_and_again_where_it_was_damaged(index, capsys):
    path, mark = index
    package = Package("verse==1", path.name, fetch.file_sha256(path))
    kept = fetch.package_file(package)
    assert kept.read_bytes() == path.read_bytes() and mark.exists()  # so the test above could have failed
    kept.write_bytes(kept.read_bytes()[:100])
    assert fetch.package_file(package).read_bytes() == path.read_bytes()
    assert f"{kept}: damaged; moved to {kept.name}.1.unreadable, fetched again." in capsys.readouterr().err


def test_a_pinned_file_is_that_of_the_data_folder_or_comes_from_the_network(server, tmp_path, monkeypatch):
    folder, address = server
    monkeypatch.setattr(fetch, "cache_dir", lambda: tmp_path / "cache")
    (folder / "passive.jsonl").write_text("{}\n")
    pinned = "blimp/passive.jsonl", f"{address}/passive.jsonl", fetch.file_sha256(folder / "passive.jsonl")
    monkeypatch.delenv("FRUGAL_DATA_DIR", raising=False)
    assert fetch.pinned_file(*pinned).parent == tmp_path / "cache"
    monkeypatch.setenv("FRUGAL_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match=r"blimp/passive\.jsonl: no such file; unset FRUGAL_DATA_DIR or complete"):
        fetch.pinned_file(*pinned)
