"""How good is a completion? chrF (`likelihood` has what needs a model, `verse` the form of a sonnet)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from sacrebleu.metrics import CHRF

from frugal_lib.core.fetch import DataError
from frugal_lib.core.text import read_text
from frugal_lib.data.sonnets import GIVEN_LINES, parse_blocks

METRIC = CHRF()
LIMIT = 4 * 2**20  # bytes of a file to score; 154 sonnets are a fortieth of that


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


def matched(ours: list[tuple[int, str]], true: list[tuple[int, str]]) -> tuple[list[tuple[int, str]], str]:
    """Our blocks in the order of the true ones, and how they were matched.

    By `number` where both have the same numbers, none twice; else by `position`, as the paper's 0-11 against 132-143.
    """
    by_number, wanted = dict(ours), [number for number, _ in true]
    if len(by_number) == len(set(wanted)) == len(true) and set(by_number) == set(wanted):
        return [(number, by_number[number]) for number in wanted], "number"
    return ours, "position"


def score_files(generated: Path, gold: Path) -> dict:
    """Score a file of generated sonnets against the true ones, both in the paper's format.

    Returns:
        `chrf` and `chrf_continuation` (corpus), `signature`, `matched` (by `number` or `position`), and
        `per_sonnet`, a list of `{id, chrf, chrf_continuation}` with the ids of the gold file.

    Raises:
        DataError: a file has no block, is larger than `LIMIT` or no text, or the counts differ.
    """
    ours, true = (parse_blocks(read_text(path, LIMIT), str(path)) for path in (generated, gold))
    if len(ours) != len(true):
        raise DataError(f"{generated}: {len(ours)} sonnets, but {gold} has {len(true)}; give one for each.")
    ours, how = matched(ours, true)
    texts, references = [text for _, text in ours], [text for _, text in true]
    counts = ngram_counts(texts, references)
    ends = ngram_counts(list(map(tail, texts)), list(map(tail, references)))
    return {
        "chrf": of_counts(counts),
        "chrf_continuation": of_counts(ends),
        "signature": chrf_signature(),
        "matched": how,
        "per_sonnet": [
            {"id": number, "chrf": of_counts([whole]), "chrf_continuation": of_counts([end])}
            for (number, _), whole, end in zip(true, counts, ends, strict=True)
        ],
    }
