"""Test all: every connection in use, one after the other before the reader's eyes.

With scripts (static/testing.js) each row asks for its own verdict, a few at once; who leaves the page ends it. Without, one POST
tests as many as its time allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import flash, request
from flask.typing import ResponseReturnValue

from omniroute.connections.shown import ConnectionView
from omniroute.dashboard.connection_rows import GONE, existing, outcome, summary
from omniroute.dashboard.remedies import Behind, Where, behind
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import go, page, part, wants_part
from omniroute.edge.current import actor
from omniroute.errors import Missing
from omniroute.relay.probe_all import ask_all, ask_one
from omniroute.routing.verdict import Diagnosis, Verdict
from omniroute.services import Services

SECONDS = 25.0  # of one POST: some hosting platforms cut a silent request after 30


@dataclass(frozen=True, slots=True)
class Tried:
    """`said` is what its last Test, or the one that was just made, has said; None before the first."""

    row: ConnectionView
    said: Diagnosis | None
    outcome: str
    behind: Behind | None


def testing(services: Services) -> ResponseReturnValue:
    """All connections that a Test would ask, with what their last one said. For htmx only the list, which then begins at once."""
    rows = services.connections.testable()
    values: dict[str, Any] = {"lines": [told(services, row) for row in rows], "now": services.clock.now()}
    if wants_part():
        return part("parts/testing.html", start=True, **values)
    return page("testing.html", here="providers", title="Test all", start=False, **values)


def test_all(services: Services) -> ResponseReturnValue:
    """Of one provider, or all."""
    provider_id = request.form.get("provider", "")
    rows = services.connections.testable(provider_id or None)
    done = ask_all(services.probe, rows, actor(), SECONDS)
    verdicts = [each.verdict for each in done.results]
    fine = verdicts and all(outcome(verdict) == "good" for verdict in verdicts)
    flash(summary(verdicts) if rows else "There is nothing to test: no connection is in use.", "good" if fine else "warn")
    if done.left:
        flash(f"Still without a verdict after {SECONDS:.0f} seconds: {', '.join(row.name for row in done.left)}.", "warn")
    return go("provider", provider_id=provider_id) if provider_id else go("testing")


def test_line(services: Services, connection_id: str) -> ResponseReturnValue:
    """One of them."""
    row = existing(services, connection_id)
    tested = ask_one(services.probe, row, actor())
    if tested is None:
        raise Missing(GONE)
    if not wants_part():
        flash(f"{row.name}: {tested.verdict.diagnosis.message}", "good" if outcome(tested.verdict) == "good" else "warn")
        return go("testing")
    return part("parts/test_line.html", line=told(services, services.connections.get(row.id), tested.verdict))


def told(services: Services, row: ConnectionView, verdict: Verdict | None = None) -> Tried:
    where = Where(services.configuration.current().providers.get(row.provider_id), row.id)
    if verdict is not None:
        said = verdict.diagnosis
        return Tried(row, said, outcome(verdict), behind(services, said.type, where))
    last = row.last_test or {}
    kept = last.get("diagnosis")
    if not kept:
        return Tried(row, None, "", None)
    said = Diagnosis(**{name: kept.get(name) or "" for name in ("type", "source", "message", "remedy")})
    state = "bad" if not last.get("valid") else "warn" if last.get("warning") else "good"
    return Tried(row, said, state, behind(services, said.type, where))


ROUTES = (
    Route("GET", "/dashboard/providers/test-all", "testing", testing),
    Route("POST", "/dashboard/providers/test-all", "test_all", test_all),
    Route("POST", "/dashboard/providers/test-all/<connection_id>", "test_line", test_line),
)
