"""What upstreams tell in the headers of an answer of how much is left to a connection.

Whose headers, and where each shape was seen, all read 2026-11-27. DeepSeek, Gemini, Vertex, Bedrock and local servers have none.

- Anthropic, `anthropic-ratelimit-*`, reset in RFC 3339: platform.claude.com/docs/en/api/rate-limits. A priority tier has
  headers of its own, which count beside these and are passed over.
- A subscription there, `anthropic-ratelimit-unified-5h-*` and `-7d-*`: utilization is the used share, 0 to 1, status allowed,
  allowed_warning or rejected, reset in epoch seconds: anthropics/claude-code#42108 of 2026-04-01, lidge-jun/opencodex#3809 of
  2026-09-06; in RFC 3339: anomalyco/opencode#49499 of 2026-09-17. What is of some models only (`7d_oi`), `overage` and the
  summary are passed over.
- OpenAI, `x-ratelimit-*-requests` and `-tokens`, reset "12ms" or "6m0s", when it would be full: community.openai.com/t/1268905
  of 2025-05-26. xAI too, as hexdocs.pm/langchain 0.4.1 (ChatGrok) tells it. Groq, requests by day, "2m59.56s":
  console.groq.com/docs/rate-limits.
- Azure the same, reset in seconds, -1 for what has no limit: learn.microsoft.com/answers/questions/5625878 of 2025-11-17.
- Cerebras and SambaNova, `-requests-day`, `-tokens-minute`, reset "33011.382867" seconds:
  inference-docs.cerebras.ai/support/rate-limits.
- Mistral, `-req-minute`, `-tokens-minute`, no reset: mistralai/client-ts#169 of 2026-02-12; before, `ratelimitbysize`.
- Fireworks, `-tokens-prompt`, `-tokens-generated`, by the minute, no reset: docs.fireworks.ai/serverless/rate-limits.
- Together, `x-ratelimit-*` and `x-tokenlimit-*`, by the second: docs.together.ai/docs/rate-limits.
- OpenRouter, `x-ratelimit-*`, reset in epoch milliseconds, on a 429 of free models: everruns/everruns#2280 of 2026-06-17.
- Cohere, `x-trial-endpoint-call-*`, of trial keys, by the minute: an answer of 2026-06-05 in a public repository.
- Nous, `-requests-1h`, reset in seconds: NousResearch/hermes-agent#6541 of 2026-04-09.
- `RateLimit` and `RateLimit-Policy`: draft-ietf-httpapi-ratelimit-headers-11 of 2026-05-23, as http.dev/ratelimit-policy tells
  it; -07 has `limit=100, remaining=50, reset=5`, -06 three headers. Hugging Face puts the kind of its policy before the name:
  huggingface.co/docs/hub/rate-limits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

MINUTE, HOUR, DAY = 60, 3600, 86_400
RATE = 300  # seconds: a window up to this long is a rate, which is full again before anybody has to care
KEPT = 900.0  # seconds that a window counts whose reset is not known
FURTHEST = 62 * DAY  # a reset beyond this is nonsense
LONGEST = 1000  # characters of a header's value that are looked at


class Learned(NamedTuple):
    """One window, as an upstream told at `at`: "requests", "tokens per minute", "5h" ... `left` is the share of it, 0 to 1.

    `limit` and `remaining` are None where only the share is told. `resets_at` is when it is full again, `seconds` how long
    it is, each None where it is not known. Times are epoch seconds.
    """

    name: str
    limit: int | None
    remaining: int | None
    left: float
    resets_at: float | None
    at: float
    seconds: int | None = None

    @property
    def until(self) -> float:
        """When it is of no more use."""
        return self.at + KEPT if self.resets_at is None else self.resets_at

    @property
    def lasts(self) -> bool:
        """Whether it is a quota, to be spent over hours or days, and not a rate."""
        length = self.seconds if self.seconds is not None else (self.resets_at or self.at) - self.at
        return length > RATE


class Source(NamedTuple):
    """A family of headers: {} stands for limit, remaining and reset, or for utilization, status and reset."""

    header: str
    name: str
    seconds: int | None = None


SOURCES = (
    Source("anthropic-ratelimit-requests-{}", "requests", MINUTE),
    Source("anthropic-ratelimit-tokens-{}", "tokens", MINUTE),
    Source("anthropic-ratelimit-input-tokens-{}", "input tokens", MINUTE),
    Source("anthropic-ratelimit-output-tokens-{}", "output tokens", MINUTE),
    Source("anthropic-ratelimit-unified-5h-{}", "5h", 5 * HOUR),
    Source("anthropic-ratelimit-unified-7d-{}", "7d", 7 * DAY),
    Source("x-ratelimit-{}-requests", "requests"),
    Source("x-ratelimit-{}-tokens", "tokens"),
    Source("x-ratelimit-{}-req-minute", "requests per minute", MINUTE),
    Source("x-ratelimit-{}-requests-minute", "requests per minute", MINUTE),
    Source("x-ratelimit-{}-tokens-minute", "tokens per minute", MINUTE),
    Source("x-ratelimit-{}-requests-hour", "requests per hour", HOUR),
    Source("x-ratelimit-{}-tokens-hour", "tokens per hour", HOUR),
    Source("x-ratelimit-{}-requests-1h", "requests per hour", HOUR),
    Source("x-ratelimit-{}-tokens-1h", "tokens per hour", HOUR),
    Source("x-ratelimit-{}-requests-day", "requests per day", DAY),
    Source("x-ratelimit-{}-tokens-day", "tokens per day", DAY),
    Source("x-ratelimit-{}-req-month", "requests per month", 30 * DAY),
    Source("x-ratelimit-{}-tokens-month", "tokens per month", 30 * DAY),
    Source("x-ratelimit-{}-tokens-prompt", "input tokens per minute", MINUTE),
    Source("x-ratelimit-{}-tokens-generated", "output tokens per minute", MINUTE),
    Source("x-ratelimit-{}", "requests"),
    Source("x-tokenlimit-{}", "tokens"),
    Source("x-ratelimitbysize-{}-minute", "tokens per minute", MINUTE),
    Source("x-ratelimitbysize-{}-month", "tokens per month", 30 * DAY),
    Source("ratelimitbysize-{}", "tokens per minute", MINUTE),
    Source("x-trial-endpoint-call-{}", "requests per minute", MINUTE),
    Source("ratelimit-{}", "requests"),
)
FIELDS = ("limit", "remaining", "reset", "utilization", "status")
HEADERS = {source.header.format(field): (source, field) for source in SOURCES for field in FIELDS}
DRAFT = Source("{}", "")  # RateLimit and RateLimit-Policy, which say themselves what they are about
HEADERS |= {"ratelimit": (DRAFT, "now"), "ratelimit-policy": (DRAFT, "policy")}

NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,15})?", re.ASCII)
PART = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(d|h|ms|m|s|us|µs|ns)", re.ASCII)
UNITS = {"d": DAY, "h": HOUR, "m": MINUTE, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
EPOCH, EPOCH_MS = 1e9, 1e12  # numbers from here on are no seconds to wait
NAME = re.compile(r"[^A-Za-z0-9 _.:-]+")


def learned(headers: Mapping[str, str], now: float) -> tuple[Learned, ...]:
    """Every window that the headers of an answer tell of; what makes no sense is passed over. Header names in any case."""
    told: dict[Source, dict[str, str]] | None = None
    for name in headers:
        if (known := HEADERS.get(name.lower())) is not None:
            if told is None:
                told = {}
            told.setdefault(known[0], {})[known[1]] = headers[name][:LONGEST].strip()
    if told is None:
        return ()
    found: dict[str, Learned] = {}
    for source, fields in told.items():
        for window in _draft(fields, now) if source is DRAFT else _windows(source, fields, now):
            if window.until > now and (window.name not in found or window.left < found[window.name].left):
                found[window.name] = window
    return tuple(found.values())


def _windows(source: Source, fields: Mapping[str, str], now: float) -> Iterator[Learned]:
    limit, remaining = _count(fields.get("limit")), _count(fields.get("remaining"))
    left = _used(fields) if "utilization" in fields or "status" in fields else _share(limit, remaining)
    if left is not None:
        yield _learned(source.name, limit, remaining, left, _reset(fields.get("reset"), now), source.seconds, now)


def _learned(
    name: str, limit: int | None, remaining: int | None, left: float, resets_at: float | None, seconds: int | None, now: float
) -> Learned:
    if resets_at is None and seconds is not None and seconds <= RATE:
        resets_at = now + seconds  # at the latest
    return Learned(name, limit, remaining, left, resets_at, now, seconds)


def _share(limit: int | None, remaining: int | None) -> float | None:
    if remaining == 0:
        return 0.0
    return None if not limit or remaining is None else min(1.0, remaining / limit)


def _used(fields: Mapping[str, str]) -> float | None:
    """Of a window that tells how much of it is used."""
    if fields.get("status") == "rejected":
        return 0.0
    used = _number(fields.get("utilization"))
    return None if used is None else max(0.0, 1.0 - used)


def _draft(fields: Mapping[str, str], now: float) -> Iterator[Learned]:
    """`RateLimit: "name";r=50;t=30`, with `RateLimit-Policy: "name";q=100;w=60`, several after commas, and what was before."""
    text, policies = fields.get("now", ""), dict(_items(fields.get("policy", "")))
    if "remaining=" in text:
        pairs = dict(_pair(each) for each in text.split(","))
        seconds = next(iter(policies.values()), {}).get("w")
        text = f"requests;r={pairs.get('remaining', '')};t={pairs.get('reset', '')}"
        policies = {"requests": {"q": pairs.get("limit", ""), "w": seconds or ""}}
    for name, said in _items(text):
        policy = policies.get(name) or (next(iter(policies.values())) if len(policies) == 1 else {})
        limit, remaining = _count(policy.get("q")), _count(said.get("r"))
        left = _share(limit, remaining)
        if left is not None:
            yield _learned(name, limit, remaining, left, _reset(said.get("t"), now), _count(policy.get("w")), now)


def _items(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The members of a list, each a name with parameters."""
    for member in text.split(","):
        named, *parameters = member.split(";")
        name = NAME.sub("", named)[:40].strip() or "requests"
        yield name, dict(_pair(each) for each in parameters)


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key.strip(), value.strip()


def _number(text: str | None) -> float | None:
    return float(text) if text and NUMBER.fullmatch(text) else None


def _count(text: str | None) -> int | None:
    found = _number(text)
    return None if found is None else int(found)


def _reset(text: str | None, now: float) -> float | None:
    """When it is full again: seconds to wait, "1h2m3.5s", an epoch time in seconds or milliseconds, or RFC 3339."""
    if not text:
        return None
    if (number := _number(text)) is not None:
        at = number / 1000 if number >= EPOCH_MS else number if number >= EPOCH else now + number
    elif "-" in text:
        at = _moment(text)
    else:
        parts = PART.findall(text)
        whole = bool(parts) and "".join(number + unit for number, unit in parts) == text
        at = now + sum(float(number) * UNITS[unit] for number, unit in parts) if whole else math.nan
    return at if at < now + FURTHEST else None


def _moment(text: str) -> float:
    """Not a number when it is none."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return math.nan
