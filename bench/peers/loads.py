"""What is put on each gateway, and which figures come of it: all as data."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.figures import PACED_EVENTS, SPREAD
from bench.shapes import SENTENCE, WORD

Shot = dict[str, Any]  # what bench/load.py printed, with cpu_ms (of the gateway, a request) and memory_mb
Round = dict[str, dict[str, Shot]]  # load -> subject -> what was seen
EVENTS = 50  # content events of a stream of the fast upstream
STREAMS = 200
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


@dataclass(frozen=True, slots=True)
class Load:
    """One load. `seconds` bounds its beginning of requests, `count` their number. `alone`: on the upstream itself too."""

    name: str
    way: str
    path: str
    options: tuple[str, ...]
    at_once: int = 32
    count: int = 20_000
    short_count: int = 64
    seconds: float = 4.0
    alone: bool = False


def whole(name: str, way: str, path: str, *options: str, **more: Any) -> Load:
    return Load(name, way, path, (*options, "--says", SENTENCE), **more)


def streamed(name: str, way: str, path: str, *options: str, events: int = EVENTS, **more: Any) -> Load:
    return Load(name, way, path, (*options, "--stream", "--says", f'"{WORD}"', "--times", str(events)), **more)


ANTHROPIC = ("--api", "anthropic")
LOADS = {
    each.name: each
    for each in (
        whole("chat-single", "chat", CHAT, at_once=1, seconds=3.0, alone=True),
        whole("chat", "chat", CHAT),
        whole("messages", "messages", MESSAGES, *ANTHROPIC),
        streamed("chat-streamed", "chat", CHAT),
        streamed("messages-streamed", "messages", MESSAGES, *ANTHROPIC),
        streamed(
            "paced",
            "paced",
            CHAT,
            *("--spread", str(SPREAD), "--timeout", "90"),
            events=PACED_EVENTS,
            at_once=STREAMS,
            count=STREAMS,
            short_count=20,
            seconds=60.0,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table. `value` reads it from a round for a subject; None where there is none, KeyError where the subject
    was not measured. `better` is "more" or "less".
    """

    title: str
    unit: str
    better: str
    load: str
    value: Callable[[Mapping[str, Shot], str], float | None]
    ratio: bool = True


def plain(key: str) -> Callable[[Mapping[str, Shot], str], float | None]:
    return lambda seen, subject: seen[subject].get(key)


def added(key: str) -> Callable[[Mapping[str, Shot], str], float | None]:
    """What the subject adds to the upstream's own time, in ms."""

    def value(seen: Mapping[str, Shot], subject: str) -> float | None:
        ours, own = seen[subject].get(key), seen["direct"].get(key)
        return None if ours is None or own is None or subject == "direct" else ours - own

    return value


def events_per_second(seen: Mapping[str, Shot], subject: str) -> float | None:
    """Content events only: how many others there are is each one's own way to open and close a stream."""
    return float(seen[subject]["rps"]) * EVENTS


FIGURES = (
    Figure("Chat, one at a time: added to the upstream's own, p50", "ms", "less", "chat-single", added("p50_ms")),
    Figure("Chat, one at a time: added, p99", "ms", "less", "chat-single", added("p99_ms")),
    Figure("Chat, one at a time: processor time a request", "ms", "less", "chat-single", plain("cpu_ms")),
    Figure("Chat, 32 at once", "requests/s", "more", "chat", plain("rps")),
    Figure("Chat, 32 at once: p99", "ms", "less", "chat", plain("p99_ms")),
    Figure("Messages, 32 at once", "requests/s", "more", "messages", plain("rps")),
    Figure("Chat streamed, 32 at once", "events/s", "more", "chat-streamed", events_per_second),
    Figure("Messages streamed, 32 at once", "events/s", "more", "messages-streamed", events_per_second),
    Figure(f"{STREAMS} paced streams: whole time", "s", "less", "paced", plain("seconds")),
    Figure(f"{STREAMS} paced streams: first content, p99", "ms", "less", "paced", plain("first_p99_ms")),
    Figure(f"{STREAMS} paced streams: processor time a stream", "ms", "less", "paced", plain("cpu_ms")),
    Figure(f"{STREAMS} paced streams: memory of all processes", "MB", "less", "paced", plain("memory_mb")),
    Figure("Memory of all processes before any request", "MB", "less", "start", plain("memory_mb")),
    Figure("Ready to answer, after the command", "s", "less", "start", plain("ready_s")),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure of a subject, the median of the rounds. `lost` of `asked` requests had no right answer; `ended` of its processes
    ended meanwhile.
    """

    value: float | None
    lost: int = 0
    asked: int = 0
    ended: int = 0

    @property
    def sound(self) -> bool:
        return not self.lost and not self.ended


def cell(figure: Figure, rounds: Sequence[Round], subject: str) -> Cell:
    shots = [each[figure.load] for each in rounds if subject in each.get(figure.load, {})]
    values = [value for seen in shots if (value := figure.value(seen, subject)) is not None]
    lost = sum(seen[subject].get("lost", 0) for seen in shots)
    asked = sum(seen[subject].get("asked", 0) for seen in shots)
    ended = sum(seen[subject].get("ended", 0) for seen in shots)
    return Cell(statistics.median(values) if values and lost < asked + (not asked) else None, lost, asked, ended)


def ratio(figure: Figure, rounds: Sequence[Round], ours: str, peer: str) -> float | None:
    """How many times better `ours` does, the median of the rounds' own ratios; None where one lost anything or has no figure."""
    if not cell(figure, rounds, ours).sound or not cell(figure, rounds, peer).sound:
        return None
    found = []
    for each in rounds:
        seen = each.get(figure.load, {})
        if ours not in seen or peer not in seen:
            continue
        mine, other = figure.value(seen, ours), figure.value(seen, peer)
        if mine is None or other is None or mine <= 0 or other <= 0:
            continue
        found.append(mine / other if figure.better == "more" else other / mine)
    return statistics.median(found) if found else None
