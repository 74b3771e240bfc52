"""Is one file a copy of another? An answer that says how much was compared, or a refusal where nothing could be."""

from __future__ import annotations

from pathlib import Path

from frugal_lib.core.fetch import DataError
from frugal_lib.data.folding import folded_lines
from frugal_lib.data.overlap import summary
from frugal_lib.data.text_files import read_texts

LIMIT_AGAINST = 6 * 2**20  # bytes; its index takes a hundred times as many. All of Shakespeare is 5.5 MB


def audit(synthetic: Path, against: Path) -> dict:
    """What the texts of one file have from those of another, in any script: `overlap.summary`.

    Raises:
        DataError: a file cannot be read, or has no word in it: where nothing was compared, nothing is "0 %".
    """
    found = summary(read_texts(synthetic).values(), read_texts(against, LIMIT_AGAINST), folded_lines)
    for path, words in ((synthetic, found["words"]), (against, found["words_against"])):
        if not words:
            raise DataError(f"{path}: no word in it, so nothing can be compared; give a file of text.")
    return found
