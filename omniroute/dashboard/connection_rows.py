"""The rows of a provider's connections: how each stands, what its Test has said, and what can be behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from omniroute.connections.resilience import HeldView
from omniroute.connections.shown import ConnectionView
from omniroute.dashboard.remedies import Behind, Where, behind
from omniroute.errors import Missing
from omniroute.providers.values import Provider
from omniroute.routing.troubleshooting import told_in
from omniroute.routing.verdict import Verdict
from omniroute.services import Services

# What is held and healed by time. A breaker that only counts as yet holds up nothing.
PASSING = ("open", "half-open", "locked", "cooling")
GONE = "There is no such connection. It may have been deleted in another window."


@dataclass(frozen=True, slots=True)
class Line:
    """`place` counts from 1. Others have the same priority where it `shares`. `verdict` is of a Test that was just made; `behind`
    is about that, or else about what keeps the connection out of use. `held` is what passes by itself.
    """

    row: ConnectionView
    place: int
    shares: bool
    held: tuple[HeldView, ...]
    verdict: Verdict | None
    behind: Behind | None

    @property
    def outcome(self) -> str:
        """Of that Test: good, warn, bad; "" without one."""
        return "" if self.verdict is None else outcome(self.verdict)


def lines(services: Services, provider: Provider, verdicts: Mapping[str, Verdict]) -> tuple[Line, ...]:
    """In the order in which they are asked."""
    rows = services.connections.list(provider.id)
    held = services.resilience.overview().held
    alike = Counter(row.priority for row in rows)
    return tuple(
        Line(
            row=row,
            place=at,
            shares=alike[row.priority] > 1,
            held=passing(held, row),
            verdict=verdicts.get(row.id),
            behind=_behind(services, provider, row, verdicts.get(row.id)),
        )
        for at, row in enumerate(rows, 1)
    )


def line(services: Services, provider: Provider, connection_id: str, verdict: Verdict) -> Line | None:
    """That of one; None when it is gone."""
    found = lines(services, provider, {connection_id: verdict})
    return next((each for each in found if each.row.id == connection_id), None)


def existing(services: Services, connection_id: str) -> ConnectionView:
    """Raises Missing, in words for who has pressed a button of a row that was there a moment ago."""
    try:
        return services.connections.get(connection_id)
    except Missing as gone:
        raise Missing(GONE) from gone


def passing(held: Sequence[HeldView], row: ConnectionView) -> tuple[HeldView, ...]:
    """What is held against this connection, a model through it, or its provider as a whole."""
    return tuple(
        each
        for each in held
        if each.state in PASSING and each.provider_id == row.provider_id and each.connection_id in (None, row.id)
    )


def outcome(verdict: Verdict) -> str:
    return "bad" if not verdict.valid else "warn" if verdict.warning else "good"


def summary(verdicts: Sequence[Verdict]) -> str:
    """How many were tested, and with what outcome, in a sentence."""
    counted = Counter(outcome(verdict) for verdict in verdicts)
    told = [f"{counted['good']} work{'s' if counted['good'] == 1 else ''}"]
    told += [f"{counted['warn']} with a warning"] if counted["warn"] else []
    told += [f"{counted['bad']} {'does' if counted['bad'] == 1 else 'do'} not"] if counted["bad"] else []
    return f"{len(verdicts)} tested: {', '.join(told)}."


def _behind(services: Services, provider: Provider, row: ConnectionView, verdict: Verdict | None) -> Behind | None:
    where = Where(provider, row.id)
    if verdict is not None:
        return behind(services, verdict.diagnosis.type, where)
    if row.test_status not in ("error", "banned"):
        return None
    told = told_in(row.status_reason or "")  # a request may have set it, after the last Test
    last = (row.last_test or {}).get("diagnosis") or {}
    return behind(services, told[0].type if told else str(last.get("type") or ""), where)
