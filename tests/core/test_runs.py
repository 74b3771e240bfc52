import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from fakes.runs import RUN, first_runs

from frugal_lib.core import claims, runs
from frugal_lib.core.fetch import DataError
from frugal_lib.core.runs import Diverged, Record, Result
from frugal_lib.profiles import load_profile


def fine(run, device):
    return Result({"seed_squared": float(run.seed**2)}, [{"id": 1, "text": "a line"}], [{"epoch": 1, "dev_loss": 2.0}])


def diverges(run, device):
    raise Diverged([{"epoch": 1, "train_loss": float("inf")}])


def fails(run, device):
    raise RuntimeError("no such luck")


def test_a_runs_identity_is_stable():
    """This key is in the names of committed records: a change of it orphans them all."""
    assert RUN.key == "b67ecd68"
    assert RUN.path == "baseline/sonnets-full-lr1e-03-b16-s0-b67ecd68.json"


def test_every_setting_is_in_the_identity_and_defaults_are_not():
    others = {"seed": 1, "learning_rate": 1e-4, "base_digest": "x", "data_digest": "y", "epochs": 3, "top_p": 0.5}
    keys = {dataclasses.replace(RUN, **{name: value}).key for name, value in others.items()}
    assert len(keys | {RUN.key}) == len(others) + 1
    assert "top_k" not in json.loads(RUN.canonical()) and "learning_rate" in json.loads(RUN.canonical())


def test_a_record_survives_the_disk(tmp_path):
    record = runs.execute(RUN, fine, "cpu")
    path = runs.write(record, tmp_path)
    assert path == tmp_path / RUN.path
    assert runs.read(RUN, tmp_path) == record
    assert record.status == "ok" and record.environment["threads"] == 1
    assert record.environment["versions"]["torch"].startswith("2.")
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # no temporary file is left


def test_a_record_has_an_example_a_line(tmp_path):
    path = runs.write(runs.execute(RUN, fine, "cpu"), tmp_path)
    assert '  {"id": 1, "text": "a line"}' in path.read_text().splitlines()
    empty = runs.execute(RUN, lambda run, device: Result({}), "cpu")
    assert Record.from_json(empty.to_json()) == empty


def lacks_data(run, device):
    raise DataError("sonnets.txt: no download; set FRUGAL_DATA_DIR.")


@pytest.mark.parametrize("workers", [1, 2])
def test_missing_data_stops_the_sweep_and_leaves_no_record(tmp_path, workers):
    several = [dataclasses.replace(RUN, seed=seed) for seed in (1, 2)]
    with pytest.raises(DataError, match="set FRUGAL_DATA_DIR"):
        runs.sweep(several, lacks_data, tmp_path, workers=workers)
    assert not list(tmp_path.rglob("*.json"))


def test_a_divergence_and_a_failure_are_records_too(tmp_path, capsys):
    diverged, failed = (runs.execute(RUN, compute, "cpu") for compute in (diverges, fails))
    assert diverged.status == "diverged" and diverged.history[0]["epoch"] == 1
    assert failed.status == "failed" and "no such luck" in failed.error
    assert "no such luck" in capsys.readouterr().err
    assert Record.from_json(diverged.to_json()).status == "diverged"


def test_a_loss_that_is_no_number_is_null_in_the_file(tmp_path):
    record = runs.execute(RUN, diverges, "cpu")
    path = runs.write(record, tmp_path)
    content = json.loads(path.read_text(), parse_constant=pytest.fail)  # NaN and Infinity are not JSON
    assert content["history"] == [{"epoch": 1, "train_loss": None}]
    assert runs.read(RUN, tmp_path).status == "diverged"


def sometimes_fails(run, device):
    return fails(run, device) if run.seed == 1 else fine(run, device)


def test_a_sweep_says_how_it_stands(tmp_path, capsys):
    several = [dataclasses.replace(RUN, seed=seed) for seed in (0, 1, 2)]
    runs.sweep(several, sometimes_fails, tmp_path, workers=1)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("[")]
    assert [line.split("]")[0] for line in lines] == ["[1/3", "[2/3", "[3/3"]
    assert "1 running, 0 failed or diverged" in lines[0] and "failed" in lines[1].split()[1]
    assert "0 running, 1 failed or diverged, 0.0 min left" in lines[2]


def test_later_chapters_name_base_and_adapter_in_the_path():
    run = dataclasses.replace(RUN, chapter="lora", base="nano", method="lora", rank=8, alpha=16.0, modules="attention")
    assert run.path == f"lora/sonnets-nano-lora-r008-a16-attention-lr1e-03-b16-s0-{run.key}.json"
    assert len({dataclasses.replace(run, **change).key for change in ({}, {"rank": 4}, {"alpha": 8.0})}) == 3


def test_a_failed_run_is_retried_only_when_asked(tmp_path):
    assert runs.sweep([RUN], fails, tmp_path, workers=1)[0].status == "failed"
    assert runs.sweep([RUN], fine, tmp_path, workers=1)[0].status == "failed"
    assert runs.sweep([RUN], fine, tmp_path, workers=1, retry=True)[0].status == "ok"


def test_a_record_that_does_not_parse_is_moved_aside_and_reported(tmp_path, capsys):
    path = runs.write(runs.execute(RUN, fine, "cpu"), tmp_path)
    path.write_text(path.read_text()[:100])
    assert runs.sweep([RUN], fine, tmp_path, workers=1)[0].status == "ok"
    assert path.with_name(f"{path.name}.1.unreadable").exists()
    assert "not the record of its run" in capsys.readouterr().err


