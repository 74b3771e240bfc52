import json
import os
import subprocess
import sys

import pytest

from frugal_lib.core import fetch
from frugal_lib.data.overlap import Targets, first_of_each, summary
from frugal_lib.teachers.on_file import SOURCES, path_of, poems

LINE = "When forty winters shall besiege thy brow,"
SONNET = f"{LINE}\nAnd dig deep trenches in thy beauty's field,\nThy youth's proud livery, so gazed on now"


def test_clean_text_shares_nothing():
    assert not any(Targets({"2": SONNET}).exact("It was the best of times, it was the worst of times, it was wise."))


def test_a_line_is_found_whatever_its_case_punctuation_and_indentation():
    lines, _ = Targets({"2": SONNET}).exact("before\n    'WHEN forty winters — shall besiege thy brow!'\nafter")
    assert len(lines) == 1


def test_eight_words_in_a_row_are_found_across_line_ends_and_seven_are_not():
    index = Targets({"2": SONNET})
    assert index.exact("he said: besiege thy brow and dig deep\ntrenches in, and wept")[1]
    assert not any(index.exact("he said: besiege thy brow and dig deep trenches, and wept"))


DIMMED = """Sometime too hot the eye of heaven shines,
And often is his gold complexion dimm'd;
Nor shall Death brag thou wander'st in his shade,
When in eternal lines to time thou growest."""
OTHER_SPELLING = """  SOMETIME too hot the eye of heaven shines —
\tand often is his gold complexion dimmed
Nor shall death brag, thou wanderest in his shade;
«When in eternal lines to time thou grow’st»"""


def test_the_same_lines_are_found_whatever_their_case_punctuation_indentation_and_spelling():
    found = [summary([text], {"18": DIMMED}) for text in (DIMMED, OTHER_SPELLING, DIMMED.replace("'d", "èd"))]
    assert [one["by_target"] for one in found] == [{"18": 4}] * 3
    assert [one["token_share"] for one in found] == [1, 1, 1]


def test_a_changed_word_makes_a_line_nearly_the_same_and_half_of_them_another():
    index = Targets({"18": DIMMED})
    near = index.compare("Sometimes too hot the eye of heaven shines,")
    assert (near.verbatim, near.near) == ({}, {"18": 1})
    other = index.compare("Sometimes too cold my eye of water shines,")
    assert not other.targets and other.covered == 0


def test_words_in_a_row_are_covered_across_line_ends_and_name_their_target():
    found = Targets({"2": SONNET}).compare("Lo! winters shall besiege thy\nbrow and dig deep trenches now")
    assert (found.verbatim, found.near, found.targets) == ({}, {}, {"2"})
    assert (found.covered, found.words) == (9, 11)


def test_a_line_that_two_targets_share_counts_for_the_one_that_the_text_has_more_of():
    shared = "And so my patent back again is swerving"
    targets = {"a": f"{shared}\nthe first of all these lines", "b": f"{shared}\nanother line that follows it"}
    assert Targets(targets).compare(targets["b"]).verbatim == {"b": 2}


def test_repeats_are_the_same_words_again():
    assert first_of_each(["A rose.", "a violet", "a ROSE", "a rose red"]) == [0, 1, 0, 3]


def test_the_summary_adds_up():
    found = summary([DIMMED, DIMMED, "a line of nobody's\nand one more"], {"18": DIMMED, "2": SONNET})
    assert (found["items"], found["unique_items"], found["lines"], found["lines_verbatim"]) == (3, 2, 10, 8)
    assert found["items_overlapping"] == 2 and found["items_mostly_verbatim"] == 0
    assert found["by_target"] == {"18": 8} and 0.8 < found["token_share"] < 0.95


def test_ten_lines_make_a_copy(sonnets):
    sonnet = sonnets.dev[0]
    texts = ["\n".join([*sonnet.lines[:n], *["a line of mine"] * (14 - n)]) for n in (9, 10)]
    assert summary(texts, {"x": sonnet.text})["items_mostly_verbatim"] == 1


def test_a_text_is_a_copy_of_itself_and_of_no_other_sonnet(sonnets):
    train = {str(s.id): s.text for s in sonnets.train}
    assert summary([s.text for s in sonnets.train[:20]], train)["token_share"] == 1
    assert summary([s.text for s in sonnets.dev], train)["token_share"] < 0.02


def command(*words):
    call = [sys.executable, "-m", "frugal_lib", "audit", *map(str, words)]
    return subprocess.run(call, capture_output=True, text=True, check=False)


def test_the_command_prints_json_and_sentences(tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps([OTHER_SPELLING, "nothing of it"]), encoding="utf-8")
    (tmp_path / "held.txt").write_text(f"18\n{DIMMED}\n\n19\nDevouring Time, blunt thou the lion's paws\n")
    done = command(tmp_path / "mine.json", "--against", tmp_path / "held.txt", "--json")
    found = json.loads(done.stdout)
    names = {"items", "unique_items", "lines", "lines_verbatim", "items_mostly_verbatim", "by_target", "token_share"}
    assert names <= set(found) and found["by_target"] == {"18": 4} and found["items"] == 2
    done = command(tmp_path / "mine.json", "--against", tmp_path / "held.txt")
    assert "5 lines: 4 verbatim, 0 nearly so" in done.stdout and "18: 4 lines verbatim" in done.stdout


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path):
    (tmp_path / "broken.json").write_text("[1,")
    (tmp_path / "held.txt").write_text(DIMMED)
    for name, words in (("broken.json", "broken.json: not JSON"), ("no.txt", "no.txt: cannot be read")):
        done = command(tmp_path / name, "--against", tmp_path / "held.txt")
        assert done.returncode == 2 and words in done.stderr and len(done.stderr.strip().splitlines()) == 1


def seconds_of_children():
    """Of the processor, which other work on the machine does not lengthen much."""
    used = os.times()
    return used.children_user + used.children_system


@pytest.mark.skipif(not os.environ.get("FRUGAL_DATA_DIR"), reason="needs FRUGAL_DATA_DIR")
@pytest.mark.parametrize(("teacher", "copies"), [("flash", 224), ("flash-lite", 4), ("pro", 57)])
def test_a_released_file_is_audited_within_ten_seconds(teacher, copies):
    (name,) = SOURCES[teacher].files
    held = fetch.data_dir() / "cs224n_gpt/data/sonnets.txt"
    before = seconds_of_children()
    done = command(path_of(teacher, name), "--against", held, "--json")
    assert seconds_of_children() - before < 10
    found = json.loads(done.stdout)
    assert found["items"] == len(poems(teacher)) and 0 < found["items_mostly_verbatim"] <= copies
