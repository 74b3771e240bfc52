"""A record is checked when it is read: types, ranges, and that it lies in its place."""

import dataclasses
import json

import pytest
from fakes.project import ROOT
from fakes.runs import RUN

from frugal_lib.core import records
from frugal_lib.core.records import Record, Run

COMMITTED = sorted((ROOT / "results").rglob("*.json"))
ONE = next(path for path in COMMITTED if path.name.startswith("sonnets-nano-lora"))


def test_every_committed_record_is_read_as_it_stands_and_has_the_key_in_its_name():
    assert len(COMMITTED) > 450
    for path in COMMITTED:
        content = json.loads(path.read_text(encoding="utf-8"))
        record = Record.from_json(path.read_text(encoding="utf-8"))
        unchecked = Record(**content | {"run": Run(**content["run"])})
        assert repr(record) == repr(unchecked) and path.as_posix().endswith(record.run.path)


def changed(place, value):
    """The text of a record with one value changed."""
    content = json.loads(ONE.read_text(encoding="utf-8"))
    part = content
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    return json.dumps(content)


WRONG = [
    (("run", "learning_rate"), "x", "run.learning_rate: input should be a valid number"),
    (("run", "learning_rate"), float("nan"), "run.learning_rate: input should be a finite number"),
    (("run", "doses"), 5, "run.doses: input should be a valid string"),
    (("run", "doses"), "many", "run.doses: string should match pattern"),
    (("run", "seed"), True, "run.seed: input should be a valid integer"),
    (("run", "epochs"), -1, "run.epochs: input should be greater than or equal to 0"),
    (("run", "dropout"), 1.0, "run.dropout: input should be less than 1"),
    (("run", "patience"), -3, "run.patience: input should be greater than or equal to 0"),
    (("run", "keep"), "some", "run.keep: input should be 'best' or 'last'"),
    (("run", "method"), "../full", "run.method: string should match pattern"),
    (("run", "colour"), "red", "run.colour: unexpected keyword argument"),
    (("status",), "okay", "status: input should be 'ok', 'diverged', 'unsupported' or 'failed'"),
    (("metrics",), [1], "metrics: input should be an object"),
    (("metrics", "dev_nll"), None, "metrics.dev_nll: null, though the status is ok"),
    (("examples",), None, "examples: input should be a valid array"),
    (("examples",), [1], "examples.0: input should be an object"),
    (("environment",), {}, "environment.seconds: field required"),
    (("environment", "threads"), 0, "environment.threads: input should be greater than or equal to 1"),
    (("environment", "versions"), {"torch": 2}, "environment.versions.torch: input should be a valid string"),
]


@pytest.mark.parametrize(("place", "value", "sentence"), WRONG)
def test_a_value_of_a_wrong_type_or_out_of_range_is_one_sentence(place, value, sentence):
    with pytest.raises(ValueError) as found:
        Record.from_json(changed(place, value))
    assert str(found.value).startswith(sentence) and "\n" not in str(found.value)


@pytest.mark.parametrize("text", ["", "[", "[" * 100_000, "9" * 5000, "null", "{}", '{"run": 1}'])
def test_what_is_no_record_at_all_is_one_sentence(text):
    with pytest.raises(ValueError) as found:
        Record.from_json(text)
    assert "\n" not in str(found.value) and len(str(found.value)) < 200


def test_a_diverged_record_may_have_numbers_that_are_none():
    content = json.loads(changed(("metrics", "dev_nll"), None)) | {"status": "diverged"}
    assert Record.from_json(json.dumps(content)).metrics["dev_nll"] is None


def test_a_wrong_value_is_moved_aside_and_named(tmp_path, capsys):
    run = Record.from_json(ONE.read_text(encoding="utf-8")).run
    path = tmp_path / run.path
    path.parent.mkdir()
    path.write_text(changed(("environment",), {}), encoding="utf-8")
    assert records.read(run, tmp_path) is None and not path.exists()
    assert f"{path}: not the record of its run (environment.seconds: field required)" in capsys.readouterr().err


def test_a_record_never_lies_outside_the_results(tmp_path):
    run = dataclasses.replace(RUN, chapter="lora", base="../../../../etc")
    with pytest.raises(ValueError, match=r"this would lie outside .*; name its base and teacher without '\.\.'"):
        records.read(run, tmp_path)
