"""Gemini as a teacher: sonnets over the network, within a budget; a restart goes on from the answers on file."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import sys
import textwrap
import threading
import time
import warnings
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import tenacity
from google import genai
from google.genai import types
from google.genai.errors import APIError
from tqdm import tqdm

from frugal_lib.teachers.answers import Answers, TeacherError, why_barren
from frugal_lib.teachers.prices import cost, price_of
from frugal_lib.teachers.prompt import prompt

KEYS = ("GOOGLE_API_KEY", "GEMINI_API_KEY")  # in the order that google-genai has
TRANSIENT = (408, 429, 500, 502, 503, 504)
OUTPUT_TOKENS = 250  # of one sonnet, a guess from above that holds until an answer was dearer
LONGEST_WAIT = 60.0  # seconds between two attempts

# google-genai prints finish reasons that it does not know, and what comes from outside may hold the key.
warnings.filterwarnings("ignore", category=UserWarning, module=r"google\.genai")


@dataclass(frozen=True)
class Settings:
    """How to ask, and when to stop.

    Attributes:
        model: any name that the API knows.
        log: the JSONL file of all answers.
        per_request: sonnets asked for in one request.
        concurrency: requests under way at once.
        attempts: how often a request is tried; `initial_delay` seconds after the first failure, then doubling.
        timeout_s: seconds without a byte from the server after which an attempt has failed.
        budget_usd: ceiling on what the answers in the log cost together, with what was sent and not answered (by a
            process that was killed) at its estimate. What the service may bill for attempts that brought no
            readable answer is not known here.
        price: USD per million tokens of input and output, for a model that the table lacks.
        max_failures: requests in a row without a new sonnet after which it stops.
        base_url: another server; default: the service, or what `GOOGLE_GEMINI_BASE_URL` names.
    """

    model: str
    log: Path
    per_request: int = 20
    concurrency: int = 4
    attempts: int = 5
    initial_delay: float = 1.0
    timeout_s: float = 120.0
    budget_usd: float = 1.0
    price: tuple[float, float] | None = None
    temperature: float = 1.0
    seed: int = 0
    max_failures: int = 8
    base_url: str | None = None


def api_key() -> str:
    """The key in the environment; nowhere else is one looked for."""
    key = next((value for name in KEYS if (value := os.environ.get(name, "").strip())), "")
    if not key:
        raise TeacherError("no API key: set GEMINI_API_KEY to one from https://aistudio.google.com/apikey.")
    if not re.fullmatch(r"[A-Za-z0-9._~-]{12,}", key):  # then no encoding changes it, and any text shows it
        raise TeacherError("GEMINI_API_KEY holds no API key (12 or more of A-Z a-z 0-9 . _ ~ -); copy it again.")
    return key


def check_server(url: str) -> None:
    """Raise a `TeacherError` where the key would travel unencrypted: without TLS only this machine may be asked."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if url and parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise TeacherError(f"{url}: the key would be sent without TLS; give an address that begins with https://.")


def transient(error: BaseException) -> bool:
    """Whether to try again: all but an answer that refuses.

    What is no `APIError` means that no readable answer came: time-outs, broken connections and cut bodies
    (`httpx2.RequestError`), no JSON (`ValueError`), JSON of another shape (`TypeError`, `AttributeError`).
    """
    return not isinstance(error, APIError) or error.code in TRANSIENT


def asked_wait(error: BaseException) -> float:
    """Seconds that the server asked to wait: a Retry-After header, or the delay in the details of Gemini's 429."""
    header = getattr(getattr(error, "response", None), "headers", {}).get("retry-after", "")
    found = re.match(r"\d{1,9}", header) or re.search(r"(?<='retryDelay': ')\d{1,9}", str(error))
    return min(float(found[0]), LONGEST_WAIT) if found else 0.0


