"""What is measured, and what is asked of it: the product's numbers as data.

The gateway has everything on: a client key with limits on requests, tokens and what runs at once, log rows, metrics, and a combo
of two steps by whose name each model is asked (`two-...`).
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Shot = dict[str, Any]  # what bench/load.py printed, and memory_mb where it was watched
Round = dict[str, Shot]  # one run: subject -> what was seen
AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table: a value of each round, put together over the rounds, against its target."""

    title: str
    value: Callable[[Round], float]
    target: float
    sense: str  # "at least" or "at most"
    unit: str = ""
    together: Callable[[list[float]], float] = statistics.median

    def met(self, value: float) -> bool:
        return value >= self.target if self.sense == "at least" else value <= self.target


@dataclass(frozen=True, slots=True)
class Measurement:
    """One load, put on each subject in turn. `upstream` is the fast or the paced one; `model` is the gateway's name for it."""

    name: str
    subjects: tuple[str, ...]
    model: str
    path: str
    options: tuple[str, ...]
    count: int
    short_count: int
    checks: tuple[Check, ...]
    upstream: str = "fast"
    at_once: int = AT_ONCE
    limited: bool = True  # whether the client key has limits


def of_bare(figure: str) -> Callable[[Round], float]:
    """The gateway's figure as a share of the bare relay's in the same round."""
    return lambda seen: float(seen["gateway"][figure]) / float(seen["bare"][figure])


def of_direct(figure: str) -> Callable[[Round], float]:
    return lambda seen: float(seen["gateway"][figure]) / float(seen["direct"][figure])


def of_gateway(figure: str) -> Callable[[Round], float]:
    return lambda seen: float(seen["gateway"][figure])


def added_beyond_bare(seen: Round) -> float:
    """Both add to the upstream's own time: what the gateway adds less what the bare relay adds, in ms."""
    own = float(seen["direct"]["p50_ms"])
    return (float(seen["gateway"]["p50_ms"]) - own) - (float(seen["bare"]["p50_ms"]) - own)


def plain(name: str, model: str, path: str, *options: str) -> Measurement:
    title = f"{name}: not streamed, {AT_ONCE} at once, requests/s of the bare relay's"
    check = Check(title, of_bare("rps"), 0.7, "at least")
    return Measurement(name, ("gateway", "bare"), model, path, options, 3000, 200, (check,))


def free(name: str, model: str, path: str) -> Measurement:
    """What limits cost: the same as `plain` without."""
    title = f"{name}: a key without limits, not streamed, {AT_ONCE} at once, requests/s of the bare relay's"
    check = Check(title, of_bare("rps"), 0.7, "at least")
    return Measurement(name, ("gateway", "bare"), model, path, (), 3000, 200, (check,), limited=False)


def single(name: str, model: str, path: str, *options: str) -> Measurement:
    check = Check(f"{name}: one at a time, p50 added beyond the bare relay's", added_beyond_bare, 0.6, "at most", "ms")
    return Measurement(name, ("gateway", "bare", "direct"), model, path, options, 600, 50, (check,), at_once=1)


def streamed(client: Client, upstream: str, target: float) -> Measurement:
    """A stream as fast as it goes; the bare relay passes on the client's own format."""
    name = f"stream-{client.name}-{upstream}"
    title = f"{client.name} from {upstream}: streamed, {AT_ONCE} at once, content events/s of the bare relay's"
    # Each stream has as many content events as any other, so streams/s compare as content events/s do. Counting all
    # events would not: a translated stream may open and close with fewer of them.
    check = Check(title, of_bare("rps"), target, "at least")
    options = ("--stream", "--api", client.api)
    return Measurement(name, ("gateway", "bare"), f"two-{upstream}", client.streamed, options, 1000, 64, (check,))


def large(client: Client, upstream: str) -> Measurement:
    """What a long conversation adds, one request at a time, over the same through the bare relay."""
    title = f"{client.name} to {upstream}: 130 kB body, p50 added beyond the bare relay's"
    check = Check(title, added_beyond_bare, 3.0, "at most", "ms")
    options = ("--api", client.api, "--kilobytes", "116")
    subjects = ("gateway", "bare", "direct")
    name = f"large-{client.name}-{upstream}"
    return Measurement(name, subjects, f"two-{upstream}", client.path, options, 300, 30, (check,), at_once=1)


