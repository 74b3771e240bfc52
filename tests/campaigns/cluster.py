"""A Ray cluster of two local nodes: `python -m campaigns.cluster [RUNS [SECONDS]]`, with `tests` in PYTHONPATH and Ray.

Right is: all records are valid; two nodes are at least 1.8 times as fast as one on runs that only sleep; a node that
is killed midway costs its run in flight.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from campaigns import common

MEMORY = {"object_store_memory": 80 * 2**20}


@contextmanager
def nodes(count: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """The address of a cluster whose head computes nothing, with so many nodes of one CPU; what kills one of them."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False, "env_vars": {"PYTHONPATH": common.pythonpath()}} | MEMORY
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(count):
            last = cluster.add_node(num_cpus=1, env_vars={"PYTHONPATH": common.pythonpath()}, **MEMORY)
        yield cluster.address, lambda: cluster.remove_node(last, allow_graceful=False)
    finally:
        cluster.shutdown()


def swept(folder: Path, count: int, runs: int, seconds: float, killed: bool = False) -> tuple[str, float]:
    """What is wrong, or nothing, where so many nodes sweep; and how long it took. One node is killed midway."""
    results = folder / "results"
    with nodes(count) as (address, kill):
        started = time.monotonic()
        program = common.sweeping(results, runs, seconds, count, "", address)
        if killed:
            while common.computed(results) < runs // 3 and program.process.poll() is None:
                time.sleep(0.1)
            kill()
        status, said = program.end()
        took = time.monotonic() - started
    if status:
        return f"refused: {said[-500:]}", took
    if not common.all_valid(results, runs) or common.hidden(results):
        return "not every run has one record, and nothing else", took
    again = common.computed(results) - runs
    return f"{again} runs computed again" if again > int(killed) else "", took


def campaign(runs: int, seconds: float) -> tuple[Counter, dict[str, float]]:
    """One node, two nodes, and two of which one is killed; and the seconds that each took."""
    found, took = Counter(), {}
    for kind, count, killed in (("one node", 1, False), ("two nodes", 2, False), ("one of two killed", 2, True)):
        took[kind] = common.tried(found, kind, swept, count, runs, seconds, killed)
    return found, took


def main(runs: str = "16", seconds: str = "4") -> None:
    """The campaign, its table, and how much faster two nodes are."""
    found, took = campaign(int(runs), float(seconds))
    print(common.table("cluster", found))
    print(", ".join(f"{kind} {value:.1f} s" for kind, value in took.items()), end="; ")
    print(f"two nodes are {took['one node'] / took['two nodes']:.2f} times as fast as one")


if __name__ == "__main__":
    main(*sys.argv[1:])
