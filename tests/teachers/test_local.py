"""The command `teach` with a model on this machine: the answers' form, seeds, resuming, and what it cannot do."""

import json
from functools import partial

import pytest
from fakes.families import tiny
from typer.testing import CliRunner

from frugal_lib.__main__ import app
from frugal_lib.models import bases, own
from frugal_lib.teachers import local, prompt
from frugal_lib.teachers.answers import TeacherError


def teach(folder, count):
    return CliRunner().invoke(app, ["teach", "nano", "--out", str(folder / "all.json"), "--count", str(count)])


def log(folder):
    return [json.loads(row) for row in (folder / "all.answers.jsonl").read_text().splitlines()]


def test_it_writes_sonnets_and_goes_on_as_if_it_had_never_stopped(tmp_path, monkeypatch):
    """With poems of two lines, which take a second."""
    monkeypatch.setattr(local, "Settings", partial(local.Settings, together=2, max_new_tokens=60))
    for module in (local, prompt):
        monkeypatch.setattr(module, "LINES", 2)
    monkeypatch.setattr(local, "ENDS", 3)
    (tmp_path / "whole").mkdir()
    first = teach(tmp_path, 1)
    assert first.exit_code == 0 and "nano: 1 of 1 sonnets in" in first.output, first.output
    rows = (tmp_path / "all.answers.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "all.answers.jsonl").write_bytes(rows[0] + rows[1][:40])  # as a kill leaves it
    assert teach(tmp_path, 3).exit_code == 0 and teach(tmp_path / "whole", 3).exit_code == 0
    texts = [{line["request"]: line["text"] for line in log(where)} for where in (tmp_path, tmp_path / "whole")]
    shared = texts[0].keys() & texts[1].keys()
    assert len(shared) >= 3 and all(texts[0][n] == texts[1][n] for n in shared)
    found = json.loads((tmp_path / "all.json").read_text())
    assert len(found) == len(set(found)) == 3 and all(len(text.splitlines()) == 2 for text in found)
    line = log(tmp_path)[0]
    assert line["model"] == f"nano@{bases.base_digest('nano')}" and line["usd"] == 0
    assert line["text"].startswith("=== 1 ===\n") and line["output_tokens"] > 5


def test_a_request_is_that_of_gemini_and_a_conversation_where_the_model_was_taught_so(tokenizer):
    plain = local.asked(tokenizer, 7, 0)
    assert plain == f"{prompt.prompt(7, 1, 0)}\n=== 1 ===\n"
    talks = bases.load_tokenizer("nano")
    talks.chat_template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
    assert local.asked(talks, 7, 0) == f"<user>{prompt.prompt(7, 1, 0)}<assistant>=== 1 ===\n"


def test_a_random_model_that_writes_no_sonnet_stops_with_one_sentence(tokenizer, tmp_path, monkeypatch):
    monkeypatch.setenv(own.VARIABLE, "")
    model = tiny("llama", tokenizer)
    model.config.max_position_embeddings = 512
    model.save_pretrained(tmp_path / "mine")
    tokenizer.save_pretrained(tmp_path / "mine")
    name = bases.use(str(tmp_path / "mine"))
    settings = local.Settings(name, tmp_path / "log.jsonl", together=3, max_new_tokens=8, max_failures=4)
    with pytest.raises(TeacherError, match="4 answers in a row brought nothing new; 0 of 2 sonnets lie in"):
        local.Local(settings).sonnets(2)
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 6


def test_an_answer_is_cut_to_fourteen_lines_and_a_short_one_says_so():
    text = "\n\n".join(f"line {i}" for i in range(20))
    assert local.first_lines(text) == ("\n".join(f"line {i}" for i in range(14)), True)
    assert local.first_lines("one\n\ntwo") == ("one\ntwo", False)
