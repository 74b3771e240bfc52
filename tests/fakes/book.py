"""Records of all chapters that no run made."""

import dataclasses

from fakes.lora import fake as fake_lora
from fakes.quantization import fake as fake_quantized
from fakes.records import ACCURACY, ENVIRONMENT, fake_data, fake_labelled, fake_lengths
from fakes.synthetic import fake as fake_student
from frugal_lib.chapters import registry
from frugal_lib.core.runs import Record, read
from frugal_lib.data.sonnets import Sonnet
from frugal_lib.paper.released import COMMITTED
from frugal_lib.profiles import load_profile
from frugal_lib.tasks import contamination


def fake_record(run, chrf, bpc):
    """A record whose twelve sonnets score about `chrf` and `bpc`."""
    examples, metrics = [], {"parameters": 1e6}
    for split in ("dev", "test"):
        for sample in range(min(run.samples, 2)):
            for i in range(12):
                value = chrf + 0.1 * (i % 3 - 1)
                scores = dict.fromkeys(("chrf", "corpus_chrf", "chrf_continuation", "corpus_chrf_continuation"), value)
                row = {"kind": "completion", "split": split, "id": 132 + i, "sample": sample, "text": "<b>a line"}
                row["rhyme_share"] = 0.1 * (i % 3)
                examples.append(row | scores)
        if bpc:
            metrics |= {f"{split}_bpc": bpc, f"{split}_nll": 2 * bpc}
            nll = {"nll": 100 * bpc * 0.6931472, "tokens": 50, "characters": 100}
            examples += [{"kind": "likelihood", "split": split, "id": 132 + i} | nll for i in range(12)]
        metrics |= {f"{split}_{name}": 0.5 for name in ("chrf", "lines", "rhyme_share", "perfect")}
    history = [{"epoch": e, "train_loss": 3.0 - e, "dev_loss": 3.0 - e} for e in (0, 1)] if run.learning_rate else []
    return Record(run, "ok", metrics, examples, history, ENVIRONMENT)


SCORES = {"floor-given": 25, "floor-lines": 42, "floor-words": 41.5, "base": 36, "full": 39}


RATES = {3e-5: 2.1, 1e-4: 2.0, 3e-4: 1.8, 1e-3: 1.9}


def fake_any(run):
    """A record of any run of the chapter: of the sonnets `fake_record`, of the rest what `fakes` makes."""
    if run.method == "data":
        return fake_data(run)
    if run.method == "floor-lengths":
        return fake_lengths(run, dict.fromkeys(("dev", "test"), range(132, 144)))
    if run.task != "sonnets":
        return fake_labelled(run, ACCURACY[run.method])
    return fake_record(run, SCORES[run.method], RATES.get(run.learning_rate, 2.2) if run.base else None)


def fake_control(run):
    """A record of chapter 5: a copy of a dev sonnet among the examples is worth 0.2 nats, 2 chrF and a line."""
    if run.method == "released-reports":
        return dataclasses.replace(read(run, COMMITTED), environment=ENVIRONMENT)
    if not run.teacher:
        return fake_record(run, {"floor-tail": 41.5}.get(run.method) or SCORES[run.method], 2.0 if run.base else None)
    record = fake_record(run, 40, 2.0)
    copies = contamination.deal(run, [Sonnet(132 + i, ()) for i in range(12)])
    rows = []
    for one in record.examples:
        mine = {"copies": copies[one["id"]] if one["split"] == "dev" else 0}
        if one["kind"] == "likelihood":
            mine["nll"] = one["nll"] - 0.2 * mine["copies"] * one["tokens"]
        else:
            mine |= {"chrf": one["chrf"] + 2 * mine["copies"], "verbatim": min(11, mine["copies"])}
        rows.append(one | mine)
    return dataclasses.replace(record, examples=rows)


FAKES = {
    "baseline": lambda run: fake_any(run),
    "lora": lambda run: fake_lora(run, 3.0),
    "quantization": lambda run: fake_quantized(run, {}, {}),
    "synthetic": lambda run: fake_student(run, {}),
    "what_breaks": fake_control,
}


NO_FOLDS = dict.fromkeys(("lora", "quantization", "synthetic"), ())  # a profile without cross-validation


def made_of_all_chapters(change=lambda record: record):
    """The records of all chapters, each changed by a test."""
    profile = load_profile("micro")
    return {
        name: registry.plan_of(name).records(profile, 0, lambda runs, make=make: [change(make(run)) for run in runs])
        for name, make in FAKES.items()
    }