def test_a_record_under_another_runs_name_is_moved_aside(tmp_path):
    path = runs.write(runs.execute(RUN, fine, "cpu"), tmp_path)
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 7'))
    assert runs.read(RUN, tmp_path) is None
    assert path.with_name(f"{path.name}.1.unreadable").exists() and not path.exists()


def test_a_sweep_keeps_the_order_of_its_runs_and_computes_in_processes(tmp_path):
    several = [dataclasses.replace(RUN, seed=seed) for seed in (3, 1, 2)]
    records = runs.sweep(several, fine, tmp_path, workers=2)
    assert [record.metrics["seed_squared"] for record in records] == [9, 1, 4]


def test_what_another_process_computes_is_waited_for(tmp_path, capsys):
    """It holds the claim on one run, and writes its record while the others are computed."""
    several = [dataclasses.replace(RUN, seed=seed) for seed in (1, 2, 3)]
    ready, go = threading.Event(), threading.Event()

    def another():
        with claims.claimed(tmp_path / several[0].path):
            ready.set()
            go.wait()
            runs.write(dataclasses.replace(runs.execute(several[0], fine, "cpu"), error="of another"), tmp_path)

    def watched(run, device):
        go.set()
        return fine(run, device)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(another)
        ready.wait()
        found = runs.sweep(several, watched, tmp_path, workers=1)
    assert [record.error for record in found] == ["of another", "", ""]
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["ok"] * 3
    assert not list(tmp_path.rglob(".*"))


def test_a_folder_where_nothing_can_be_written_is_told_before_anything_is_computed(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"file: nothing can be written there"):
        runs.sweep([RUN], lambda run, device: pytest.fail("computed"), tmp_path / "file", workers=1)


def test_a_result_that_cannot_be_written_is_one_sentence_with_its_name(tmp_path, monkeypatch):
    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("frugal_lib.core.records.write_text", full)
    with pytest.raises(
        runs.SweepError, match=r"b67ecd68\.json: this result was computed, and cannot be written \(No sp"
    ):
        runs.sweep([RUN], fine, tmp_path, workers=1)
    assert not list(tmp_path.rglob(".*"))


def test_a_result_that_is_not_finite_is_diverged_and_says_what(tmp_path):
    record = runs.execute(RUN, lambda run, device: Result({"dev_nll": float("inf"), "dev_bpc": 1.0}), "cpu")
    runs.write(record, tmp_path)
    found = runs.read(RUN, tmp_path)
    assert (found.status, found.error) == ("diverged", "not finite: dev_nll")
    assert found.metrics == {"dev_nll": None, "dev_bpc": 1.0}


def test_shards_share_the_runs_and_the_last_finds_all(tmp_path):
    several = [dataclasses.replace(RUN, seed=seed) for seed in range(5)]
    with pytest.raises(runs.Elsewhere, match=r"2 of 5 runs are other shards'"):
        runs.sweep(several, fine, tmp_path, workers=1, shard=(1, 2))
    assert [runs.read(run, tmp_path) is not None for run in several] == [True, False, True, False, True]
    assert len(runs.sweep(several, fine, tmp_path, workers=1, shard=(2, 2))) == 5


def test_a_shard_is_two_numbers():
    assert runs.shard_of("3/16") == (3, 16) and runs.shard_of(None) is None
    for text in ("0/4", "5/4", "1", "1/2/3", "a/b", "-1/2", "1/²"):
        with pytest.raises(ValueError, match="is no shard; give I/N"):
            runs.shard_of(text)


def start(profile, results):
    command = [sys.executable, "-m", "frugal_lib", "sweep", "baseline", "--profile", profile, "--results", results]
    return subprocess.Popen(map(str, command), stderr=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.slow
def test_a_killed_sweep_recomputes_only_what_has_no_record(little, tmp_path):
    """Slow because a sweep of 29 runs is computed in processes of its own, which import torch."""
    first = first_runs(load_profile(str(little)))
    total = len(first) + 5 + 2  # the best of five grids at a second seed, of the sonnets' at two more
    folder = tmp_path / "results" / "baseline"
    process = start(little, tmp_path / "results")
    while len(list(folder.glob("*.json"))) < 4:
        assert process.poll() is None, "it ended with fewer records"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.glob("*.json")}
    assert 4 <= len(before) < total
    again = start(little, tmp_path / "results")
    _, log = again.communicate()
    assert again.returncode == 0, log
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.glob("*.json")}
    assert len(after) == total
    assert {path: after[path] for path in before} == before
    assert log.count("] ok ") == total - len(before)


@pytest.mark.slow
def test_two_processes_on_one_sweep_end_with_one_valid_record_per_run(little, tmp_path):
    """Slow for the same reason, and every run may be computed twice."""
    wanted = first_runs(load_profile(str(little)))
    pair = [start(little, tmp_path / "results") for _ in range(2)]
    logs = [process.communicate()[1] for process in pair]
    assert [process.returncode for process in pair] == [0, 0], logs
    written = {path.name for path in (tmp_path / "results" / "baseline").iterdir()}
    assert {os.path.basename(run.path) for run in wanted} <= written and len(written) == len(wanted) + 5 + 2
    assert all(runs.read(run, tmp_path / "results").status == "ok" for run in wanted)
