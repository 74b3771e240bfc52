"""In place of torch where a campaign tries what stands around the runs: its import takes longer than a fake run."""

from types import SimpleNamespace

__version__ = "0"
cuda = SimpleNamespace(is_available=lambda: False)


def get_num_threads() -> int:
    return 1


def set_num_threads(count: int) -> None:
    pass