class Gemini:
    """A teacher over the network. What was paid for is not lost: an answer is on the disk once it has come."""

    def __init__(self, settings: Settings):
        """Raises `DataError` where there is no key, or no price for the model."""
        self.settings, self.name = settings, settings.model
        self._price = settings.price or price_of(settings.model)
        tokens = len(prompt(1, settings.per_request)) // 3, settings.per_request * OUTPUT_TOKENS
        self._estimate = cost(self.name, *tokens, self._price)
        check_server(settings.base_url or os.environ.get("GOOGLE_GEMINI_BASE_URL", ""))
        self._key = api_key()
        self._client = genai.Client(
            api_key=self._key,
            vertexai=False,  # whatever the environment says
            http_options=types.HttpOptions(
                base_url=settings.base_url,
                timeout=max(1, round(settings.timeout_s * 1000)),
                client_args={"follow_redirects": False},  # the key would travel along
            ),
        )
        self.answers = Answers(settings.log, settings.per_request, self._identity)
        self._stop = threading.Event()

    def __repr__(self) -> str:
        return f"Gemini({self.settings!r})"

    def sonnets(self, count: int) -> list[str]:
        """`count` valid sonnets, none twice: those on file, and where they are fewer from new requests.

        Raises:
            TeacherError: the log does not belong here, or no more can be had; the sentence says what there is.
        """
        with self.answers.opened():
            reason = self._collect(count)
        if reason:
            have = f"{len(self.answers.found):,} of {count:,} sonnets for {self.answers.usd:.4f} USD"
            problem = f"{reason}; {have} lie in {self.settings.log}, and the same command goes on from there."
            raise TeacherError(problem)
        return self.answers.items()[:count]

    def save(self, path: Path, count: int) -> str:
        """Write up to `count` sonnets as a JSON list; one line that says what there is."""
        sonnets, facts = self.answers.save(path, count), self.answers.summary()
        return (
            f"{self.name}: {sonnets:,} of {count:,} sonnets in {path}, {facts['usd']:.4f} USD"
            f" ({facts['answers']} answers, {facts['malformed']} malformed, {facts['duplicates']} duplicates,"
            f" {facts['failed']} requests failed){self._unanswered()}"
        )

    def _unanswered(self) -> str:
        """What the requests may cost that were sent and never answered; nothing where there are none."""
        count, usd = sum(map(len, self.answers.open.values())), self.answers.promised(0.0)
        return f", and up to {usd:.4f} USD for {count} that were sent and not answered" if count else ""

    def _identity(self, request: int) -> dict:
        """What makes an answer to a request one of these settings."""
        s = self.settings
        sha256 = hashlib.sha256(prompt(request, s.per_request, s.seed).encode()).hexdigest()
        return {"model": s.model, "temperature": s.temperature, "seed": s.seed + request, "prompt_sha256": sha256}

    def _collect(self, count: int) -> str:
        """Send requests until there are `count` sonnets; otherwise why it stopped."""
        numbers = (n for n in itertools.count(1) if n not in self.answers.requests)
        pending: set[Future[int]] = set()
        barren, self._problem, self._refusal = 0, "", ""
        self._stop.clear()
        with tqdm(total=count, unit="sonnet") as bar, ThreadPoolExecutor(self.settings.concurrency) as pool:
            try:
                while self._show(bar) < count:
                    while self._wanted(count, len(pending)):
                        pending.add(pool.submit(self._request, self._announced(next(numbers))))
                    if not pending:
                        return f"the ceiling of {self.settings.budget_usd:g} USD is reached (raise the budget)"
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        barren = 0 if future.result() else barren + 1
                    if self._refusal:
                        return f"{self.name} refuses ({self._refusal})"
                    if barren >= self.settings.max_failures:
                        return f"{barren} requests in a row brought nothing new (the last: {self._problem})"
                return ""
            except KeyboardInterrupt:
                print("\nstopping once the answers under way have come", file=sys.stderr)
                raise
            finally:
                self._stop.set()

    def _wanted(self, count: int, pending: int) -> bool:
        """Whether to send one more request beside those under way."""
        s, answers = self.settings, self.answers
        short = len(answers.found) + pending * s.per_request < count
        each = max(answers.dearest, self._estimate)
        return short and pending < s.concurrency and answers.usd + answers.promised(each) + each <= s.budget_usd

    def _announced(self, number: int) -> int:
        """A request's number, once the log has that it is sent: who is killed now may have to pay for it."""
        estimate = max(self.answers.dearest, self._estimate)
        self.answers.record({"request": number} | self._identity(number) | {"sent": estimate})
        return number

    def _show(self, bar: tqdm) -> int:
        """Bring the bar up to date; how many sonnets there are."""
        have = len(self.answers.found)
        bar.n = min(have, bar.total)
        bar.set_postfix(malformed=self.answers.counts["malformed"], USD=f"{self.answers.usd:.4f}")
        return have

    def _request(self, number: int) -> int:
        """Ask, as often as the settings say, and record, in a thread of the pool; how many new sonnets came."""
        started = time.monotonic()
        try:
            outcome = self._retrying()(self._generate, number)
        except Exception as error:  # must not leave this block: it holds the request, and with it the key
            outcome = {"error": self._describe(error)}
            self._problem = outcome["error"]
            if not transient(error):
                self._refusal = self._problem
        if "error" in outcome and (self._refusal or self._stop.is_set()):  # all is to stop, and this comes again
            return self.answers.record({"request": number} | self._identity(number) | {"withdrawn": True})
        now, seconds = datetime.now(UTC).isoformat(timespec="seconds"), round(time.monotonic() - started, 3)
        line = {"request": number} | self._identity(number) | outcome | {"seconds": seconds, "time": now}
        new = self.answers.record(line)
        if not new and "text" in line:
            self._problem = why_barren(line, self.settings.per_request)
        return new

    def _retrying(self) -> tenacity.Retrying:
        """Exponential back-off with jitter, which ends when all is to stop."""
        delay = self.settings.initial_delay
        backoff = tenacity.wait_exponential_jitter(delay, LONGEST_WAIT, jitter=delay)
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(transient),
            stop=tenacity.stop_after_attempt(self.settings.attempts),
            wait=backoff + tenacity.wait_exception(asked_wait),
            sleep=tenacity.sleep_using_event(self._stop),  # and `_generate` then sends nothing more
            reraise=True,
        )

    def _generate(self, number: int) -> dict:
        """One attempt: text, reason of the end, tokens and USD. An empty answer is one too."""
        if self._stop.is_set():
            raise InterruptedError
        s = self.settings
        config = types.GenerateContentConfig(temperature=s.temperature, seed=s.seed + number)
        asked = prompt(number, s.per_request, s.seed)
        answer = self._client.models.generate_content(model=s.model, contents=asked, config=config)
        usage, feedback = answer.usage_metadata, answer.prompt_feedback
        if not (answer.candidates or usage or feedback):
            raise ValueError("the answer is JSON with nothing in it")
        reason = answer.candidates[0].finish_reason if answer.candidates else feedback and feedback.block_reason
        tokens = (usage.prompt_token_count or 0) if usage else 0
        output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0) if usage else 0
        return {
            "text": self._scrub(answer.text or ""),
            "finish_reason": self._scrub(reason.value if reason else ""),
            "answered_by": self._scrub(answer.model_version or ""),  # the service leads retired names on to others
            "prompt_tokens": tokens,
            "output_tokens": output,
            "usd": cost(s.model, tokens, output, self._price) if usage else self._estimate,
        }

    def _scrub(self, text: str) -> str:
        """Text from outside without the key, and such as UTF-8 can hold."""
        return text.replace(self._key, "[key]").encode("utf-8", "replace").decode()

    def _describe(self, error: Exception) -> str:
        """An error in one short line.

        Of what is no `APIError` the kind alone: those texts quote what came in part, and half a key is not found.
        """
        if not isinstance(error, APIError):
            return f"no readable answer: {type(error).__name__}"
        text = " ".join(str(part) for part in (error.code, error.status, error.message) if part)
        return textwrap.shorten(self._scrub(text), 200, placeholder=" …")
