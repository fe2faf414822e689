"""The secrets of a connection as they are typed in, checked, and stored."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from omniroute.connections.quotas import as_stored, read_quota
from omniroute.given import Given
from omniroute.models.upstreams import ConnectionRow
from omniroute.providers.addresses import base_url, value_problem
from omniroute.providers.catalog import Provider
from omniroute.security.redaction import MASK
from omniroute.security.vault import Vault

LONGEST = 8192
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Secret:
    """An API key as it is stored: sealed, with a keyed hash to find the same one again, and a hint to tell it from others."""

    sealed: str
    digest: str | None
    hint: str


NONE = Secret("", None, "")


class Credentials:
    """`pepper` keys the hashes, so that nobody who has only the database can try keys against them."""

    def __init__(self, vault: Vault, pepper: str) -> None:
        self._vault, self._pepper = vault, pepper.encode()

    def read_columns(self, read: Given, provider: Provider, row: ConnectionRow | None) -> dict[str, Any]:
        """What of a connection's row its owner decides; what is not given is as `row` has it. Raises Invalid."""
        stored = None if row is None else Secret(row.sealed, row.key_digest, row.key_hint)
        fields = self.read_fields(read, provider, row.fields if row else {})
        secret = self.read_key(read, provider, stored, fields)
        columns = {
            "name": read.text("name", row.name if row else ""),
            "sealed": secret.sealed,
            "key_digest": secret.digest,
            "key_hint": secret.hint,
            "priority": read.whole("priority", row.priority if row else 0, 0, 1_000_000),
            "max_concurrent": read.whole_or_none("max_concurrent", row.max_concurrent if row else None, 1, 1_000_000),
            "quota": as_stored(read_quota(read)) if "quota" in read else row.quota if row else None,
            "is_active": read.flag("is_active", row.is_active if row else True),
            "fields": fields,
        }
        read.check()
        return columns

    def read_key(self, read: Given, provider: Provider, stored: Secret | None, fields: Mapping[str, Any] | None = None) -> Secret:
        """The field `api_key`. Left blank, the stored one is kept. What is wrong is noted in `read`, without repeating it.

        Where `fields`, as they will be stored, make an address of their own, the same key at another address is another secret.
        Raises VaultError if that has to be found out for a stored key that can't be opened.
        """
        address = base_url(provider, fields or {})
        place = provider.id if address == provider.base_url else f"{provider.id}\0{address}"
        key = read["api_key"]
        if key is not None and not isinstance(key, str):
            read.refuse("api_key", "must be text")
            return stored or NONE
        key = (key or "").strip()
        if not key:
            if stored is None and provider.key_required:
                read.refuse("api_key", "is needed")
            if stored is not None and stored.sealed and any(field.fills for field in provider.fields):
                return replace(stored, digest=self._digest(place, self._vault.open(stored.sealed)))
            return stored or NONE
        if problem := key_problem(key):
            read.refuse("api_key", problem)
            return stored or NONE
        digest = self._digest(place, key)
        if stored is not None and stored.digest == digest:
            return stored
        return Secret(self._vault.seal(key), digest, hint(key))

    def _digest(self, place: str, key: str) -> str:
        return hmac.new(self._pepper, f"{place}\0{key}".encode(), hashlib.sha256).hexdigest()

    def read_fields(self, read: Given, provider: Provider, stored: Mapping[str, Any]) -> dict[str, Any]:
        """The field `fields`: texts for the inputs that the provider declares. A secret left blank (or "***") is kept."""
        given = read["fields"]
        if given is None:
            given = {}
        if not isinstance(given, Mapping) or not all(isinstance(value, str | None) for value in given.values()):
            read.refuse("fields", "must be texts by name")
            return dict(stored)
        declared = {field.name: field for field in provider.fields}
        for name in given.keys() - declared.keys():
            read.refuse(f"fields.{name}", "is not a field of this provider")
        kept = dict(stored)
        for name, field in declared.items():
            value = (given.get(name) or "").strip()
            if len(value) > LONGEST or (value and not value.isprintable()):
                read.refuse(f"fields.{name}", "must be one line without control characters")
            elif value and (problem := value_problem(field, value)):
                read.refuse(f"fields.{name}", problem)
            elif field.secret and value not in ("", MASK):
                kept[name] = {"sealed": self._vault.seal(value)}
            elif not field.secret and name in given:
                kept[name] = value
            if field.required and not kept.get(name):
                read.refuse(f"fields.{name}", "is needed")
        return kept


def key_problem(key: str) -> str | None:
    """What keeps a text from being an API key, in words that go on after "API key" and don't repeat it."""
    if len(key) > LONGEST:
        return f"may have at most {LONGEST} characters"
    if key.lower().startswith("bearer "):
        return "must be given without the word Bearer"
    if not _PRINTABLE.fullmatch(key):
        return "must be one word of ASCII letters, digits and signs; look for spaces or line breaks in it"
    return None


def hint(key: str) -> str:
    """First three and last four characters of a key that is long enough to keep the rest."""
    return f"{key[:3]}...{key[-4:]}" if len(key) >= 16 else "..."
