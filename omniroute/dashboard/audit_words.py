"""The audit's rows in plain words: what was done, to what, by whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from omniroute.security.audit import AuditView, LastKnown
from omniroute.services import Services

# Action -> what was done. What stands in braces is said by `_values`.
WORDS: dict[str, str] = {
    "node.create": "Added the provider ‘{name}’",
    "node.update": "Changed the provider ‘{name}’",
    "node.delete": "Deleted the provider ‘{name}’ with its connections and models",
    "connection.create": "Added the connection ‘{name}’ of {provider}",
    "connection.update": "Changed the connection ‘{name}’ of {provider}",
    "connection.delete": "Deleted the connection ‘{name}’ of {provider}",
    "connection.status": "Marked the connection ‘{name}’ of {provider} as {status}",
    "connection.reorder": "Changed the order of the connections of {provider}",
    "model.add": "Added {models} to {provider}",
    "model.refresh": "Read the model list of {provider} anew",
    "model.delete": "Deleted the model ‘{model}’ of {provider}",
    "model.hide": "Hid the model ‘{model}’ of {provider} from clients",
    "model.show": "Showed the model ‘{model}’ of {provider} to clients again",
    "model.hide_many": "Hid {models} of {provider} from clients",
    "model.show_many": "Showed {models} of {provider} to clients again",
    "price.put": "Set the price of ‘{model}’ at {provider}",
    "price.delete": "Deleted the price of ‘{model}’ at {provider}",
    "combo.create": "Added the combo ‘{name}’",
    "combo.update": "Changed the combo ‘{name}’",
    "combo.delete": "Deleted the combo ‘{name}’",
    "combo.reorder": "Changed the order of the combos",
    "alias.put": "Set the alias ‘{name}’",
    "alias.delete": "Deleted the alias ‘{name}’",
    "alias.replace": "Replaced the list of aliases",
    "key.create": "Made the key ‘{name}’",
    "key.update": "Changed the key ‘{name}’",
    "key.delete": "Deleted the key ‘{name}’ and its budgets",
    "key.rotate": "Replaced the secret of the key ‘{name}’",
    "budget.create": "Set a budget for the key ‘{name}’, for each {period}",
    "budget.update": "Changed the budget of the key ‘{name}’ for each {period}",
    "budget.delete": "Deleted the budget of the key ‘{name}’ for each {period}",
    "resilience.update": "Changed when failing upstreams are left alone",
    "resilience.reset": "Forgot what was held against {held}",
    "preferences.update": "Changed the settings",
    "settings.export": "Downloaded a backup",
    "settings.export_refused": "Asked for a backup with its secrets, with a wrong password",
    "settings.import": "Restored a backup",
    "restore.added": "Added ‘{name}’ from a backup",
    "restore.changed": "Changed ‘{name}’ to what a backup has",
    "restore.removed": "Removed ‘{name}’, which a backup did not have",
    "storage_key.rotate": "Encrypted all stored secrets with a new key",
    "setup": "Set up the gateway with its first password",
    "login": "Signed in",
    "login.failed": "Tried to sign in with a wrong password",
    "logout": "Signed out",
    "password.change": "Changed the password",
    "session.revoke": "Signed out one other session",
    "session.revoke_all": "Signed out all other sessions",
}

# Where nothing but its switch was changed: the switch, and what was done with it.
SWITCHED: dict[str, tuple[str, str]] = {
    "connection.update": ("is_active", "Switched the connection ‘{name}’ of {provider} {switched}"),
    "combo.update": ("enabled", "Switched the combo ‘{name}’ {switched}"),
    "key.update": ("is_active", "Switched the key ‘{name}’ {switched}"),
}

KINDS: dict[str, str] = {
    "provider": "Providers",
    "connection": "Connections",
    "model": "Models",
    "price": "Prices",
    "combo": "Combos",
    "alias": "Aliases",
    "key": "Keys",
    "budget": "Budgets",
    "health": "Health",
    "settings": "Settings",
    "access": "Signing in",
}

ACTORS: dict[str, str] = {
    "admin": "Admin",
    "key": "Any key",
    "cli": "Command line",
    "system": "The gateway itself",
}

STATUSES = {"active": "working", "untested": "not tested", "error": "failing", "banned": "banned"}
PRICED = "price:"

Names = Mapping[str, LastKnown]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of a sentence. What is `named` came from somebody: a page sets it apart, so that its direction stays its own."""

    text: str
    named: bool = False


def names_of(services: Services, entries: Iterable[AuditView]) -> Names:
    """What the subjects of these rows, and what they belong to, are called; where they are gone, were called last."""
    entries = tuple(entries)
    names = _current(services)
    names |= services.audit.last_known(each for entry in entries for each in _needed(entry) if each not in names)
    owners = {f"node:{names[each].provider}" for entry in entries if (each := entry.subject) in names}
    return names | services.audit.last_known(owners - names.keys())


