"""A node's own headers: checked, stored with secret values sealed, and shown with those masked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from omniroute.given import Given
from omniroute.providers.headers import check_custom_headers
from omniroute.security.redaction import MASK, secret_name
from omniroute.security.vault import Vault

Headers = tuple[tuple[str, str | None], ...]

MOST = 50


def read_headers(read: Given, stored: Headers) -> Headers:
    """What was given as `custom_headers`: a mapping of names to values, or a list of pairs; null takes a header out.

    "***" stands for the value that is stored already. Refuses in `read` what can't be used.
    """
    if "custom_headers" not in read:
        return stored
    pairs = _pairs(read["custom_headers"])
    if pairs is None or len(pairs) > MOST:
        read.refuse("custom_headers", f"must be at most {MOST} names, each with a text or null")
        return stored
    kept = {name.lower(): value for name, value in stored}
    try:
        checked = check_custom_headers(pairs)
    except ValueError as exc:
        read.refuse("custom_headers", f"can't be used: {exc}")
        return stored
    headers = tuple((name, kept.get(name.lower(), value) if _hidden(name, value) else value) for name, value in checked)
    for name, value in headers:
        if _hidden(name, value):
            read.refuse("custom_headers", f"hold no value yet for {name}: type it in")
    return headers


def seal_headers(headers: Headers, vault: Vault) -> list[Any]:
    """As they are stored: a list of [name, value], secret values as {"sealed": ...}."""
    return [
        [name, {"sealed": vault.seal(value)} if value is not None and secret_name(name) else value] for name, value in headers
    ]


def shown_headers(stored: Iterable[Any]) -> Headers:
    return tuple((name, MASK if isinstance(value, Mapping) else value) for name, value in stored)


def _hidden(name: str, value: str | None) -> bool:
    return value == MASK and secret_name(name)


def _pairs(given: Any) -> list[tuple[str, str | None]] | None:
    pairs = list(given.items()) if isinstance(given, Mapping) else given
    if pairs is None:
        return []
    if not isinstance(pairs, list | tuple):
        return None
    found = []
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            return None
        name, value = pair
        if not isinstance(name, str) or not isinstance(value, str | None):
            return None
        found.append((name, value))
    return found
