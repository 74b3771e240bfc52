import os
from collections import Counter

import pytest

from frugal_lib.core.fetch import DataError
from frugal_lib.data import labelled, standins
from frugal_lib.data.labelled import Columns

COLUMNS = Columns("sentence", "sentiment")
PAIRS = Columns("question1", "is_duplicate", "question2", ",")
HEAD = "\tid\tsentence\tsentiment\n"
has_data = pytest.mark.skipif(not os.environ.get("FRUGAL_DATA_DIR"), reason="needs FRUGAL_DATA_DIR")


def read(tmp_path, text, columns=COLUMNS, classes=5, **settings):
    path = tmp_path / "some.csv"
    path.write_text(text, encoding="utf-8")
    return labelled.read_examples(path, columns, classes, **settings)


def test_a_file_is_read_in_its_order_with_quotes_line_ends_and_odd_characters(tmp_path):
    text = HEAD + '0\ta1\t A film \x85 of sorts .\t3\n1\ta2\t"He said ""no"" .\nTwice ."\t0.0\n'
    first, second = read(tmp_path, text)
    assert (first.id, first.text, first.label, first.pair) == ("a1", "A film \x85 of sorts .", 3, "")
    assert (second.text, second.label) == ('He said "no" .\nTwice .', 0)


def test_pairs_have_two_texts_and_test_files_no_label(tmp_path):
    (pair,) = read(tmp_path, 'id,question1,question2,is_duplicate\n7,"Why, then?",What for?,1\n', PAIRS, 2)
    assert (pair.text, pair.pair, pair.label) == ("Why, then?", "What for?", 1)
    (bare,) = read(tmp_path, "0\t\tid\tsentence\n1\t0.0\tb\tno label here\n", Columns("sentence"))
    assert bare.label is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\tid\ttext\tsentiment\n", r"some\.csv: line 1: no column 'sentence'; the columns must be id, sentence, sen"),
        ("", r"some\.csv: line 1: no column 'id'"),
        (HEAD + "0\ta\tgood\t1\n1\tb\t  \t2\n", r"some\.csv: line 3: sentence is empty; fill it in"),
        (HEAD + "0\ta\tgood\t5\n", r"line 2: sentiment is '5'; it must be a whole number from 0 to 4"),
        (HEAD + "0\ta\tgood\t1.5\n", r"line 2: sentiment is '1\.5'"),
        (HEAD + "0\ta\tgood\tfine\n", r"line 2: sentiment is 'fine'"),
        (HEAD + "0\ta\tgood\tnan\n", r"line 2: sentiment is 'nan'"),
        (HEAD + "0\ta\tgood\t1\n1\ta\tbad\t0\n", r"line 3: id 'a' was there before"),
        (HEAD + "0\ta\tgood\t1\n1\tb\tba", r"line 3: too few columns; the file may have been cut"),
    ],
)
def test_a_broken_file_is_one_sentence_with_file_and_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_broken_lines_of_the_papers_quora_files_are_counted_and_left_out(tmp_path, capsys):
    found = read(tmp_path, HEAD + "0\ta\tgood\t1\n1\tb\t\t0\n2\tc\tbad\t0\n", strict=False)
    assert [example.id for example in found] == ["a", "c"]
    assert "1 broken lines left out of 3" in capsys.readouterr().err


@pytest.mark.parametrize("task", ["sst", "cfimdb"])
def test_vaders_sentences_stand_in_for_the_films(task):
    data = labelled.load(task, "vader")
    sizes = [len(data.split(name)) for name in ("train", "dev", "test")]
    assert sum(sizes) > 10_000 and sizes[0] > 2.9 * sizes[1]
    texts = [e.text.lower() for name in ("train", "dev", "test") for e in data.split(name)]
    assert len(set(texts)) == len(texts)
    assert {e.label for e in data.dev} == set(range(len(data.classes)))


def test_ratings_are_cut_into_equal_parts():
    assert [standins.rating_class(r, "sst") for r in (-4, -2.5, -1, 0, 1, 2.5, 4)] == [0, 0, 1, 2, 3, 4, 4]
    assert [standins.rating_class(r, "cfimdb") for r in (-0.1, 0, 0.1)] == [0, None, 1]


def test_the_written_pairs_are_half_duplicates_and_no_question_comes_twice():
    data = labelled.load("quora", "written")
    pairs = [e for name in ("train", "dev", "test") for e in data.split(name)]
    assert len(pairs) == 150 and Counter(e.label for e in pairs) == {0: 75, 1: 75}
    assert len(labelled.questions(pairs)) == 300


def test_the_edition_of_a_machine_without_data_is_the_stand_in(monkeypatch):
    def nothing(*args):
        raise DataError("no network")

    monkeypatch.delenv("FRUGAL_DATA_DIR", raising=False)
    monkeypatch.setattr("frugal_lib.core.fetch.released_file", nothing)
    labelled.available_edition.cache_clear(), labelled.load.cache_clear()
    assert [labelled.available_edition(task) for task in labelled.TASKS] == ["vader", "vader", "written"]
    labelled.available_edition.cache_clear(), labelled.load.cache_clear()


def test_an_order_as_if_by_lot_is_always_the_same():
    examples = labelled.load("quora", "written").train
    assert labelled.scattered(reversed(examples)) == labelled.scattered(examples)
    assert [e.id for e in labelled.scattered(examples)] != sorted(e.id for e in examples)


def test_every_edition_has_a_source_and_a_digest_of_its_own():
    editions = [(task, edition) for task, loaders in labelled.LOADERS.items() for edition in loaders]
    assert set(editions) == set(labelled.SOURCES)
    digests = {labelled.edition_digest(*pair) for pair in editions}
    assert len(digests) == len(editions) - 2  # three stand-ins are cut from one package


def test_what_this_machine_cannot_have_is_one_sentence(monkeypatch):
    monkeypatch.delenv("FRUGAL_DATA_DIR", raising=False)
    with pytest.raises(DataError, match="quora: its files are read from FRUGAL_DATA_DIR; set it"):
        labelled.two_sources("quora")
    with pytest.raises(DataError, match="quora: edition 'vader' is unknown; choose one of two-sources, paper, written"):
        labelled.load("quora", "vader")


@has_data
def test_the_papers_splits_have_the_sizes_the_paper_states():
    sizes = {
        t: [len(labelled.load(t, "released").split(s)) for s in ("train", "dev", "test")] for t in ("sst", "cfimdb")
    }
    assert sizes == {"sst": [8544, 1101, 2210], "cfimdb": [1707, 245, 488]}
    assert sum(sizes["sst"]) == 11_855
    assert {e.label for e in labelled.load("sst", "released").test} == {None}


@has_data
def test_no_question_is_in_two_splits_of_the_two_sources():
    data = labelled.load("quora", "two-sources")
    train, dev, test = (labelled.questions(data.split(name)) for name in ("train", "dev", "test"))
    assert not train & dev and not train & test and not dev & test
    assert len(data.train) > 10_000 and len(data.dev) > 10_000 and len(data.test) > 5_000
    rates = [sum(e.label for e in split) / len(split) for split in (data.train, data.dev)]
    assert rates == pytest.approx([0.432, 0.375], abs=0.01)  # half of the first were duplicates before the cut
