"""One request: what became of it, attempt by attempt, what it took, and its bodies where they were kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask.typing import ResponseReturnValue

from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import above, page, part, wants_part
from omniroute.routing.strategies import STRATEGIES
from omniroute.services import Services
from omniroute.usage.bodies import StoredBodies
from omniroute.usage.logs import LogView

SCALE = 1000  # units of a bar's drawing from its left to its right
THIN = 6  # units: a bar that would be thinner could not be seen

COUNTED = {
    "reported": "The upstream told these counts.",
    "partial": "The answer broke off: what the upstream had told until then, the rest counted by its text.",
    "estimated": "The upstream told none; they are estimated by the texts that went in and out.",
    "absent": "The upstream told none, and nothing was there to estimate them by.",
}
PRICED = {
    "operator": "by your own price",
    "provider": "by the price in the provider's file",
    "genai-prices": "by the price list of genai-prices",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One attempt. `left` and `width` are units of SCALE; None where a row of an older version does not say when it began."""

    attempt: Mapping[str, Any]
    left: int | None
    width: int
    first: int | None  # where its first content came


@dataclass(frozen=True, slots=True)
class Decision:
    """`strategy`, what it does, and why the name led there."""

    strategy: str
    help: str
    reason: str


@dataclass(frozen=True, slots=True)
class Body:
    """One text as it is shown. `size` is of the whole in bytes, `kept` of what is here where that is less."""

    label: str
    text: str | None
    size: int
    kept: int | None


def log(services: Services, log_id: str) -> ResponseReturnValue:
    row = services.logs.get(log_id)
    return page(
        "log.html",
        here="logs",
        title=row.requested_model or row.path or row.id,
        row=row,
        lines=lines(row),
        decision=decision(row.decision or ""),
        counted=COUNTED.get(row.usage_source, row.usage_source),
        priced=PRICED.get(row.price_source or "", row.price_source),
        has_bodies=services.books.bodies.has(log_id),
        keeps_bodies=services.configuration.current().settings.get("log_bodies") == "on",
    )


def bodies(services: Services, log_id: str) -> ResponseReturnValue:
    """The page; for htmx only the two texts."""
    values: dict[str, Any] = {"bodies": shown(services.books.bodies.get(log_id)), "log_id": log_id}
    if wants_part():
        return part("parts/bodies.html", **values)
    trail = (*above("logs"), ("Request", url_for("dashboard.log", log_id=log_id)))
    return page("bodies.html", here="logs", title="Bodies", trail=trail, **values)


def lines(row: LogView) -> list[Line]:
    """Each attempt on the line from when the request came in to its end."""
    timed = [attempt for attempt in row.attempts if attempt.get("at_ms") is not None]
    ends = [attempt["at_ms"] + (attempt.get("ms") or 0) for attempt in timed]
    whole = max([row.total_ms or 0, *ends, 1])
    answered = next((attempt for attempt in reversed(timed) if attempt.get("class") == "ok"), None)
    found = []
    for attempt in row.attempts:
        at, ms = attempt.get("at_ms"), attempt.get("ms") or 0
        left = None if at is None else min(SCALE - THIN, round(SCALE * at / whole))
        first = round(SCALE * row.first_ms / whole) if attempt is answered and row.first_ms is not None else None
        found.append(Line(attempt, left, max(THIN, round(SCALE * ms / whole)), first))
    return found


def decision(text: str) -> Decision | None:
    """Read from "strategy=...; reason=...; attempts=N"; None for another text."""
    strategy, _, rest = text.removeprefix("strategy=").partition("; reason=")
    reason, found, _ = rest.rpartition("; attempts=")
    if not text.startswith("strategy=") or not found:
        return None
    known = STRATEGIES.get(strategy)
    return Decision(strategy, known.help if known else "", reason)


def shown(stored: StoredBodies) -> list[Body]:
    return [
        _body("What was asked", stored.request, stored.request_size),
        _body("What was answered", stored.response, stored.response_size),
    ]


def _body(label: str, text: str | None, size: int) -> Body:
    """JSON with its lines broken; a stream, and what is no JSON or was cut, as it came."""
    if text is None:
        return Body(label, None, size, None)
    kept = len(text.encode())
    try:
        pretty = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        pretty.encode()  # half a surrogate pair could be written as an escape alone
    except (ValueError, RecursionError):
        pretty = text
    return Body(label, pretty, size, kept if kept < size else None)


ROUTES = (
    Route("GET", "/dashboard/logs/<log_id>", "log", log),
    Route("GET", "/dashboard/logs/<log_id>/bodies", "log_bodies", bodies),
)
