"""What is compared: the records of one way of making a model, one a seed, and differences between two of them."""

from __future__ import annotations

from dataclasses import dataclass

from frugal_lib.core.runs import Record
from frugal_lib.core.stats import Interval, mean_interval
from frugal_lib.report.measures import chrf_matrix, loss_matrix, paired


@dataclass(frozen=True)
class Arm:
    """A way of making a model on one base. A chapter adds what tells its own arms apart."""

    base: str
    records: tuple[Record, ...]

    def nats(self, split: str) -> Interval:
        """Loss on the true lines 4-14, in nats per token."""
        return mean_interval(token_losses(split)(self.records))

    def chrf(self, split: str = "dev") -> Interval:
        """Corpus chrF over the whole sonnet."""
        return mean_interval(corpus_chrf(split)(self.records))

    def fact(self, name: str) -> float:
        """A metric that is the same at every seed, such as bytes."""
        return self.records[0].metrics[name]


def token_losses(split: str):
    """From records to their losses in nats per token: [seeds, sonnets]."""
    return lambda records: loss_matrix(records, split, "tokens")


def corpus_chrf(split: str):
    """From records to values whose mean is corpus chrF: [seeds, sonnets]."""
    return lambda records: chrf_matrix(records, split, "corpus_chrf")


def gap(one: Arm, other: Arm, split: str, level: float = 0.95) -> Interval:
    """Nats per token of `one` minus those of `other` on the true lines 4-14, paired by sonnet and by seed."""
    return paired(one.records, other.records, token_losses(split), level)


def chrf_gap(one: Arm, other: Arm, split: str) -> Interval:
    """chrF of `one` minus that of `other`, paired by sonnet and by seed."""
    return paired(one.records, other.records, corpus_chrf(split))
