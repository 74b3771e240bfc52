"""A record that was changed is found and named; one that was not is left in peace."""

import dataclasses
import json
import shutil

import pytest
from fakes.records import ENVIRONMENT
from typer.testing import CliRunner

from frugal_lib.__main__ import app
from frugal_lib.chapters import measurements
from frugal_lib.core import machine, runs
from frugal_lib.core.fetch import DataError
from frugal_lib.core.runs import Record, Run
from frugal_lib.data import sonnets as sonnet_data
from frugal_lib.profiles import load_profile
from frugal_lib.tasks import registry
from frugal_lib.verify import command, examples, files, rerun

COMMITTED = machine.ROOT / "results/micro"
# A record of each kind of example, by what its name begins with, and a metric that its examples determine.
KINDS = {
    "baseline/sst-tfidf": "dev_accuracy",
    "baseline/cfimdb-last-layer": "dev_loss",
    "baseline/quora-data": "train_tokens",
    "baseline/sonnets-floor-given": "dev_rhyme_share",
    "baseline/sonnets-speed": "share_of_gemm",
    "lora/sonnets-floor-draws": "dev_chrf_sd",
    "lora/sonnets-nano-lora-r001-a16-attention-mlp-public": "test_chrf_continuation",
    "lora/sonnets-released-sweep": "runs",
    "quantization/sonnets-nano-base": "mrpc_probe_auroc",
    "quantization/sonnets-nano-full-nf4": "test_bpc",
    "quantization/sonnets-nano-qaft-int8-tensor": "dev_nll",
    "synthetic/sonnets-audit-pro": "token_share",
    "synthetic/sonnets-released-generations": "flash_test_chrf",
}


def committed(start):
    """The first committed record whose path begins so."""
    path = next(iter(sorted(COMMITTED.glob(f"{start}*.json"))))
    return Record.from_json(path.read_text(encoding="utf-8"))


def wrong(record):
    """What is wrong with the numbers of a record."""
    return examples.problems(record)[0]


@pytest.mark.parametrize("start", KINDS)
def test_a_metric_that_was_changed_is_named_and_the_committed_one_is_right(start):
    record, name = committed(start), KINDS[start]
    assert wrong(record) == []
    doctored = dataclasses.replace(record, metrics=record.metrics | {name: record.metrics[name] * 1.002})
    assert any(what.startswith(f"metric {name}: ") for what in wrong(doctored))
    without = {key: value for key, value in record.metrics.items() if key != name}
    assert any(
        what.startswith(f"metric {name}: None in") for what in wrong(dataclasses.replace(record, metrics=without))
    )


def with_example(record, place, **changes):
    """A record with one example changed."""
    rows = [row | changes if i == place else row for i, row in enumerate(record.examples)]
    return dataclasses.replace(record, examples=rows)


def test_a_text_that_was_changed_no_longer_has_its_scores():
    record = committed("lora/sonnets-nano-lora-r001-a16-attention-mlp-public")
    text = record.examples[0]["text"]
    found = wrong(with_example(record, 0, text=text.replace("the", "teh", 1)))
    assert any(what.startswith("chrf of completion dev 132 0: ") for what in found)
    assert "its completions are not one for each held-out sonnet and sample" in wrong(
        dataclasses.replace(record, examples=record.examples[1:])
    )


def test_a_label_or_a_prediction_that_was_changed_is_named():
    record = committed("baseline/sst-tfidf")
    first = record.examples[0]
    assert wrong(with_example(record, 0, prediction=(first["prediction"] + 1) % 5))[0].startswith("prediction of dev")
    right = next(i for i, row in enumerate(record.examples) if row["label"] == row["prediction"])
    found = wrong(with_example(record, right, label=(record.examples[right]["label"] + 1) % 5))
    assert any(what.startswith("metric dev_accuracy: ") for what in found)
    likelihood = committed("quantization/sonnets-nano-full-nf4")
    place = next(i for i, row in enumerate(likelihood.examples) if row["kind"] == "likelihood")
    found = wrong(with_example(likelihood, place, nll=likelihood.examples[place]["nll"] + 1))
    assert {what.split(":")[0] for what in found} == {"metric dev_nll", "metric dev_bpc"}


def test_without_the_papers_edition_what_needs_it_is_listed_and_the_rest_is_checked(monkeypatch):
    def nowhere(run):
        raise DataError("sonnets.txt: no download; set FRUGAL_DATA_DIR.")

    monkeypatch.setattr("frugal_lib.tasks.completion.splits_of", nowhere)
    record = committed("baseline/sonnets-floor-given")
    what, _, untried = examples.problems(record)
    assert what == [] and untried == ["texts against the true sonnets (sonnets.txt: no download; set FRUGAL_DATA_DIR.)"]
    assert wrong(dataclasses.replace(record, metrics=record.metrics | {"dev_chrf": 25.0}))


@pytest.fixture
def folder(tmp_path):
    """A few committed records as a results folder of their own, with their sums."""
    for start in ("lora/sonnets-floor-draws", "lora/sonnets-released-sweep", "synthetic/sonnets-audit-flash-lite"):
        path = COMMITTED / committed(start).run.path
        (tmp_path / path.parent.name).mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / path.parent.name)
    files.write_sums(tmp_path)
    return tmp_path


