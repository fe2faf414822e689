"""Nodes and connections of a document: read through the checks of their operations, with the secrets that each may have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from omniroute.backup.keeping import WIRE, Keeper, Source
from omniroute.backup.kinds import SECRET, Row, Rows
from omniroute.backup.refusals import members_of
from omniroute.connections import nodes as node_checks
from omniroute.connections import operations as connection_checks
from omniroute.connections import quotas
from omniroute.connections.credentials import Credentials
from omniroute.errors import Invalid
from omniroute.given import Given
from omniroute.providers.catalog import Catalog, Field, Provider
from omniroute.providers.nodes import TYPES, Node, as_provider, new_node_id
from omniroute.security.redaction import secret_name

NODE = {**node_checks.LABELS, "id": "Id", "created_at": "Made"}
CONNECTION = {**connection_checks.LABELS, "id": "Id", "created_at": "Made"}
MARK = {"secret", "hint"}

_ID = re.compile(r"[A-Za-z0-9._-]{1,36}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FIELD = re.compile(r"[A-Za-z0-9_.-]{1,64}")
PROVIDER = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")


@dataclass(frozen=True, slots=True)
class Landed:
    """A row as it will be, and the labels of the secrets that have to be typed in again."""

    row: Row
    lacking: tuple[str, ...] = ()


def read_node(given: Any, keeper: Keeper, now: float) -> Landed:
    """Raises Invalid."""
    members = members_of(given, NODE)
    here = keeper.of_node({name: str(members.get(name) or "") for name in ("id", *WIRE)})
    members["custom_headers"], lacking = _headers(members.get("custom_headers"), here)
    read = Given(members, NODE)
    kind = node_checks.read_kind(read)
    columns = node_checks.read_address(read, None)
    columns |= {"name": read.text("name", needed=True), "prefix": node_checks.read_prefix(read, None)}
    node_id, start = read.text("id", needed=True), new_node_id(*kind, "")
    if not (node_id.startswith(start) and _UUID.fullmatch(node_id[len(start) :])):
        read.refuse("id", f"must be {start}<UUID> for a node of this type")
    made = read.moment("created_at", None)
    read.check()
    columns["custom_headers"] = [
        [name, {"sealed": here.sealed(name.lower(), value)} if value is not None and secret_name(name) else value]
        for name, value in columns["custom_headers"]
    ]
    type_, compat_mode, api_type = kind
    row = {"id": node_id, "type": type_, "compat_mode": compat_mode, "api_type": api_type, "created_at": made or now, **columns}
    return Landed(row, lacking)


def read_connection(given: Any, nodes: Rows, keeper: Keeper, credentials: Credentials, now: float) -> Landed:
    """`nodes` are all as they will be. Raises Invalid."""
    members = members_of(given, CONNECTION)
    mark, fields = _mark(members.pop("api_key", None)), _fields(members.get("fields"))
    if isinstance(members.get("quota"), Mapping):
        members["quota"] = members_of(members["quota"], quotas.LABELS, "Quota")
    read = Given({name: value for name, value in members.items() if name != "fields"}, CONNECTION)
    connection_id, provider_id = read_id(read), read.text("provider", needed=True)
    read.check()
    provider = provider_of(provider_id, nodes, keeper.catalog)
    here = keeper.of_connection({"id": connection_id, "provider_id": provider_id, "fields": fields}, nodes)
    secrets = {name: here.text(f"fields.{name}") for name, value in fields.items() if value == SECRET}
    key = here.text("apiKey") if mark is not None else None
    known = {name: secrets.get(name, value) for name, value in fields.items() if secrets.get(name, value) is not None}
    read = Given({**members, "api_key": key, "fields": known}, CONNECTION)
    columns = credentials.read_columns(read, _lenient(provider, fields), None)
    columns["name"], made = read.text("name", needed=True), read.moment("created_at", None)
    read.check()
    if key is not None:
        columns["sealed"] = here.sealed("apiKey", key)
    for name, text in secrets.items():
        if text is not None:
            columns["fields"][name] = {"sealed": here.sealed(f"fields.{name}", text)}
    labels = {field.name: field.label for field in provider.fields}
    lacking = [f"API key {mark}".strip()] if mark is not None and key is None else []
    lacking += [labels.get(name, name) for name, text in secrets.items() if text is None]
    needed = (field for field in provider.fields if field.required and field.name not in secrets)
    lacking += [field.label for field in needed if not columns["fields"].get(field.name)]
    row = {"id": connection_id, "provider_id": provider_id, "created_at": made or now, **columns}
    return Landed(row, tuple(lacking))


def read_id(read: Given) -> str:
    found = read.text("id", needed=True)
    if found and not _ID.fullmatch(found):
        read.refuse("id", "must be 1 to 36 letters, digits, dots, dashes and underscores")
    return found


def provider_of(provider_id: str, nodes: Rows, catalog: Catalog) -> Provider:
    """Of a native provider that this program does not know only the id is told: what belongs to it is kept until one does.

    Raises Invalid for a node that is not there.
    """
    row, native = nodes.get((provider_id,)), catalog.get(provider_id)
    if row is not None:
        columns = {name: row[name] for name in Node.__dataclass_fields__ if name != "custom_headers"}
        return as_provider(Node(**columns), catalog)
    if native is not None:
        return native
    if provider_id.startswith(tuple(f"{type_}-" for type_ in TYPES)) or not PROVIDER.fullmatch(provider_id):
        told = f"There is no provider {provider_id[:80]!r}."
        raise Invalid(told, {"provider": told})
    return Provider(id=provider_id, name=provider_id, kind="native", format="openai_chat", base_url="")


def _lenient(provider: Provider, fields: Mapping[str, Any]) -> Provider:
    """The provider asking for nothing, and taking also fields that it has no more: whatever is lacking is told, not refused."""
    declared = tuple(replace(field, required=False) for field in provider.fields)
    known = {field.name for field in declared}
    former = tuple(Field(name, name, secret=value == SECRET) for name, value in fields.items() if name not in known)
    return replace(provider, key_required=False, fields=(*declared, *former))


def _headers(given: Any, here: Source) -> tuple[Any, tuple[str, ...]]:
    """The pairs with the secrets that are known, and the names of those whose value is not; the check looks at the rest."""
    if not isinstance(given, list):
        return given, ()
    pairs, lacking = list[Any](), list[str]()
    for pair in given:
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and pair[1] == SECRET:
            text = here.text(pair[0].lower())
            if text is None:
                lacking.append(f"header {pair[0][:60]}")
                continue
            pair = [pair[0], text]
        pairs.append(pair)
    return pairs, tuple(lacking)


def _mark(given: Any) -> str | None:
    """How the key begins and ends, "" where that is not told; None where there is no key. Raises Invalid."""
    if given is None:
        return None
    hint = given.get("hint", "") if isinstance(given, Mapping) and given.get("secret") is True else None
    if not isinstance(hint, str) or len(hint) > 32 or not hint.isprintable() or given.keys() - MARK:
        told = 'API key must be null or {"secret": true}: the key itself stands, sealed, under secrets.'
        raise Invalid(told, {"api_key": told})
    return hint


def _fields(given: Any) -> dict[str, Any]:
    """Raises Invalid for anything but texts and marks by name."""
    if given is None:
        return {}
    fine = isinstance(given, Mapping) and len(given) <= 50 and all(_FIELD.fullmatch(name) for name in given)
    if not fine or not all(isinstance(value, str) or value == SECRET for value in given.values()):
        raise Invalid("Fields must be texts by name.", {"fields": "Fields must be texts by name."})
    return dict(given)