def _current(services: Services) -> dict[str, LastKnown]:
    configuration = services.configuration.current()
    names = {f"node:{id}": LastKnown(provider.name, "") for id, provider in configuration.providers.items()}
    for rows in configuration.connections.values():
        names |= {f"connection:{row.id}": LastKnown(row.name, row.provider_id) for row in rows}
    names |= {f"combo:{combo.id}": LastKnown(combo.name, "") for combo in configuration.combos.values()}
    return names | {f"key:{key.id}": LastKnown(key.name, "") for key in configuration.keys.values()}


def _needed(entry: AuditView) -> tuple[str, ...]:
    """Under which subjects there may be a name for it."""
    kind, _, rest = entry.subject.partition(":")
    if kind == "budget":
        return (f"key:{rest.partition(':')[0]}",)
    if kind in ("price", "provider"):
        return (f"node:{rest.partition('/')[0]}",)
    return (entry.subject,) if rest else ()


def only_switched(entry: AuditView) -> bool:
    """Whether it was switched on or off, and no more: then the words say it all."""
    switch, _ = SWITCHED.get(entry.action, ("", ""))
    return bool(switch) and (entry.after or {}).keys() - {"undoes"} == (entry.before or {}).keys() == {switch}


def what(entry: AuditView, names: Names) -> tuple[Piece, ...]:
    """One sentence without a full stop."""
    told = {**(entry.before or {}), **(entry.after or {})}
    switch, switched = SWITCHED.get(entry.action, ("", ""))
    words = switched if only_switched(entry) else WORDS.get(entry.action, "{action}")
    if "undoes" in told:
        words = f"Undid a change: {words[0].lower()}{words[1:]}"
    values = _values(entry, told, switch, names)
    pieces: list[Piece] = []
    for text, name, _, _ in Formatter().parse(words):
        pieces += [Piece(text)] if text else []
        pieces += [Piece(values.get(name, "?"), name not in PLAIN)] if name is not None else []
    return tuple(pieces)


PLAIN = ("switched", "status", "period")


def sentence(pieces: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def thing(entry: AuditView, names: Names) -> str:
    """What the row is about by its name; "" where there is only one of its kind, such as the settings."""
    kind, colon, rest = entry.subject.partition(":")
    known = next((names[each].name for each in _needed(entry) if each in names), "")
    if kind == "price":
        return rest.partition("/")[2]
    return known or (rest if kind == "alias" else kind if colon else "")


def _values(entry: AuditView, told: Mapping[str, Any], switch: str, names: Names) -> dict[str, str]:
    """What stands for each name in the braces."""
    kind, _, rest = entry.subject.partition(":")
    known = next((names[each] for each in _needed(entry) if each in names), LastKnown("", ""))
    owner, model = known.provider or str(told.get("provider") or ""), str(told.get("model") or "")
    period = ""
    if kind in ("price", "provider"):
        owner, _, priced = rest.partition("/")
        model = model or priced or next((str(told[each]) for each in ("custom", "discovered") if each in told), "")
    elif kind == "budget":
        rest, _, period = rest.partition(":")
    return {
        "action": entry.action,
        "name": str(known.name or told.get("name") or rest or entry.subject),
        "provider": names.get(f"node:{owner}", LastKnown(owner or "a provider that is gone", "")).name,
        "model": model,
        "models": _models(entry.after or {}),
        "period": period,
        "held": _held(told, names),
        "switched": "on" if told.get(switch) else "off",
        "status": STATUSES.get(str(told.get("test_status")), str(told.get("test_status"))),
    }


def _models(told: Mapping[str, Any]) -> str:
    lists = (told.get(name) for name in ("custom", "discovered", "hidden", "shown"))
    ids = [each for one in lists if isinstance(one, list) for each in one]
    return f"the model {ids[0]}" if len(ids) == 1 else f"{len(ids)} models"


def _held(told: Mapping[str, Any], names: Names) -> str:
    """Whom a reset was about."""
    if told.get("connection_id"):
        subject = f"connection:{told['connection_id']}"
        whom = names[subject].name if subject in names else str(told["connection_id"])
    else:
        owner = str(told.get("provider") or "")
        whom = names.get(f"node:{owner}", LastKnown(owner, "")).name
    return " on ".join(each for each in (str(told.get("model") or ""), whom) if each) or "anybody"


def who(entry: AuditView) -> tuple[str, str]:
    """(kind of actor in words, its name where that says more)."""
    if entry.actor_kind == "key":
        return "Key", entry.actor_name
    return ACTORS.get(entry.actor_kind, entry.actor_kind), ""
