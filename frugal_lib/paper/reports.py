"""What else the paper's repository has of its own runs: more sonnets, reports on weight formats, answers, counts.

No profile needs these files, so a data folder may be without them; our committed record then stands in.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from frugal_lib.core import fetch
from frugal_lib.core.fetch import DataError
from frugal_lib.core.runs import Result, Run
from frugal_lib.data import labelled
from frugal_lib.paper import released


@dataclass(frozen=True)
class File:
    """A released file, and what it is about."""

    about: str
    name: str
    commit: str = fetch.COMMIT

    def path(self) -> Path:
        return fetch.released_file(self.name, commit=self.commit)


SONNETS = (  # of dev, by the model that wrote them; the number is that of synthetic sonnets, 1,000 where none stands
    File("full fine-tuning, again", "predictions/sonnet_gen_full_ft/generated_sonnets_dev.txt"),
    File("flash-lite, again", "predictions/sft_gemini_flash_lite/generated_sonnets_dev.txt"),
    File("qaft int8", "predictions/qat8/generated_sonnets_dev.txt"),
    File("qaft int4", "predictions/qat4/generated_sonnets_dev.txt"),
    File("flash-lite 100", "predictions/synthetic_subset_sweep/generated_sonnets_dev_100.txt"),
    File("flash-lite 500", "predictions/synthetic_subset_sweep/generated_sonnets_dev_500.txt"),
    File("pro", "predictions/synthetic_subset_sweep/generated_sonnets_dev_1200.txt", fetch.PRO_COMMIT),
)
FORMATS = (  # reports on one checkpoint in several formats, by the teacher of the checkpoint
    File("flash", "predictions/quantization/sft_gemini_flash_quant_report_dev_chrf.csv"),
    File("flash", "predictions/quantization/sft_gemini_flash_quant_report_int8_int4.csv"),
    File(
        "flash-lite",
        "predictions/quantization/sft_gemini_flash_lite/"
        "best_sft_gemini_flash_lite-25-0.001-sonnet-combined__quant_report_dev_chrf.csv",
    ),
    File("flash-lite", "predictions/quantization/sft_gemini_flash_lite_quant_report_dev_chrf.csv"),
    File("flash-lite", "predictions/quantization/int8_int4_report.csv"),
)
CLASSES = (  # predicted classes of dev, by task and method
    File("sst last linear layer", "predictions/last-linear-layer-sst-dev-out.csv"),
    File("sst full fine-tuning", "predictions/full-model-sst-dev-out.csv"),
    File("cfimdb last linear layer", "predictions/last-linear-layer-cfimdb-dev-out.csv"),
    File("cfimdb full fine-tuning", "predictions/full-model-cfimdb-dev-out.csv"),
)
FILTERED = (  # the sonnets that its rule let pass, by their teacher
    File("flash-lite", "data/synthetic_data/filtered_sonnets.json"),
    File("flash", "data/synthetic_data/filtered_sonnets_2.json"),
)
FILES = (*SONNETS, *FORMATS, *CLASSES, *FILTERED)
NAMES = {"int8_weight_only": "int8", "int8_weight_only_real": "int8", "int4_weight_only": "int4"}
COLUMNS = {"dev_chrf": "dev_chrf", "dev_loss": "dev_ce", "tokens_per_s": "gen_tokens_per_sec", "size_mb": "size_mb"}


def reports_run() -> Run:
    """The run whose record holds what these files say."""
    digest = fetch.digest([fetch.PINNED[file.name] for file in FILES])
    return Run("controls", "sonnets", "released-reports", "released", digest, seed=0, samples=0)


def format_rows(file: File) -> Iterator[dict]:
    """A row a weight format of one checkpoint: dev chrF, dev loss in nats per token, tokens per second, MB.

    Formats that failed there, whose device is ERROR, are left out.

    Raises:
        DataError: a column is missing, or holds no number.
    """
    path = file.path()
    _, _, table = fetch.read_text(path).partition("\nvariant")  # above the table: the checkpoint and its settings
    try:
        for row in csv.DictReader(f"variant{table}".splitlines()):
            if row["device"] != "ERROR":
                numbers = {name: float(row[column]) for name, column in COLUMNS.items()}
                yield {
                    "kind": "format",
                    "checkpoint": file.about,
                    "format": NAMES.get(row["variant"], row["variant"]),
                } | numbers
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: no report on formats ({error!r}); fetch the file again.") from None


def class_row(file: File) -> dict:
    """How many of the released predictions of a task's dev split are right.

    Raises:
        DataError: the file does not have a prediction for each example.
    """
    task, _, method = file.about.partition(" ")
    lines = fetch.read_text(file.path()).splitlines()[1:]
    answers = {name.strip(): answer.strip() for name, _, answer in (line.rpartition(",") for line in lines)}
    dev = labelled.load(task, "released").dev
    if answers.keys() != {example.id for example in dev}:
        raise DataError(f"{file.path()}: not one prediction for each example of {task}; fetch the file again.")
    right = sum(answers[example.id] == str(example.label) for example in dev)
    return {"kind": "classes", "task": task, "method": method, "right": right, "examples": len(dev)}


def rows() -> list[dict]:
    """All that these files say: rows of the kinds `sonnet`, `format`, `classes` and `filtered`."""
    written = [(file.about, released.paired(file.path(), "dev")) for file in SONNETS]
    found = [{"kind": "sonnet"} | row for model, pairs in written for row in released.scored(model, "dev", pairs)]
    found += [row for file in FORMATS for row in format_rows(file)]
    found += [class_row(file) for file in CLASSES]
    passed = {file.about: len(json.loads(fetch.read_text(file.path()))) for file in FILTERED}
    return found + [{"kind": "filtered", "teacher": teacher, "sonnets": count} for teacher, count in passed.items()]


def reports(run: Run, device: str) -> Result:
    """The released reports, a row an example."""
    return released.on_file(run, lambda: Result({}, rows()), expected=False)
