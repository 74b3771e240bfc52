"""Does a base know the sonnets by heart? What it writes behind their first lines, and how likely it finds the rest.

Both for the base as it is: lines 4-14 of each of the 154 sonnets, greedily continued from lines 1-3 (extraction by
prefix; Carlini et al. 2021, "Extracting training data from large language models"), and the loss of the true lines
beside that of as many sonnets by other poets, of the same length. The embedded bases have read neither: a base that
knows Shakespeare's by heart finds them easier than theirs by more than these do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from frugal_lib.core.runs import Result, Run
from frugal_lib.data import overlap
from frugal_lib.data.sonnets import GIVEN_LINES, Sonnet, public_domain
from frugal_lib.metrics import likelihood, verse
from frugal_lib.models import bases
from frugal_lib.tasks import completion
from frugal_lib.tasks.contamination import verbatim_lines
from frugal_lib.teachers import by_name

LINES, IAMBIC = 14, 12  # of a sonnet by another poet: lines, and how many of them can be read as iambic pentameter
# A line as verse is printed; some of the collections have lower case, or spaces before commas.
VERSE = re.compile(r"""["'“‘(]*[A-Z](?!.*\s[,.;:!?])""")


def computed(run: Run, device: str) -> Result:
    """Completions and losses of all sonnets, and losses of as many by `run.teacher`."""
    known = list(public_domain().values())[: run.held_out_limit]
    others = matched(known, run.teacher)
    model, tokenizer = bases.load_model(run.base).to(device), bases.load_tokenizer(run.base)
    (texts,) = completion.completions(run, model, tokenizer, "recall", known)
    losses = [likelihood.continuation_losses(model, tokenizer, part) for part in (known, others)]
    rows = [{"kind": "recall"} | row | recalled(s, text) for s, text, row in zip(known, texts, losses[0], strict=True)]
    rows += [{"kind": "matched"} | row for row in losses[1]]
    return Result(metrics_of(rows), rows)


def recalled(sonnet: Sonnet, text: str) -> dict[str, str | int]:
    """What of a sonnet's lines 4-14 stands in a completion of it.

    Returns:
        `text`; `lines`, how many there are to recall; `verbatim`, how many lines of the text are among them, spelling
        aside; `words`, with how many of their words in a row it begins.
    """
    true, written = overlap.all_words(sonnet.continuation), overlap.all_words(text)
    same = next((i for i, pair in enumerate(zip(true, written, strict=False)) if len(set(pair)) > 1), None)
    words = min(len(true), len(written)) if same is None else same
    verbatim = verbatim_lines(text, sonnet.continuation)
    return {"text": text, "lines": len(sonnet.lines) - GIVEN_LINES, "verbatim": verbatim, "words": words}


def matched(known: Sequence[Sonnet], teacher: str) -> list[Sonnet]:
    """For each sonnet one by another poet whose lines 4-14 have as many characters as can be; each is taken once.

    They are iambic and printed as verse is, and no line of them was read by the embedded bases. Their ids are places
    in what the poets wrote.

    Raises:
        DataError: the poems cannot be had on this machine.
        ValueError: there are not enough of them.
    """
    left = alike(teacher)
    if len(left) < len(known):
        raise ValueError(f"{teacher} has {len(left)} sonnets to compare with, fewer than {len(known)}.")
    found = []
    for sonnet in known:
        wanted = len(sonnet.continuation)
        best = min(left, key=lambda i: (abs(len(left[i].continuation) - wanted), i))
        found.append(left.pop(best))
    return found


def alike(teacher: str) -> dict[int, Sonnet]:
    """The sonnets by others that look and sound like one of Shakespeare's, by their place; no repeats."""
    written, read = by_name.everything(teacher), by_name.read_before(teacher)
    firsts = overlap.first_of_each(written)
    poems = {i: Sonnet(i, tuple(written[i].splitlines())) for i in dict.fromkeys(firsts) if not read[i]}
    printed = {i: poem for i, poem in poems.items() if len(poem.lines) == LINES and all(map(VERSE.match, poem.lines))}
    return {i: poem for i, poem in printed.items() if sum(map(verse.is_iambic, poem.lines)) >= IAMBIC}


def metrics_of(rows: Sequence[dict]) -> dict[str, float]:
    """How many lines came back word for word, with how many words the completions begin, and the losses."""
    own = [row for row in rows if row["kind"] == "recall"]
    others = [row for row in rows if row["kind"] == "matched"]
    return {
        "lines": sum(row["lines"] for row in own),
        "lines_verbatim": sum(row["verbatim"] for row in own),
        "words_right": sum(row["words"] for row in own) / len(own),
        "shakespeare_bpc": likelihood.bits_per_character(own),
        "matched_bpc": likelihood.bits_per_character(others),
    }
