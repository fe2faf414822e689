"""One provider or node: its connections with their order and Test, its models, and exactly what is sent upstream."""

from __future__ import annotations

from collections.abc import Mapping

from flask import request
from flask.typing import ResponseReturnValue

from omniroute.dashboard import undo
from omniroute.dashboard.connection_forms import ConnectionForm, form_for, known, own_fields, say
from omniroute.dashboard.connection_rows import GONE, existing, line, lines
from omniroute.dashboard.forms import fresh_status, refuse
from omniroute.dashboard.home import Connected
from omniroute.dashboard.models import listing
from omniroute.dashboard.routes import Route
from omniroute.dashboard.sent import sent
from omniroute.dashboard.shell import go, page, part, refused, wants_part
from omniroute.edge.current import actor
from omniroute.errors import Missing, OperationError
from omniroute.relay.probe_all import ask_one
from omniroute.routing.verdict import Verdict
from omniroute.services import Services


def provider(services: Services, provider_id: str) -> ResponseReturnValue:
    return show(services, provider_id)


def show(
    services: Services,
    provider_id: str,
    *,
    form: ConnectionForm | None = None,
    verdicts: Mapping[str, Verdict] | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    """The page; `form` and `verdicts` are what a POST on it has to say."""
    found = known(services, provider_id)
    shown = lines(services, found, verdicts or {})
    rows = tuple(each.row for each in shown)
    nodes = {node.id: node for node in services.nodes.list()}
    configuration = services.configuration.current()
    owner = configuration.prefixes.get((found.prefix or found.id).lower())
    form = form or form_for(found)
    return page(
        "provider.html",
        here="providers",
        title=found.name,
        provider=found,
        node=nodes.get(found.id),
        state=Connected(found.id, found.name, found.prefix or found.id, rows),
        lines=shown,
        rows=rows,
        now=services.clock.now(),
        form=form,
        own_fields=own_fields(form),
        sent=sent(services, found, rows),
        owner=None if owner in (None, found.id) else configuration.providers.get(owner or ""),
        listing=listing(services, found.id),
        status=status,
    )


def add_connection(services: Services, provider_id: str) -> ResponseReturnValue:
    """Add Connection. The form stands on this page, so a refusal is shown here too."""
    found = known(services, provider_id)
    form, status = form_for(found), fresh_status()
    if form.validate():
        try:
            made = services.connections.create({"provider": found.id, **form.given()}, actor())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            say(made.name, services.probe.test(made.id, by=actor()))
            return go("provider", provider_id=found.id)
    return show(services, found.id, form=form, status=status)


def test(services: Services, connection_id: str) -> ResponseReturnValue:
    """Test a saved connection; the verdict stands under its row. `quiet` is asked for by one Test of many."""
    row = existing(services, connection_id)
    found, tested = known(services, row.provider_id), ask_one(services.probe, row, actor(), request.form.get("model", "").strip())
    shown = None if tested is None else line(services, found, row.id, tested.verdict)
    if tested is None or shown is None:
        raise Missing(GONE)
    if not wants_part():
        return show(services, row.provider_id, verdicts={row.id: tested.verdict})
    return part(
        "parts/connection.html",
        line=shown,
        provider=found,
        now=services.clock.now(),
        quiet="quiet" in request.form,
    )


# The order --------------------------------------------------------------------------------------


def order(services: Services, provider_id: str) -> ResponseReturnValue:
    """All ids, as they stand on the page now. With scripts nothing but the toast comes back."""
    try:
        services.connections.reorder(provider_id, request.form.get("ids", "").split(), actor())
    except OperationError as refusal:
        refused(refusal)
        return go("provider", provider_id=provider_id)  # the page was older than that
    undo.offer("The order is saved: they are asked from the top down.", "connection.reorder", f"provider:{provider_id}")
    if wants_part():
        return part("parts/toasts.html", beside=True)
    return go("provider", provider_id=provider_id)


def move(services: Services, connection_id: str) -> ResponseReturnValue:
    """One place up or down, without scripts."""
    row = existing(services, connection_id)
    ids = [each.id for each in services.connections.list(row.provider_id)]
    if row.id not in ids:
        raise Missing(GONE)
    at, step = ids.index(row.id), -1 if request.form.get("to") == "up" else 1
    ids.insert(max(0, at + step), ids.pop(at))
    services.connections.reorder(row.provider_id, ids, actor())
    said = f"{row.name} is number {ids.index(row.id) + 1} of {len(ids)} now."
    undo.offer(said, "connection.reorder", f"provider:{row.provider_id}")
    return go("provider", provider_id=row.provider_id, _anchor="connections")


ROUTES = (
    Route("GET", "/dashboard/providers/<provider_id>", "provider", provider),
    Route("POST", "/dashboard/providers/<provider_id>/connections", "connection_add", add_connection),
    Route("POST", "/dashboard/providers/<provider_id>/order", "connection_order", order),
    Route("POST", "/dashboard/connections/<connection_id>/move", "connection_move", move),
    Route("POST", "/dashboard/connections/<connection_id>/test", "connection_test", test),
)
