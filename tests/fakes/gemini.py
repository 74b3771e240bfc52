"""A local server that answers like Gemini's `generateContent`, and fails on demand."""

import contextlib
import http.server
import json
import random
import re
import threading
import time
from collections import Counter

KEY = "AIzaSy-this_is.the-Key~0123456789abcdef"
VOCABULARY = re.findall(
    r"\w+",
    "thou thy doth hath love time rose winter summer shadow mirror silver tongue heart grave bright eyes sweet morning"
    " star tide sorrow gentle breath golden hour pale cheek idle hand weary night tender flame false world true mind",
)
PATH = re.compile(r"/v1(?:beta)?/models/[\w.-]+:generateContent")


def sonnet(request: int, place: int, lines: int = 14) -> str:
    """A text of its own for each request and place in the answer."""
    rng = random.Random(1000 * request + place)
    return "\n".join(" ".join(rng.choices(VOCABULARY, k=8)).capitalize() + "," for _ in range(lines))


def numbered(sonnets: list[str]) -> str:
    """The text of an answer, with the small talk that models put first."""
    return "Here they are:\n\n" + "\n\n".join(f"=== {i} ===\n{text}" for i, text in enumerate(sonnets, 1))


def answer(text: str | None, finish: str = "STOP", thoughts: int = 40) -> dict:
    """The JSON of an answer: 100 tokens of prompt, one of output for each word, and those of thinking."""
    candidates = [{"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": finish}]
    counts = {"promptTokenCount": 100, "candidatesTokenCount": len((text or "").split())}
    usage = counts | {"thoughtsTokenCount": thoughts}
    return {"usageMetadata": usage, "modelVersion": "fake-001"} | (
        {"candidates": candidates} if text is not None else {}
    )


class FakeGemini(http.server.ThreadingHTTPServer):
    """Serves on a free port until the `with` block ends.

    Args:
        behave: (request number, attempt from 1) → one of the behaviours in `Handler.answer`, or an HTTP status.
        delay: seconds before each answer.

    A request's number is its seed, as teachers with seed 0 send it; `seen` holds the numbers in order of arrival.
    """

    daemon_threads = True

    def __init__(self, behave, delay: float):
        super().__init__(("127.0.0.1", 0), Handler)
        self.behave, self.delay = behave, delay
        self.seen: list[int] = []
        self.times: list[float] = []
        self.asked: list[str] = []
        self.attempts: Counter[int] = Counter()
        self.lock, self.closing = threading.Lock(), threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, *_):
        """Clients that hang up are what is tested."""


@contextlib.contextmanager
def serving(monkeypatch):
    """Gives what starts a server, from a behaviour or a script of them, and points the environment to it."""
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with contextlib.ExitStack() as stack:

        def start(behave="good", delay: float = 0.0) -> FakeGemini:
            script = behave if callable(behave) else lambda number, attempt: behave
            server = stack.enter_context(FakeGemini(script, delay))
            monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
            return server

        yield start


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status: int, body: bytes, missing: int = 0, **headers: str):
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) + missing))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection |= missing > 0

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not PATH.fullmatch(self.path):
            return self.reply(404, b"{}")
        number, asked = body["generationConfig"]["seed"], body["contents"][0]["parts"][0]["text"]
        with self.server.lock:
            self.server.seen.append(number)
            self.server.times.append(time.monotonic())
            self.server.asked.append(asked)
            self.server.attempts[number] += 1
            attempt = self.server.attempts[number]
        self.server.closing.wait(self.server.delay)
        self.behave(self.server.behave(number, attempt), number, int(re.search(r"Write (\d+) ", asked)[1]))

    def behave(self, what: str, number: int, count: int):
        key, sonnets = self.headers["x-goog-api-key"], [sonnet(number, i) for i in range(count)]
        whole = json.dumps(answer(numbered(sonnets))).encode()
        if what.isdigit():  # an HTTP status
            error = {"code": int(what), "message": f"no\nluck with {key}", "status": "FAILED"}
            self.reply(int(what), json.dumps({"error": error}).encode())
        elif what == "wait":
            self.reply(429, b"{}", Retry_After="1")
        elif what == "wait by JSON":  # as Gemini says it
            details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}]
            self.reply(429, json.dumps({"error": {"code": 429, "details": details}}).encode())
        elif what == "truncated":
            self.reply(200, whole[:500], missing=len(whole) - 500)
        elif what == "cut JSON":
            self.reply(200, whole[:500])
        elif what == "odd JSON":
            self.reply(200, json.dumps({"candidates": [{"content": f"{key} {'x' * 100} {key}"}]}).encode())
        elif what == "nothing":
            self.reply(200, b"{}")
        elif what == "never":
            self.server.closing.wait(20)
            self.close_connection = True
        elif what == "redirect":
            self.reply(302, b"", Location=f"{self.server.url}/elsewhere")
        else:
            self.reply(200, json.dumps(self.text(what, number, key, sonnets)).encode())

    def text(self, what: str, number: int, key: str, sonnets: list[str]) -> dict:
        """Answers that came well, whatever is in them."""
        if what == "blocked":
            return answer(None) | {"promptFeedback": {"blockReason": "SAFETY"}}
        if what == "empty":
            return answer("")
        if what == "short":
            return answer(numbered(sonnets[:-1]))
        if what == "thirteen":
            return answer(numbered([sonnet(number, 0, lines=13), *sonnets[1:]]))
        if what == "html":
            return answer(numbered([f"<b>{text}</b><script>alert('{number}')</script>" for text in sonnets]))
        if what == "echo":
            return answer(numbered([f"{key} {text}" for text in sonnets]), finish=key) | {"modelVersion": key}
        if what == "recitation":
            return answer("", finish="RECITATION")
        if what == "prose":
            return answer("I would rather not.\nAsk me for a limerick.")
        if what == "twelve":
            return answer(numbered([sonnet(number, 0, lines=12)]))
        if what == "once more":
            return answer(numbered([sonnet(1, i) for i in range(5)]))
        if what == "cut":
            return answer(numbered(sonnets)[:-20], finish="MAX_TOKENS")
        if what == "same":
            return answer(numbered([sonnet(1, 0).upper(), *sonnets[1:]]))
        if what == "surrogate":
            return answer(numbered([f"\ud800 {sonnets[0]}", *sonnets[1:]]))
        if what == "no usage":
            return {"candidates": answer(numbered(sonnets))["candidates"]}
        if what == "dear":
            return answer(numbered(sonnets), thoughts=100_000)
        return answer(numbered(sonnets))
