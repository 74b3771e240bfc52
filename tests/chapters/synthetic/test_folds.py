"""Students in cross-validation: what reading Shakespeare alone, as often, is worth."""

from types import SimpleNamespace

import pytest
from fakes.folds import made

from frugal_lib.chapters.synthetic import results
from frugal_lib.report import folded


def loss_of(run):
    """Students lose 1, Shakespeare alone 0.2 more than full fine-tuning stopped early, on nano only."""
    worse = 1.0 if run.teacher else 0.2 * (run.base == "nano")
    return 3.0 + worse * bool(run.passes) + (run.method == "base")


def test_shakespeare_alone_is_compared_with_an_early_stop():
    found = SimpleNamespace(folds=folded.arms_of(made("synthetic", loss_of)))
    assert {base: loss.mean for base, loss in results.unstopped(found).items()} == pytest.approx(
        {"micro": 0.0, "nano": 0.2}, abs=0.01
    )
    read = results.exposure_table(found).reset_index()
    assert set(read["passes over Shakespeare"]) == {5} and set(read["teacher's sonnets read"]) == {0, 1160}
