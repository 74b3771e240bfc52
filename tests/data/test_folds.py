"""Folds over all 154 sonnets: each held out once, near-twins together, the same on every machine."""

import pytest

from frugal_lib.data import folds, overlap, sonnets


@pytest.mark.parametrize("count", [2, 3, 6])
def test_every_sonnet_is_held_out_once_and_sizes_differ_by_one_at_most(count):
    parts = folds.folds(count)
    assert sorted(number for part in parts for number in part) == list(range(1, 155))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("fold", range(6))
def test_a_fold_parts_all_sonnets_and_no_twins(fold):
    found = folds.load(6, fold)
    parts = [{sonnet.id for sonnet in found.split(name)} for name in ("train", "dev", "test")]
    assert parts[2] == set(folds.folds(6)[fold]) and len(parts[1]) in (12, 13)
    assert set.union(*parts) == set(range(1, 155)) and sum(map(len, parts)) == 154
    for twins in folds.TWINS:
        assert sum(part >= set(twins) for part in parts) == 1


def test_no_other_sonnets_share_a_line_than_those_that_stay_together():
    known = sonnets.public_domain()
    sharing = {
        tuple(sorted((number, int(other))))
        for number, sonnet in known.items()
        for other in overlap.Targets({str(n): s.text for n, s in known.items() if n != number})
        .compare(sonnet.text)
        .targets
    }
    assert sharing == {(36, 96)} <= set(folds.TWINS)


def test_the_folds_of_committed_records_are_these():
    assert folds.folds(6)[0][:6] == (3, 4, 9, 25, 43, 44) and folds.fold_of(6, [36, 96]) == folds.fold_of(6, [36, 36])
    assert [sonnet.id for sonnet in folds.load(6, 0).dev] == [8, 20, 24, 26, 40, 50, 55, 57, 80, 109, 113, 152]


def test_impossible_folds_are_refused_in_one_sentence():
    with pytest.raises(ValueError, match="1 folds of 154 sonnets are not possible; give 2 to 77"):
        folds.folds(1)
    with pytest.raises(ValueError, match="fold 6 of 6 does not exist; folds are counted from 0"):
        folds.load(6, 6)
