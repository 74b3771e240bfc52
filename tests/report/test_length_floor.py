import pytest
from fakes.records import fake_lengths
from fakes.runs import RUN

from frugal_lib.core.runs import Record
from frugal_lib.report.length_floor import LengthFloor

IDS = {"dev": (132, 133), "test": (145,)}


def wrote(*texts):
    rows = [
        {"kind": "completion", "split": "dev", "id": 132 + k % 2, "sample": k // 2, "text": t}
        for k, t in enumerate(texts)
    ]
    return Record(RUN, "ok", {}, rows, [], {})


def test_a_score_stands_beside_random_lines_of_its_own_length():
    lengths = LengthFloor(fake_lengths(RUN, IDS))
    short = wrote("12345", "1234567", "12345", "123")  # 20 of 40 characters
    assert lengths.share([short]) == pytest.approx(0.5) and lengths.at([short]) == pytest.approx(45)
    assert lengths.at([wrote("1234567890", "1234567890")]) == pytest.approx(50)
    assert lengths.at([wrote("1" * 30, "1" * 30)]) == pytest.approx(50)  # no longer than the longest that was tried