def added_beyond_plain(seen: Round) -> float:
    """What a combo costs: the same upstream by the combo's name and by the plain model's, in ms."""
    return float(seen["gateway"]["p50_ms"]) - float(seen["plain"]["p50_ms"])


def combo(name: str, model: str, path: str, *options: str) -> Measurement:
    title = f"{name}: a priority combo of 3 steps, one at a time, p50 added beyond a plain model's"
    check = Check(title, added_beyond_plain, 0.3, "at most", "ms")
    return Measurement(name, ("gateway", "plain"), model, path, options, 600, 50, (check,), at_once=1)


@dataclass(frozen=True, slots=True)
class Client:
    """A format as the load speaks it: the name in bench/load.py, and the paths of a whole answer and of a stream."""

    name: str
    api: str
    path: str
    streamed: str


CLIENTS = (
    Client("chat", "openai", "/v1/chat/completions", "/v1/chat/completions"),
    Client("messages", "anthropic", "/v1/messages", "/v1/messages"),
    Client("responses", "responses", "/v1/responses", "/v1/responses"),
    Client(
        "gemini",
        "gemini",
        "/v1beta/models/{model}:generateContent",
        "/v1beta/models/{model}:streamGenerateContent?alt=sse",
    ),
)
NATIVE, TRANSLATED = 0.9, 0.7

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
ANTHROPIC = ("--api", "anthropic")
PACED_EVENTS, PACED_SECONDS, SPREAD = 100, 0.05, 2.0


def paced(streams: int, *checks: Check) -> Measurement:
    """So many streams at once, as slow as a model writes."""
    name = f"paced-{streams}"
    lost = Check(f"{name}: streams lost, all runs together", of_gateway("lost"), 0, "at most", together=sum)
    return Measurement(
        name=name,
        subjects=("gateway", "bare", "direct"),
        model="two-paced",
        path=CHAT,
        options=("--stream", "--spread", str(SPREAD)),
        count=streams,
        short_count=40,
        upstream="paced",
        at_once=streams,
        checks=(lost, *checks),
    )


# What a search for something rare looks for: some 30 requests of a month, with one key and one model.
RARE_KEY, RARE_MODEL = "key-rare", "once-in-a-while"
PAGE_MS = 300
# Pages over a month of log rows: name -> path.
PAGES = {
    "log": "/api/usage/logs",
    "log of a key": "/api/usage/logs?keyId=key-3",
    "log of a rare key": f"/api/usage/logs?keyId={RARE_KEY}",
    "log of a model": "/api/usage/logs?model=GPT",
    "log of a rare model": f"/api/usage/logs?model={RARE_MODEL}",
    "log of no model": "/api/usage/logs?model=nothing-of-that-name",
    "log of a provider and a combo": "/api/usage/logs?provider=gemini&combo=night",
    "log of a class": "/api/usage/logs?class=client_gone",
    "log of a status and a key": "/api/usage/logs?status=504&keyId=key-7",
    "log of failures": "/api/usage/logs?outcome=failed&limit=500",
    "log by the beginning of an id": "/api/usage/logs?requestId=ab",
    "log page": "/dashboard/logs",
    "log page of a rare key": f"/dashboard/logs?key_id={RARE_KEY}",
    "home": "/",
    "what is going on now": "/api/usage/pulse",
    "usage of a day": "/api/usage/summary?group=model",
    "usage of three days by key": "/api/usage/summary?group=key&since={three_days_ago}",
    "usage of 30 days by provider": "/api/usage/summary?group=provider&since={month_ago}",
    "usage of 30 days by key": "/api/usage/summary?group=key&since={month_ago}",
    "usage of 30 days of one model": "/api/usage/summary?group=combo&model=gpt-5.1&since={month_ago}",
    "usage page of 30 days": "/dashboard/usage?range=30d&group=key",
}
LOG = Measurement(
    name="log",
    subjects=("gateway",),
    model="chat/bench-model",
    path=CHAT,
    options=(),
    count=1_000_000,  # rows
    short_count=50_000,
    checks=(
        *(Check(f"log of 1,000,000 rows: {name}", of_gateway(f"{name} ms"), PAGE_MS, "at most", "ms") for name in PAGES),
        Check("log: rows deleted while requests go on", of_gateway("deleted"), 1, "at least", together=min),
        Check("log: requests meanwhile, p99", of_gateway("p99_ms"), 100, "at most", "ms"),
    ),
    at_once=8,
)

