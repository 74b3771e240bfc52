import json

import pytest
from fakes.verse import SHALL
from typer.testing import CliRunner

from frugal_lib.__main__ import app
from frugal_lib.metrics import chrf


def test_chrf_of_equal_and_of_disjoint_texts():
    assert chrf.chrf([SHALL], [SHALL]) == 100
    assert chrf.chrf(["zzzz"], ["aaaa"]) == 0
    assert "nc:6" in chrf.chrf_signature() and "space:no" in chrf.chrf_signature()


def test_shares_of_corpus_chrf_have_it_as_their_mean(sonnets):
    texts = [s.given for s in sonnets.dev]
    references = [s.text for s in sonnets.dev]
    shares = chrf.chrf_of_each(texts, references)[1]
    assert sum(shares) / len(shares) == pytest.approx(chrf.chrf(texts, references))
    sentences = [chrf.sentence_chrf(t, r) for t, r in zip(texts, references, strict=True)]
    assert max(abs(a - b) for a, b in zip(shares, sentences, strict=True)) < 5  # close to the sentence scores


def test_shares_are_those_of_scoring_every_corpus_anew_to_the_last_bit(sonnets):
    texts = [*(s.given + "\nand then " * s.id for s in sonnets.dev), ""]
    references = [*(s.text for s in sonnets.dev), "x"]
    n = len(texts)
    rest = [chrf.chrf(texts[:i] + texts[i + 1 :], references[:i] + references[i + 1 :]) for i in range(n)]
    whole, mean_rest = chrf.chrf(texts, references), sum(rest) / n
    assert chrf.chrf_of_each(texts, references)[1] == [whole + (n - 1) * (mean_rest - without) for without in rest]
    assert chrf.chrf_of_each(texts[:1], references[:1])[1] == [chrf.chrf(texts[:1], references[:1])]


def command(*words):
    return CliRunner().invoke(app, ["score", *map(str, words)])


@pytest.fixture
def files(tmp_path, sonnets):
    gold = tmp_path / "gold.txt"
    gold.write_text("title\n\n" + "\n\n".join(f"{s.id}\n\n{s.text}" for s in sonnets.dev))
    generated = tmp_path / "generated.txt"
    generated.write_text("\n".join(f"{i}\n{s.given}\nand then no more\n\n" for i, s in enumerate(sonnets.dev)))
    return generated, gold


def test_the_command_prints_json_with_the_promised_keys(files, sonnets):
    done = command(*files, "--json")
    assert done.exit_code == 0, done.stderr
    result = json.loads(done.stdout)
    assert set(result) == {"chrf", "chrf_continuation", "signature", "matched", "per_sonnet"}
    assert result["matched"] == "position"
    assert [row["id"] for row in result["per_sonnet"]] == list(range(132, 144))
    assert set(result["per_sonnet"][0]) == {"id", "chrf", "chrf_continuation"}
    expected = chrf.chrf([s.given + "\nand then no more" for s in sonnets.dev], [s.text for s in sonnets.dev])
    assert result["chrf"] == pytest.approx(expected)
    assert result["chrf_continuation"] < result["chrf"]


def test_the_command_prints_a_table(files):
    done = command(*files)
    assert done.exit_code == 0 and len(done.stdout.splitlines()) == 1 + 12 + 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no number anywhere\n", "generated.txt: no sonnet found"),
        (b"0\nonly one\n", "generated.txt: 1 sonnets, but"),
        (b"0\n\xff\xfe broken\n", "generated.txt: not UTF-8 text (byte 2)"),
        (b"9" * 5000, "generated.txt: no sonnet found"),
        (b"1\nnew\0line\n", "generated.txt: no text, for it holds a NUL (character 6)"),
        (b"1\n" + b"a line\n" * 700_000, "generated.txt: larger than 4 MB"),
        (None, "generated.txt: cannot be read"),
    ],
)
def test_bad_files_get_one_sentence_and_status_2(files, content, words):
    generated, gold = files
    generated.unlink() if content is None else generated.write_bytes(content)
    done = command(generated, gold)
    assert done.exit_code == 2
    assert words in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def scored(tmp_path, generated, gold):
    (tmp_path / "generated.txt").write_bytes(generated)
    (tmp_path / "gold.txt").write_bytes(gold)
    done = command(tmp_path / "generated.txt", tmp_path / "gold.txt", "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout), done.stderr


TWO = "1\n\nHer roses keep their colour\nand their thorns\n\n2\n\nHis lute has lost a string\nand him who played\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", "\u2028", "\f"])
@pytest.mark.parametrize("before", ["", "\ufeff", "\u3000", "\u00a0\u200b", "\x0b"])
def test_no_sonnet_is_lost_whatever_the_encoding_and_what_stands_before_its_number(tmp_path, encoding, ends, before):
    text = TWO.replace("1\n", f"{before}1\n").replace("2\n", f"{before}2{before}\n").replace("\n", ends)
    found, _ = scored(tmp_path, text.encode(encoding), TWO.encode())
    assert [row["id"] for row in found["per_sonnet"]] == [1, 2] and found["chrf"] == 100


def test_sonnets_are_matched_by_number_where_both_files_have_the_same(tmp_path):
    blocks = TWO.split("\n\n2\n")
    turned = f"2\n{blocks[1]}\n{blocks[0]}\n"
    found, said = scored(tmp_path, turned.encode(), TWO.encode())
    assert (found["matched"], found["chrf"], said) == ("number", 100, "")
    found, said = scored(tmp_path, TWO.replace("1\n", "132\n", 1).encode(), TWO.encode())
    assert (found["matched"], found["chrf"]) == ("position", 100)
