"""The models of one provider: search, hide and show, add one by hand, ask the upstream for its list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import flash, request
from flask.typing import ResponseReturnValue

from omniroute.connections.models import ModelView
from omniroute.dashboard import undo
from omniroute.dashboard.connection_forms import known
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import go, part, refused, wants_part
from omniroute.edge.current import actor
from omniroute.errors import OperationError
from omniroute.services import Services
from omniroute.usage.prices import PricedView

SAID = {"hide": "is hidden from clients", "show": "is shown to clients again", "delete": "is deleted"}
AT_ONCE = 60  # rows; more by search or by "Show all"


@dataclass(frozen=True, slots=True)
class Listing:
    """The models that fit the search, cut to what a page bears. `prices` are those that count now, by model id."""

    wanted: str
    rows: tuple[ModelView, ...]
    found: int
    total: int
    hidden: int
    prices: Mapping[str, PricedView]


def listing(services: Services, provider_id: str) -> Listing:
    models = services.models.for_provider(provider_id)
    wanted = request.args.get("q", "").strip()
    words = wanted.lower().split()
    found = tuple(row for row in models if all(word in f"{row.id} {row.name}".lower() for word in words))
    rows = found if request.args.get("all") else found[:AT_ONCE]
    prices = services.prices.of(provider_id, [row.id for row in rows])
    return Listing(wanted, rows, len(found), len(models), sum(row.hidden for row in models), prices)


def models(services: Services, provider_id: str) -> ResponseReturnValue:
    """The list alone, for the search field. Without scripts the same form asks for the whole page."""
    if not wants_part():
        return go("provider", provider_id=provider_id, **request.args.to_dict())
    return part("parts/models.html", provider=known(services, provider_id), listing=listing(services, provider_id))


def add(services: Services, provider_id: str) -> ResponseReturnValue:
    ids = request.form.get("ids", "").replace(",", " ").split()
    try:
        services.models.add(provider_id, ids, "custom", actor())
    except OperationError as refusal:
        refused(refusal)
    else:
        flash(f"{ids[0] if len(ids) == 1 else f'{len(ids)} models'} added.", "good")
    return back(provider_id)


def change(services: Services, provider_id: str, verb: str) -> ResponseReturnValue:
    """Hide, show or delete one model. Which one stands in the form: ids hold slashes."""
    verbs = {"hide": services.models.hide, "show": services.models.show, "delete": services.models.delete}
    model = request.form.get("model", "")
    try:
        verbs[verb](provider_id, model, actor())
    except OperationError as refusal:
        refused(refusal)
        return back(provider_id)
    undo.offer(f"{model} {SAID[verb]}.", f"model.{verb}", f"provider:{provider_id}")
    if wants_part():
        found = listing(services, provider_id)
        return part("parts/models.html", provider=known(services, provider_id), listing=found, beside=True)
    return back(provider_id)


def discover(services: Services, provider_id: str) -> ResponseReturnValue:
    """Ask the upstream for its list, through the first connection in use, and keep it."""
    row = next((row for row in services.connections.list(provider_id) if row.is_active), None)
    if row is None:
        flash("Add a connection first: the upstream is asked through it.", "warn")
        return back(provider_id)
    try:
        found = services.probe.models(row.id)
        kept = services.models.refresh(provider_id, found, actor())
    except OperationError as refusal:
        refused(refusal)
    else:
        flash(f"The upstream lists {len(found)} models: {kept.added} new here, {kept.removed} gone.", "good" if found else "warn")
    return back(provider_id)


def back(provider_id: str) -> ResponseReturnValue:
    return go("provider", provider_id=provider_id, _anchor="models")


ROUTES = (
    Route("GET", "/dashboard/providers/<provider_id>/models", "models", models),
    Route("POST", "/dashboard/providers/<provider_id>/models", "model_add", add),
    Route("POST", "/dashboard/providers/<provider_id>/models/discover", "model_discover", discover),
    Route("POST", "/dashboard/providers/<provider_id>/models/<any(hide, show, delete):verb>", "model_change", change),
)
