"""Addresses that a connection completes: its fields fill what the data leaves open in the base URL, or replace it.

A field with `fills = "label"` stands for `{its name}` in the host, as one label of it or a part of one; "segment" for the same in
the path, as one segment; "address" is a base URL that is used instead of the data's. What fills a place can't reach beyond it: it
holds no slash, "@", "?" or "..", and in the host no dot and no colon.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from omniroute.providers.urls import base_url_problem
from omniroute.providers.values import Field, Provider

_PLACEHOLDER = re.compile(r"\{([a-z0-9][a-z0-9._-]*)\}")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
# The colon is for Google's older project ids, "example.com:project".
_SEGMENT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,126}[A-Za-z0-9])?")


def placed(provider: Provider, given: Mapping[str, object]) -> Provider:
    """The provider at the address that a connection's fields make; itself where they make none."""
    address = base_url(provider, given)
    return provider if address == provider.base_url else replace(provider, base_url=address)


def base_url(provider: Provider, given: Mapping[str, object]) -> str:
    """The base URL with the values by field name, as they are typed or stored (secrets, which are no texts, have no part in it).

    A blank one means the field's default; places that nothing fills stay as they are.
    """
    filled = {field.name: str(given.get(field.name) or field.default) for field in provider.fields if field.fills}
    whole = next((filled[field.name] for field in provider.fields if field.fills == "address"), "")
    if whole:
        return whole
    return _PLACEHOLDER.sub(lambda place: filled.get(place[1]) or place[0], provider.base_url)


def value_problem(field: Field, value: str) -> str | None:
    """What keeps a value out of the address, in words that go on after the field's name; None if nothing does."""
    if field.fills == "address":
        problem = base_url_problem(value)
        return f"can't be used: {problem[0].lower()}{problem[1:].rstrip('.')}" if problem else None
    if field.fills == "label" and not _LABEL.fullmatch(value):
        return "must be one part of a host name: letters, digits and dashes, without a dot or a slash"
    if field.fills == "segment" and (not _SEGMENT.fullmatch(value) or ".." in value):
        return "must be one part of a path: letters, digits, dashes, dots and underscores, without a slash"
    return None


def layout_problem(address: str, fields: Iterable[Field]) -> str | None:
    """What is wrong with how a base URL and the declared fields fit together, as one sentence; None if nothing is."""
    filling = {field.name: field for field in fields if field.fills}
    for field in filling.values():
        if field.secret:
            return f"{field.name!r} is part of the address and can't be a secret"
        if field.default and (problem := value_problem(field, field.default)):
            return f"the default of {field.name!r} {problem}"
        if field.fills != "address" and not (field.required or field.default):
            return f"{field.name!r} is part of the address and must be required or have a default"
    parts = urlsplit(address)
    open_places = {"label": set(_PLACEHOLDER.findall(parts.netloc)), "segment": set(_PLACEHOLDER.findall(parts.path))}
    for kind, places in open_places.items():
        declared = {field.name for field in filling.values() if field.fills == kind}
        if places - declared:
            return f"no field fills {{{min(places - declared)}}} as a {kind}"
        if declared - places:
            return f"there is no {{{min(declared - places)}}} for the field to fill as a {kind}"
    return None
