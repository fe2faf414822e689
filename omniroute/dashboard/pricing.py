"""Prices: what models cost and by whose word, those that nobody knows first; and the operator's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from flask import flash, request
from flask.typing import ResponseReturnValue
from wtforms import Form, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from omniroute.dashboard import undo
from omniroute.dashboard.forms import SelectChoice, fresh_status, refuse, stripped
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import confirmation, go, page, part, refused, wants_part
from omniroute.edge.current import actor
from omniroute.errors import Invalid, Missing, OperationError
from omniroute.prices.book import edition
from omniroute.providers.values import Provider
from omniroute.services import Services
from omniroute.usage.prices import RATES, PricedView, PriceView

AT_ONCE = 60  # rows; more by search or by "Show all"

# By whose word: the filter's value, the words for it, the tone of its tag.
SOURCES: dict[str, tuple[str, str]] = {
    "unknown": ("Unknown", "warn"),
    "operator": ("Yours", "brand"),
    "provider": ("Listed", ""),
    "genai-prices": ("Collected", ""),
}

# Where the form has what the operation calls so.
STEP = {"tiers[0].above": "above", **{f"tiers[0].{name}": f"above_{name}" for name in RATES}}


class PriceForm(Form):
    provider = SelectField("Provider", [InputRequired("Whose model?")])
    model = StringField("Model", [InputRequired("Which model?"), Length(max=256)], filters=[stripped])
    input = StringField("Input", filters=[stripped])
    output = StringField("Output", filters=[stripped])
    cache_read = StringField("Cached input", filters=[stripped])
    cache_write = StringField("Written to cache", filters=[stripped])
    request = StringField("Each request", filters=[stripped])
    above = IntegerField("Above input tokens", [Optional()])
    above_input = StringField("Input then", filters=[stripped])
    above_output = StringField("Output then", filters=[stripped])
    above_cache_read = StringField("Cached input then", filters=[stripped])
    above_cache_write = StringField("Written to cache then", filters=[stripped])

    def given(self, kept: tuple[dict[str, Any], ...]) -> dict[str, Any]:
        """As the operation takes it. `kept` are the steps when there are more than the form has room for."""
        step = {name: self[f"above_{name}"].data for name in RATES if self[f"above_{name}"].data}
        if self.above.data is not None:
            step["above"] = self.above.data
        prices = {name: self[name].data for name in (*RATES, "request")}
        return prices | {"tiers": list(kept) or ([step] if step else [])}


@dataclass(frozen=True, slots=True)
class Listing:
    """The models that fit the filter, cut to what a page bears. `unknown` counts those of all whose price nobody knows."""

    wanted: str
    source: str
    rows: tuple[PricedView, ...]
    found: int
    total: int
    unknown: int


def pricing(services: Services) -> ResponseReturnValue:
    """The page; for htmx only the list. `?provider=&model=` fills the form with what counts for that model now."""
    if wants_part():
        return part("parts/prices.html", **tables(services))
    provider, model = request.args.get("provider", ""), request.args.get("model", "")
    own = find_own(services, provider, model)
    counts = services.prices.of(provider, [model])[model] if provider and model else None
    return show(services, form_for(services, None, filled(own or counts) | {"provider": provider, "model": model}), own)


def put(services: Services) -> ResponseReturnValue:
    form, status = form_for(services, request.form), fresh_status()
    own = find_own(services, form.provider.data or "", form.model.data or "")
    if form.validate():
        kept = tuple(asdict(step) for step in own.tiers) if own and len(own.tiers) > 1 else ()
        try:
            services.prices.put(form.provider.data or "", form.model.data or "", form.given(kept), actor())
        except OperationError as refusal:
            fields = {STEP.get(name, name): text for name, text in refusal.fields.items()}
            status = refuse(form, Invalid(refusal.message, fields))
        else:
            flash(f"{form.model.data} has your price from now on.", "good")
            return go("pricing")
    return show(services, form, own, status)


def delete(services: Services) -> ResponseReturnValue:
    """Which one stands in the query: names hold slashes."""
    provider_id, model = request.args.get("provider", ""), request.args.get("model", "")
    if find_own(services, provider_id, model) is None:
        raise Missing("There is no such price. It may have been deleted in another window.")
    if request.method == "POST":
        try:
            services.prices.delete(provider_id, model, actor())
        except OperationError as refusal:
            refused(refusal)
        else:
            undo.offer(f"Your price of {model} is deleted.", "price.delete", f"price:{provider_id}/{model}")
        return go("pricing")
    lost = ["From then on the provider's list counts, or what is collected; without either its cost is unknown."]
    lost += ["What was counted until now stays as it is.", undo.FOR_A_WHILE]
    values = {"question": f"Delete your price of “{model}”?", "lost": lost, "verb": "Delete price", "action": request.full_path}
    return confirmation(values, title="Delete price", back=("pricing", {}), here="pricing")


def show(services: Services, form: PriceForm, own: PriceView | None, status: int = 200) -> ResponseReturnValue:
    return page(
        "pricing.html",
        here="pricing",
        title="Prices",
        form=form,
        steps=own.tiers if own else (),
        own=services.prices.list(),
        edition=edition(),
        status=status,
        **tables(services),
    )


def tables(services: Services) -> dict[str, Any]:
    return {"listing": listing(services), "providers": services.configuration.current().providers, "sources": SOURCES}


def listing(services: Services) -> Listing:
    models = services.prices.models()
    wanted, source = request.args.get("q", "").strip(), request.args.get("source", "")
    words, providers = wanted.lower().split(), services.configuration.current().providers
    found = [
        row
        for row in models
        if source in ("", row.source or "unknown") and all(word in names(row, providers).lower() for word in words)
    ]
    found.sort(key=lambda row: row.source is not None)
    rows = found if request.args.get("all") else found[:AT_ONCE]
    return Listing(wanted, source, tuple(rows), len(found), len(models), sum(row.source is None for row in models))


def names(row: PricedView, providers: Mapping[str, Provider]) -> str:
    provider = providers.get(row.provider_id)
    return f"{provider.name} {provider.prefix}/{row.model}" if provider else row.model


def form_for(services: Services, sent: Any, data: Mapping[str, Any] | None = None) -> PriceForm:
    """The providers to choose from: those connected, those with prices of the operator's, and the one that is asked about."""
    configuration = services.configuration.current()
    asked = (data or sent or {}).get("provider", "")
    ids = dict.fromkeys((*configuration.connections, *(view.provider_id for view in services.prices.list()), asked))
    known = [configuration.providers[each] for each in ids if each in configuration.providers]
    form = PriceForm(sent, data=dict(data) if data else None)
    form.provider.choices = [SelectChoice(each.id, f"{each.name} ({each.prefix or each.id})") for each in known]
    return form


def find_own(services: Services, provider_id: str, model: str) -> PriceView | None:
    return next((each for each in services.prices.list() if (each.provider_id, each.model) == (provider_id, model)), None)


def filled(price: PriceView | PricedView | None) -> dict[str, Any]:
    """What the fields hold for that price."""
    if price is None:
        return {}
    data: dict[str, Any] = {name: digits(getattr(price, name)) for name in (*RATES, "request")}
    if len(price.tiers) == 1:
        (step,) = price.tiers
        data |= {"above": step.above, **{f"above_{name}": digits(getattr(step, name)) for name in RATES}}
    return data


def digits(dollars: Decimal | None) -> str:
    return "" if dollars is None else format(dollars, "f")


ROUTES = (
    Route("GET", "/dashboard/pricing", "pricing", pricing),
    Route("POST", "/dashboard/pricing", "price_put", put),
    Route("GET POST", "/dashboard/pricing/delete", "price_delete", delete),
)