PAINT = Measurement(
    name="paint",
    subjects=("gateway",),
    model="",
    path="/",
    options=(),
    count=10,  # visits
    short_count=1,
    checks=(
        Check("Home: first paint, nothing cached", of_gateway("first_paint_ms"), 500, "at most", "ms"),
        Check("Home: first paint of the next visit", of_gateway("next_paint_ms"), 300, "at most", "ms"),
        Check("Home: script and style, compressed", of_gateway("script_and_style_kb"), 150, "at most", "kB"),
    ),
)

READY = Measurement(
    name="ready",
    subjects=("gateway",),
    model="",
    path="/readyz",
    options=(),
    count=5,  # starts
    short_count=1,
    checks=(Check("ready: from the start to the first answer of /readyz", of_gateway("ready_s"), 2.0, "at most", "s"),),
)

MEASUREMENTS = {
    each.name: each
    for each in (
        plain("plain-chat", "two-chat", CHAT),
        plain("plain-messages", "two-messages", MESSAGES, *ANTHROPIC),
        free("free-chat", "two-chat", CHAT),
        single("single-chat", "two-chat", CHAT),
        single("single-messages", "two-messages", MESSAGES, *ANTHROPIC),
        combo("combo-chat", "three", CHAT),
        *(streamed(client, other.name, NATIVE if client is other else TRANSLATED) for client in CLIENTS for other in CLIENTS),
        *(large(CLIENTS[0], upstream.name) for upstream in CLIENTS),
        large(CLIENTS[1], "chat"),
        paced(
            500,
            Check("paced-500: whole time, of the upstream's own", of_direct("seconds"), 1.25, "at most"),
            Check("paced-500: first content p99", of_gateway("first_p99_ms"), 400, "at most", "ms"),
            Check("paced-500: memory of the larger worker, all streams open", of_gateway("memory_mb"), 110, "at most", "MB"),
        ),
        paced(1000, Check("paced-1000: whole time, of the bare relay's", of_bare("seconds"), 1.35, "at most")),
        READY,
        LOG,
        PAINT,
    )
}


@dataclass(frozen=True, slots=True)
class Outcome:
    measurement: str
    title: str
    value: float
    target: float
    sense: str
    unit: str
    passed: bool
    note: str = ""


def judge(measurement: Measurement, rounds: Sequence[Round]) -> list[Outcome]:
    """Each check's figure over the rounds. A load that lost anything, or saw other events than its peers, does not pass."""
    note = trouble(rounds)
    outcomes = []
    for check in measurement.checks:
        value = check.together([check.value(each) for each in rounds])
        passed = check.met(value) and not note
        outcomes.append(
            Outcome(measurement.name, check.title, round(value, 3), check.target, check.sense, check.unit, passed, note)
        )
    return outcomes


def trouble(rounds: Sequence[Round]) -> str:
    """Why these figures can't be trusted, or "": lost requests, or a subject whose streams differ in length."""
    lost = {subject: sum(each[subject]["lost"] for each in rounds) for subject in rounds[0]}
    if any(lost.values()):
        return "lost " + ", ".join(f"{count} by {subject}" for subject, count in lost.items() if count)
    if any(shot.get("memory_mb") == 0 for each in rounds for shot in each.values()):
        return "the streams were never all open at once"
    for subject in rounds[0]:
        lengths = {length for each in rounds for length in each[subject].get("events_per_stream", ())}
        if len(lengths) > 1:
            return f"streams of {min(lengths)} to {max(lengths)} events from {subject}"
    return ""
