"""Usage: what was spent, by whom and how fast, over time. The charts are drawn by a script; the table has the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import page
from omniroute.errors import Invalid
from omniroute.services import Services
from omniroute.usage.reports import Bucket, Figures, Group, UsageFilters, UsageSummary

A_DAY = 86_400  # seconds
RANGES = {"24h": ("24 hours", 1), "7d": ("7 days", 7), "30d": ("30 days", 30), "90d": ("90 days", 90)}  # label, days
CUSTOM = "custom"
# What groups are by: name -> label, and the filter that takes one of them.
GROUPS = {
    "provider": ("Provider", "provider"),
    "model": ("Model", "model"),
    "key": ("Key", "key_id"),
    "combo": ("Combo", "combo"),
    "connection": ("Connection", "connection_id"),
    "class": ("Class", "kind"),
}
FILTERS = {filter: label for label, filter in GROUPS.values()} | {"endpoint": "Endpoint"}
LINES = 8  # groups with a colour of their own; the others are drawn as one
AT_ONCE = 100  # rows of the table


def spend(figures: Figures) -> int | None:
    """Micro-dollars; None where something was answered and none of it has a known price."""
    return None if figures.unpriced and not figures.cost else figures.cost


# Columns of the table that it is sorted by, the highest first: name -> what counts.
ORDERS: dict[str, Callable[[Group], Any]] = {
    "cost": lambda group: (group.figures.cost, group.figures.unpriced),
    "requests": lambda group: group.figures.requests,
    "errors": lambda group: group.figures.error_rate,
    "input": lambda group: group.figures.input_tokens,
    "output": lambda group: group.figures.output_tokens,
    "cached": lambda group: group.figures.cached_tokens,
    "first": lambda group: group.figures.first_p95_ms,
    "total": lambda group: group.figures.total_p95_ms,
}
# What the charts show: name -> its value in a bucket.
MEASURES: dict[str, Callable[[Figures], int | None]] = {
    "cost": spend,
    "tokens": lambda figures: figures.tokens,
    "requests": lambda figures: figures.requests,
    "failed": lambda figures: figures.failed,
    "first": lambda figures: figures.first_p95_ms,
    "total": lambda figures: figures.total_p95_ms,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for. `since` and `until` are days such as 2026-11-27, both included, of the range "custom"."""

    range: str = "7d"
    since: str = ""
    until: str = ""
    group: str = "provider"
    sort: str = "cost"
    filters: Mapping[str, str] = field(default_factory=dict)

    def query(self, **changed: str) -> dict[str, str]:
        """The address again, with changes; "" takes something out."""
        own = {"range": self.range, "since": self.since, "until": self.until, "group": self.group, "sort": self.sort}
        return {name: value for name, value in {**own, **self.filters, **changed}.items() if value}

    def log_query(self, **more: str) -> dict[str, str]:
        """The same requests on the Logs page."""
        own = {"range": self.range, "since": self.since and f"{self.since}T00:00", "until": self.until and f"{self.until}T23:59"}
        return {name: value for name, value in {**own, **self.filters, **more}.items() if value}


def usage(services: Services) -> ResponseReturnValue:
    asked, wrong = read(request.args), ""
    try:
        summary = summarize(services, asked)
    except Invalid as exc:
        asked, wrong = replace(asked, range="7d", since="", until=""), exc.message
        summary = summarize(services, asked)
    rows = in_order(summary.groups, asked.sort)
    whole = "all" in request.args
    return page(
        "usage.html",
        here="usage",
        title="Usage",
        asked=asked,
        wrong=wrong,
        summary=summary,
        rows=rows if whole else rows[:AT_ONCE],
        more=0 if whole else max(0, len(rows) - AT_ONCE),
        lines={group.id: number for number, group in enumerate(summary.groups[:LINES], 1)},
        legend=[line["name"] for line in lines(summary)],
        spend=spend,
        ranges=RANGES,
        groups=GROUPS,
        chips=chips(services, asked),
    )


