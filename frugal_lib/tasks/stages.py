"""A run on the sonnets as a sequence of stages: training examples, model, weight format, evaluations.

Each stage is a function that takes the work so far and adds to it; `Stages` is one choice of them, and
`registry` says which runs go through which. What a stage has nothing of (no teacher's sonnets, no pairs
to ask about) it leaves as it is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_model, save_model
from torch import nn

from frugal_lib.core import fetch, machine
from frugal_lib.core.files import move_aside, replacing
from frugal_lib.core.runs import Result, Run
from frugal_lib.data import sonnets
from frugal_lib.data.sonnets import Sonnet
from frugal_lib.metrics import generality
from frugal_lib.models import adapt, bases, formats
from frugal_lib.tasks import completion, contamination, students


@dataclass
class Work:
    """A run under way: what the stages so far have made of it."""

    run: Run
    device: str
    tokenizer: object
    training: Sequence[Sonnet]
    held_out: Mapping[str, Sequence[Sonnet]]
    synthetic: int = 0  # how many of `training` are a teacher's
    model: nn.Module | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    examples: list[dict] = field(default_factory=list)
    history: list[dict] = field(default_factory=list)


Stage = Callable[[Work], None]


@dataclass(frozen=True)
class Stages:
    """Which function stands at each place of the sequence."""

    examples: Stage
    model: Stage
    format: Stage
    evaluations: tuple[Stage, ...]

    def compute(self, run: Run, device: str) -> Result:
        """The result of one run, from its data to its evaluations."""
        formats.check_format(run.format, device)  # before anything is trained for it
        generality.check_sets(run)
        training, held_out = completion.splits_of(run)
        work = Work(run, device, bases.load_tokenizer(run.base), training, held_out)
        for stage in (self.examples, self.model, self.format, *self.evaluations):
            stage(work)
        return Result(work.metrics, work.examples, work.history)


def shakespeare(work: Work) -> None:
    """Training examples: the training split, and nothing else."""


def with_teacher(work: Work) -> None:
    """Training examples: the training split, and `run.items` sonnets of a teacher."""
    if not work.run.items:
        return
    written, chosen = students.chosen(work.run)
    added = [Sonnet(0, tuple(written[i].splitlines())) for i in chosen]
    added = contamination.contaminated(added, work.held_out["dev"], contamination.deal(work.run, work.held_out["dev"]))
    work.training, work.synthetic = [*work.training, *added], len(added)
    work.metrics |= {"lessons": len(chosen), "distinct_lessons": len(set(chosen))}


def mixed(work: Work) -> None:
    """Training examples at equal exposure: the training split `run.passes` times, and `run.exposure` of a teacher's.

    Those are the `run.items` sonnets drawn of it, in turn until there are enough. All are read once, in one random
    order, so that students of different teachers, and of draws of different sizes, read Shakespeare as often.
    """
    run, added = work.run, []
    if run.items:
        written, drawn = students.chosen(run)
        added = [Sonnet(0, tuple(written[i].splitlines())) for i in islice(cycle(drawn), run.exposure)]
        work.metrics |= {"lessons": len(added), "distinct_lessons": len(set(drawn))}
    work.training, work.synthetic = [*list(work.training) * run.passes, *added], len(added)


def trained(work: Work) -> None:
    """Model: the base, fine-tuned by the run's method; `base` is left as it is. Adapters still stand apart."""
    run = work.run
    work.model = bases.load_model(run.base, run.dropout).to(work.device)
    work.metrics["parameters"] = work.model.num_parameters()
    if run.method != "base":
        work.model = adapt.adapt(work.model, run)
        work.metrics["trainable_parameters"] = adapt.trainable_parameters(work.model)
        work.history, work.metrics["train_seconds"] = completion.fine_tune(
            run, work.device, work.model, work.tokenizer, work.training, work.held_out["dev"], work.synthetic > 0
        )
        work.metrics["saved_bytes"] = adapt.saved_bytes(work.model)


