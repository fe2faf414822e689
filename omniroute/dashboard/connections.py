"""Connections: a native provider's first one, and each one's edits, switch and end."""

from __future__ import annotations

from collections.abc import Callable

from flask import flash, request, url_for
from flask.typing import ResponseReturnValue

from omniroute.combos.shown import StepView
from omniroute.connections.shown import ConnectionView
from omniroute.dashboard import undo
from omniroute.dashboard.connection_forms import ConnectionForm, form_for, known, own_fields, own_wrong, say
from omniroute.dashboard.forms import fresh_status, refuse
from omniroute.dashboard.remedies import Where, behind
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import above, confirmation, go, page, part, refused, wants_part
from omniroute.dashboard.usage import A_DAY
from omniroute.edge.current import actor
from omniroute.errors import Missing, OperationError
from omniroute.providers.addresses import placed
from omniroute.providers.values import Provider
from omniroute.routing.verdict import Verdict
from omniroute.services import Services
from omniroute.usage.reports import UsageFilters


def connect(services: Services, provider_id: str) -> ResponseReturnValue:
    """Select a native provider, paste the key, save."""
    provider = services.catalog.get(provider_id)
    if provider is None:
        raise Missing(f"There is no provider {provider_id!r} in the catalogue.")
    form, status = form_for(provider), fresh_status()
    if request.method == "POST" and form.validate():
        try:
            made = services.connections.create({"provider": provider.id, **form.given()}, actor())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            say(made.name, services.probe.test(made.id, by=actor()))
            return go("provider", provider_id=provider.id)
    return connect_page(services, provider, form, status=status)


def check(services: Services, provider_id: str) -> ResponseReturnValue:
    """Check before saving. With scripts only the verdict comes back, so the form and its key stay as they are."""
    provider = services.catalog.get(provider_id)
    if provider is None:
        raise Missing(f"There is no provider {provider_id!r} in the catalogue.")
    form = form_for(provider)
    given, refusal, verdict = form.given(), own_wrong(form), None
    if refusal is None:
        verdict = services.probe.check_native(placed(provider, given.get("fields", {})), given.get("api_key") or None)
    if wants_part():
        found = None if verdict is None else behind(services, verdict.diagnosis.type, Where(provider, form="connection"))
        return part(
            "parts/verdict.html", verdict=verdict, refusal=refusal, form=form, importing=False, provider=provider, behind=found
        )
    return connect_page(services, provider, form, verdict=verdict)


def connect_page(
    services: Services, provider: Provider, form: ConnectionForm, *, verdict: Verdict | None = None, status: int = 200
) -> ResponseReturnValue:
    return page(
        "connect.html",
        here="providers",
        title=f"Connect {provider.name}",
        trail=(*above("providers"), ("Add Provider", url_for("dashboard.catalogue"))),
        provider=provider,
        form=form,
        own_fields=own_fields(form),
        taken=owner_of(services, provider),
        verdict=verdict,
        behind=None if verdict is None else behind(services, verdict.diagnosis.type, Where(provider, form="connection")),
        status=status,
    )


def owner_of(services: Services, provider: Provider) -> str | None:
    """The name of a node that holds this provider's prefix now, so that the form can say so before it is filled in."""
    configuration = services.configuration.current()
    owner = configuration.prefixes.get(provider.prefix or provider.id)
    return None if owner in (None, provider.id) else configuration.providers[owner].name


def edit(services: Services, connection_id: str) -> ResponseReturnValue:
    row = services.connections.get(connection_id)
    provider = known(services, row.provider_id)
    form, status = form_for(provider, row), fresh_status()
    if request.method == "POST" and form.validate():
        try:
            moved_from, row = row.base_url, services.connections.update(row.id, form.given(), actor())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            if form.given().get("api_key") or row.base_url != moved_from:
                say(row.name, services.probe.test(row.id, by=actor()))
            else:
                flash(f"{row.name} saved.", "good")
            return go("provider", provider_id=provider.id)
    return page(
        "connection_edit.html",
        here="providers",
        title=f"Edit {row.name}",
        trail=(*above("providers"), (provider.name, url_for("dashboard.provider", provider_id=provider.id))),
        row=row,
        provider=provider,
        form=form,
        own_fields=own_fields(form),
        status=status,
    )


def toggle(services: Services, connection_id: str) -> ResponseReturnValue:
    on = request.form.get("is_active") == "true"
    row = services.connections.update(connection_id, {"is_active": on}, actor())
    said = f"{row.name} is {'on again' if on else 'off: no request is sent through it'}."
    undo.offer(said, "connection.update", f"connection:{row.id}")
    return go("provider", provider_id=row.provider_id)


def delete(services: Services, connection_id: str) -> ResponseReturnValue:
    row = services.connections.get(connection_id)
    if request.method == "POST":
        try:
            services.connections.delete(connection_id, actor())
        except OperationError as refusal:
            refused(refusal)
        else:
            flash(f"Connection {row.name} deleted.", "good")
        return go("provider", provider_id=row.provider_id)
    values = {"question": f"Delete the connection “{row.name}”?", "lost": lost(services, row), "verb": "Delete connection"}
    return confirmation(
        values,
        title="Delete connection",
        back=("provider", {"provider_id": row.provider_id}),
        trail=(*above("providers"), (row.provider_name, url_for("dashboard.provider", provider_id=row.provider_id))),
    )


def lost(services: Services, row: ConnectionView) -> list[str]:
    """What goes with a connection and what stays, in sentences."""
    told = [
        "Its stored API key is lost. The gateway can't show it again." if row.has_key else "Its settings are lost.",
        undo.NOT_THIS,
    ]
    if len(row.key_hint) > 3:  # of a short key there is no more than "..."
        told.insert(1, f"It is the key {row.key_hint}.")
    others = [other for other in services.connections.list(row.provider_id) if other.id != row.id and other.is_active]
    if row.is_active and not others:
        told.append(f"It is the last connection in use: requests for {row.prefix}/… will no longer be answered.")
        told += combos_with(services, lambda step: step.canonical.startswith(f"{row.provider_id}/"), "of this provider")
    else:
        told += combos_with(services, lambda step: step.connection_id == row.id, "that goes through this connection alone")
    if row.quota is not None:
        told.append("What its quota has counted is forgotten.")
    now = services.clock.now()
    used = services.usage.summary(now - 30 * A_DAY, now, filters=UsageFilters(connection_id=row.id)).totals.requests
    told.append(f"Log rows and sums stay: {used:,} requests of the last 30 days." if used else "Log rows and sums stay.")
    return told


def combos_with(services: Services, concerned: Callable[[StepView], bool], whose: str) -> list[str]:
    """A sentence that names the combos with such a step; none without any."""
    names = [each.name for each in services.combos.list() if any(concerned(step) for step in each.steps)]
    if not names:
        return []
    who = "This combo has" if len(names) == 1 else "These combos have"
    return [f"{who} a step {whose}, which can't be asked then: {', '.join(names)}."]


ROUTES = (
    Route("GET POST", "/dashboard/providers/add/<provider_id>", "connect", connect),
    Route("POST", "/dashboard/providers/add/<provider_id>/check", "connect_check", check),
    Route("GET POST", "/dashboard/connections/<connection_id>/edit", "connection_edit", edit),
    Route("POST", "/dashboard/connections/<connection_id>/toggle", "connection_toggle", toggle),
    Route("GET POST", "/dashboard/connections/<connection_id>/delete", "connection_delete", delete),
)
