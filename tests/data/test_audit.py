"""The command `audit` on other people's files: it finds the copy, or says that it could not look."""

import json
import time

import pytest
from typer.testing import CliRunner

from frugal_lib.__main__ import app

POEM = (
    "The miller's daughter counts the sacks of grain",
    "and writes their number on the mill-house wall;",
    "her brother counts the tankards and the rain",
    "and makes no mark of anything at all.",
)
TEXT = "\n".join(POEM)


def audit(folder, name, content, held=TEXT, *more):
    for file, what in ((name, content), ("held.txt", held)):
        (folder / file).write_bytes(what if isinstance(what, bytes) else what.encode())
    return CliRunner().invoke(app, ["audit", str(folder / name), "--against", str(folder / "held.txt"), *more])


def found(folder, name, content, held=TEXT):
    done = audit(folder, name, content, held, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.JSON", json.dumps([TEXT])),
        ("a.ndjson", json.dumps({"text": TEXT}) + "\n"),
        ("a.JSONL", json.dumps({"poem": POEM}) + "\n"),
        ("a.txt", json.dumps([TEXT])),
        ("a", json.dumps({"id": 1, "text": TEXT}) + "\n" + json.dumps("another one")),
        ("a.json", json.dumps({"poems": [TEXT, "another one"]})),
        ("a.json", json.dumps({"model": "x", "data": [{"prompt": "Write!", "completion": TEXT}]})),
        ("a.json", json.dumps({"text": "A prompt", "completion": TEXT})),
        ("a.json", json.dumps({"text": TEXT, "tokens": 1}) + "\n" + json.dumps({"text": "b"})),
        ("a.jsonl", '{"text": "' + TEXT.replace("\n", "\\n").replace(" and", "\u2028and") + '\u2028"}\n'),
        ("a.jsonl", "\ufeff" + json.dumps({"text": TEXT}) + "\r\n"),
        ("a.json", json.dumps([{"text": TEXT, "seed": 1}]).replace("1}", "9" * 5000 + "}")),
        ("a.csv", 'id,text\n1,"' + TEXT + '"\n'),
        ("a.tsv", "1\t" + "\t".join(POEM)),
        ("a.txt", TEXT + "\n\n7\nsomething else\n"),  # before the first number
        ("a.txt", TEXT.encode("utf-16")),
        ("a.txt", TEXT.encode("utf-16-le")),
        ("a.txt", TEXT.encode("utf-32")),
        ("a.txt", f"Слова\n\n{TEXT}".encode("utf-16-le")),
        ("a.txt", "\f".join(POEM)),
        ("a.txt", " ".join(TEXT.split())),
        ("a.txt", "\n".join(TEXT.split())),
    ],
)
def test_a_copy_is_found_in_whatever_file(tmp_path, name, content):
    assert found(tmp_path, name, content)["token_share"] > 0.8


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("ll", "l\u00adl").replace("th", "t\u200bh"),
        lambda text: text.replace("'", "\u02bc").replace("-", "\u2011"),
        lambda text: text.replace(" ", "\u2007").replace("a", "\uff41").replace("fi", "\ufb01"),
        lambda text: text.replace("o", "\u043e").replace("e", "\u0435"),
        str.upper,
    ],
)
def test_a_copy_is_found_whatever_the_eye_does_not_see(tmp_path, change):
    result = found(tmp_path, "a.txt", change(TEXT))
    assert result["token_share"] == 1 and result["lines_verbatim"] == 4


@pytest.mark.parametrize(
    "text",
    ["Я помню чудное мгновенье: передо мной явилась ты, как мимолётное виденье",
     "白日依山尽黄河入海流欲穷千里目更上一层楼",
     "من بيتي إلى بيتك طريق طويل لا ينتهي ابدا", "나 보기가 역겨워 가실 때에는 말없이 고이 보내 드리우리다"],
)  # fmt: skip
def test_a_copy_is_found_in_any_script(tmp_path, text):
    result = found(tmp_path, "a.txt", text, held=text)
    assert result["token_share"] == 1 and result["words"] == result["words_against"] >= 7


