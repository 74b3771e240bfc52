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

PRO_COMMIT = "83188d73c64ad55a9dc2b04f3825574e2cff4ec8"  # Pro's sonnets were removed later


@dataclass(frozen=True)
class File:
    """A released file, what it is about, and its SHA-256."""

    about: str
    name: str
    sha256: str
    commit: str = fetch.COMMIT

    def path(self) -> Path:
        return fetch.released_file(self.name, self.sha256, self.commit)


SONNETS = (  # of dev, by the model that wrote them; the number is that of synthetic sonnets, 1,000 where none stands
    File(
        "full fine-tuning, again",
        "predictions/sonnet_gen_full_ft/generated_sonnets_dev.txt",
        "73ac56bfe980b24c35b4c58bb396fd72687f07dda98df7f31e20ca7c7d05f272",
    ),
    File(
        "flash-lite, again",
        "predictions/sft_gemini_flash_lite/generated_sonnets_dev.txt",
        "f73045fe88573e5ba1017c4893973b27710ad508b0340b981f2ac56355d95e07",
    ),
    File(
        "qaft int8",
        "predictions/qat8/generated_sonnets_dev.txt",
        "529c79e097bed9361d7502db97ef826aa6d9bea88749e1f5bc650b80b2d97fca",
    ),
    File(
        "qaft int4",
        "predictions/qat4/generated_sonnets_dev.txt",
        "f5e1d8c968b5e1515eabe15c1c7bc4ea54aa429d6764b5579ca14f98f46a6599",
    ),
    File(
        "flash-lite 100",
        "predictions/synthetic_subset_sweep/generated_sonnets_dev_100.txt",
        "89bf2779efac1bce8faddfcafe913d89adb7a180a9e90ca1ec60a967b20c7c92",
    ),
    File(
        "flash-lite 500",
        "predictions/synthetic_subset_sweep/generated_sonnets_dev_500.txt",
        "d374e64b868ceadb2549692a5a208b783f64e69171ba75dd66c23bca9a5c3f02",
    ),
    File(
        "pro",
        "predictions/synthetic_subset_sweep/generated_sonnets_dev_1200.txt",
        "a5f10500dc3e6c444d9736215a81bfb7e07b188b0b68afdb6d32da1861279e56",
        PRO_COMMIT,
    ),
)
FORMATS = (  # reports on one checkpoint in several formats, by the teacher of the checkpoint
    File(
        "flash",
        "predictions/quantization/sft_gemini_flash_quant_report_dev_chrf.csv",
        "f12d55d453f71155622dbcec51b02b430f147d67f3c706dca3bab46708a82818",
    ),
    File(
        "flash",
        "predictions/quantization/sft_gemini_flash_quant_report_int8_int4.csv",
        "d0633e75f9e58eea1802680489388b65a0b611a96ecb149c3b69dd91bb0af3db",
    ),
    File(
        "flash-lite",
        "predictions/quantization/sft_gemini_flash_lite/"
        "best_sft_gemini_flash_lite-25-0.001-sonnet-combined__quant_report_dev_chrf.csv",
        "6628e674f5fe3ddbe9ff5c4932108c6dbdb1d5af44857309b81d5edcd5d33481",
    ),
    File(
        "flash-lite",
        "predictions/quantization/sft_gemini_flash_lite_quant_report_dev_chrf.csv",
        "e5ac1cfcf2f1f65446d649a333e4fc73272ecf35a1412e2f2539851a528a4fed",
    ),
    File(
        "flash-lite",
        "predictions/quantization/int8_int4_report.csv",
        "b134225e92cc460934077f73f48d5fe374b42df11db04393e740434c1ddb70c8",
    ),
)
CLASSES = (  # predicted classes of dev, by task and method
    File(
        "sst last linear layer",
        "predictions/last-linear-layer-sst-dev-out.csv",
        "64ee52fb01e3ed00a35fab29401f572fa377cf41e120dd79ccfead8cdfe21dd3",
    ),
    File(
        "sst full fine-tuning",
        "predictions/full-model-sst-dev-out.csv",
        "19b777ff190dfdef663941e91f21787b7b62bb1b8e646996f7553563e58cd422",
    ),
    File(
        "cfimdb last linear layer",
        "predictions/last-linear-layer-cfimdb-dev-out.csv",
        "234597f7c94b293137e271ccd34dd29ed05c6de72a1cbc3e2979af0342baa998",
    ),
    File(
        "cfimdb full fine-tuning",
        "predictions/full-model-cfimdb-dev-out.csv",
        "6fc7b636a5d0f42a54fb655d77c2df5fd6d5f4ac16a6685d1ac238cab353bea9",
    ),
)
FILTERED = (  # the sonnets that its rule let pass, by their teacher
    File(
        "flash-lite",
        "data/synthetic_data/filtered_sonnets.json",
        "609cc016f1bd34e8b2a71e916489fac1dc3aeac65d292b8590f3399c7fd4ea95",
    ),
    File(
        "flash",
        "data/synthetic_data/filtered_sonnets_2.json",
        "791a2bbdc27621232785f2b50567b5bb786fdc8a0b92df7855d4833554ae415f",
    ),
)
FILES = (*SONNETS, *FORMATS, *CLASSES, *FILTERED)
NAMES = {"int8_weight_only": "int8", "int8_weight_only_real": "int8", "int4_weight_only": "int4"}
COLUMNS = {"dev_chrf": "dev_chrf", "dev_loss": "dev_ce", "tokens_per_s": "gen_tokens_per_sec", "size_mb": "size_mb"}


def reports_run() -> Run:
    """The run whose record holds what these files say."""
    return Run(
        "controls",
        "sonnets",
        "released-reports",
        "released",
        fetch.digest([f.sha256 for f in FILES]),
        seed=0,
        samples=0,
    )


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
