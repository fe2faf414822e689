"""The native providers, wire profiles and failure rows, read from TOML. One wrong file stops the start: `BadCatalog` says where.

    data/<id>.toml      one provider each
    wire/<id>.toml      one wire profile each
    failures/<id>.toml  one named list of failure rows each
    families/<id>.toml  one named list of model families each

docs/adding-a-provider.md tells what each key means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from omniroute.errors import BadCatalog
from omniroute.providers.addresses import layout_problem
from omniroute.providers.auth import AUTH
from omniroute.providers.headers import TIMEOUT, check_custom_headers
from omniroute.providers.tables import (
    Check,
    count,
    flag,
    link,
    many,
    money,
    one_of,
    place,
    prose,
    read_file,
    read_table,
    status,
    table,
    tables,
    text,
)
from omniroute.providers.urls import base_url_problem, path_problem
from omniroute.providers.values import (
    ENDPOINTS,
    FAILURE_KINDS,
    FILLS,
    FORMATS,
    MAX_TOKENS_NAMES,
    MODALITIES,
    QUIRKS,
    RESERVED_PREFIXES,
    STREAMS,
    THINKING,
    Catalog,
    FailureRow,
    Family,
    Field,
    Model,
    Provider,
    Traits,
    WireProfile,
)

__all__ = ["Catalog", "FailureRow", "Family", "Field", "Model", "Provider", "Traits", "WireProfile", "load"]

Named = TypeVar("Named")

_NODE_PREFIXES = ("openai-compatible-", "anthropic-compatible-")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")

# Any of these may stand in a provider's file, in a model's entry and in a family.
_TRAITS: dict[str, Check] = {
    "sampling": flag,
    "reasoning": flag,
    "thinking": one_of(*THINKING),
    "max_output": count,
    "max_tokens_name": one_of(*MAX_TOKENS_NAMES),
    "longest_user": count,
    "cache_marks": flag,
    "replays_reasoning": flag,
    "mid_system": flag,
    "think_tags": flag,
    "streams": one_of(*STREAMS),
}


def load(folder: Path | None = None) -> Catalog:
    """Everything below `folder` (the shipped data if None). Raises BadCatalog on the first mistake."""
    root = folder or Path(__file__).parent
    wires = _each(root / "wire", _wire)
    failure_sets = _each(root / "failures", _failure_set)
    family_sets = _each(root / "families", _family_set)

    def provider(where: str, given: Mapping[str, object]) -> Provider:
        return _provider(where, given, wires, failure_sets, family_sets)

    providers = _each(root / "data", provider)
    if not providers:
        raise BadCatalog(f"{root / 'data'}: no provider file (*.toml) in it")
    _check_names(providers.values())
    return Catalog(
        MappingProxyType(providers), MappingProxyType(wires), MappingProxyType(failure_sets), MappingProxyType(family_sets)
    )


def _each(folder: Path, make: Callable[[str, Mapping[str, object]], Named]) -> dict[str, Named]:
    """What `make` builds of each file, by the file's own name, which must be its id."""
    made = {}
    for path in sorted(folder.glob("*.toml")):
        where, given = f"{place(path)}: ", read_file(path)
        made[path.stem] = make(where, given)
        if given["id"] != path.stem:
            raise BadCatalog(f"{where}id must be {path.stem!r}, like the file")
    return made


# Providers ------------------------------------------------------------------------------


def _provider(
    where: str,
    given: Mapping[str, object],
    wires: Mapping[str, WireProfile],
    failure_sets: Mapping[str, tuple[FailureRow, ...]],
    family_sets: Mapping[str, tuple[Family, ...]],
) -> Provider:
    keys = {
        **_TRAITS,
        "id": _name,
        "name": text,
        "format": one_of(*FORMATS),
        "base_url": _base_url,
        "chat_path": _path,
        "models_path": _path,
        "count_tokens_path": _path,
        "endpoints": table(_endpoints),
        "auth": one_of(*AUTH),
        "wire": one_of(*wires),
        "custom_headers": table(_headers),
        "quirks": many(one_of(*QUIRKS)),
        "failures": many(one_of(*failure_sets)),
        "families": many(one_of(*family_sets)),
        "aliases": many(_name),
        "prefix": _name,
        "website": link,
        "key_url": link,
        "docs_url": link,
        "notes": prose,
        "free_note": prose,
        "local": flag,
        "limits_per_model": flag,
        "key": table(_key),
        "fields": tables(_field),
        "models": tables(_model),
    }
    required = ("id", "name", "format", "base_url", "chat_path", "models_path", "auth")
    read = read_table(where, given, keys, required)
    for key, of in (("fields", "name"), ("models", "id")):
        _no_repeats(where, key, [getattr(part, of) for part in read.get(key, ())])
    if problem := layout_problem(read["base_url"], read.get("fields", ())):
        raise BadCatalog(f"{where}base_url: {problem}")
    key_field: Field | None = read.pop("key", None)
    if (key_field is None) is not (read["auth"] == "none"):
        raise BadCatalog(f"{where}key must be {'left out with' if key_field else 'given unless'} auth = 'none'")
    rows = tuple(row for name in read.pop("failures", ()) for row in failure_sets[name])
    families = tuple(family for name in read.pop("families", ()) for family in family_sets[name])
    return Provider(
        kind="native",
        prefix=read.pop("prefix", read["id"]),
        quirks=frozenset(read.pop("quirks", ())),
        traits=_traits(read),
        families=families,
        failures=rows,
        key_field=key_field,
        key_required=key_field is not None and key_field.required,
        **read,
    )


