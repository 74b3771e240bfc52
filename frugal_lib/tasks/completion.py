"""The sonnet task, run by run: a base, fine-tuned or not, or a floor, completes the held-out sonnets."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np
from torch import nn

from frugal_lib.core.runs import Result, Run
from frugal_lib.data import folds
from frugal_lib.data import sonnets as sonnet_data
from frugal_lib.data.sonnets import GIVEN_LINES, Sonnet
from frugal_lib.metrics import chrf, floors, likelihood, verse
from frugal_lib.models import generate, train

FLOORS = ("floor-given", "floor-lines", "floor-words", "floor-tail")
SPLITS = ("dev", "test")


def floor(run: Run, device: str) -> Result:
    """Completions that need no model, and their scores; `run.method` is one of `FLOORS`."""
    training, held_out = splits_of(run)
    texts = {name: floor_texts(run, name, split, training) for name, split in held_out.items()}
    return collect(held_out, texts, losses={})


def floor_draws(run: Run, device: str) -> Result:
    """chrF of `run.samples` completions of all of dev by random training lines: what luck alone scores."""
    training, held_out = splits_of(run)
    true = [sonnet.text for sonnet in held_out["dev"]]
    scores = [
        chrf.chrf([f"{s.given}\n{text}" for s, text in zip(held_out["dev"], texts, strict=True)], true)
        for texts in floor_texts(run, "dev", held_out["dev"], training)
    ]
    rows = [{"kind": "draw", "draw": k, "chrf": value} for k, value in enumerate(scores)]
    return Result(draw_metrics(scores), rows)


def floor_lengths(run: Run, device: str) -> Result:
    """chrF of random training lines by their length: each split once for every share of the true length."""
    training, held_out = splits_of(run)
    lines, rows = [line for sonnet in training for line in sonnet.lines], []
    for split, sonnets in held_out.items():
        known = [sonnet for sonnet in sonnets if sonnet.continuation]
        true = {s.id: len(s.continuation) for s in known}
        rows += [{"kind": "true", "split": split, "id": i, "characters": n} for i, n in true.items()]
        for share in floors.SHARES if known else ():
            floor = floors.equal_length(
                [s.given for s in known],
                [s.text for s in known],
                lines,
                [round(share * n) for n in true.values()],
                run.samples,
                generate.stream_seed(run.seed, run.method, split),
            )
            rows.append({"kind": "floor", "split": split, "share": share, "chrf": floor.mean, "sd": floor.sd})
    return Result(length_metrics(rows), rows)


def length_metrics(rows: Sequence[dict]) -> dict[str, float]:
    """The floors of texts as long as the true ones, by split."""
    return {f"{row['split']}_chrf": row["chrf"] for row in rows if row["kind"] == "floor" and row["share"] == 1}


def draw_metrics(scores: Sequence[float]) -> dict[str, float]:
    """Mean and standard deviation of the chrF of many draws."""
    return {"dev_chrf": float(np.mean(scores)), "dev_chrf_sd": float(np.std(scores, ddof=1))}


def splits_of(run: Run) -> tuple[Sequence[Sonnet], dict[str, Sequence[Sonnet]]]:
    """The sonnets to train on, and those held out by split, cut to the run's limits."""
    sonnets = folds.load(run.folds, run.fold) if run.folds else sonnet_data.load_sonnets(run.edition)
    return sonnets.train[: run.train_limit], {name: sonnets.split(name)[: run.held_out_limit] for name in SPLITS}


def losses_of(model: nn.Module, tokenizer, held_out: Mapping[str, Sequence[Sonnet]]) -> dict[str, list[dict]]:
    """Likelihood of the true continuations, a row a sonnet, by split."""
    known = {name: [s for s in split if s.continuation] for name, split in held_out.items()}
    return {name: likelihood.continuation_losses(model, tokenizer, split) for name, split in known.items()}


def likelihoods(losses: Mapping[str, list[dict]]) -> Result:
    """Losses as metrics (`dev_nll`, `test_bpc`, …) and as examples."""
    metrics, examples = {}, []
    for split, rows in losses.items():
        metrics |= {f"{split}_nll": likelihood.per_token(rows), f"{split}_bpc": likelihood.bits_per_character(rows)}
        examples += [{"kind": "likelihood", "split": split} | row for row in rows]
    return Result(metrics, examples)


def scored(run: Run, model: nn.Module, tokenizer, held_out: dict[str, Sequence[Sonnet]]) -> Result:
    """Likelihood of the true continuations, and completions with their scores."""
    losses = losses_of(model, tokenizer, held_out)
    texts = {name: completions(run, model, tokenizer, name, split) for name, split in held_out.items()}
    return collect(held_out, texts, losses)


