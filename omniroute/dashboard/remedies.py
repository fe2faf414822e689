"""What can be behind a verdict, with links that lead to the field or page where it is mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import url_for

from omniroute.providers.values import Provider
from omniroute.routing.failures import RULES
from omniroute.routing.trouble import WAYS, Cause, Trouble
from omniroute.routing.troubleshooting import causes, names, trouble
from omniroute.services import Services


@dataclass(frozen=True, slots=True)
class Where:
    """Whom a trouble is about, as far as it is known. `form` names what is being filled in on this very page: node, connection
    or "".
    """

    provider: Provider | None = None
    connection_id: str = ""
    form: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """`outside` is a page of somebody else's."""

    label: str
    address: str
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Behind:
    """A trouble with the causes that can be so here, each with its ways that lead somewhere from here."""

    trouble: Trouble
    causes: tuple[tuple[Cause, tuple[Way, ...]], ...]


def behind(services: Services, type: str, where: Where) -> Behind | None:
    """None for a diagnosis that is no trouble."""
    found = trouble(type)
    return None if found is None else explained(services, found, where)


def explained(services: Services, found: Trouble, where: Where) -> Behind:
    return Behind(found, tuple((cause, _ways(services, found, cause, where)) for cause in causes(found, where.provider)))


def _ways(services: Services, found: Trouble, cause: Cause, where: Where) -> tuple[Way, ...]:
    ways = []
    for name in cause.ways:
        address = PLACES[name](services, where, found)
        if address:
            ways.append(Way(WAYS[name], address, outside=name == "key_page"))
    return tuple(ways)


# Where each way leads; "" where there is no such place from here ------------------------------

Place = Callable[[Services, Where, Trouble], str]


def _key(services: Services, where: Where, found: Trouble) -> str:
    if where.form:
        return {"node": "#check_key", "connection": "#api_key"}[where.form]
    return _edit(where, "api_key") if where.provider is not None and where.provider.key_field is not None else ""


def _key_page(services: Services, where: Where, found: Trouble) -> str:
    return where.provider.key_url if where.provider is not None else ""


def _node_field(name: str) -> Place:
    def place(services: Services, where: Where, found: Trouble) -> str:
        if where.form == "node":
            return f"#{name}"
        node = where.provider if where.provider is not None and where.provider.kind == "node" else None
        return "" if node is None else url_for("dashboard.node_edit", node_id=node.id, _anchor=name)

    return place


def _fields(services: Services, where: Where, found: Trouble) -> str:
    """What a connection adds to the address of a native provider."""
    filling = next((field for field in where.provider.fields if field.fills), None) if where.provider is not None else None
    if filling is None:
        return ""
    return f"#field_{filling.name}" if where.form == "connection" else _edit(where, f"field_{filling.name}")


def _cc(services: Services, where: Where, found: Trouble) -> str:
    on = services.settings.enable_cc_compatible_provider
    return url_for("dashboard.node_add", slug="claude-code-compatible") if on else ""


def _agentrouter(services: Services, where: Where, found: Trouble) -> str:
    if where.provider is not None and "agentrouter" not in where.provider.base_url:
        return ""
    return url_for("dashboard.connect", provider_id="agentrouter")


def _other_model(services: Services, where: Where, found: Trouble) -> str:
    if where.form == "node":
        return "#check_model"
    return _provider(where, f"model-{where.connection_id}") if where.connection_id else ""


def _limit(services: Services, where: Where, found: Trouble) -> str:
    return _edit(where, "max_concurrent")


def _on_page(anchor: str) -> Place:
    """On the provider's page; a form says nothing of one that is not there yet."""
    return lambda services, where, found: "" if where.form else _provider(where, anchor)


def _page(endpoint: str) -> Place:
    return lambda services, where, found: url_for(f"dashboard.{endpoint}")


def _logs(services: Services, where: Where, found: Trouble) -> str:
    kind = next(name for name in names(found) if name in RULES)
    provider = where.provider.id if where.provider is not None and not where.form else None
    return url_for("dashboard.logs", kind=kind, provider=provider)


def _edit(where: Where, anchor: str) -> str:
    if not where.connection_id:
        return ""
    return url_for("dashboard.connection_edit", connection_id=where.connection_id, _anchor=anchor)


def _provider(where: Where, anchor: str) -> str:
    return "" if where.provider is None else url_for("dashboard.provider", provider_id=where.provider.id, _anchor=anchor)


PLACES: dict[str, Place] = {
    "key": _key,
    "key_page": _key_page,
    "base_url": _node_field("base_url"),
    "chat_path": _node_field("chat_path"),
    "fields": _fields,
    "headers": _node_field("header-rows"),
    "sent": _on_page("sent"),
    "cc": _cc,
    "agentrouter": _agentrouter,
    "other_model": _other_model,
    "models": _on_page("models"),
    "hide": _on_page("models"),
    "another_key": _on_page("add-connection"),
    "limit": _limit,
    "combo": _page("combo_add"),
    "health": _page("health"),
    "limits": _page("limits"),
    "logs": _logs,
}
