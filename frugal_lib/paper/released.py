"""What the paper released of its own runs: its LoRA sweep of 369 runs, its zero-shot answers, sonnets it generated."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from frugal_lib.core import fetch
from frugal_lib.core.fetch import DataError
from frugal_lib.core.machine import ROOT
from frugal_lib.core.runs import Result, Run, read
from frugal_lib.data import sonnets
from frugal_lib.data.sonnets import Sonnet
from frugal_lib.metrics import chrf

SWEEP = "predictions/lora/sweep_results.json"
ZERO_SHOT = ("predictions/transfer_from_sonnet_para_dev.csv", "predictions/transfer_gemini_flash_para_dev.csv")  # alike
# By model and split. Of full fine-tuning and Flash Lite two files each were released; these score what is
# printed (Table 1: 41.974, Table 7: 42.092), the others, which `reports` has, 40.169 and 41.156.
GENERATIONS = {
    ("full fine-tuning", "dev"): "predictions/generated_sonnets_dev.txt",
    ("flash-lite", "dev"): "predictions/synthetic_subset_sweep/generated_sonnets_dev_1000.txt",
    ("flash", "dev"): "predictions/sft_gemini_flash/generated_sonnets_dev.txt",
    ("flash", "test"): "predictions/sft_gemini_flash/generated_sonnets_test.txt",
}
COPY = 80  # chrF above which a generated sonnet is a copy; the others score about 40
# Test prompts out of the Passionate Pilgrim, and the sonnets they are versions of.
OTHER_VERSIONS = {155: 138, 156: 144}
COMMITTED = ROOT / "results" / "micro"
MODULES = {"all": "attention-mlp", "attn_attn_output": "attention"}


@dataclass(frozen=True)
class ReleasedRun:
    """One run of the paper's sweep. `rank` is 0 for full fine-tuning; losses are nats per token at the last epoch."""

    rank: int
    learning_rate: float
    batch_size: int
    alpha: float
    modules: str
    kind: str  # grid, alpha or modules: which of the paper's experiments it belongs to
    epochs: int
    train_loss: float
    dev_loss: float
    dev_chrf: float


def released_run(entry: dict) -> ReleasedRun:
    """One entry of the released file; a `KeyError`, `TypeError` or `ValueError` where it is none."""
    is_full = entry["lora_rank"] == "full"
    alpha = entry.get("alpha", entry.get("lora_alpha"))
    kind = "modules" if "layer" in entry else "alpha" if alpha else "grid"
    return ReleasedRun(
        rank=0 if is_full else int(entry["lora_rank"]),
        learning_rate=float(entry["lr"]),
        batch_size=int(entry["batch_size"]),
        alpha=0.0 if is_full else float(alpha or 16),
        modules="" if is_full else MODULES[entry.get("layer", "all")],
        kind=kind,
        epochs=len(entry["train_nll"]),
        train_loss=float(entry["train_nll"][-1]),
        dev_loss=float(entry["dev_nll"]),
        dev_chrf=float(entry["dev_chrf"]),
    )


def parse(text: str, name: str) -> list[ReleasedRun]:
    """The runs of a released sweep.

    Raises:
        DataError: it is not JSON, or an entry lacks something; `name` is how the message calls the file.
    """
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise DataError(f"{name}: not JSON ({error}); fetch the file again.") from None
    runs = []
    for number, entry in enumerate(entries, start=1):
        try:
            runs.append(released_run(entry))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(f"{name}: entry {number} cannot be read ({error!r}); fetch the file again.") from None
    return runs


def sweep_run() -> Run:
    """The run whose record holds the released sweep."""
    return Run("lora", "sonnets", "released-sweep", "released", fetch.digest([fetch.PINNED[SWEEP]]), seed=0, samples=0)


def zero_shot_run() -> Run:
    """The run whose record counts the answers in the released zero-shot predictions."""
    digest = fetch.digest([fetch.PINNED[ZERO_SHOT[0]]])
    return Run("quantization", "quora", "released-zero-shot", "released", digest, 0, 0)


def generations_run() -> Run:
    """The run whose record scores the sonnets that the paper's models wrote."""
    digest = fetch.digest([fetch.PINNED[name] for name in GENERATIONS.values()])
    return Run("synthetic", "sonnets", "released-generations", "released", digest, 0, 0)


def generated(model: str, split: str) -> list[tuple[Sonnet, str]]:
    """The sonnets of a split, and what one of the paper's models wrote for each; see `paired`."""
    return paired(fetch.released_file(GENERATIONS[model, split]), split)