def fine_tune(
    run: Run, device: str, model, tokenizer, training: Sequence[Sonnet], dev: Sequence[Sonnet], taught: bool = False
) -> tuple[list[dict], float]:
    """Train on whole sonnets; the best epoch is chosen by the loss on lines 4-14 of `dev`.

    The history starts with epoch 0, the base before training; where `taught`, its loss on the training
    examples is left out, for with a thousand sonnets more it would take as long as an epoch.
    """
    schedule = train.Schedule(**{field.name: getattr(run, field.name) for field in fields(train.Schedule)})
    examples = likelihood.language_examples([s.text for s in training], tokenizer)
    held_out = likelihood.language_examples([s.text for s in dev], tokenizer, [s.given + "\n" for s in dev])
    before = {"epoch": 0, "dev_loss": likelihood.mean_loss(model, held_out)}
    if not taught:
        before["train_loss"] = likelihood.mean_loss(model, examples)
    objective = train.Objective(
        collate=lambda rows: likelihood.collate(rows, tokenizer.eos_token_id),
        evaluate=lambda model: {"dev_loss": likelihood.mean_loss(model, held_out)},
    )
    history, seconds = train.fine_tune(model, examples, schedule, objective, device)
    return [before, *history], seconds


def completions(run: Run, model, tokenizer, split: str, sonnets: Sequence[Sonnet]) -> list[list[str]]:
    """`run.samples` continuations of each sonnet: [sample][sonnet]."""
    decoding = generate.Decoding(run.temperature, run.top_k, run.top_p, run.max_new_tokens)
    places = [(k, s) for k in range(run.samples) for s in sonnets]
    prompts = [s.given + "\n" for _, s in places]
    seeds = [generate.stream_seed(run.seed, split, s.id, k) for k, s in places]
    texts = generate.complete(model, tokenizer, prompts, seeds, 14 - GIVEN_LINES, decoding)
    return [texts[start : start + len(sonnets)] for start in range(0, len(texts), len(sonnets))]


def floor_texts(run: Run, split: str, sonnets: Sequence[Sonnet], training: Sequence[Sonnet]) -> list[list[str]]:
    """Continuations that know nothing of the prompt: [sample][sonnet].

    `floor-given` writes nothing. `floor-lines` and `floor-draws` write eleven lines drawn from the
    training sonnets; `floor-words` draws words of the training sonnets instead, as many a line as a
    line drawn at random has. `floor-tail` writes lines 4-14 of one training sonnet, which is Shakespeare.
    """
    lines = [line for sonnet in training for line in sonnet.lines]
    words = [word for line in lines for word in line.split()]
    rng = random.Random(generate.stream_seed(run.seed, run.method, split))

    def one_line() -> str:
        line = rng.choice(lines)
        return " ".join(rng.choices(words, k=len(line.split()))) if run.method == "floor-words" else line

    if run.method == "floor-tail":
        return [[rng.choice(training).continuation for _ in sonnets] for _ in range(run.samples)]
    count = 0 if run.method == "floor-given" else 14 - GIVEN_LINES
    return [["\n".join(one_line() for _ in range(count)) for _ in sonnets] for _ in range(run.samples)]


def collect(
    held_out: dict[str, Sequence[Sonnet]], texts: dict[str, list[list[str]]], losses: dict[str, list[dict]]
) -> Result:
    """Scores of all completions as metrics (`dev_chrf`, …) and per-example rows."""
    metrics, examples = {}, []
    for split, sonnets in held_out.items():
        rows = [row for k, sample in enumerate(texts[split]) for row in score_sample(split, sonnets, sample, k)]
        examples += rows
        metrics |= {f"{split}_{key}": value for key, value in averages(rows).items()}
        if split in losses:
            likely = likelihoods({split: losses[split]})
            metrics |= likely.metrics
            examples += likely.examples
    return Result(metrics, examples)


def score_sample(split: str, sonnets: Sequence[Sonnet], sample: Sequence[str], k: int) -> list[dict]:
    """One row for each sonnet of one sample; scores only where the true continuation is known."""
    rows = [
        {"kind": "completion", "split": split, "id": s.id, "sample": k, "text": text}
        | verse.form("\n".join(filter(None, (s.given, text))))
        for s, text in zip(sonnets, sample, strict=True)
    ]
    known = [i for i, s in enumerate(sonnets) if s.continuation]
    whole = ["\n".join(filter(None, (sonnets[i].given, sample[i]))) for i in known]
    true = [sonnets[i].text for i in known]
    tails, true_tails = [sample[i] for i in known], [sonnets[i].continuation for i in known]
    for name, pairs in (("chrf", (whole, true)), ("chrf_continuation", (tails, true_tails))):
        own, shares = chrf.chrf_of_each(*pairs) if known else ([], [])
        for i, value, share in zip(known, own, shares, strict=True):
            rows[i] |= {name: value, f"corpus_{name}": share}
    return rows


def averages(rows: Sequence[dict]) -> dict[str, float]:
    """Means over sonnets and samples; `chrf` is the corpus score of a sample, averaged over samples."""
    scored = [row for row in rows if "chrf" in row]
    metrics = {key: float(np.mean([row[f"corpus_{key}"] for row in scored])) for key in ("chrf", "chrf_continuation")}
    return metrics | {key: float(np.mean([row[key] for row in rows])) for key in ("lines", "rhyme_share", "perfect")}
