import json
import os
import time
import traceback

import pytest
from fakes.gemini import KEY, numbered, serving, sonnet

from frugal_lib.core.fetch import DataError
from frugal_lib.teachers.gemini import Gemini, Settings, TeacherError
from frugal_lib.teachers.prices import cost
from frugal_lib.teachers.prompt import parse, prompt

MODEL = "gemini-2.5-flash-lite"


@pytest.fixture
def serve(monkeypatch):
    with serving(monkeypatch) as start:
        yield start


def teacher(folder, **settings) -> Gemini:
    common = {"per_request": 5, "concurrency": 1, "attempts": 3, "initial_delay": 0.01, "timeout_s": 10.0}
    return Gemini(Settings(MODEL, folder / "all.answers.jsonl", **common | settings))


def rows(folder) -> list[dict]:
    return [json.loads(row) for row in (folder / "all.answers.jsonl").read_bytes().splitlines()]


def log(folder) -> list[dict]:
    """What came back: without the rows of what was sent, and of what was withdrawn."""
    return [row for row in rows(folder) if not {"sent", "withdrawn"} & row.keys()]


def rejected(folder) -> list[dict]:
    return [json.loads(row) for row in (folder / "all.answers.rejected.jsonl").read_bytes().splitlines()]


def once(behaviour):
    """The first attempt at each request fails in this way, the second is good."""
    return lambda number, attempt: behaviour if attempt == 1 else "good"


def test_good_answers_are_read_counted_and_kept(serve, tmp_path, capsys):
    server = serve()
    gemini = teacher(tmp_path)
    found = gemini.sonnets(12)
    assert found == [sonnet(n, i) for n in (1, 2, 3) for i in range(5)][:12]
    assert gemini.name == MODEL and server.seen == [1, 2, 3] and len(set(server.asked)) == 3
    lines = log(tmp_path)
    assert [line["request"] for line in lines] == [1, 2, 3]
    assert all(line["model"] == MODEL and line["answered_by"] == "fake-001" for line in lines)
    output = 5 * 14 * 8 + 3 + 5 * 3 + 40  # words of sonnets, greeting and numbers, and the thinking
    assert lines[0]["prompt_tokens"] == 100 and lines[0]["output_tokens"] == output
    assert gemini.answers.summary() == {
        "valid": 15, "answers": 3, "duplicates": 0, "malformed": 0, "malformed_answers": 0, "failed": 0,
        "prompt_tokens": 300, "output_tokens": 3 * output, "usd": pytest.approx((300 * 0.10 + 3 * output * 0.40) / 1e6),
    }  # fmt: skip
    assert "12/12" in capsys.readouterr().err
    assert teacher(tmp_path).sonnets(15) == gemini.answers.items() and server.seen == [1, 2, 3]


@pytest.mark.parametrize("failure", ["429", "500", "502", "503", "504", "truncated", "cut JSON", "odd JSON", "nothing"])
def test_what_passes_is_tried_again(serve, tmp_path, failure):
    server = serve(once(failure))
    assert len(teacher(tmp_path).sonnets(5)) == 5
    assert server.seen == [1, 1] and len(log(tmp_path)) == 1


def test_a_server_that_never_answers_is_tried_again(serve, tmp_path):
    server = serve(once("never"))
    assert len(teacher(tmp_path, timeout_s=0.3).sonnets(5)) == 5
    assert server.seen == [1, 1] and server.times[1] - server.times[0] < 10


@pytest.mark.parametrize("behaviour", ["wait", "wait by JSON"])
def test_a_server_may_say_how_long_to_wait(serve, tmp_path, behaviour):
    server = serve(once(behaviour))
    teacher(tmp_path).sonnets(5)
    assert 1 <= server.times[1] - server.times[0] < 3


@pytest.mark.parametrize("status", ["400", "401", "403", "404", "redirect"])
def test_a_refusal_stops_at_once(serve, tmp_path, status):
    server = serve(status)
    with pytest.raises(
        TeacherError, match=rf"{MODEL} refuses \({status if status.isdigit() else 302} .*0 of 5 sonnets"
    ):
        teacher(tmp_path).sonnets(5)
    assert server.seen == [1] and not log(tmp_path)


