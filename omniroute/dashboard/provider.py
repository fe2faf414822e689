"""One provider or node: its connections and their Test, its models, and exactly what is sent upstream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import request
from flask.typing import ResponseReturnValue

from omniroute.connections.operations import ConnectionView
from omniroute.dashboard.connection_forms import ConnectionForm, form_for, known, own_fields, say
from omniroute.dashboard.forms import fresh_status, refuse
from omniroute.dashboard.home import Connected
from omniroute.dashboard.models import listing
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import go, page, part, wants_part
from omniroute.edge.current import actor
from omniroute.errors import FeatureOff, OperationError
from omniroute.providers.addresses import placed
from omniroute.providers.outgoing import masked, upstream_headers
from omniroute.providers.urls import chat_url, models_url
from omniroute.providers.values import Provider
from omniroute.routing.verdict import Diagnosis, Verdict
from omniroute.security.redaction import MASK, secret_name
from omniroute.services import Services


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it goes upstream, for people to see. The credential is masked."""

    url: str
    models_url: str
    headers: tuple[tuple[str, str], ...]
    notice: str
    profile: str


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
    rows = services.connections.list(found.id)
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
        rows=rows,
        verdicts=verdicts or {},
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
    """Test a saved connection; the verdict stands under its row, also that it can't be tested while its flag is off."""
    try:
        verdict = services.probe.test(connection_id, request.form.get("model") or None, by=actor())
    except FeatureOff as off:
        verdict = Verdict(False, Diagnosis(off.code, "gateway", off.message), "none", 0, error=off.message)
    row = services.connections.get(connection_id)
    if wants_part():
        return part("parts/connection.html", row=row, verdict=verdict)
    return show(services, row.provider_id, verdicts={row.id: verdict})


def sent(services: Services, provider: Provider, rows: tuple[ConnectionView, ...]) -> Sent:
    """Address and headers of a streamed request from a caller that sends none of its own, through the first connection."""
    hint = next((row.key_hint for row in rows if len(row.key_hint) > 3), "")  # a short key's is just "..."
    stand_in = hint.replace("...", "x" * 20) or "x" * 8  # as long as a key: masking it gives the hint again
    wires = services.catalog.wires
    headers = upstream_headers(
        provider, wires, stand_in, {}, stream=True, timeout=services.settings.answer_seconds, caller_format=provider.format
    )
    if rows:
        provider = placed(provider, rows[0].fields)  # secrets are no part of an address
    wire = wires.get(provider.wire) if provider.wire else None
    own = {name.lower() for name, _ in provider.custom_headers}
    return Sent(
        chat_url(provider, provider.models[0].id if provider.models else "model", stream=True),
        models_url(provider),
        tuple((name, MASK if name.lower() in own and secret_name(name) else value) for name, value in masked(headers, stand_in)),
        wire.notice.strip() if wire else "",
        wire.name if wire else "",
    )


ROUTES = (
    Route("GET", "/dashboard/providers/<provider_id>", "provider", provider),
    Route("POST", "/dashboard/providers/<provider_id>/connections", "connection_add", add_connection),
    Route("POST", "/dashboard/connections/<connection_id>/test", "connection_test", test),
)
