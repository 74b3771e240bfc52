import json

import pytest

from frugal_lib.core.fetch import DataError
from frugal_lib.data.text_files import read_texts


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", ["one\ntwo", "three"]),
        ("a.json", {"1": "one\ntwo", "2": {"sonnet": "three"}}),
        ("a.json", [{"text": "one\ntwo"}, {"lines": ["three"], "author": "x"}]),
        ("a.json", [["one", "two"], "three", " "]),
        ("a.jsonl", '{"text": "one\\ntwo"}\n\n"three"\n'),
        ("a.txt", "one\ntwo\n\n\nthree\n"),
        ("a.txt", "A title\n\n1\none\ntwo\n\n2\nthree"),
        ("a.txt", "###1###\none\ntwo\n###2###\nthree\n"),
        ("a.txt", "=== 1 ===\none\ntwo\n\n**2**\nthree\n"),
    ],
)
def test_the_texts_of_any_file(tmp_path, name, content):
    found = read_texts(written(tmp_path, name, content))
    assert {key: text.strip() for key, text in found.items()} == {"1": "one\ntwo", "2": "three"}


def test_ids_are_kept_and_made_different(tmp_path):
    content = [{"id": 155, "text": "a"}, {"id": 155, "text": "b"}, {"id": "x", "text": "c"}]
    assert read_texts(written(tmp_path, "a.json", content)) == {"155": "a", "155 (2)": "b", "x": "c"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "[1,", "a.json: not JSON"),
        ("a.json", "7", "a.json: neither a list nor an object"),
        ("a.json", [{"title": "x"}], "a.json: entry 1 has no text"),
        ("a.json", ["x", 7], "a.json: entry 2 has no text"),
        ("a.json", [], "a.json: no text in it"),
        ("a.txt", "  \n\n", "a.txt: no text in it"),
    ],
)
def test_a_file_without_texts_is_one_sentence(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message):
        read_texts(written(tmp_path, name, content))
