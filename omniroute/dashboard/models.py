"""The models of one provider: search, filter and sort, hide and show, add one by hand, ask the upstream for its list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import current_app, flash, request, url_for
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
MOST = 300  # rows of one page of all: thousands would hold up the browser for seconds at each change

# What the list can be narrowed to: name -> label, and which models stay.
KEPT: dict[str, tuple[str, Callable[[ModelView], bool]]] = {
    "shown": ("Shown to clients", lambda model: not model.hidden),
    "hidden": ("Hidden", lambda model: model.hidden),
    "custom": ("Added by hand", lambda model: model.source == "custom"),
    "discovered": ("Found upstream", lambda model: model.source == "discovered"),
    "catalog": ("From the catalogue", lambda model: model.source == "catalog"),
}
Prices = Mapping[str, PricedView]
# Columns that the list is sorted by: name -> what counts, and the direction for screen readers. What is not known goes last.
ORDERS: dict[str, tuple[Callable[[ModelView, Prices], Any], str]] = {
    "name": (lambda model, prices: model.id.lower(), "ascending"),
    "window": (lambda model, prices: -(model.context_window or 0), "descending"),
    "answer": (lambda model, prices: -(model.max_output or 0), "descending"),
    "price": (lambda model, prices: _priced(prices[model.id]), "ascending"),
}


@dataclass(frozen=True, slots=True)
class Listing:
    """The models that fit, cut to what a page bears. `query` is what of the address means something, for links. `prices` are
    those that count now, by model id. `hidden` of all are hidden. `try_at` is the playground's address. `begin`
    is the place of the first row among those that fit, from 0; `whole` is whether all were asked for, by pages.
    """

    query: dict[str, str]
    rows: tuple[ModelView, ...]
    found: int
    total: int
    hidden: int
    prices: Prices
    try_at: str
    begin: int
    whole: bool

    @property
    def wanted(self) -> str:
        return self.query.get("q", "")

    @property
    def pages(self) -> tuple[int | None, int | None]:
        """Where the page before and the one after begin; None where there is none."""
        after = self.begin + len(self.rows)
        before = max(0, self.begin - MOST) if self.whole and self.begin else None
        return before, after if self.whole and after < self.found else None

    @property
    def choices(self) -> list[tuple[str, str]]:
        """What it can be narrowed to: name and label."""
        return [(name, label) for name, (label, _) in KEPT.items()]

    def sorted(self, column: str) -> str:
        """The direction in which it is sorted by this column now, "" if it is not."""
        return ORDERS[column][1] if self.query.get("sort") == column else ""


def listing(services: Services, provider_id: str) -> Listing:
    models = services.models.for_provider(provider_id)
    query = asked()
    found = fitting(models, query)
    if query.get("sort") == "price":
        found = ordered(found, "price", services.prices.of(provider_id, [row.id for row in found]))
    elif "sort" in query:
        found = ordered(found, query["sort"], {})
    whole = bool(request.args.get("all"))
    begin = min(request.args.get("from", 0, int), max(0, len(found) - 1)) if whole else 0
    begin = max(0, begin)
    rows = found[begin : begin + (MOST if whole else AT_ONCE)]
    return Listing(
        query=query,
        rows=rows,
        found=len(found),
        total=len(models),
        hidden=sum(row.hidden for row in models),
        prices=services.prices.of(provider_id, [row.id for row in rows]),
        try_at=url_for("dashboard.playground") if "dashboard.playground" in current_app.view_functions else "",
        begin=begin,
        whole=whole,
    )


def asked() -> dict[str, str]:
    """Of the address, what is not known left out."""
    given = {"q": request.args.get("q", "").strip(), "show": request.args.get("show", ""), "sort": request.args.get("sort", "")}
    known_names = {"show": KEPT.keys(), "sort": ORDERS.keys()}
    return {name: text for name, text in given.items() if text and text in known_names.get(name, {text})}


def fitting(models: tuple[ModelView, ...], query: Mapping[str, str]) -> tuple[ModelView, ...]:
    """Each word stands somewhere in the id or name."""
    words = query.get("q", "").lower().split()
    keep = KEPT[query["show"]][1] if "show" in query else lambda model: True
    return tuple(row for row in models if keep(row) and all(word in f"{row.id} {row.name}".lower() for word in words))


def ordered(models: tuple[ModelView, ...], by: str, prices: Prices) -> tuple[ModelView, ...]:
    return tuple(sorted(models, key=lambda model: ORDERS[by][0](model, prices)))


def _priced(price: PricedView) -> tuple[bool, Any, Any]:
    """By input and output together; without a price last."""
    return price.source is None, (price.input or 0) + (price.output or 0), price.request or 0


def models(services: Services, provider_id: str) -> ResponseReturnValue:
    """The list alone, for the search field. Without scripts the same form asks for the whole page."""
    if not wants_part():
        pages = {name: request.args[name] for name in ("all", "from") if name in request.args}
        return go("provider", provider_id=provider_id, **asked(), **pages)
    return the_list(services, provider_id)


def the_list(services: Services, provider_id: str, *, beside: bool = False) -> ResponseReturnValue:
    """`beside` sends along what there is to say."""
    found = listing(services, provider_id)
    return part("parts/models.html", provider=known(services, provider_id), listing=found, beside=beside)


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
    return the_list(services, provider_id, beside=True) if wants_part() else back(provider_id)


def change_found(services: Services, provider_id: str, verb: str) -> ResponseReturnValue:
    """Hide or show all that fit the search and filter, also those that the page has cut off."""
    known(services, provider_id)
    ids = [model.id for model in fitting(services.models.for_provider(provider_id), asked())]
    try:
        count = services.models.hide_many(provider_id, ids, verb == "hide", actor())
    except OperationError as refusal:
        refused(refusal)
        return back(provider_id)
    told = f"{count} model{'' if count == 1 else 's'} {'hidden from' if verb == 'hide' else 'shown to'} clients."
    undo.offer(told, f"model.{verb}_many", f"provider:{provider_id}")
    return the_list(services, provider_id, beside=True) if wants_part() else back(provider_id)


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
    return go("provider", provider_id=provider_id, _anchor="models", **asked())


ROUTES = (
    Route("GET", "/dashboard/providers/<provider_id>/models", "models", models),
    Route("POST", "/dashboard/providers/<provider_id>/models", "model_add", add),
    Route("POST", "/dashboard/providers/<provider_id>/models/discover", "model_discover", discover),
    Route("POST", "/dashboard/providers/<provider_id>/models/<any(hide, show, delete):verb>", "model_change", change),
    Route("POST", "/dashboard/providers/<provider_id>/models/found/<any(hide, show):verb>", "models_change", change_found),
)
