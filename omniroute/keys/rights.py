"""What a key that manages keys may hand on: no more than it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from omniroute.errors import NotAllowed
from omniroute.models.keys import KeyRow
from omniroute.security.audit import Actor


def must_hold(by: Actor, key: KeyRow | Mapping[str, Any]) -> None:
    """A key that manages keys can't make itself, or lay hands on, one that may do more than it may. `key` has a row's columns.

    Its scopes and its list of endpoints must cover the other's. One that ends can't manage a key with the scope `manage` that
    outlasts it: else it would never end. Limits are no rights here: whoever may manage keys sets them. Raises NotAllowed.
    """
    scopes, endpoints, until = (_column(key, name) for name in ("scopes", "allowed_endpoints", "expires_at"))
    if missing := sorted(set(scopes) - by.scopes):
        raise NotAllowed(f"This key lacks the scope {', '.join(missing)}, so it can't manage a key that has it.")
    if by.endpoints and (not endpoints or any(not within(entry, by.endpoints) for entry in endpoints)):
        raise NotAllowed("This key may use certain endpoints only, so it can't manage a key that may use others.")
    if by.until is not None and "manage" in scopes and (until is None or until > by.until):
        raise NotAllowed("This key ends, so it can't manage a key with the scope manage that outlasts it.")


def within(entry: str, allowed: Iterable[str]) -> bool:
    """Whether a list of endpoints with these entries takes in all that `entry`, itself one of such a list, takes in.

    As edge/callers.py reads them: a path, all below it, or a glob. Of two globs only the same one is sure.
    """
    glob = any(sign in entry for sign in "*?[")
    for each in allowed:
        if entry == each or (not any(sign in each for sign in "*?[") and entry.startswith(each.rstrip("/") + "/")):
            return True
        if not glob and each.endswith("*") and fnmatchcase(entry, each):  # then also what stands below the entry
            return True
    return False


def _column(key: KeyRow | Mapping[str, Any], name: str) -> Any:
    return key[name] if isinstance(key, Mapping) else getattr(key, name)
