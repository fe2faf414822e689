"""What a failed attempt means: one ordered table from what was seen to class, scope, consequence and remedy.

`classify` is pure. The first row that matches wins; a provider's own rows come first (its data says so, as for the
relays). The consequences are those of docs/routing.md: which health record suffers and for how long, what the client gets,
and whether another target may be tried.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from omniroute.errors import (
    AddressRefused,
    UpstreamError,
    UpstreamErrorEvent,
    UpstreamNetwork,
    UpstreamNotJson,
    UpstreamRedirect,
    UpstreamStatus,
)
from omniroute.formats.upstream_error import Told, page_title, read_error, read_error_document
from omniroute.providers.catalog import FailureRow

MAX_COOLDOWN = 15 * 60.0  # seconds, for a 429's hint
MAX_QUOTA_COOLDOWN = 6 * 3600.0  # seconds, for a stated reset of a quota


@dataclass(frozen=True, slots=True)
class Signal:
    """What was seen of a failure. `status` is None when no answer came."""

    fault: str  # "status", "event", or the class of the exception that stands for it
    status: int | None
    told: Told
    retry_after: float | None = None  # seconds, as the upstream hinted
    succeeded: bool = False  # whether the connection has ever answered


@dataclass(frozen=True, slots=True)
class Rule:
    """The consequence of a class. Times in seconds: `first` doubles to `most` with each repeat; 0 means no cooldown.

    `health` names what suffers: cooldown (connection), lockout (connection and model), breaker (counts), none.
    `again` says who may be tried next: any, other_provider, or once_elsewhere (one more attempt, at another provider).
    """

    scope: str
    health: str
    again: str
    remedy: str
    first: float = 0.0
    most: float = 0.0
    limit: float = MAX_COOLDOWN
    terminal: str | None = None
    status: int | None = None  # for the client; None keeps the upstream's


RULES: dict[str, Rule] = {
    "bad_request": Rule("request", "none", "once_elsewhere", "Correct the request; the upstream refused its body."),
    "context_too_long": Rule("target", "none", "any", "Shorten the conversation, or choose a model with a bigger window."),
    "unsupported_param": Rule("target", "none", "any", "Leave the named parameter out for this model."),
    "content_blocked": Rule(
        "provider", "none", "other_provider", "The upstream's moderation refused this. Try another prompt or another model."
    ),
    "upstream_auth_error": Rule(
        "connection",
        "cooldown",
        "any",
        "The upstream refused the connection's key, not yours: make a new key there, paste it on the provider's page, "
        "and press Test.",
        first=60,
        most=60,
        status=502,
    ),
    "relay_client_rejected": Rule(
        "connection",
        "none",
        "any",
        "The relay admits only clients on its list. Use the Claude Code compatible type for it "
        "(ENABLE_CC_COMPATIBLE_PROVIDER=true), and compare the headers under 'What is sent upstream'.",
        terminal="error",
        status=502,
    ),
    "account_banned": Rule(
        "connection",
        "none",
        "any",
        "The upstream has closed or suspended this account; settle it there, then press Test.",
        terminal="banned",
        status=502,
    ),
    "quota_exhausted": Rule(
        "connection",
        "cooldown",
        "any",
        "The credit of this connection is used up; top it up, or wait for its reset.",
        first=60,
        most=900,
        limit=MAX_QUOTA_COOLDOWN,
        status=429,
    ),
    "model_not_in_plan": Rule(
        "connection+model",
        "lockout",
        "any",
        "This key's plan does not cover the model; choose one that it covers.",
        120,
        1800,
        status=403,
    ),
    "model_not_found": Rule(
        "connection+model", "lockout", "any", "The upstream has no such model; its page lists those it offers.", 120, 1800
    ),
    "rate_limited": Rule("connection", "cooldown", "any", "The upstream is limiting this connection; wait and repeat.", 1, 120),
    "overloaded": Rule("connection+model", "lockout", "any", "The upstream is overloaded; wait and repeat.", 1, 120),
    "server_error": Rule("connection+model", "breaker", "any", "The upstream failed; repeat, or choose another model."),
    "upstream_not_json": Rule(
        "connection+model",
        "breaker",
        "any",
        "The request did not reach the upstream's API: check base URL, provider type and, for relays, the flag "
        "ENABLE_CC_COMPATIBLE_PROVIDER.",
        10,
        10,
        status=502,
    ),
    "upstream_empty": Rule("connection+model", "breaker", "any", "The upstream sent nothing; repeat.", 10, 10, status=502),
    "stream_cut": Rule("connection+model", "breaker", "any", "The upstream broke off its answer; repeat.", 10, 10, status=502),
    "stream_stalled": Rule("connection+model", "breaker", "any", "The upstream fell silent; repeat.", 10, 10, status=504),
    "network_error": Rule(
        "node", "breaker", "other_provider", "The upstream can't be reached; see the provider's page.", status=502
    ),
    "secret_unreadable": Rule(
        "connection",
        "none",
        "any",
        "Start with the STORAGE_ENCRYPTION_KEY that the connection's key was stored under, or type the key in anew.",
        status=502,
    ),
    "address_refused": Rule(
        "node", "none", "other_provider", "Set ALLOW_PRIVATE_UPSTREAMS for addresses in your own network.", status=502
    ),
    "upstream_redirect": Rule(
        "node", "breaker", "other_provider", "Redirects are not followed: put the final address in as base URL.", status=502
    ),
    "client_error": Rule("request", "none", "once_elsewhere", "The upstream refused the request."),
}

# (class, faults, statuses, types and codes, texts): a row matches when every part that is not empty matches.
ROWS: tuple[tuple[str, frozenset[int], frozenset[str], tuple[str, ...]], ...] = (
    (
        "account_banned",
        frozenset({400, 401, 403}),
        frozenset({"account_deactivated", "account_suspended"}),
        (),
    ),
    (
        "account_banned",
        frozenset({401, 403}),
        frozenset(),
        ("deactivated", "account has been suspended", "account is suspended", "has been banned", "account has been disabled"),
    ),
    ("quota_exhausted", frozenset({402}), frozenset(), ()),
    (
        "quota_exhausted",
        frozenset({400, 403, 429}),
        frozenset({"insufficient_quota", "billing_error", "billing_hard_limit_reached", "usage_limit_reached"}),
        (),
    ),
    (
        "quota_exhausted",
        frozenset({400, 403, 429}),
        frozenset(),
        ("exceeded your current quota", "credit balance is too low", "insufficient balance", "额度不足", "余额不足"),
    ),
    (
        "context_too_long",
        frozenset({400, 413, 422}),
        frozenset({"context_length_exceeded", "model_context_window_exceeded"}),
        (),
    ),
    (
        "context_too_long",
        frozenset({400, 413, 422}),
        frozenset(),
        (
            "prompt is too long",
            "maximum context length",
            "context window",
            "context length",
            "input is too long",
            "exceeds the maximum number of tokens",
        ),
    ),
    (
        "content_blocked",
        frozenset({400, 403, 422}),
        frozenset({"content_filter", "content_policy_violation", "content-blocked", "moderation_blocked"}),
        (),
    ),
    (
        "unsupported_param",
        frozenset({400, 422}),
        frozenset({"unsupported_parameter", "unsupported_value", "unknown_parameter"}),
        (),
    ),
    (
        "unsupported_param",
        frozenset({400, 422}),
        frozenset(),
        (
            "unsupported parameter",
            "unsupported value",
            "unknown parameter",
            "unrecognized request argument",
            "extra inputs are not permitted",
        ),
    ),
    ("model_not_found", frozenset({400, 403, 404}), frozenset({"model_not_found", "model_not_available"}), ()),
    ("model_not_found", frozenset({404}), frozenset(), ("model",)),
    ("model_not_in_plan", frozenset({403}), frozenset(), ("model",)),
    ("upstream_auth_error", frozenset({401}), frozenset(), ()),
    (
        "upstream_auth_error",
        frozenset({403}),
        frozenset({"authentication_error", "invalid_api_key", "invalid_authentication"}),
        (),
    ),
    ("upstream_auth_error", frozenset({400, 403}), frozenset(), ("api key", "api-key", "api_key", "invalid token")),
    ("rate_limited", frozenset({429}), frozenset(), ()),
    ("overloaded", frozenset({503, 529}), frozenset(), ()),
    ("overloaded", frozenset(), frozenset({"overloaded_error"}), ()),
    ("server_error", frozenset({408, *range(500, 600)}), frozenset(), ()),
    ("bad_request", frozenset({400, 413, 415, 422}), frozenset(), ()),
    ("client_error", frozenset(range(400, 500)), frozenset(), ()),
)

# An error event has a type but no status: the status that the same error has as an answer. Anthropic's errors page,
# OpenAI's error codes page, Google's canonical codes; 2026-11.
STATUS_OF_TYPE: dict[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "api_error": 500,
    "server_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}

PAGE_STATUSES = frozenset({400, 403, 404, 405, 406})
PASSED_ON = ("retry-after", "retry-after-ms", "x-should-retry")


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt, understood. `status` is the client's, `upstream_status` what came back (None: nothing did)."""

    kind: str
    rule: Rule
    status: int
    message: str
    remedy: str
    detail: str
    upstream_status: int | None = None
    told: Told = field(default_factory=Told)
    retry_after: float | None = None
    headers: Mapping[str, str] | None = None

    @property
    def about_the_request(self) -> bool:
        """Whether the client can act on it, by sending something else."""
        return self.rule.scope in ("request", "target", "provider")

    @property
    def wait(self) -> float | None:
        """Seconds for the client's Retry-After: the hint; credit that is used up without one waits as long as our first guess."""
        if self.retry_after is None and self.kind == "quota_exhausted":
            return self.rule.first
        return self.retry_after