@pytest.mark.parametrize(
    ("name", "content", "held", "words"),
    [
        ("a.txt", "1 2 3\n4 5 6 — ☺\n", TEXT, "a.txt: no word in it"),
        ("a.txt", TEXT, "☺\n☺\n", "held.txt: no word in it"),
        ("a.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", TEXT, "a.txt: not UTF-8 text (byte 0)"),
        ("a.txt", b"text\0text text", TEXT, "a.txt: no text, for it holds a NUL (character 5)"),
        ("a.txt", "naïve".encode("latin-1"), TEXT, "a.txt: not UTF-8 text (byte 2); save the file as UTF-8."),
        ("a.txt", ("\ufeff" + TEXT).encode("utf-16-le")[:-1], TEXT, "a.txt: not UTF-16-LE text"),
        ("a.json", "[" * 100_000, TEXT, "a.json: not JSON (nested too deeply)"),
        ("a.json", '{"1": "my words", "1": "your words"}', TEXT, "a.json: not JSON ('1' is named twice in one object)"),
        ("a.jsonl", '"a"\n{', TEXT, "a.jsonl: not JSON (line 2: "),
        ("a.json", '[{"messages": []}]', TEXT, "a.json: entry 1 has no text"),
        ("a.json", '{"model": "x", "meta": {"a": "b"}, "data": ["c"]}', TEXT, "a.json: entry meta has no text"),
        ("a.jsonl", '{"request": 1, "error": "503"}\n', TEXT, "a.jsonl: no text in it"),
        ("a.txt", TEXT, "word " * 1_300_000, "held.txt: larger than 6 MB"),
        ("no\x1b[2J.json", "[1,", TEXT, "no\\x1b[2J.json: not JSON"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_sentence(tmp_path, name, content, held, words):
    done = audit(tmp_path, name, content, held)
    assert done.exit_code == 2 and done.stdout == "" and words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and len(done.stderr) < 700 and "\x1b" not in done.stderr


def test_rows_without_an_answer_are_left_out(tmp_path):
    rows = [{"request": 1, "sent": 0.01}, {"request": 1, "text": TEXT, "usd": 0.1}, {"request": 2, "error": "503"}]
    result = found(tmp_path, "a.answers.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert (result["items"], result["token_share"]) == (1, 1)


def test_it_says_how_many_words_it_compared_and_what_it_could_not(tmp_path):
    done = audit(tmp_path, "a.json", json.dumps(["two words", "☺"]))
    assert "0.0 % of its 2 words are copied; compared with 33 words of held.txt." in done.stdout
    assert "1 items have no word in them, and were not compared." in done.stdout


@pytest.mark.parametrize("name", ["\x1b[2J\x1b]0;owned\x07", "\u202egnp.exe", "\ud800", "a\nb: 9 lines", "x" * 9999])
def test_a_name_steers_no_terminal(tmp_path, name):
    held = json.dumps([{"id": name, "text": TEXT}])
    (tmp_path / "mine.txt").write_text(TEXT)
    (tmp_path / "held.json").write_text(held)
    done = CliRunner().invoke(app, ["audit", str(tmp_path / "mine.txt"), "--against", str(tmp_path / "held.json")])
    assert done.exit_code == 0 and len(done.stdout.splitlines()) == 3 and len(done.stdout) < 500
    assert not any(c in done.stdout for c in "\x1b\x07\u202e\ud800") and "4 lines verbatim" in done.stdout


@pytest.mark.parametrize(
    "content",
    [
        "a" + "\n" * 200_000 + "b",
        " \n" * 200_000 + "b",
        "a line of mine\n" * 30_000,
        "\n\n".join(["a line of mine"] * 15_000),
        "word " * 100_000,
        "7\n" * 200_000 + "words",
        '["a line of mine"' + ', "a line of mine"' * 15_000 + "]",
        "[" + '{"id": 1, "text": "a line of mine"},' * 15_000 + '"b"]',
    ],
)
def test_time_grows_with_length_and_no_faster(tmp_path, content):
    """Each took from ten seconds to hours where something was quadratic."""
    before = time.process_time()
    done = audit(tmp_path, "a.txt", content, held="a line of mine that is here\n" * 20_000 + "".join(
        f"a line of mine {chr(97 + i % 26) * (1 + i // 26)}\n" for i in range(5000)))  # fmt: skip
    assert time.process_time() - before < 5 and done.exit_code == 0
