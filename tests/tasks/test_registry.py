"""Who computes a run is decided by its chapter, task and method, and by nothing else."""

import dataclasses
import os

import pytest

from frugal_lib.chapters import registry as chapters_registry
from frugal_lib.chapters.baseline import plan as baseline_plan
from frugal_lib.core import machine, runs
from frugal_lib.core.runs import Record, Result, Run
from frugal_lib.profiles import load_profile
from frugal_lib.tasks import registry

# Another value for every field that does not name the kind of a run.
OTHER = {
    "edition": ("folger", "public-domain", "released", "vader", "two-sources", "written"),
    "data_digest": ("other",),
    "seed": (7,),
    "samples": (0, 9),
    "base": ("", "nano"),
    "base_digest": ("other",),
    "learning_rate": (0.0, 1e-3),
    "batch_size": (0, 3),
    "epochs": (0, 3),
    "patience": (0, 3),
    "dropout": (0.5,),
    "weight_decay": (0.5,),
    "train_limit": (None, 4),
    "held_out_limit": (None, 4),
    "temperature": (0.0,),
    "top_k": (1,),
    "top_p": (0.5,),
    "max_new_tokens": (5,),
    "rank": (0, 4),
    "alpha": (0.0, 8.0),
    "modules": ("", "attention"),
    "format": ("fp32", "int4-tensor", "nf4"),
    "pairs": (0, 8),
    "pair_sets": ("", "quora/written"),
    "teacher": ("", "flash", "offline"),
    "items": (0, 5),
    "selection": ("", "clean"),
    "judge_steps": (0, 2),
    "max_steps": (0, 4),
    "keep": ("best", "last"),
    "doses": ("", "8x1"),
    "folds": (0, 6),
    "fold": (0, 3),
    "minimal_pairs": (0, 15),
    "passes": (0, 5),
    "exposure": (0, 100),
    "precision": ("fp32", "bf16"),
}
KIND = {"chapter", "task", "method"}


def committed() -> list[Run]:
    """One run of every kind in the committed records."""
    found = {}
    for path in (machine.ROOT / "results").rglob("*.json"):
        run = Record.from_json(path.read_text(encoding="utf-8")).run
        if run.method not in ("speed", "steps"):  # measured, not computed
            found[run.chapter, run.task, run.method] = run
    return list(found.values())


def spies(called):
    """The registry with somebody at every place who only says that it was his turn."""
    return {key: lambda run, device, key=key: called.append(key) or Result({}) for key in registry.REGISTRY}


def test_every_field_of_a_run_is_tried():
    assert OTHER.keys() | KIND == {field.name for field in dataclasses.fields(Run)}


def test_a_run_goes_to_the_same_place_whatever_its_other_fields_say():
    for run in committed():
        called = []
        changed = [dataclasses.replace(run, **{name: value}) for name, values in OTHER.items() for value in values]
        for other in (run, *changed):
            registry.compute(other, "cpu", spies(called))
        assert len(called) == 1 + len(changed) and len(set(called)) == 1, (run.path, set(called))


@pytest.mark.parametrize("chapter", chapters_registry.CHAPTERS)
def test_every_run_of_a_plan_has_somebody_who_computes_it(chapter):
    asked = []

    def sweep(wanted):
        asked.extend(wanted)
        return [runs.read(run, machine.ROOT / "results/micro") for run in wanted]

    chapters_registry.plan_of(chapter).records(load_profile("micro"), 0, sweep)
    called = []
    for run in asked:
        registry.compute(run, "cpu", spies(called))
    assert len(called) == len(asked) > 20


def test_a_run_that_nobody_computes_is_one_sentence():
    run = Run("lora", "sst", "qaft", "released", "", 0, 0)
    with pytest.raises(ValueError, match=r"^chapter 'lora', task 'sst', method 'qaft': nobody computes such a run\.$"):
        registry.compute(run, "cpu")


@pytest.mark.skipif(not os.environ.get("FRUGAL_DATA_DIR"), reason="needs the paper's files (FRUGAL_DATA_DIR)")
@pytest.mark.parametrize("task", ["sst", "cfimdb"])
@pytest.mark.parametrize("method", ["majority", "tfidf", "last-layer", "full"])
def test_runs_on_the_papers_labelled_files_end_well(task, method):
    """The edition of these files is called as that of the paper's own results: `released`."""
    planned = []
    baseline_plan.records(load_profile("micro"), 0, lambda wanted: planned.extend(wanted) or [])
    run = next(run for run in planned if (run.task, run.method, run.edition) == (task, method, "released"))
    few = dataclasses.replace(run, train_limit=16, held_out_limit=6, epochs=min(run.epochs, 1))
    record = runs.execute(few, registry.compute, "cpu")
    assert record.status == "ok", record.error
    assert sum(row["split"] == "dev" for row in record.examples) == 6