def paired(path: Path, split: str) -> list[tuple[Sonnet, str]]:
    """The sonnets of a split, each with its text in a file of generated ones.

    Of the test prompts 155 and 156 the ending is unknown; that of the sonnet they are versions of stands for it.

    Raises:
        DataError: the file has not one for each, or the paper's edition of the sonnets cannot be had.
    """
    texts = [text for _, text in sonnets.parse_blocks(fetch.read_text(path), str(path))]
    known = sonnets.public_domain()
    true = [
        sonnet if sonnet.continuation else replace(known[OTHER_VERSIONS[sonnet.id]], id=sonnet.id)
        for sonnet in sonnets.load_sonnets("folger").split(split)
    ]
    if len(texts) != len(true):
        raise DataError(f"{path}: {len(texts)} sonnets, but {split} has {len(true)}; fetch the file again.")
    return list(zip(true, texts, strict=True))


def scored(model: str, split: str, pairs: Sequence[tuple[Sonnet, str]]) -> list[dict]:
    """chrF of each generated sonnet against the true one: whole, lines 4-14, and its share of the corpus score."""
    own = chrf.chrf_of_each([text for _, text in pairs], [sonnet.text for sonnet, _ in pairs])
    return [
        {"model": model, "split": split, "id": sonnet.id, "chrf": score,
         "chrf_continuation": chrf.sentence_chrf(chrf.tail(text), sonnet.continuation), "corpus_chrf": share}
        for (sonnet, text), score, share in zip(pairs, *own, strict=True)
    ]  # fmt: skip


def read_generations() -> list[dict]:
    """chrF of every sonnet of `GENERATIONS`, and how many characters of lines 4-14 were generated."""
    rows = []
    for model, split in GENERATIONS:
        pairs = generated(model, split)
        written = [len(chrf.tail(text)) for _, text in pairs]
        scores = scored(model, split, pairs)
        rows += [row | {"characters": count} for row, count in zip(scores, written, strict=True)]
    return rows


def generation_metrics() -> dict[str, float]:
    """Corpus chrF of each model's sonnets (`flash_dev_chrf`), and without the copies (`…_without_copies`).

    Against the paper's edition, and against the other one (`…_public_domain`), to see what the spelling is worth.
    """
    metrics, known = {}, sonnets.public_domain()
    for model, split in GENERATIONS:
        found = generated(model, split)
        other = [(text, known[OTHER_VERSIONS.get(sonnet.id, sonnet.id)].text) for sonnet, text in found]
        for pairs, edition in (([(text, sonnet.text) for sonnet, text in found], ""), (other, "_public_domain")):
            rest = [pair for pair in pairs if chrf.sentence_chrf(*pair) < COPY]
            name = f"{model}_{split}_chrf"
            metrics |= {
                name + edition: chrf.chrf(*zip(*pairs, strict=True)),
                f"{name}_without_copies{edition}": chrf.chrf(*zip(*rest, strict=True)),
            }
    return metrics


def read_sweep() -> list[dict]:
    """The released sweep, an example a run."""
    path = fetch.released_file(SWEEP)
    return [asdict(entry) for entry in parse(fetch.read_text(path), str(path))]


def read_zero_shot() -> list[dict]:
    """How many pairs each file of predictions has, and how many of them it calls paraphrases."""
    rows = []
    for name in ZERO_SHOT:
        path = fetch.released_file(name)
        answers = [line.rpartition(",")[2].strip() for line in fetch.read_text(path).splitlines()[1:] if line.strip()]
        if not set(answers) <= {"0", "1"}:
            raise DataError(f"{path}: a prediction is neither 0 nor 1; fetch the file again.")
        rows.append({"file": name, "pairs": len(answers), "yes": answers.count("1")})
    return rows


def sweep(run: Run, device: str) -> Result:
    """The released sweep, an example a run."""
    return on_file(run, lambda: Result({}, read_sweep()))


def zero_shot(run: Run, device: str) -> Result:
    """The released zero-shot predictions, counted."""
    return on_file(run, lambda: Result({}, read_zero_shot()))


def generations(run: Run, device: str) -> Result:
    """The released generations, scored. A data folder may be without that of Flash Lite."""
    return on_file(run, lambda: Result(generation_metrics(), read_generations()), expected=False)


def on_file(run: Run, read_files: Callable[[], Result], expected: bool = True) -> Result:
    """What was released, from the files, or from our committed record of them.

    `metrics["from_file"]` says which of the two it was.

    Args:
        expected: a data folder, where there is one, must have the files.
    """
    try:
        found = read_files()
    except DataError:
        kept = None if expected and fetch.data_dir() else read(run, COMMITTED)
        if kept is None:
            raise
        return Result(kept.metrics | {"from_file": 0}, kept.examples)
    return Result({"runs": len(found.examples), "from_file": 1} | found.metrics, found.examples)


def grid_at_16(runs: Sequence[ReleasedRun]) -> list[ReleasedRun]:
    """The grid of ranks and learning rates at batch size 16, which the paper's Tables and Figures are about."""
    return [run for run in runs if run.kind == "grid" and run.batch_size == 16]


def runs_of(examples: Sequence[dict]) -> list[ReleasedRun]:
    """The released runs in a record's examples."""
    return [ReleasedRun(**example) for example in examples]
