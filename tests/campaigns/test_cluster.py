"""Sweeps on a Ray cluster of two local nodes; skipped where Ray is not installed."""

import pytest

pytest.importorskip("ray", reason="Ray is optional: pip install 'frugal-gpt2[cluster]'")

from campaigns import cluster, common


def test_a_node_that_is_killed_costs_its_run_in_flight(tmp_path):
    problem, _ = cluster.swept(tmp_path, count=2, runs=6, seconds=1.0, killed=True)
    assert problem == ""


def test_an_address_where_no_cluster_answers_is_one_sentence(tmp_path):
    status, said = common.sweeping(tmp_path / "results", 2, 0.1, 2, "", "127.0.0.1:1").end()
    assert status == 2 and said.splitlines()[-1].startswith("--ray 127.0.0.1:1: no cluster answers there")