def draws(folder):
    return next(folder.glob("lora/sonnets-floor-draws*"))


def found(folder):
    """What is wrong with the files of a folder."""
    records, problems = files.load(folder)
    return [f"{p.path}: {p.what}" for p in problems + files.check_sums(folder, records)]


def test_files_as_they_were_committed_are_in_order(folder):
    assert found(folder) == []


def test_one_digit_is_enough(folder):
    path = draws(folder)
    text = path.read_text()
    seconds = json.loads(text)["environment"]["seconds"]
    path.write_text(text.replace(f'"seconds": {seconds}', f'"seconds": {seconds + 0.1:.1f}'))
    (what,) = found(folder)
    assert path.name in what and "SHA-256" in what


def test_another_run_under_a_name_another_name_and_no_record_at_all_are_found(folder):
    path = draws(folder)
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    files.write_sums(folder)
    assert any("its run is that of lora/sonnets-floor-draws-s1-" in what for what in found(folder))
    path.rename(path.with_name("renamed.json"))
    assert any(what.startswith("lora/renamed.json: its run is that of") for what in found(folder))
    (folder / "lora" / "renamed.json").write_text("{")
    assert any("lora/renamed.json: not a record" in what for what in found(folder))


def test_a_record_too_few_or_too_many_is_named():
    records, _ = files.load(COMMITTED)
    gone = next(name for name in records if name.startswith("lora/sonnets-nano-lora-r256"))
    extra = dataclasses.replace(records[gone].run, seed=99)
    changed = {name: record for name, record in records.items() if name != gone}
    changed[extra.path] = dataclasses.replace(records[gone], run=extra)
    planned = measurements.planned(load_profile("micro"))
    problems = {p.path: p.what for p in files.check_plans(load_profile("micro"), changed, planned)}
    assert problems[gone].startswith("planned, but not there") and problems[extra.path].startswith("no chapter asks")
    assert files.check_plans(load_profile("micro"), records, planned) == []


def test_a_chapter_without_its_first_records_is_reported_not_a_traceback():
    problems = files.check_plans(load_profile("micro"), {}, [])
    assert any(p.path == "synthetic" and "cannot go on" in p.what for p in problems)


def test_examples_of_another_shape_are_named_not_a_traceback():
    record = committed("quantization/sonnets-nano-full-nf4")
    rows = [{"kind": row["kind"]} for row in record.examples]
    found = wrong(dataclasses.replace(record, examples=rows))
    assert found and all("cannot be computed (KeyError" in what for what in found)


def test_a_record_that_is_said_to_have_diverged_with_all_its_numbers_is_named():
    record = committed("lora/sonnets-floor-draws")
    (problem,) = files.check_status({"a": dataclasses.replace(record, status="diverged")})
    assert problem.what == "its status is diverged, but its metrics are all there."
    assert files.check_status({"a": dataclasses.replace(record, status="diverged", metrics={"dev_nll": None})}) == []


def test_a_commit_that_nobody_has_is_named():
    record = committed("lora/sonnets-floor-draws")
    commit = record.environment["commit"].removesuffix("+")
    assert files.check_commits({"a": record}, {commit}) == []
    (problem,) = files.check_commits({"a": record}, {"0123456789"})
    assert problem.what == f"computed by commit {commit}, which is not in the history."


def test_the_command_names_file_and_metric_and_exits_with_1(folder):
    path = draws(folder)
    text = path.read_text()
    mean = json.loads(text)["metrics"]["dev_chrf"]
    path.write_text(text.replace(f'"dev_chrf": {mean}', '"dev_chrf": 43.21'))
    done = CliRunner().invoke(app, ["verify", "--profile", "micro", "--results", str(folder)])
    assert done.exit_code == 1
    line = next(line for line in done.stdout.splitlines() if "metric" in line)
    assert line.startswith(f"{path}: metric dev_chrf: 43.21 in the file, ")


def tiny(**changes):
    """A run of seconds that every machine can compute."""
    settings = {"chapter": "lora", "task": "sonnets", "method": "floor-lines", "edition": "public-domain"}
    return Run(
        **settings | {"data_digest": "d", "seed": 0, "samples": 1, "train_limit": 4, "held_out_limit": 2} | changes
    )


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Two records of one kind, and a project whose `_build` is the test's."""
    monkeypatch.setattr(command.machine, "ROOT", tmp_path)
    digest = command.machine.code_digest()
    monkeypatch.setattr(command.machine, "code_digest", lambda: digest)
    records = [runs.execute(tiny(seed=seed), registry.compute, "cpu") for seed in (0, 1)]
    return [Record.from_json(record.to_json()) for record in records]


