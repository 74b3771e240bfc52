import dataclasses
import json

import pytest

from frugal_lib.core import fetch
from frugal_lib.core.fetch import DataError
from frugal_lib.data import overlap
from frugal_lib.data import sonnets as sonnet_data
from frugal_lib.metrics import verse
from frugal_lib.teachers import by_name, offline, on_file
from frugal_lib.teachers.on_file import poems


def test_the_offline_writer_writes_sonnets_that_rhyme():
    texts = offline.sonnets(5)
    forms = [verse.scan(text) for text in texts]
    assert [form["lines"] for form in forms] == [14] * 5
    assert all(form["pairs"] == 1 for form in forms)
    assert sum(form["iambic"] for form in forms) / 5 > 0.8
    assert len(set(texts)) == 5 and offline.sonnets(2) == texts[:2]


def test_the_offline_writer_knows_the_training_sonnets_only(sonnets):
    held = {str(s.id): s.text for s in (*sonnets.dev, *sonnets.test)}
    known = {str(s.id): s.text for s in (*sonnets.train, sonnet_data.public_domain()[144])}
    lines = overlap.summary(offline.sonnets(20), held | known)["by_target"]
    assert not [name for name in lines if name in held and name not in known]


def test_every_teacher_of_a_profile_has_a_name_and_a_digest():
    for name in (*on_file.SOURCES, "offline", by_name.SHAKESPEARE):
        assert by_name.digest_parts(name)
    digests = {tuple(by_name.digest_parts(name)) for name in on_file.SOURCES}
    assert len(digests) == len(on_file.SOURCES)
    assert len(by_name.everything(by_name.SHAKESPEARE)) == 154


@pytest.fixture
def files(monkeypatch, tmp_path):
    """A data folder in which a teacher's file has the content that a test gives it."""
    monkeypatch.setenv("FRUGAL_DATA_DIR", str(tmp_path))

    def put(teacher, content, name=None):
        source = on_file.SOURCES[teacher]
        name = name or next(iter(source.files))
        path = tmp_path / (on_file.HUMAN_FOLDER if teacher == "human" else "cs224n_gpt") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        changed = dataclasses.replace(source, files={name: fetch.file_sha256(path)})
        monkeypatch.setitem(on_file.SOURCES, teacher, changed)
        on_file.poems.cache_clear()

    yield put
    on_file.poems.cache_clear()


def test_each_kind_of_file_is_read(files):
    files("flash", json.dumps(["  one\n\n\ttwo", "three"]))
    files("pro", "###1###\none\n  two\n\n###2###\nthree\n")
    poem = {"lines": ["a", "b"], "rhyme_score": 7}
    files("human", json.dumps([poem, poem | {"rhyme_score": 6}]), "rhymedata_sonnets.json")
    assert poems("flash") == poems("pro") == ("one\ntwo", "three")
    assert poems("human") == ("a\nb",)


def test_a_broken_file_is_one_sentence(files):
    files("flash", "[1, 2")
    with pytest.raises(DataError, match=r"sonnets_flash.json: cannot be read .*; fetch the file again"):
        poems("flash")


def test_another_file_than_the_pinned_one_is_refused(files, tmp_path):
    files("flash", '["one"]')
    (tmp_path / "cs224n_gpt" / next(iter(on_file.SOURCES["flash"].files))).write_text('["two"]')
    with pytest.raises(DataError, match="SHA-256 differs"):
        poems("flash")


def test_other_poets_are_in_the_data_folder_or_nowhere(monkeypatch):
    monkeypatch.delenv("FRUGAL_DATA_DIR", raising=False)
    on_file.poems.cache_clear()
    with pytest.raises(DataError, match="set FRUGAL_DATA_DIR to a folder of them"):
        poems("human")


def test_pro_comes_from_the_commit_that_had_it(monkeypatch, tmp_path):
    monkeypatch.delenv("FRUGAL_DATA_DIR", raising=False)
    asked = []

    def download(url, sha256):
        asked.append(url)
        raise DataError("no network")

    monkeypatch.setattr(fetch, "download", download)
    for name in ("pro", "flash"):
        with pytest.raises(DataError):
            on_file.path_of(name, next(iter(on_file.SOURCES[name].files)))
    assert fetch.PRO_COMMIT in asked[0] and fetch.COMMIT in asked[1]