def classify(error: UpstreamError, rows: Iterable[FailureRow] = (), *, succeeded: bool = False, now: float = 0.0) -> Failure:
    """The failure that `error` stands for. `rows` are the provider's own; `now` (epoch seconds) is for dates in Retry-After."""
    error = _unmasked(error)
    signal = _signal(error, succeeded, now)
    told, headers = signal.told, _passed_on(error)
    for row in rows if signal.status is not None else ():
        if row.matches(signal.status, told.type, told.code, told.text, succeeded):
            rule = RULES[row.kind] if row.same_provider else replace(RULES[row.kind], again="other_provider")
            status = row.status or rule.status or _answerable(signal.status)
            return _failure(row.kind, rule, status, row.remedy or rule.remedy, error, signal, headers)
    kind = _kind(signal)
    rule = RULES[kind]
    status = rule.status or _answerable(signal.status)
    if isinstance(error, UpstreamNetwork) and error.fault == "timeout":
        status = 504
    return _failure(kind, rule, status, rule.remedy, error, signal, headers)


def _answerable(status: int | None) -> int:
    """The upstream's status, if it is one that a client may get for an error."""
    return status if status is not None and 400 <= status <= 599 else 502


def hint(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until a retry makes sense, as `retry-after-ms` or `retry-after` (seconds or a date) say; None without."""
    if milliseconds := headers.get("retry-after-ms"):
        try:
            return max(0.0, float(milliseconds) / 1000)
        except ValueError:
            pass
    text = (headers.get("retry-after") or "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return None


def _signal(error: UpstreamError, succeeded: bool, now: float) -> Signal:
    if isinstance(error, UpstreamStatus):
        told, stated = read_error(error.body), hint(error.headers, now)
        return Signal("status", error.status, told, told.retry_after if stated is None else stated, succeeded)
    if isinstance(error, UpstreamErrorEvent):
        told = read_error_document(error.document)
        return Signal("event", _event_status(told), told, told.retry_after, succeeded)
    return Signal(error.kind, None, Told(), None, succeeded)


def _unmasked(error: UpstreamError) -> UpstreamError:
    """A web page with a 4xx comes from a firewall or a wrong path, not from an API: the page is what matters."""
    if isinstance(error, UpstreamStatus) and error.status in PAGE_STATUSES and error.body.lstrip()[:1] == b"<":
        return UpstreamNotJson(error.status, error.headers.get("content-type") or "", page_title(error.body))
    return error


def _event_status(told: Told) -> int:
    for name in (told.type, told.code):
        if isinstance(name, int) and 400 <= name <= 599:
            return name
        if isinstance(name, str) and name.isdigit() and 400 <= int(name) <= 599:
            return int(name)
        if isinstance(name, str) and name in STATUS_OF_TYPE:
            return STATUS_OF_TYPE[name]
    return 502


def _kind(signal: Signal) -> str:
    if signal.status is None:
        return signal.fault
    names = {str(signal.told.type), str(signal.told.code)}
    for kind, statuses, types, texts in ROWS:
        if statuses and signal.status not in statuses:
            continue
        if types and not names & types:
            continue
        if texts and not any(text in signal.told.text for text in texts):
            continue
        return kind
    return "server_error"


def _failure(
    kind: str, rule: Rule, status: int, remedy: str, error: UpstreamError, signal: Signal, headers: Mapping[str, str]
) -> Failure:
    return Failure(
        kind=kind,
        rule=rule,
        status=status,
        message=signal.told.message or _sentence(error, kind),
        remedy=remedy,
        detail=error.detail if not signal.told.message else f"{error.detail}: {signal.told.message}",
        upstream_status=signal.status if isinstance(error, UpstreamStatus) else getattr(error, "status", None),
        told=signal.told,
        retry_after=signal.retry_after,
        headers=headers,
    )


def _sentence(error: UpstreamError, kind: str) -> str:
    """What a client reads when the upstream said nothing: no host, no address."""
    if isinstance(error, UpstreamStatus):
        return f"The upstream answered {error.status} without a readable message."
    if isinstance(error, UpstreamNotJson):
        return f"Invalid JSON response from provider (reset after {RULES[kind].first:.0f}s)"
    if isinstance(error, UpstreamNetwork):
        return NETWORK_WORDS[error.fault]
    if isinstance(error, UpstreamRedirect):
        return "The upstream answered with a redirect, which is never followed."
    if isinstance(error, AddressRefused):
        return "The upstream's address is not allowed here."
    return {
        "upstream_empty": "The upstream sent an empty answer.",
        "stream_cut": "The upstream broke off the stream before its end.",
        "stream_stalled": "The upstream sent nothing for too long.",
        "secret_unreadable": "The connection's key can't be read with the storage key at hand.",
    }.get(kind, "The upstream sent an error.")


NETWORK_WORDS: dict[str, str] = {
    "refused": "The upstream refuses connections.",
    "dns": "The upstream's host name can't be resolved.",
    "tls": "A TLS connection to the upstream can't be made.",
    "reset": "The upstream closed the connection without an answer.",
    "timeout": "The upstream did not answer in time.",
    "protocol": "The upstream broke the HTTP protocol.",
}


def _passed_on(error: UpstreamError) -> dict[str, str]:
    if not isinstance(error, UpstreamStatus):
        return {}
    return {name: value for name in PASSED_ON if (value := error.headers.get(name)) and "\n" not in value}