def test_it_stops_after_failures_in_a_row_and_goes_on_later(serve, tmp_path):
    server = serve(lambda number, attempt: "503" if 2 <= number <= 4 else "good")
    settings = {"max_failures": 3, "attempts": 2}
    with pytest.raises(
        TeacherError, match=r"^3 requests in a row .*503 FAILED no luck.*5 of 10 .*answers\.jsonl"
    ) as error:
        teacher(tmp_path, **settings).sonnets(10)
    assert str(error.value).count("\n") == 0
    assert server.seen == [1, 2, 2, 3, 3, 4, 4] and ["error" in line for line in log(tmp_path)] == [False] + 3 * [True]
    gemini = teacher(tmp_path, **settings)
    assert len(gemini.sonnets(10)) == 10 and server.seen[7:] == [5]
    assert gemini.answers.summary()["failed"] == 3


def test_failures_with_good_answers_between_do_not_stop_it(serve, tmp_path):
    serve(lambda number, attempt: "503" if number % 2 else "good")
    assert len(teacher(tmp_path, max_failures=2, attempts=1).sonnets(20)) == 20


def test_a_refusal_ends_what_waits_to_try_again(serve, tmp_path):
    def script(number, attempt):
        time.sleep(0.3 * (number == 2))
        return "503" if number == 1 else "403"

    server = serve(script)
    with pytest.raises(TeacherError, match="refuses"):
        teacher(tmp_path, concurrency=2, initial_delay=30).sonnets(10)
    assert time.monotonic() - server.times[0] < 10
    assert server.seen.count(1) == 1 and not log(tmp_path)


@pytest.mark.parametrize("behaviour", ["empty", "blocked"])
def test_an_empty_answer_is_an_answer(serve, tmp_path, behaviour):
    server = serve(lambda number, attempt: behaviour if number == 1 else "good")
    gemini = teacher(tmp_path)
    assert gemini.sonnets(5) == [sonnet(2, i) for i in range(5)]
    assert (
        server.seen == [1, 2] and log(tmp_path)[0]["text"] == "" and gemini.answers.summary()["malformed_answers"] == 1
    )
    assert log(tmp_path)[0]["finish_reason"] == ("SAFETY" if behaviour == "blocked" else "STOP")


def test_answers_without_sonnets_end_it(serve, tmp_path):
    server = serve("empty")
    with pytest.raises(TeacherError, match=r"^4 requests in a row brought nothing new"):
        teacher(tmp_path, max_failures=4).sonnets(5)
    assert server.seen == [1, 2, 3, 4] and len(log(tmp_path)) == 4


@pytest.mark.parametrize(
    "behaviour, valid, reasons",
    [("short", 4, []), ("thirteen", 4, ["13 lines"]), ("cut", 4, ["cut off"]), ("html", 5, []), ("surrogate", 5, [])],
)
def test_only_what_has_fourteen_lines_counts(serve, tmp_path, behaviour, valid, reasons):
    serve(lambda number, attempt: behaviour if number == 1 else "good")
    gemini = teacher(tmp_path)
    found = gemini.sonnets(6)
    assert [len(text.splitlines()) for text in found] == [14] * 6
    assert found[valid:] == [sonnet(2, i) for i in range(6 - valid)]
    assert [(row["request"], row["reason"]) for row in rejected(tmp_path)] == [(1, reason) for reason in reasons]
    assert gemini.answers.summary()["malformed"] == len(reasons)
    if behaviour == "html":
        assert found[0].startswith("<b>") and found[0].endswith("</b><script>alert('1')</script>")


def test_the_same_letters_count_once_and_the_order_is_that_of_the_requests(serve, tmp_path):
    def script(number, attempt):
        time.sleep(0.3 * (number == 1))
        return "same" if number > 1 else "good"

    serve(script)
    gemini = teacher(tmp_path, concurrency=3)
    assert gemini.sonnets(9) == [sonnet(1, i) for i in range(5)] + [sonnet(2, i) for i in range(1, 5)]
    assert gemini.answers.summary()["duplicates"] == 1 and [line["request"] for line in log(tmp_path)] == [2, 1]


