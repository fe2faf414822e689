"""Every exception of the gateway. Each carries its consequence, so nobody downstream reads a status code again.

OmniRouteError
|- SettingError            a setting is wrong: the start stops with this one line
|- BadCatalog              a provider or wire file is wrong: the start stops
|- VaultError              a secret at rest can't be read with the keys at hand
|- RequestError            a client's request can't be served; rendered in the client's format
|  |- BadRequest           400  the body or a field of it
|  |- UnsupportedField     400  a field that this upstream's format has no place for
|  |- Unauthorized         401  the gateway key is missing or refused
|  |- Forbidden            403  the gateway key is good, but not for this
|  |- FlagOff              403  a feature flag is not set
|  |- NotFound             404  a path or a stored thing
|  |- ModelNotFound        404  nobody answers to that model name
|  |- NoConnection         404  somebody would, but holds no credential
|  |- NotServed            404  somebody answers to it, but has no such endpoint
|  |- BodyTooLarge         413
|  |- BodyTooSlow          408
|  |- PriceUnknown         403  a budget in USD, and no price to count by
|  |- LimitReached         429  a limit of the client key
|  |- LimitsAway           503  what a limited key has used can't be looked up
|  |- UpgradeRequired      426  a WebSocket was asked for
|  |- TooBusy              503  draining, or out of room
|  `- UpstreamFailed       any  every target failed; carries the failure that the client can act on
|- UpstreamError           one attempt failed before or during the answer; classified by routing/failures.py
|  |- UpstreamStatus       an answer with status >= 400
|  |- UpstreamRedirect     a 3xx: never followed
|  |- UpstreamNetwork      refused, dns, tls, reset, timeout
|  |- AddressRefused       the address guard
|  |- SecretUnreadable     the connection's own key can't be opened
|  |- UpstreamNotJson      a web page or other non-JSON where an answer was due
|  |- UpstreamEmpty        a success without content
|  |- UpstreamErrorEvent   an error inside a stream that began with status 200
|  |- StreamCut            the stream ended without its last event
|  `- StreamStalled        no byte for too long
`- OperationError          a management verb was refused; rendered as JSON or beside a form field
   |- Invalid              400  with one detail a field
   |- WrongPassword        401
   |- FeatureOff           403  a flag is not set
   |- NotAllowed           403  not with this key's scopes
   |- Missing              404
   |- Conflict             409
   |- Throttled            429  too many tries
   |- UpstreamTrouble      502  an upstream had to be asked, and failed
   `- DatabaseAway         503
      `- CountersLost      503  limits have to be counted anew first
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from omniroute.clock import moment


class OmniRouteError(Exception):
    """Root of the tree."""


class SettingError(OmniRouteError):
    """A setting is wrong. The message is one line: its name, what was wrong, what is allowed."""


class BadCatalog(OmniRouteError):
    """A provider or wire file is wrong. The message names the file and the mistake."""


class VaultError(OmniRouteError):
    """A stored secret can't be decrypted with the keys at hand."""


# What a client is told ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AttemptNote:
    """One attempt as the client may see it: no host, no account, no upstream text."""

    target: str
    status: int | None
    kind: str
    message: str
    ms: int

    def as_dict(self) -> dict[str, Any]:
        return {"target": self.target, "status": self.status, "class": self.kind, "message": self.message, "ms": self.ms}


@dataclass(frozen=True, slots=True)
class LeftOutNote:
    """A target that was not asked, as the client may see it. `until` is an epoch time, None when time does not heal it."""

    target: str
    why: str
    kind: str
    until: float | None = None

    def as_dict(self) -> dict[str, Any]:
        until = None if self.until is None else moment(self.until)
        return {"target": self.target, "why": self.why, "class": self.kind, "until": until}


