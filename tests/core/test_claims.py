import json
import os
import time

import pytest
from fakes.processes import ended

from frugal_lib.core import claims, processes


@pytest.fixture
def record(tmp_path):
    return tmp_path / "baseline" / "run.json"


def write_claim(record, owner, age=0.0):
    """A claim of somebody, who touched it so many seconds ago."""
    claim = claims.claim_of(record)
    claim.parent.mkdir(exist_ok=True)
    claim.write_text(json.dumps({"owner": owner}))
    os.utime(claim, (time.time() - age,) * 2)
    return claim


def test_a_run_is_claimed_by_one_and_free_afterwards(record):
    with claims.claimed(record) as mine:
        assert mine
        said = json.loads(claims.claim_of(record).read_text())
        assert said["owner"] == processes.owner() and said["host"] and said["expires_after_s"] == claims.EXPIRY
        with claims.claimed(record) as another:
            assert not another
        assert claims.is_held(claims.claim_of(record))
    assert list(record.parent.iterdir()) == []


def test_a_claim_is_let_go_when_the_run_fails(record):
    with pytest.raises(ZeroDivisionError), claims.claimed(record):
        _ = 1 / 0
    assert list(record.parent.iterdir()) == []


def test_the_claim_of_a_dead_process_is_free_at_once(record):
    write_claim(record, ended())
    with claims.claimed(record) as mine:
        assert mine
    assert list(record.parent.iterdir()) == []


@pytest.mark.parametrize(("age", "free"), [(0.0, False), (claims.EXPIRY - 60, False), (claims.EXPIRY + 1, True)])
def test_the_claim_of_another_host_is_free_once_it_gives_no_sign_of_life(record, age, free):
    claim = write_claim(record, "00000000-1-1", age)
    with claims.claimed(record) as mine:
        assert mine is free
    assert claim.exists() is not free


@pytest.mark.parametrize(("age", "free"), [(0.0, False), (claims.BEGUN + 1, True)])
def test_a_claim_whose_maker_was_killed_while_he_wrote_it_is_soon_free(record, age, free):
    write_claim(record, "", age).write_text("{")
    os.utime(claims.claim_of(record), (time.time() - age,) * 2)
    with claims.claimed(record) as mine:
        assert mine is free


def test_the_holder_gives_signs_of_life(record, monkeypatch):
    monkeypatch.setattr(claims, "BEAT", 0.01)
    with claims.claimed(record):
        claim = claims.claim_of(record)
        os.utime(claim, (0, 0))
        until = time.monotonic() + 5
        while claim.stat().st_mtime == 0 and time.monotonic() < until:
            time.sleep(0.01)
        assert claim.stat().st_mtime > 0


def test_what_was_claimed_anew_while_the_dead_were_cleared_away_is_put_back(record, monkeypatch):
    """One process sees a dead claim; before it takes that away, another has done so and claimed the run."""
    claim = write_claim(record, ended())
    anew = json.dumps({"owner": processes.owner()})
    monkeypatch.setattr(claims, "is_held", lambda claim: claim.write_text(anew) == 0)
    claims.clear(claim)
    assert claim.read_text() == anew and list(record.parent.iterdir()) == [claim]


def test_the_claims_of_the_dead_are_cleared_away_and_those_of_the_living_stay(record, tmp_path):
    dead, alive = write_claim(record, ended()), write_claim(record.with_name("other.json"), processes.owner())
    claims.clear_all(tmp_path)
    assert not dead.exists() and alive.exists()