def test_an_answer_is_parsed_leniently():
    poem = sonnet(1, 1)
    spaced = "\n".join(f"   {line}\t\n" for line in poem.splitlines())
    text = f"Certainly!\nA title\n**=== 1 ===**\r\n{spaced}\n ==2==\n```\n{poem}\n```\n=== 3 ===\n"
    assert parse(text, 3) == ([poem, poem], [])
    assert parse(poem, 1) == ([], [(poem, "no numbered line")])
    assert parse(numbered([poem, poem]), 1) == ([poem], [(poem, "more than were asked for")])
    assert parse(numbered([poem, poem]), 2, cut=True) == ([poem], [(poem, "cut off")])
    assert parse("", 1) == ([], [])


def test_prompts_name_the_number_and_differ():
    asked = [prompt(n, 20) for n in range(1, 289)]
    assert len(set(asked)) == 288 and all("Write 20 " in text and "=== 20 ===" in text for text in asked)
    assert prompt(1, 20) == asked[0] != prompt(1, 20, seed=1)


def test_prices():
    assert cost(MODEL, 1_000_000, 1_000_000) == pytest.approx(0.50)
    assert cost("gemini-2.5-pro", 1000, 2000) == pytest.approx(0.02125)
    assert cost("another", 1000, 2000, price=(1, 2)) == pytest.approx(0.005)


def test_a_model_without_a_price_needs_one(serve, tmp_path):
    serve()
    with pytest.raises(DataError, match=r"'gemini-9' has no price here.*--price"):
        Gemini(Settings("gemini-9", tmp_path / "all.answers.jsonl"))
    gemini = Gemini(Settings("gemini-9", tmp_path / "all.answers.jsonl", per_request=2, price=(1.0, 0.0)))
    gemini.sonnets(2)
    assert gemini.answers.summary()["usd"] == pytest.approx(100 / 1e6)


def test_an_answer_that_tells_no_tokens_costs_the_estimate(serve, tmp_path):
    serve("no usage")
    gemini = teacher(tmp_path)
    gemini.sonnets(5)
    assert gemini.answers.summary()["usd"] > 5 * 250 * 0.40 / 1e6


@pytest.mark.parametrize("concurrency", [1, 4])
def test_the_ceiling_holds(serve, tmp_path, concurrency):
    serve("dear", delay=0.02)  # each about 0.04 USD, which the first estimate cannot know
    with pytest.raises(TeacherError, match=r"ceiling of 0\.3 USD is reached.* of 100 sonnets for 0\.2"):
        teacher(tmp_path, budget_usd=0.3, concurrency=concurrency).sonnets(100)
    spent = sum(line["usd"] for line in log(tmp_path))
    assert len(log(tmp_path)) == 7 and 0.28 < spent <= 0.3
    gemini = teacher(tmp_path, budget_usd=0.35)
    with pytest.raises(TeacherError, match="ceiling"):
        gemini.sonnets(100)
    assert len(log(tmp_path)) == 8 and gemini.answers.summary()["usd"] <= 0.35


def test_a_ceiling_below_the_estimate_sends_nothing(serve, tmp_path):
    server = serve()
    with pytest.raises(TeacherError, match="ceiling of 1e-06 USD"):
        teacher(tmp_path, budget_usd=1e-6).sonnets(5)
    assert not server.seen


@pytest.mark.parametrize("other", [{"per_request": 6}, {"temperature": 0.5}, {"seed": 1}, {"model": "gemini-2.5-pro"}])
def test_a_log_of_other_settings_is_refused(serve, tmp_path, other):
    server = serve()
    teacher(tmp_path).sonnets(10)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    settings = {"model": MODEL, "log": tmp_path / "all.answers.jsonl", "per_request": 5} | other
    with pytest.raises(TeacherError, match=r"all\.answers\.jsonl, line 1: made with another model"):
        Gemini(Settings(**settings)).sonnets(20)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before and server.seen == [1, 2]


def test_a_torn_last_line_is_cut_off(serve, tmp_path, capsys):
    server = serve()
    teacher(tmp_path).sonnets(15)
    path = tmp_path / "all.answers.jsonl"
    path.write_bytes(path.read_bytes()[:-200])
    assert len(teacher(tmp_path).sonnets(15)) == 15
    assert "all.answers.jsonl: the last line was cut off in writing" in capsys.readouterr().err
    assert server.seen == [1, 2, 3, 3] and [line["request"] for line in log(tmp_path)] == [1, 2, 3]