def _endpoints(where: str, given: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Names and paths of what the upstream has beside its main endpoint; none at all is an empty table."""
    return tuple(read_table(where, given, dict.fromkeys(ENDPOINTS, _path), ()).items())


def _model(where: str, given: Mapping[str, object]) -> Model:
    keys = {
        **_TRAITS,
        "id": text,
        "name": text,
        "context_window": count,
        "input_price": money,
        "output_price": money,
        "cache_read_price": money,
        "cache_write_price": money,
        "modalities": many(one_of(*MODALITIES)),
        "tools": flag,
        "free": flag,
    }
    read = read_table(where, given, keys, ("id", "name"))
    return Model(traits=_traits(read), **read)


def _traits(read: dict[str, Any]) -> Traits:
    """The traits of a table that was read, taken out of it."""
    return Traits(**{name: read.pop(name) for name in _TRAITS if name in read})


def _field(where: str, given: Mapping[str, object]) -> Field:
    keys = {
        "name": _name,
        "label": text,
        "secret": flag,
        "required": flag,
        "placeholder": text,
        "help": prose,
        "fills": one_of(*FILLS),
        "default": text,
    }
    return Field(**read_table(where, given, keys, ("name", "label")))


def _key(where: str, given: Mapping[str, object]) -> Field:
    """The input for the credential: always a secret, needed unless the file says otherwise."""
    keys = {"label": text, "required": flag, "placeholder": text, "help": prose}
    read = {"label": "API key", "required": True, **read_table(where, given, keys, ())}
    return Field(name="api_key", secret=True, **read)


def _check_names(providers: Iterable[Provider]) -> None:
    """An id, prefix or alias belongs to one provider; some names are no provider's at all."""
    owners = dict.fromkeys(RESERVED_PREFIXES, "a reserved word")
    for provider in providers:
        for name in dict.fromkeys((provider.id, provider.prefix, *provider.aliases)):
            if name.startswith(_NODE_PREFIXES):
                raise BadCatalog(f"data/{provider.id}.toml: {name!r} begins like the id of a node")
            if name in owners:
                raise BadCatalog(f"data/{provider.id}.toml: the name {name!r} is taken by {owners[name]}")
            owners[name] = f"data/{provider.id}.toml"


# Wire profiles, failure rows and families ---------------------------------------------------


def _wire(where: str, given: Mapping[str, object]) -> WireProfile:
    keys = {"id": _name, "name": text, "notice": prose, "headers": table(_headers)}
    return WireProfile(**read_table(where, given, keys, keys))


def _failure_set(where: str, given: Mapping[str, object]) -> tuple[FailureRow, ...]:
    keys = {"id": _name, "name": text, "rows": tables(_row)}
    rows: tuple[FailureRow, ...] = read_table(where, given, keys, keys)["rows"]
    return rows


def _row(where: str, given: Mapping[str, object]) -> FailureRow:
    keys = {
        "kind": one_of(*FAILURE_KINDS),
        "statuses": many(status),
        "types": many(text),
        "codes": many(text),
        "texts": many(_lower),
        "succeeded": flag,
        "status": status,
        "remedy": prose,
        "same_provider": flag,
    }
    read = read_table(where, given, keys, ("kind",))
    if not any(read.get(key) for key in ("statuses", "types", "codes", "texts")):
        raise BadCatalog(f"{where}kind: the row asks for nothing: give statuses, types, codes or texts")
    for key in ("statuses", "types", "codes"):
        read[key] = frozenset(read.get(key, ()))
    return FailureRow(**read)


def _family_set(where: str, given: Mapping[str, object]) -> tuple[Family, ...]:
    keys = {"id": _name, "name": text, "families": tables(_family)}
    families: tuple[Family, ...] = read_table(where, given, keys, keys)["families"]
    return families


def _family(where: str, given: Mapping[str, object]) -> Family:
    read = read_table(where, given, {**_TRAITS, "match": many(_pattern)}, ("match",))
    match = read.pop("match")
    if not match or not read:
        raise BadCatalog(f"{where}match: the family {'says' if match else 'covers'} nothing")
    return Family(match, _traits(read))


# Checks that only the catalogue needs -------------------------------------------------------


def _name(where: str, value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise BadCatalog(f"{where} must be of a-z, 0-9, '.', '_' and '-', not {value!r}")
    return value


def _lower(where: str, value: object) -> str:
    if text(where, value) != str(value).lower():
        raise BadCatalog(f"{where} must be in lower case: it is compared with the body in lower case")
    return str(value)


def _pattern(where: str, value: object) -> str:
    if text(where, value) != str(value).lower():
        raise BadCatalog(f"{where} must be in lower case: it is compared with the model's id in lower case")
    return str(value)


def _base_url(where: str, value: object) -> str:
    if problem := base_url_problem(text(where, value)):
        raise BadCatalog(f"{where}: {problem}")
    return str(value)


def _path(where: str, value: object) -> str:
    if problem := path_problem(text(where, value)):
        raise BadCatalog(f"{where}: {problem}")
    return str(value)


def _headers(where: str, given: Mapping[str, object]) -> tuple[tuple[str, Any], ...]:
    """Header names and values, in the order of the file."""
    for name, value in given.items():
        if "{" in text(f"{where}{name}", value) and value != TIMEOUT:
            raise BadCatalog(f"{where}{name}: the only value filled in is {TIMEOUT}")
    try:
        return check_custom_headers((name, str(value)) for name, value in given.items())
    except ValueError as exc:
        raise BadCatalog(f"{where.removesuffix('.')}: {exc}") from exc


def _no_repeats(where: str, key: str, names: list[str]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise BadCatalog(f"{where}{key}[{index}] repeats {name!r}")
