import unicodedata

import pytest

from frugal_lib.data.folding import folded_lines, folded_text
from frugal_lib.data.overlap import folded

UNSEEN = "\u00ad\u200b\u200c\u200d\u2060\ufeff\u200e\u202a\u034f\ufe0f\U000e0041\x00\x1b\u180e\u3164"


@pytest.mark.parametrize("character", UNSEEN)
def test_what_shows_nothing_changes_nothing(character):
    assert folded_text(f"un{character}ready") == folded_text("unready")


@pytest.mark.parametrize("apostrophe", "'’‘`´ʼ＇′‛")
def test_an_apostrophe_joins_whatever_its_kind(apostrophe):
    assert folded_text(f"sav{apostrophe}d") == folded_text("sav'd") == folded_text("saved") == folded_text("savèd")


@pytest.mark.parametrize("between", "-‐‑‒–—―−－\u00a0\u2003\u3000·_ \t")
def test_dashes_and_white_space_keep_words_apart_whatever_their_kind(between):
    assert folded_text(f"self{between}same").split() == ["self", "same"]


def test_compatibility_forms_and_letters_that_look_the_same_are_one():
    assert folded_text("ﬁnding") == folded_text("finding") == folded_text("ｆｉｎｄｉｎｇ") == folded_text("𝐟𝐢𝐧𝐝𝐢𝐧𝐠")
    assert folded_text("sсоrе Ѕсоrе") == folded_text("score Score")  # some letters are Cyrillic
    assert folded_text("STRASSE") == folded_text("straße")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\f", "\x0b", "\x85", "\u2028", "\u2029"])
def test_a_line_ends_where_the_eye_sees_it(end):
    assert folded_lines(f"one rose{end}two") == [("one", "rose"), ("two",)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Я вас любил: любовь ещё, быть может", 7),
        ("Μῆνιν ἄειδε θεὰ Πηληϊάδεω Ἀχιλῆος", 5),
        ("قفا نبك من ذكرى حبيب ومنزل", 6),
        ("שיר השירים אשר לשלמה", 4),
        ("धर्मक्षेत्रे कुरुक्षेत्रे समवेता युयुत्सवः", 4),
        ("나 보기가 역겨워 가실 때에는", 5),
        ("床前明月光", 5),  # a character is a word
        ("ふるいけや", 5),
    ],
)
def test_every_script_has_words(text, words):
    assert len(folded_text(text).split()) == words
    assert folded_text(unicodedata.normalize("NFD", text)) == folded_text(unicodedata.normalize("NFC", text))


def test_it_folds_english_as_the_committed_records_do(sonnets):
    for sonnet in (*sonnets.train, *sonnets.dev, *sonnets.test):
        assert folded_lines(sonnet.text) == [folded(line) for line in sonnet.lines]
