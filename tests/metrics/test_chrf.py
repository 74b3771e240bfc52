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
    assert set(result) == {"chrf", "chrf_continuation", "signature", "per_sonnet"}
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
        (b"0\n\xff\xfe broken\n", "generated.txt: not UTF-8 text"),
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
