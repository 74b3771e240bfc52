"""The campaigns in their short forms: seconds each, so that they are tried at every change."""

from campaigns import common, kill, share, tamper


def test_a_sweep_that_is_killed_loses_what_was_in_flight_and_leaves_nobody_behind():
    assert kill.campaign(kill.sweep, ["parent, 2 workers"], tries=1, seed=7) == {("parent, 2 workers", "right"): 1}


def test_two_processes_share_a_sweep(tmp_path):
    assert share.shared(tmp_path, processes=2, runs=12, seconds=0.1) == ("", 0)


def test_a_killed_worker_costs_what_was_in_flight_and_the_sweep_goes_on_or_names_the_run(tmp_path):
    lost = "a worker was killed; what was in flight is computed again, a run at a time."
    status, said = common.sweeping(tmp_path / "once", 4, 0.1, 2, DIE=str(tmp_path / "mark")).end()
    assert status == 0 and said.count(lost) == 1, said
    assert common.all_valid(tmp_path / "once", 4) and not common.hidden(tmp_path / "once")
    status, said = common.sweeping(tmp_path / "always", 4, 0.1, 2, DIE="/dev/null/mark").end()
    (name,) = [path for path in said.split() if "-s1-" in path]
    assert status == 2 and said.splitlines()[-1] == (
        f"{name} whatever computes this is killed, perhaps for want of memory; give it more."
    )
    assert len(common.records(tmp_path / "always")) == 3


def test_every_kind_of_change_to_a_record_is_found():
    found = tamper.campaign(tries=1, seed=3, sums="kept")
    assert len(found) >= 20 and found == {(kind, "right"): 1 for kind in tamper.KINDS}
