"""Which requests the Logs page, its live tail and its exports are asked for: read from the address, and written into links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from omniroute.clock import moment
from omniroute.edge.bodies import LOG_KINDS
from omniroute.errors import RequestError
from omniroute.routing.failures import RULES
from omniroute.usage.journal import INTERRUPTED
from omniroute.usage.logs import LogFilters
from omniroute.usage.search import OUTCOMES

RANGES = {"1h": ("Last hour", 3600), "24h": ("24 hours", 86_400), "7d": ("7 days", 604_800), "30d": ("30 days", 2_592_000)}
CUSTOM = "custom"
A_MINUTE = 60  # seconds: what `until` names is included
TEXTS = ("model", "provider", "outcome", "key_id", "combo", "connection_id", "endpoint", "status", "kind", "request_id")


def _classes(error: type[RequestError]) -> Iterator[str]:
    yield error.kind
    for each in error.__subclasses__():
        yield from _classes(each)


# What may be typed as a class is offered; a provider may have more of its own.
CLASSES = tuple(sorted({"ok", "client_gone", INTERRUPTED, *RULES, *_classes(RequestError)}))


@dataclass(frozen=True, slots=True)
class Asked:
    """`query` is what of the address means something, for links; `wrong` says what did not, in sentences."""

    query: dict[str, str]
    filters: LogFilters
    wrong: tuple[str, ...] = ()


def exported(filters: LogFilters) -> dict[str, Any]:
    """The same filters as the query of `/api/usage/export.csv` and `.jsonl`."""
    given = {field.json: getattr(filters, field.name) for field in LOG_KINDS}
    found = {name: moment(value) if isinstance(value, float) else value for name, value in given.items()}
    return {name: value for name, value in found.items() if value}


def read(args: Mapping[str, str], now: float) -> Asked:
    given = {name: text for name in ("range", "since", "until", *TEXTS) if (text := args.get(name, "").strip())}
    wrong: dict[str, str] = {}
    values: dict[str, Any] = {name: given[name] for name in TEXTS if name in given}
    values |= times(given, now, wrong)
    if "status" in given:
        values["status"] = int(given["status"]) if given["status"].isascii() and given["status"].isdigit() else None
        if not values["status"] or not 0 < values["status"] < 1000:
            wrong["status"] = "A status is a number such as 429."
    if given.get("outcome", "ok") not in OUTCOMES:
        wrong["outcome"] = "The outcome is ok or failed."
    kept = {name: text for name, text in given.items() if name not in wrong}
    return Asked(kept, LogFilters(**{name: value for name, value in values.items() if name not in wrong}), tuple(wrong.values()))


def times(given: dict[str, str], now: float, wrong: dict[str, str]) -> dict[str, float]:
    """`since` and `until` in epoch seconds: from a range that ends now, or from two moments in UTC."""
    if given.get("range") in RANGES:
        for name in ("since", "until"):
            given.pop(name, None)
        return {"since": now - RANGES[given["range"]][1]}
    if given.get("range", CUSTOM) != CUSTOM:
        wrong["range"] = f"There is no range {given['range']}."
    if "since" in given or "until" in given:
        given["range"] = CUSTOM
    found: dict[str, float] = {}
    for name, more in (("since", 0), ("until", A_MINUTE)):
        if name in given:
            try:
                found[name] = _moment(given[name]) + more
            except (ValueError, OverflowError):
                wrong[name] = f"{given[name]} is no moment; write it as 2026-11-27T08:00."
    return found


def _moment(text: str) -> float:
    """Epoch seconds. Raises ValueError, OverflowError; also for a moment whose day has no next one to be written with."""
    at = datetime.fromisoformat(text)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (at + timedelta(days=1)).timestamp() - timedelta(days=1).total_seconds()