def test_a_run_computed_again_is_equal_and_kept_for_an_interrupted_call(kept, tmp_path):
    (one,) = command.recompute(load_profile("smoke"), kept, "kinds", None, "cpu", 1)
    assert (one.kind, one.verdict, one.difference) == ("lora/sonnets/floor-lines/fp32", "equal", 0)
    assert len(list((tmp_path / "_build").rglob("*.json"))) == 1
    both = command.recompute(load_profile("smoke"), kept, "all", None, "cpu", 1)
    assert [one.verdict for one in both] == ["equal", "equal"]
    assert one.kind in command.table([one]) and "equal" in command.table([one])


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"metrics": {"dev_chrf": 40.0}}, "DIFFERS: by more than the tolerance"),
        ({"metrics": {"dev_loss": 1.0}}, "DIFFERS: /metrics/dev_loss is not there"),
        ({"examples": []}, "DIFFERS: /examples has 4 entries, not 0"),
        ({"status": "diverged"}, "DIFFERS: /status is 'ok', not 'diverged'"),
    ],
)
def test_a_run_that_comes_out_otherwise_differs_and_says_where(kept, change, verdict):
    one = command.recompute(load_profile("smoke"), [dataclasses.replace(kept[0], **change)], "kinds", None, "cpu", 1)[0]
    assert one.verdict == verdict and one.differs


def test_another_text_differs(kept):
    rows = [row | {"text": "another"} for row in kept[0].examples]
    (one,) = command.recompute(
        load_profile("smoke"), [dataclasses.replace(kept[0], examples=rows)], "kinds", None, "cpu", 1
    )
    assert one.verdict.startswith("DIFFERS: /examples/0/text is '") and one.verdict.endswith("not 'another'")


def test_on_another_processor_sampled_texts_may_differ_and_losses_a_little():
    rows = [{"kind": "completion", "id": i, "text": "a line"} for i in range(100)]
    then = Record(tiny(), "ok", {"dev_chrf": 40.0, "dev_nll": 2.0}, rows, [], ENVIRONMENT | {"device_name": "one"})
    changed = [rows[0] | {"text": "another"}, *rows[1:]]
    now = dataclasses.replace(then, examples=changed, metrics={"dev_chrf": 39.0, "dev_nll": 2.01})
    assert rerun.outcome("kind", then, now).differs
    elsewhere = dataclasses.replace(now, environment=ENVIRONMENT | {"device_name": "other"})
    found = rerun.outcome("kind", then, elsewhere)
    assert found.verdict == "another processor: 1 of 100 sampled texts differ" and not found.differs
    assert found.difference == pytest.approx(0.01)
    for wrong in (
        {"metrics": {"dev_chrf": 39.0, "dev_nll": 2.06}},
        {"metrics": {"dev_chrf": 40.0}},
        {"status": "failed"},
    ):
        assert rerun.outcome("kind", then, dataclasses.replace(elsewhere, **wrong)).differs


def test_clocks_may_differ_and_later_code_may_measure_more():
    then = Record(tiny(), "ok", {"train_seconds": 1.0, "dev_nll": 2.0}, [], [], ENVIRONMENT)
    now = dataclasses.replace(then, metrics={"train_seconds": 9.0, "dev_nll": 2.0 + 1e-5, "saved_bytes": 3})
    found = rerun.outcome("kind", then, now)
    assert found.verdict == "equal within the tolerance" and found.difference == pytest.approx(5e-6, rel=1e-3)


def test_what_a_machine_lacks_is_said_and_the_next_record_of_the_kind_is_taken(kept, tmp_path, monkeypatch):
    lacking = dataclasses.replace(kept[0], run=tiny(edition="folger"))
    monkeypatch.setattr(sonnet_data, "folger_split", lambda name: (_ for _ in ()).throw(DataError("no file")))
    sonnet_data.load_sonnets.cache_clear()
    one = rerun.first_possible("kind", [lacking, kept[1]], tmp_path, "cpu")
    assert one.verdict == "equal" and one.then is kept[1]
    none = rerun.first_possible("kind", [lacking], tmp_path, "cpu")
    assert none.verdict == "not here: no file" and not none.differs


def test_kinds_are_chosen_by_pattern_and_by_time(kept):
    costly = dataclasses.replace(kept[0], run=tiny(method="full"), environment={"seconds": 100})
    records = [*kept, costly]
    assert set(rerun.chosen(records, "*/full/*")) == {"lora/sonnets/full/fp32"}
    assert set(rerun.within(rerun.chosen(records, "kinds"), 60)) == {"lora/sonnets/floor-lines/fp32"}
    with pytest.raises(ValueError, match="no record is of kind 'nothing'"):
        rerun.chosen(records, "nothing")


def test_a_run_that_took_over_a_training_costs_that_training_too():
    record = committed("quantization/sonnets-nano-full-nf4")
    assert rerun.cost(record) > record.metrics["train_seconds"] > record.environment["seconds"]


def test_a_record_that_was_read_in_place_of_the_papers_files_was_not_computed_again():
    then = committed("synthetic/sonnets-released-generations")
    now = dataclasses.replace(then, metrics=then.metrics | {"from_file": 0})
    found = rerun.outcome("kind", then, now)
    assert found.verdict == "not here: the paper's released files, or some of them"
    assert found.now is None and not found.differs and "not here" in command.table([found])
    read = dataclasses.replace(then, metrics=then.metrics | {"from_file": 1})
    assert rerun.outcome("kind", then, read).verdict == "equal"