@pytest.mark.parametrize("row", [b"{not JSON", b"[]", b'{"request": 2}', b'"text"', b"\xff"])
def test_a_broken_line_in_the_middle_is_left_to_the_user(serve, tmp_path, row):
    server = serve()
    teacher(tmp_path).sonnets(5)
    path = tmp_path / "all.answers.jsonl"
    path.write_bytes(path.read_bytes() + row + b"\n")
    before = path.read_bytes()
    gemini = teacher(tmp_path)
    with pytest.raises(TeacherError, match=r"all\.answers\.jsonl, line 3: "):
        gemini.sonnets(10)
    assert path.read_bytes() == before and server.seen == [1] and not gemini.answers.found


def test_two_processes_do_not_share_a_log(serve, tmp_path):
    server = serve()
    gemini = teacher(tmp_path)
    with gemini.answers.opened(), pytest.raises(TeacherError, match="another process writes it"):
        teacher(tmp_path).sonnets(5)
    assert not server.seen
    assert len(gemini.sonnets(5)) == 5


def test_a_full_disk_is_one_sentence_and_leaves_whole_lines(serve, tmp_path, monkeypatch):
    serve()
    teacher(tmp_path).sonnets(5)
    monkeypatch.setattr(os, "fsync", lambda file: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(TeacherError, match=r"answers\.jsonl: cannot be written \(No space left on device\)"):
        teacher(tmp_path).sonnets(10)
    assert [line["request"] for line in log(tmp_path)] == [1]


@pytest.mark.parametrize("key, problem", [(None, "no API key"), ("", "no API key"), ("zwölf Zeichen!", "no API key")])
def test_without_a_key_nothing_starts(serve, tmp_path, monkeypatch, key, problem):
    monkeypatch.delenv("GEMINI_API_KEY") if key is None else monkeypatch.setenv("GEMINI_API_KEY", key)
    with pytest.raises(TeacherError, match=f"{problem}.*GEMINI_API_KEY|GEMINI_API_KEY holds {problem}") as error:
        teacher(tmp_path)
    assert not key or key not in str(error.value)


def everything_said(error: BaseException) -> str:
    """The error, all that it came from, and its traceback with local variables."""
    chain, said = [error], []
    while chain:
        one = chain.pop()
        said += [
            repr(one),
            str(vars(one)),
            *traceback.TracebackException.from_exception(one, capture_locals=True).format(),
        ]
        chain += [other for other in (one.__cause__, one.__context__) if other]
    return "\n".join(said)


@pytest.mark.parametrize(
    "behaviour", ["echo", "400", "401", "403", "404", "429", "503", "odd JSON", "cut JSON", "redirect"]
)
@pytest.mark.filterwarnings("ignore:.*FinishReason")  # pytest shows them again, with the key
def test_the_key_is_nowhere(serve, tmp_path, capsys, behaviour):
    serve(behaviour)
    gemini = teacher(tmp_path, max_failures=1)
    said = repr(gemini) + repr(gemini.settings) + str(gemini)
    try:
        found = gemini.sonnets(4)
        assert behaviour == "echo" and all(text.startswith("[key] ") for text in found)
    except TeacherError as error:
        assert behaviour != "echo"
        said += everything_said(error)
        assert "[key]" in said or behaviour in ("odd JSON", "cut JSON", "redirect")
    if gemini.answers.found:
        gemini.save(tmp_path / "all.json", 4)
    files = [path.read_text() for path in tmp_path.iterdir()]
    assert len(files) >= 2
    for text in (said, *files, *capsys.readouterr()):
        assert KEY not in text and KEY[:20] not in text and KEY[-20:] not in text


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("recitation", r"the last: finish reason RECITATION, no text in 40 tokens of output"),
        ("blocked", r"the last: finish reason SAFETY, no text"),
        ("empty", r"the last: finish reason STOP, no text"),
        ("prose", r"the last: finish reason STOP, no line such as === 1 ===; it begins 'I would rather not"),
        ("twelve", r"the last: finish reason STOP, no sonnet but 12 lines; it begins"),
        ("once more", r"the last: finish reason STOP, nothing but sonnets that are there"),
        ("503", r"the last: 503 FAILED no luck"),
    ],
)
def test_it_says_why_nothing_new_came(serve, tmp_path, behaviour, words):
    serve(lambda number, attempt: "good" if behaviour == "once more" and number == 1 else behaviour)
    with pytest.raises(TeacherError, match=rf"^2 requests in a row brought nothing new \({words}") as error:
        teacher(tmp_path, max_failures=2, attempts=1).sonnets(9)
    assert "\n" not in str(error.value)


