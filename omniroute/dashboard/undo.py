"""Taking a change back. Its toast offers that, and for a while its entry in the audit; that row tells what is taken back.

    undo.offer(f"{row.name} is off.", "connection.update", f"connection:{row.id}")        # in place of flash(...)

A change can be taken back while things are as it left them, and if no secret went with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from flask import current_app, flash
from flask.typing import ResponseReturnValue

from omniroute.dashboard.audit_words import names_of, sentence, what
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import go, refused
from omniroute.edge.current import actor, host
from omniroute.edge.hosts import Hosts
from omniroute.errors import Conflict, Missing, OperationError
from omniroute.security.audit import CHANGED, DONE, Actor, AuditView
from omniroute.security.redaction import MASK
from omniroute.services import Services

WITHIN = 600.0  # seconds
JUST_NOW = 10.0  # seconds: how long a request may take from its change to its toast

Place = tuple[str, dict[str, str]]  # a page's endpoint and what its address holds
NOT_THIS = "This can't be undone."
FOR_A_WHILE = f"You can undo this for {WITHIN / 60:.0f} minutes, under Audit."
TOO_LATE = f"A change can be undone for {WITHIN / 60:.0f} minutes. Change it by hand instead."


@dataclass(frozen=True, slots=True)
class Inverse:
    """`apply` takes a change back; it raises Conflict where things are not as it left them any more. `page` shows its thing.

    Things are looked at before, for a plain refusal, and once more in the transaction, where the row is written (`audit.record`):
    so only one transaction of an `apply` may be said to undo.
    """

    apply: Callable[[Services, AuditView, Actor], None]
    page: Callable[[Services, AuditView], Place]
    fields: frozenset[str] = frozenset()  # a change of others can't be taken back; empty: any can


def offer(text: str, action: str, subject: str) -> None:
    """Say that this was done just now by who asks, with a button that takes it back where that can be."""
    services = cast(Services, current_app.extensions["omniroute"])
    entry = services.audit.latest(action, subject, actor(), services.clock.now() - JUST_NOW)
    flash(text, f"good:{entry.id}" if entry is not None and possible(entry) else "good")


def possible(entry: AuditView) -> bool:
    """Whether there is a way back from it, as far as the row tells."""
    inverse = INVERSES.get(entry.action)
    if inverse is None or not entry.before or entry.after == {} or "undoes" in (entry.after or {}):
        return False
    known = not inverse.fields or inverse.fields.issuperset(entry.before)
    return known and MASK not in str(entry.before)  # a value that was masked is lost


def offered(services: Services, entries: Iterable[AuditView]) -> frozenset[str]:
    """The ids of those that have a way back, are young enough, and were not taken back yet."""
    since = services.clock.now() - WITHIN
    young = [entry for entry in entries if entry.at >= since and possible(entry)]
    return frozenset(entry.id for entry in young) - services.audit.undone(young)


def undo(services: Services, entry_id: str) -> ResponseReturnValue:
    entry = services.audit.get(entry_id)
    place: Place = ("home", {})
    try:
        if not possible(entry):
            raise Conflict(NOT_THIS)
        place = INVERSES[entry.action].page(services, entry)
        if services.clock.now() - entry.at > WITHIN:
            raise Conflict(TOO_LATE)
        if services.audit.undone([entry]):
            raise Conflict(DONE)
        said = sentence(what(entry, names_of(services, [entry])))
        INVERSES[entry.action].apply(services, entry, replace(actor(), undoes=entry.id))
    except OperationError as refusal:
        refused(refusal)
    else:
        flash(f"Undone: {said[0].lower()}{said[1:]}.", "good")
    endpoint, values = place
    return go(endpoint, **values)


# The ways back ------------------------------------------------------------------------------


def _require(now: Mapping[str, Any], entry: AuditView) -> None:
    """What the change left must still be so."""
    if any(now.get(name) != value for name, value in (entry.after or {}).items()):
        raise Conflict(CHANGED)


def _id(entry: AuditView) -> str:
    return entry.subject.partition(":")[2]


def _connection(services: Services, entry: AuditView, by: Actor) -> None:
    row = services.connections.get(_id(entry))
    _require(asdict(row), entry)
    if (entry.before or {}).get("is_active"):
        node = next((each.updated_at for each in services.nodes.list() if each.id == row.provider_id), 0.0)
        if max(row.updated_at, row.status_at or 0.0, node) > entry.at:  # its key would go where nobody had it on
            raise Conflict(CHANGED)
    services.connections.update(_id(entry), entry.before or {}, by)


def _connection_order(services: Services, entry: AuditView, by: Actor) -> None:
    rows = services.connections.list(_id(entry))
    _require({"order": [{"id": row.id, "name": row.name, "priority": row.priority} for row in rows]}, entry)
    before = (entry.before or {})["order"]
    services.connections.reorder(_id(entry), [each["id"] for each in before], by, [each["priority"] for each in before])


def _key(services: Services, entry: AuditView, by: Actor) -> None:
    _require(asdict(services.keys.get(_id(entry))), entry)
    services.keys.update(_id(entry), entry.before or {}, by)


def _combo(services: Services, entry: AuditView, by: Actor) -> None:
    _require(asdict(services.combos.get(_id(entry))), entry)
    services.combos.update(_id(entry), entry.before or {}, by)


def _combo_back(services: Services, entry: AuditView, by: Actor) -> None:
    services.combos.restore(_id(entry), entry.before or {}, by)


def _combo_order(services: Services, entry: AuditView, by: Actor) -> None:
    ids = {row.name: row.id for row in services.combos.list()}
    _require({"order": list(ids)}, entry)
    services.combos.reorder([ids[name] for name in (entry.before or {})["order"]], by)


def _model_hidden(services: Services, entry: AuditView, by: Actor) -> None:
    model = (entry.before or {})["model"]
    shown = {row.id: {"hidden": row.hidden} for row in services.models.for_provider(_id(entry))}
    _require(shown.get(model, {}), entry)
    (services.models.show if shown[model]["hidden"] else services.models.hide)(_id(entry), model, by)


def _models_hidden(services: Services, entry: AuditView, by: Actor) -> None:
    hidden = "hidden" in (entry.after or {})
    models = (entry.after or {})["hidden" if hidden else "shown"]
    now = {row.id: row.hidden for row in services.models.for_provider(_id(entry))}
    if any(now.get(model) is not hidden for model in models):
        raise Conflict(CHANGED)
    services.models.hide_many(_id(entry), models, not hidden, by)


def _model_back(services: Services, entry: AuditView, by: Actor) -> None:
    told = dict(entry.before or {})
    hidden = told.pop("hidden", False)
    ((source, model),) = told.items()
    if any(row.id == model for row in services.models.for_provider(_id(entry))):
        raise Conflict(CHANGED)
    services.models.add(_id(entry), [model], source, by)
    if hidden:
        services.models.hide(_id(entry), model, replace(by, undoes=None))


def _alias_back(services: Services, entry: AuditView, by: Actor) -> None:
    told = entry.before or {}
    if any(row.pattern == told["pattern"] for row in services.aliases.list()):
        raise Conflict(CHANGED)
    services.aliases.put(told["pattern"], told["model"], told["priority"], by)


def _price_back(services: Services, entry: AuditView, by: Actor) -> None:
    told = dict(entry.before or {})
    provider, model = told.pop("provider"), told.pop("model")
    if any((row.provider_id, row.model) == (provider, model) for row in services.prices.list()):
        raise Conflict(CHANGED)
    services.prices.put(provider, model, told, by)


def _budget_back(services: Services, entry: AuditView, by: Actor) -> None:
    key_id, _, period = _id(entry).partition(":")
    if any(row.period == period for row in services.budgets.list(key_id)):
        raise Conflict(CHANGED)
    services.budgets.put({**(entry.before or {}), "api_key_id": key_id, "period": period}, by)


def _resilience(services: Services, entry: AuditView, by: Actor) -> None:
    _require(asdict(services.resilience.settings()), entry)
    services.resilience.change_settings(entry.before or {}, by)


def _preferences(services: Services, entry: AuditView, by: Actor) -> None:
    _require(services.preferences.all(), entry)
    Hosts(services.settings).need_way(host(), entry.before or {})  # nobody takes away the name that he came by
    services.preferences.update(entry.before or {}, by)


def _at(endpoint: str, **values: str) -> Callable[[Services, AuditView], Place]:
    return lambda services, entry: (endpoint, values)


def _provider_of(services: Services, entry: AuditView) -> Place:
    try:
        return "provider", {"provider_id": services.connections.get(_id(entry)).provider_id}
    except Missing:
        return "providers", {}


def _connections_of(services: Services, entry: AuditView) -> Place:
    known = _id(entry) in services.configuration.current().providers
    return ("provider", {"provider_id": _id(entry)}) if known else ("providers", {})


def _models_of(services: Services, entry: AuditView) -> Place:
    endpoint, values = _connections_of(services, entry)
    return endpoint, values | ({"_anchor": "models"} if values else {})


def _settings_of(services: Services, entry: AuditView) -> Place:
    return SECTIONS.get(next(iter(entry.before or {}), ""), "settings"), {}


# Where a preference is set, if not on the first page of the settings.
SECTIONS = {
    **dict.fromkeys(("require_api_key", "allowed_hosts"), "settings_security"),
    **dict.fromkeys(("log_bodies", "log_body_kb", "body_days", "log_days", "rollup_days"), "settings_logs"),
}

INVERSES: dict[str, Inverse] = {
    "connection.update": Inverse(_connection, _provider_of, frozenset({"is_active", "name", "priority", "max_concurrent"})),
    "connection.reorder": Inverse(_connection_order, _connections_of),
    "model.hide": Inverse(_model_hidden, _models_of),
    "model.show": Inverse(_model_hidden, _models_of),
    "model.hide_many": Inverse(_models_hidden, _models_of),
    "model.show_many": Inverse(_models_hidden, _models_of),
    "model.delete": Inverse(_model_back, _models_of),
    "combo.update": Inverse(_combo, _at("combos"), frozenset({"enabled"})),
    "combo.delete": Inverse(_combo_back, _at("combos")),
    "combo.reorder": Inverse(_combo_order, _at("combos")),
    "alias.delete": Inverse(_alias_back, _at("aliases")),
    "price.delete": Inverse(_price_back, _at("pricing")),
    "key.update": Inverse(_key, _at("keys"), frozenset({"is_active"})),
    "budget.delete": Inverse(_budget_back, _at("limits")),
    "resilience.update": Inverse(_resilience, _at("settings_routing")),
    "preferences.update": Inverse(_preferences, _settings_of),
}

ROUTES = (Route("POST", "/dashboard/undo/<entry_id>", "undo", undo),)
