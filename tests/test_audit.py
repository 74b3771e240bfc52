from frugal_lib.audit import Held, find_overlaps

LINE = "When forty winters shall besiege thy brow,"
SONNET = f"{LINE}\nAnd dig deep trenches in thy beauty's field,\nThy youth's proud livery, so gazed on now"


def test_clean_text_shares_nothing():
    assert not Held([SONNET]).overlap("It was the best of times, it was the worst of times, it was the age of wisdom.")


def test_a_line_is_found_whatever_its_case_punctuation_and_indentation():
    overlap = Held([SONNET]).overlap("prose before\n    'WHEN forty winters — shall besiege thy brow!'\nprose after")
    assert overlap and len(overlap.lines) == 1


def test_eight_words_in_a_row_are_found_across_line_ends_and_seven_are_not():
    held = Held([SONNET])
    assert held.overlap("he said: besiege thy brow and dig deep\ntrenches in, and wept").ngrams
    assert not held.overlap("he said: besiege thy brow and dig deep trenches, and wept")


def test_only_the_works_with_an_overlap_are_named():
    found = find_overlaps([("clean", "nothing here"), ("planted", f"a novel\n{LINE}\n")], Held([SONNET]))
    assert set(found) == {"planted"}