@dataclass(frozen=True, slots=True)
class Problem:
    """A failure in the form that every format's `render_error` takes.

    `status` is the HTTP status for the client, `kind` the failure class, `message` what happened (the
    upstream's words where it spoke), `remedy` what to do. `type`, `code` and `param` are the upstream's own,
    word for word, or None: then the format chooses the type its SDKs expect for the status.
    `retry_after` is in seconds. `details` is what Anthropic's SDK reads beside the message (`error.details.error_code`).
    """

    status: int
    kind: str
    message: str
    remedy: str = ""
    type: str | None = None
    code: str | int | None = None
    param: str | None = None
    details: Mapping[str, Any] | None = None
    request_id: str = ""
    retry_after: float | None = None
    attempts: tuple[AttemptNote, ...] = ()
    left_out: tuple[LeftOutNote, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def changed(self, **members: Any) -> Problem:
        return replace(self, **members)

    def beside(self) -> dict[str, Any]:
        """The `omniroute` member that stands beside the standard ones in every error body."""
        return {
            "request_id": self.request_id,
            "class": self.kind,
            "remedy": self.remedy,
            "attempts": [note.as_dict() for note in self.attempts],
        } | ({"left_out": [note.as_dict() for note in self.left_out]} if self.left_out else {})


# Failures of the request itself ---------------------------------------------------------


WENT_WRONG = "Something went wrong inside the gateway."  # of what nobody expected
LONGEST_RETRY = 65  # seconds that a client may wait by itself


class RequestError(OmniRouteError):
    """The request can't be served. Subclasses fix the status, the class and a default remedy."""

    status = 500
    kind = "internal_error"
    code: str | None = None
    remedy = "Try again; if it stays, look up the request id in the gateway's log."
    headers: Mapping[str, str] = {}  # of the answer; replaced, never changed

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        remedy: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param, self.details = param, details
        if remedy is not None:
            self.remedy = remedy

    def problem(self) -> Problem:
        return Problem(
            status=self.status,
            kind=self.kind,
            message=self.message,
            remedy=self.remedy,
            code=self.code,
            param=self.param,
            details=self.details,
            headers=self.headers,
        )


class BadRequest(RequestError):
    status, kind = 400, "bad_request"
    remedy = "Correct the request; nothing was sent upstream."


class UnsupportedField(BadRequest):
    kind = "unsupported_param"
    remedy = "Leave the field out, or use a model whose upstream speaks this format."


class Unauthorized(RequestError):
    status, kind, code = 401, "unauthorized", "invalid_api_key"
    remedy = "Make a key on the dashboard's Keys page and send it as 'Authorization: Bearer <key>' or 'x-api-key: <key>'."


class FlagOff(RequestError):
    """A node needs a feature flag that is not set; `flag` is the setting's name."""

    status, kind = 403, "feature_off"

    def __init__(self, message: str, flag: str) -> None:
        super().__init__(message, param="model", remedy=f"Set {flag}=true and start the gateway again.")


class Forbidden(RequestError):
    status, kind = 403, "forbidden"
    remedy = "Use a key that is allowed to do this, or change this key's limits on the Keys page."


class NotFound(RequestError):
    status, kind = 404, "not_found"
    remedy = "Check the path; docs/api.md lists what is served."


class ModelNotFound(RequestError):
    status, kind, code = 404, "model_not_found", "model_not_found"
    remedy = "GET /v1/models lists what can be asked for."


class NoConnection(RequestError):
    status, kind, code = 404, "no_connection", "no_connection"
    remedy = "Dashboard -> Providers: add a connection with an API key."


class NotServed(RequestError):
    status, kind, code = 404, "endpoint_not_served", "endpoint_not_served"

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message, param="model", remedy=remedy)


class BodyTooLarge(RequestError):
    status, kind = 413, "body_too_large"
    remedy = "Send a smaller body, or raise MAX_BODY_MB and start again."


class BodyTooSlow(RequestError):
    status, kind = 408, "body_too_slow"
    remedy = "Send the body faster, or raise BODY_SECONDS and start again."


class PriceUnknown(RequestError):
    status, kind = 403, "price_unknown"
    remedy = "Dashboard -> Prices: say what the model costs (0 is a price too), or give the key a budget in tokens instead."


class LimitReached(RequestError):
    """A limit of the client key is used up. `seconds` until there is room again; `unit` is the limit's.

    SDKs repeat a 429 by themselves, which is of no use where the wait is long: `x-should-retry` tells them (openai-python and
    anthropic-sdk-python read it).
    """

    status, kind = 429, "limit_reached"

    def __init__(self, limit: str, unit: str, seconds: float, headers: Mapping[str, str]) -> None:
        self.seconds = max(1, math.ceil(seconds))
        when = f"in {self.seconds} s" if self.seconds < 3600 else f"in {self.seconds // 3600} h {self.seconds % 3600 // 60} min"
        wait = "when one of them is over" if unit == "concurrent" else when
        super().__init__(
            f"This API key has reached its limit of {limit}.",
            remedy=f"There is room again {wait}. The limit can be raised on the dashboard's Limits page.",
        )
        self.code = "rate_limit_exceeded" if self.seconds <= LONGEST_RETRY else "insufficient_quota"
        self.headers = {**headers, **({} if self.seconds <= LONGEST_RETRY else {"x-should-retry": "false"})}

    def problem(self) -> Problem:
        return replace(super().problem(), retry_after=float(self.seconds))


class LimitsAway(RequestError):
    status, kind = 503, "limits_unavailable"
    remedy = "Try again in a moment; the dashboard's Health page says what is away. Keys without limits are served meanwhile."


