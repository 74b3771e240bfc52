"""Records of a cross-validation that no run made."""

import dataclasses

import numpy as np

from fakes.records import ENVIRONMENT
from frugal_lib.chapters import registry
from frugal_lib.chapters.synthetic.settings import StudentFolds
from frugal_lib.core.runs import Record
from frugal_lib.data import folds
from frugal_lib.profiles import FoldGrid, Folds, load_profile

TOKENS, CHARACTERS = 100, 400
GRID = FoldGrid((5e-5, 1e-4, 3e-4), (3e-4, 1e-3), (4,), 16.0, 16, 12, 2)
TEACHERS = ("flash-lite", "flash", "pro", "human")


def profile():
    """Profile micro with six folds of everything, at two seeds."""
    micro = load_profile("micro")
    quantization = dataclasses.replace(
        micro.quantization,
        fold_formats=("bf16", "fp8", "int8-tensor", "int4-tensor", "nf4"),
        fold_checked_formats=("int8-tensor",),
        fold_qaft_formats=("int8-tensor", "int4-tensor"),
    )
    students = StudentFolds(TEACHERS, 5, 1160, {"micro": (232,), "nano": (232,)})
    return dataclasses.replace(
        micro,
        folds=Folds(6, 2, 15, {"micro": GRID, "nano": GRID}),
        quantization=quantization,
        synthetic=dataclasses.replace(micro.synthetic, folds=students),
    )


def fake(run, loss, worse=0.0):
    """A record of a fold whose sonnets have about `loss` nats per token; generality is the worse the larger `worse`."""
    rng = np.random.default_rng([run.seed, run.fold, int(run.key, 16) % 1000])
    examples = []
    for split in ("dev", "test"):
        for sonnet in folds.load(run.folds, run.fold).split(split):
            nll = TOKENS * (loss + 0.1 * (sonnet.id % 3 - 1) + 0.01 * rng.normal())
            row = {"kind": "likelihood", "split": split, "id": sonnet.id, "nll": nll, "tokens": TOKENS}
            examples.append(row | {"characters": CHARACTERS})
    if run.minimal_pairs:
        margins = np.where(np.arange(300) % 10 < 7 - 5 * worse, 1, -1).tolist()
        examples.append({"kind": "minimal-pairs", "set": "a", "edition": "some", "margins": margins})
        for genre in ("prose", "verse"):
            texts = [(str(i), 100 * (2 + 0.1 * i + worse + 0.001 * rng.normal())) for i in range(12)]
            examples += [{"kind": "text", "genre": genre, "id": n, "nll": x, "characters": 100} for n, x in texts]
    last = {"train_loss": loss - (0.2 if run.method == "lora" else 0.6) + 0.01 * rng.normal(), "dev_loss": loss}
    history = [{"epoch": 0, "dev_loss": loss}, {"epoch": 1} | last] if run.learning_rate else []
    return Record(run, "ok", {"dev_nll": loss, "lessons": run.exposure}, examples, history, ENVIRONMENT)


def made(chapter, loss_of, worse_of=lambda run: 0.0):
    """The cross-validation of a chapter and of chapter 1, where a run's loss is `loss_of` it."""

    def sweep(wanted):
        return [fake(run, loss_of(run), worse_of(run)) for run in wanted]

    plans = (registry.plan_of(name) for name in ("baseline", chapter))
    return [record for plan in plans for record in plan.fold_records(profile(), 0, sweep)]
