import pytest
from fakes.verse import SHALL

from frugal_lib.data import unrelated
from frugal_lib.metrics import verse


def test_the_form_of_a_sonnet():
    form = verse.form(SHALL)
    assert form["lines"] == 14
    assert form["rhyme_share"] == pytest.approx(4 / 7)  # growest/owest and the two 'd are not in the dictionary
    assert not form["perfect"]
    assert verse.form(SHALL.replace("dimm'd", "dim").replace("untrimm'd", "trim"))["rhyme_share"] > form["rhyme_share"]


def test_the_form_of_fragments():
    assert verse.form("") == {"lines": 0, "rhyme_share": 0, "perfect": False}
    assert verse.form("one day\n\nnight\nall may")["lines"] == 3
    assert verse.rhymes("a day", "in May!") and not verse.rhymes("the day", "that day")


def test_early_modern_endings_and_spellings_are_known():
    assert not verse.rhymes("that fair thou owest", "to time thou growest")
    assert verse.sounds_alike("that fair thou owest", "to time thou growest")
    assert verse.sounds_alike("complexion dimm'd", "of branches trimm’d")
    assert not verse.sounds_alike("complexion dimm'd", "in time thou growest")
    assert verse.scan(SHALL)["pairs"] == pytest.approx(
        5 / 7
    )  # of temperate and date, and of untrimm'd, it knows nothing


def test_every_pronunciation_counts():
    assert verse.sounds_alike("a gentle wind", "to change my mind")  # of wind the dictionary has two
    assert verse.sounds_alike("a gentle wind", "I have sinned")


@pytest.mark.parametrize(
    ("ends", "scheme"),
    [
        ("day night may light", "ABAB"),
        ("day night light may", "ABBA"),
        ("day night orange fire", "ABCD"),
        ("day day", "AA"),  # a word is no rhyme of itself, but the same letter
    ],
)
def test_a_scheme_is_read_off_the_ends(ends, scheme):
    assert verse.scheme([f"so ends {word}" for word in ends.split()]) == scheme


@pytest.mark.parametrize(
    "line",
    [
        "When forty winters shall besiege thy brow,",
        "Nothing can bring it back again to me",  # begins with a stress
        "To be, or not to be, that is the question:",  # an unstressed syllable more
        "If I could write the beauty of your eyes",
    ],
)
def test_lines_that_are_iambic(line):
    assert verse.is_iambic(line)


@pytest.mark.parametrize(
    "line",
    [
        "When forty winters besiege thy brow,",  # nine syllables
        "When forty winters shall besiege thy white brow today,",  # twelve
        "When winters forty shall thy brow besiege again so",  # eleven, the last of them stressed
        "Because happiness is seldom lasting",  # stresses on odd places
        "",
    ],
)
def test_lines_that_are_not(line):
    assert not verse.is_iambic(line)


def cut(words, syllables):
    """Lines of so many syllables, each as few as its word may have; what does not fill a line is left out."""
    lines, line, count = [], [], 0
    for word in words:
        own = sum(min(map(len, verse.stresses(part))) for part in verse.words_of(word))
        line, count = ([*line, word], count + own) if count + own <= syllables else ([word], own)
        if count == syllables:
            lines.append(" ".join(line))
            line, count = [], 0
    return lines


def test_prose_with_ten_syllables_a_line_is_not_verse(sonnets):
    """Leading articles, so cut, are iambic by chance in two lines of five; of sonnets nearly every line is."""
    prose = cut(" ".join(unrelated.prose().values()).split(), 10)
    lines = [line for sonnet in sonnets.dev for line in sonnet.lines]
    shares = [sum(map(verse.is_iambic, those)) / len(those) for those in (lines, prose)]
    assert len(prose) > 500 and shares[0] > 0.85 and 0.2 < shares[1] < 0.5


def test_unknown_words_are_counted():
    assert verse.scan("the zxqv is red")["unknown"] == 0.25
    assert verse.scan("")["unknown"] == 0


def test_shakespeare_is_seldom_perfect(sonnets):
    perfect = [verse.form(s.text)["perfect"] for s in (*sonnets.train, *sonnets.dev, *sonnets.test)]
    assert 0.05 < sum(perfect) / len(perfect) < 0.12