class UpgradeRequired(RequestError):
    status, kind = 426, "websocket_not_spoken"
    remedy = "Send POST /v1/responses over HTTP instead."


class TooBusy(RequestError):
    status, kind = 503, "draining"
    remedy = "The gateway is stopping; send the request again."


class UpstreamFailed(RequestError):
    """Every target failed. Holds the problem as the client is to see it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.status, self.kind, self.remedy = problem.status, problem.kind, problem.remedy
        self._problem = problem

    def problem(self) -> Problem:
        return replace(self._problem, headers={**self.headers, **self._problem.headers}) if self.headers else self._problem


# Failures of one attempt ----------------------------------------------------------------


class UpstreamError(OmniRouteError):
    """One attempt failed. `detail` is for Check, Test and the log: it may name hosts, never keys."""

    kind = "server_error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class UpstreamStatus(UpstreamError):
    """An answer with status >= 400. `headers` finds names without regard to case, `body` is at most 64 KiB, decoded."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(f"upstream answered {status}")
        self.status, self.headers, self.body = status, headers, body


class UpstreamRedirect(UpstreamError):
    kind = "upstream_redirect"

    def __init__(self, status: int, location: str) -> None:
        super().__init__(f"upstream answered {status} and points to {location or 'nowhere'}")
        self.status, self.location = status, location


class UpstreamNetwork(UpstreamError):
    """`fault` is one of refused, dns, tls, reset, timeout, protocol; `early` means not a byte of an answer came."""

    kind = "network_error"

    def __init__(self, fault: str, host: str, port: int | None, detail: str, *, early: bool = True) -> None:
        super().__init__(detail)
        self.fault, self.host, self.port, self.early = fault, host, port, early


class AddressRefused(UpstreamError):
    """The guard refused to connect. `address` is the resolved one, or the name if it is refused as such."""

    kind = "address_refused"

    def __init__(self, host: str, address: str, why: str) -> None:
        super().__init__(f"{host} resolves to {address}: {why}" if host != address else f"{address}: {why}")
        self.host, self.address, self.why = host, address, why


class SecretUnreadable(UpstreamError):
    """The connection's key can't be opened with the storage keys at hand: nothing was sent."""

    kind = "secret_unreadable"


class UpstreamNotJson(UpstreamError):
    """`title` is the first <title> or heading of the page, shortened; "" if it has none."""

    kind = "upstream_not_json"

    def __init__(self, status: int, content_type: str, title: str) -> None:
        super().__init__(f"upstream answered {status} with {content_type or 'no content type'}" + (f": {title}" if title else ""))
        self.status, self.content_type, self.title = status, content_type, title


class UpstreamEmpty(UpstreamError):
    kind = "upstream_empty"


class UpstreamErrorEvent(UpstreamError):
    """An error inside a 200 stream, or a 200 whose body is an error object. `document` is its JSON, parsed."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__("upstream sent an error event")
        self.document = document


class StreamCut(UpstreamError):
    kind = "stream_cut"


class StreamStalled(UpstreamError):
    kind = "stream_stalled"


# Failures of management verbs ------------------------------------------------------------


class OperationError(OmniRouteError):
    """A verb of the management side was refused. `fields` maps a field's name to what is wrong with it."""

    status, code = 400, "refused"

    def __init__(self, message: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = dict(fields or {})


class Invalid(OperationError):
    status, code = 400, "invalid"


class FeatureOff(OperationError):
    status, code = 403, "feature_off"


class Missing(OperationError):
    status, code = 404, "not_found"


class Conflict(OperationError):
    status, code = 409, "conflict"


class WrongPassword(OperationError):
    """Says no more than that it was wrong."""

    status, code = 401, "wrong_password"


class NotAllowed(OperationError):
    """The actor may not do this."""

    status, code = 403, "not_allowed"


class Throttled(OperationError):
    """Too many tries. `retry_after` is in seconds."""

    status, code = 429, "throttled"

    def __init__(self, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(f"Too many failed logins. Try again in {math.ceil(retry_after)} s.")


class UpstreamTrouble(OperationError):
    """An upstream had to be asked, and failed."""

    status, code = 502, "upstream_failed"


class DatabaseAway(OperationError):
    """The database can't be reached, or is locked for too long. Nothing was changed."""

    status, code = 503, "database_unavailable"


class CountersLost(DatabaseAway):
    """The store of limits is empty: what keys and connections have used has to be counted first (usage/refill.py)."""


def with_request(problem: Problem, request_id: str, attempts: tuple[AttemptNote, ...] = ()) -> Problem:
    """The same problem with this request's id and attempts in it."""
    return replace(problem, request_id=request_id, attempts=attempts or problem.attempts)
