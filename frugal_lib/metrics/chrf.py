"""How good is a completion? chrF (`likelihood` has what needs a model, `verse` the form of a sonnet)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from sacrebleu.metrics import CHRF

from frugal_lib.core.fetch import DataError, read_text
from frugal_lib.data.sonnets import GIVEN_LINES, parse_blocks

METRIC = CHRF()


def chrf(texts: Sequence[str], references: Sequence[str]) -> float:
    """Corpus chrF, 0-100: character n-gram F-score up to n = 6, beta = 2, white space ignored.

    Source: Popović 2015, as computed by sacrebleu with its default settings.
    """
    return METRIC.corpus_score(list(texts), [list(references)]).score


def sentence_chrf(text: str, reference: str) -> float:
    """chrF of one text against one reference."""
    return METRIC.sentence_score(text, [reference]).score


@lru_cache
def chrf_signature() -> str:
    """sacrebleu's signature: what to state so that a score can be repeated."""
    metric = CHRF()
    metric.corpus_score(["a"], [["a"]])
    return str(metric.get_signature())


@lru_cache(maxsize=1024)
def reference_ngrams(reference: str) -> dict:
    """The n-grams of a reference, as sacrebleu counts them."""
    return METRIC._extract_reference_info([reference])


def ngram_counts(texts: Sequence[str], references: Sequence[str]) -> list[list[int]]:
    """For each text its n-grams, those of its reference and those in both, order by order.

    Private to sacrebleu; through its front door every n-gram would be counted again for each score.
    """
    pairs = zip(texts, references, strict=True)
    return [METRIC._compute_segment_statistics(text, reference_ngrams(reference)) for text, reference in pairs]


def of_counts(counts: Sequence[Sequence[int]]) -> float:
    """Corpus chrF of texts whose n-grams are counted."""
    return METRIC._aggregate_and_compute(list(counts)).score


def chrf_of_each(texts: Sequence[str], references: Sequence[str]) -> tuple[list[float], list[float]]:
    """What `sentence_chrf` gives for each text, and corpus chrF by text: values whose mean is the corpus score."""
    counts = ngram_counts(texts, references)
    return [of_counts([one]) for one in counts], pseudo_values(counts)


def pseudo_values(counts: Sequence[Sequence[int]]) -> list[float]:
    """The jackknife's pseudo-values of a corpus score, n · score(all) - (n - 1) · score(all but this one).

    They are shifted so that their mean is the corpus score; their spread is the uncertainty of the
    corpus score, so that it can be treated as a mean over sonnets. Source: Tukey 1958; Efron & Stein 1981.
    """
    n, whole = len(counts), of_counts(counts)
    if n == 1:
        return [whole]
    rest = [of_counts([*counts[:i], *counts[i + 1 :]]) for i in range(n)]
    mean_rest = sum(rest) / n
    return [whole + (n - 1) * (mean_rest - without) for without in rest]


def tail(text: str) -> str:
    """A sonnet's text without its first three lines of text."""
    return "\n".join([line for line in text.splitlines() if line.strip()][GIVEN_LINES:])


def score_files(generated: Path, gold: Path) -> dict:
    """Score a file of generated sonnets against the true ones, both in the paper's format.

    Blocks are matched by position; ids are those of the gold file.

    Returns:
        `chrf` and `chrf_continuation` (corpus), `signature`, and `per_sonnet`, a list of
        `{id, chrf, chrf_continuation}`.

    Raises:
        DataError: a file has no block or is not UTF-8, or the counts differ.
    """
    ours, true = (parse_blocks(read_text(path), str(path)) for path in (generated, gold))
    if len(ours) != len(true):
        raise DataError(f"{generated}: {len(ours)} sonnets, but {gold} has {len(true)}; give one for each.")
    texts, references = [text for _, text in ours], [text for _, text in true]
    tails, reference_tails = list(map(tail, texts)), list(map(tail, references))
    rows = zip((number for number, _ in true), texts, references, tails, reference_tails, strict=True)
    return {
        "chrf": chrf(texts, references),
        "chrf_continuation": chrf(tails, reference_tails),
        "signature": chrf_signature(),
        "per_sonnet": [
            {"id": number, "chrf": sentence_chrf(text, ref), "chrf_continuation": sentence_chrf(end, ref_end)}
            for number, text, ref, end, ref_end in rows
        ],
    }