def trained_once(work: Work) -> None:
    """Model: as `trained`; in FP32 trained anew and kept, for any other format read where it was kept."""
    path = checkpoint(work.run)
    if work.run.format == "fp32" or not taken_over(work, path):
        trained(work)
        keep(work, path)


def taken_over(work: Work, path: Path) -> bool:
    """Whether the model could be read where it was kept; a file that was damaged is moved aside."""
    if not path.exists():
        return False
    try:
        with safe_open(path, "pt") as file:
            kept = json.loads(file.metadata()["trained"])
        model = bases.load_model(work.run.base, work.run.dropout)
        load_model(model, path)
        history, facts = kept["history"], kept["facts"]
    except (SafetensorError, OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
        problem = f"cannot be read ({type(error).__name__}); moved to {move_aside(path).name}, and trained anew"
        print(f"{path}: {problem}.", file=sys.stderr)
        return False
    work.model, work.history = model.to(work.device).eval(), history
    work.metrics |= facts
    return True


def keep(work: Work, path: Path) -> None:
    """Write a model with its history; what other code trained of the same run goes."""
    facts = json.dumps({"history": work.history, "facts": work.metrics})
    with replacing(path) as temporary:
        save_model(work.model, str(temporary), {"trained": facts})
        for old in path.parent.glob(f"{path.name.split('-')[0]}-*.safetensors"):
            old.unlink(missing_ok=True)


def checkpoint(run: Run) -> Path:
    """Where the weights of a full fine-tuning lie: the same place for all that differ in what is done afterwards."""
    plain = {"chapter": "", "pairs": 0, "pair_sets": "", "minimal_pairs": 0, "format": "fp32", "samples": 0}
    plain["data_digest"] = sonnets.digest(run.edition)
    return fetch.cache_dir() / "checkpoints" / f"{replace(run, **plain).key}-{machine.code_digest()}.safetensors"


def merged(work: Work) -> None:
    """Weight format: FP32, adapters merged into the weights."""
    work.model = adapt.merge(work.model)


def stored(work: Work) -> None:
    """Weight format: the run's, ready to compute with, and the bytes it takes."""
    run, device = work.run, work.device
    if run.method != "qlora":  # which is in its format already
        work.model = formats.convert(adapt.merge(work.model), run.format, device)
    work.metrics |= formats.sizes(work.model)
    work.model = formats.runnable(work.model, run.format, device)


def completions(work: Work) -> None:
    """Evaluation: the likelihood of the true continuations, and sampled completions with their scores."""
    result = completion.scored(work.run, work.model, work.tokenizer, work.held_out)
    work.metrics |= result.metrics
    work.examples += result.examples


def likelihoods(work: Work) -> None:
    """Evaluation: the likelihood of the true continuations alone."""
    result = completion.likelihoods(completion.losses_of(work.model, work.tokenizer, work.held_out))
    work.metrics |= result.metrics
    work.examples += result.examples


def elsewhere(work: Work) -> None:
    """Evaluation: the checks of generality on so many pairs of each set; none where the run asks for none."""
    if work.run.pairs or work.run.minimal_pairs:
        checks = generality.measure(work.model, work.tokenizer, work.run)
        work.metrics |= generality.metrics_of(checks)
        work.examples += checks


def copies(work: Work) -> None:
    """Evaluation: how many lines of a student's completions are the true ones, beside the copies it was given."""
    if work.synthetic:
        dealt = contamination.deal(work.run, work.held_out["dev"])
        work.examples = contamination.marked(work.examples, work.held_out, dealt)


PLAIN = Stages(shakespeare, trained, merged, (completions,))
STORED = Stages(shakespeare, trained, stored, (completions, elsewhere))
STORED_ONCE = replace(STORED, model=trained_once)
TAUGHT = Stages(with_teacher, trained, merged, (completions, elsewhere))
DOSED = Stages(with_teacher, trained, merged, (completions, copies))
FOLDED = Stages(shakespeare, trained, stored, (likelihoods, elsewhere))
FOLDED_ONCE = replace(FOLDED, model=trained_once)
FOLDED_TAUGHT = replace(FOLDED, examples=mixed)