def series(services: Services) -> ResponseReturnValue:
    """The numbers of the charts: one list a measure and line, as long as `at`, which has the beginnings of the buckets."""
    summary = summarize(services, read(request.args))
    at = [bucket.at for bucket in summary.series]
    return jsonify({"step": summary.bucket_seconds, "at": at, "lines": lines(summary)})


def read(args: Mapping[str, str]) -> Asked:
    """What means nothing (any more) is as if it were not there."""
    given = {name: value.strip() for name, value in args.items() if value.strip()}
    asked = Asked(filters={name: given[name] for name in FILTERS if name in given})
    if given.get("range") in RANGES:
        asked = replace(asked, range=given["range"])
    elif given.get("range") == CUSTOM:
        asked = replace(asked, range=CUSTOM, since=given.get("since", ""), until=given.get("until", ""))
    if given.get("group") in GROUPS:
        asked = replace(asked, group=given["group"])
    return replace(asked, sort=given["sort"]) if given.get("sort") in {*ORDERS, "name"} else asked


def summarize(services: Services, asked: Asked) -> UsageSummary:
    """Raises Invalid for days that are none, lie ahead, or are in the wrong order."""
    now = services.clock.now()
    if asked.range == CUSTOM:
        today = datetime.fromtimestamp(now, UTC).date().isoformat()
        since, last = _day(asked.since or asked.until or today, "since"), _day(asked.until or today, "until")
        if since > now:
            raise Invalid(f"{asked.since or asked.until} lies ahead.", {"since": "lies ahead"})
        until = min(last, _day(today, "until")) + A_DAY
    else:
        since, until = now - RANGES[asked.range][1] * A_DAY, now
    return services.usage.summary(since, until, asked.group, UsageFilters(**asked.filters))


def _day(text: str, name: str) -> float:
    """When that day begins, in UTC."""
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC).timestamp()
    except ValueError as exc:
        raise Invalid(f"{text} is no day; write it as 2026-11-27.", {name: "must be a day such as 2026-11-27"}) from exc


def in_order(groups: Sequence[Group], sort: str) -> list[Group]:
    """Those without a value come last."""
    if sort == "name":
        return sorted(groups, key=lambda group: group.name.lower())
    value = ORDERS[sort]
    return sorted(groups, key=lambda group: (value(group) is not None, value(group) or 0), reverse=True)


def lines(summary: UsageSummary) -> list[dict[str, Any]]:
    """Each of the first groups, and what is left of the totals as one; without times, which do not add up."""
    shown = [(group.name, group.series) for group in summary.groups[:LINES]]
    if len(summary.groups) > LINES:
        columns = zip(*(series for _, series in shown), strict=True)
        rest = [_less(bucket, taken) for bucket, taken in zip(summary.series, columns, strict=True)]
        shown.append((f"{len(summary.groups) - LINES} others", tuple(rest)))
    return [
        {"name": name, **{measure: [of(bucket.figures) for bucket in series] for measure, of in MEASURES.items()}}
        for name, series in shown
    ]


def _less(whole: Bucket, parts: Sequence[Bucket]) -> Bucket:
    names = ("cost", "unpriced", "tokens", "requests", "failed")
    left = {name: getattr(whole.figures, name) - sum(getattr(part.figures, name) for part in parts) for name in names}
    return Bucket(whole.at, Figures(**left))


def chips(services: Services, asked: Asked) -> list[tuple[str, str, str]]:
    """(filter, label, value in words) of each that is set."""
    if not asked.filters:
        return []
    connections = services.connections.list()
    named = {node.id: node.name for node in services.nodes.list()} | {row.provider_id: row.provider_name for row in connections}
    named |= {key.id: key.name for key in services.keys.list()} | {row.id: row.name for row in connections}
    return [(name, FILTERS[name], named.get(value, value)) for name, value in asked.filters.items()]


ROUTES = (
    Route("GET", "/dashboard/usage", "usage", usage),
    Route("GET", "/dashboard/usage/series", "usage_series", series),
)