MARKS = (
    "### {} ###",
    "**Sonnet {}**",
    "--- {} ---",
    "=== Sonnet {} ===",
    "{}.",
    "# Sonnet No. {}:",
    "[{}]",
    "—{}—",
    "{}",
)


@pytest.mark.parametrize("mark", MARKS)
def test_delimiters_with_other_marks_are_read(mark):
    poems = [sonnet(1, 1), sonnet(1, 2)]
    text = "Here they are:\n" + "\n\n".join(f"{mark.format(i)}\n{poem}" for i, poem in enumerate(poems, 1))
    assert parse(text, 2) == (poems, [])


def test_a_roman_number_needs_the_word_and_verse_is_no_delimiter():
    poem = sonnet(1, 1)
    assert parse(f"Sonnet XIV.\n{poem}", 1) == ([poem], [])
    for line in ("I", "Civil", "My sonnet 7", "In 1609", "=" * 100_000):
        assert parse(f"=== 1 ===\n{poem}\n{line}", 1)[1][0][1] == "15 lines"


def test_a_request_is_in_the_log_before_it_is_sent(serve, tmp_path):
    seen = []

    def script(number, attempt):
        seen.append([(row["request"], "sent" in row) for row in rows(tmp_path)])
        return "good"

    serve(script)
    teacher(tmp_path).sonnets(10)
    assert seen == [[(1, True)], [(1, True), (1, False), (2, True)]]


def test_what_was_sent_by_a_process_that_was_killed_counts_against_the_ceiling(serve, tmp_path):
    server = serve()
    gemini = teacher(tmp_path)
    gemini.sonnets(5)
    each = log(tmp_path)[0]["usd"]
    with gemini.answers.opened():
        for _ in range(3):
            gemini._announced(2)  # and then it is killed, three times
    again = teacher(tmp_path, budget_usd=4 * gemini._estimate + each / 2)
    with pytest.raises(TeacherError, match="ceiling of"):
        again.sonnets(10)
    assert server.seen == [1]
    said = teacher(tmp_path, budget_usd=1.0)
    assert len(said.sonnets(10)) == 10 and server.seen == [1, 2]
    assert "USD for 3 that were sent and not answered" in said.save(tmp_path / "all.json", 10)


def test_what_was_refused_is_withdrawn_and_comes_again(serve, tmp_path):
    serve("403")
    with pytest.raises(TeacherError, match="refuses"):
        teacher(tmp_path).sonnets(5)
    assert [sorted({"sent", "withdrawn"} & row.keys()) for row in rows(tmp_path)] == [["sent"], ["withdrawn"]]
    server = serve()
    gemini = teacher(tmp_path, budget_usd=1.5 * gemini_estimate(tmp_path))
    assert len(gemini.sonnets(5)) == 5 and server.seen == [1]


def gemini_estimate(folder) -> float:
    return teacher(folder)._estimate


@pytest.mark.parametrize(
    "url", ["http://example.org", "http://10.0.0.1:80", "ftp://localhost", "http://localhost.x.org"]
)
def test_the_key_goes_nowhere_without_tls_but_to_this_machine(tmp_path, monkeypatch, url):
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with pytest.raises(TeacherError, match=r"without TLS; give an address that begins with https://"):
        teacher(tmp_path, base_url=url)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", url)
    with pytest.raises(TeacherError, match="without TLS"):
        teacher(tmp_path)
    for good in ("https://example.org", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"):
        teacher(tmp_path, base_url=good)
