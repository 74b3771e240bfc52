import hashlib

import pytest

from frugal_lib.core import fetch
from frugal_lib.core.fetch import DataError
from frugal_lib.data import sonnets as sonnet_data


def test_splits_of_the_public_domain_edition(sonnets):
    assert [s.id for s in sonnets.train] == list(range(1, 132))
    assert [s.id for s in sonnets.dev] == list(range(132, 144))
    assert [s.id for s in sonnets.test] == list(range(145, 155))
    assert sonnets.dev[0].given.startswith("Thine eyes I love, and they, as pitying me,")
    # 99 has fifteen lines and 126 twelve; all others have fourteen
    assert {s.id: len(s.lines) for s in sonnets.train if len(s.lines) != 14} == {99: 15, 126: 12}
    assert sonnets.dev[0].text == sonnets.dev[0].given + "\n" + sonnets.dev[0].continuation


def in_paper_format(sonnets, number=lambda s: s.id):
    title = "Sonnets\nby William Shakespeare\n\n"
    blocks = [f"{number(s)}\n\n" + "\n".join(s.lines[:-2]) + "\n  " + "\n  ".join(s.lines[-2:]) for s in sonnets]
    return title + "\n\n".join(blocks) + "\n\n"


@pytest.fixture
def paper_files(tmp_path, monkeypatch, sonnets):
    """A stand-in for the paper's three files, made from the public-domain text, with its own SHA-256."""
    prompts = [sonnet_data.Sonnet(s.id, s.lines[:3]) for s in sonnets.test]
    odd = [sonnet_data.Sonnet(155, sonnets.dev[6].lines[:3]), sonnet_data.Sonnet(156, sonnets.dev[7].lines[:3])]
    texts = [in_paper_format(part) for part in (sonnets.train, sonnets.dev, [*prompts, *odd])]
    hashes = {}
    for name, text in zip(sonnet_data.FOLGER_FILES, texts, strict=True):
        path = tmp_path / "cs224n_gpt" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        hashes[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(sonnet_data, "FOLGER_FILES", hashes)
    monkeypatch.setenv("FRUGAL_DATA_DIR", str(tmp_path))
    for cached in (sonnet_data.load_sonnets, sonnet_data.available_edition):
        cached.cache_clear()
    yield tmp_path
    for cached in (sonnet_data.load_sonnets, sonnet_data.available_edition):
        cached.cache_clear()


def test_the_papers_files_are_read_from_the_data_folder(paper_files, sonnets):
    ours = sonnet_data.load_sonnets("folger")
    assert sonnet_data.available_edition() == "folger"
    assert ours.train == sonnets.train and ours.dev == sonnets.dev  # indentation and title page are gone
    assert [s.id for s in ours.test] == [*range(145, 155), 155, 156]
    assert ours.test[:10] == sonnets.test  # prompts of the paper, endings of the public domain
    assert [s.continuation for s in ours.test[10:]] == ["", ""]  # nobody released their endings


def test_a_changed_or_truncated_file_is_refused(paper_files):
    path = paper_files / "cs224n_gpt" / "data/sonnets.txt"
    path.write_text(path.read_text()[:5000])
    with pytest.raises(DataError, match=r"sonnets\.txt: SHA-256 differs"):
        sonnet_data.load_sonnets("folger")
    with pytest.raises(DataError):
        sonnet_data.available_edition()


def test_a_missing_file_in_the_data_folder_is_named(paper_files):
    (paper_files / "cs224n_gpt" / "data/sonnets.txt").unlink()
    with pytest.raises(DataError, match=r"sonnets\.txt: no such file; unset FRUGAL_DATA_DIR"):
        sonnet_data.load_sonnets("folger")


def test_without_network_and_folder_the_public_domain_text_is_used(monkeypatch):
    monkeypatch.delenv("FRUGAL_DATA_DIR", raising=False)

    def no_network(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(fetch.pooch, "retrieve", no_network)
    sonnet_data.available_edition.cache_clear()
    assert sonnet_data.available_edition() == "public-domain"
    with pytest.raises(DataError, match="connect to the network or set FRUGAL_DATA_DIR"):
        fetch.released_file("data/sonnets.txt", sonnet_data.FOLGER_FILES["data/sonnets.txt"])
    sonnet_data.available_edition.cache_clear()


def test_the_editions_have_different_digests():
    assert sonnet_data.digest("folger") != sonnet_data.digest("public-domain")
    assert len(sonnet_data.digest("folger")) == 12


def test_blocks_are_cut_at_numbers():
    text = "title\n\n0\nfirst line\nsecond 2 line\n\n\n11\r\n\nother\n"
    assert sonnet_data.parse_blocks(text, "f") == [(0, "first line\nsecond 2 line"), (11, "other")]


def test_an_unknown_edition_is_refused():
    with pytest.raises(DataError, match="choose one of folger, public-domain"):
        sonnet_data.load_sonnets("quarto")
