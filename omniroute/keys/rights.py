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

    Its scopes, its endpoints and its models must cover the other's, and the other must not outlast it. Limits are no rights
    here: whoever may manage keys sets them. Raises NotAllowed.
    """
    scopes, until = (_column(key, name) for name in ("scopes", "expires_at"))
    endpoints, models = (_column(key, name) for name in ("allowed_endpoints", "allowed_models"))
    if missing := sorted(set(scopes) - by.scopes):
        raise NotAllowed(f"This key lacks the scope {', '.join(missing)}, so it can't manage a key that has it.")
    if by.endpoints and (not endpoints or any(not within(entry, by.endpoints) for entry in endpoints)):
        raise NotAllowed("This key may use certain endpoints only, so it can't manage a key that may use others.")
    if by.models and (not models or any(not within_models(entry, by.models) for entry in models)):
        raise NotAllowed("This key may ask certain models only, so it can't manage a key that may ask others.")
    if by.until is not None and (until is None or until > by.until):
        raise NotAllowed("This key ends, so it can't manage a key that outlasts it.")


def within(entry: str, allowed: Iterable[str]) -> bool:
    """Whether a list of endpoints with these entries takes in all that `entry`, itself one of such a list, takes in.

    As edge/callers.py reads them: a path, all below it, or a glob. Of two globs only the same one is sure.
    """
    glob = _has(entry, "*?[")
    for each in allowed:
        if entry == each or (not _has(each, "*?[") and entry.startswith(each.rstrip("/") + "/")):
            return True
        if not glob and each.endswith("*") and fnmatchcase(entry, each):  # then also what stands below the entry
            return True
    return False


def within_models(entry: str, allowed: Iterable[str]) -> bool:
    """The same for a list of models, where an entry is a glob over the whole name (routing/resolve.py).

    Sure are: the same entry; a name that one of the list takes in; a glob without brackets that one whose only signs are `*`
    takes in as if it were a name, for what its own signs stand for then falls under a `*`.
    """
    for each in allowed:
        sure = not _has(entry, "*?[") or not (_has(entry, "[") or _has(each, "?["))
        if entry == each or (sure and fnmatchcase(entry, each)):
            return True
    return False


def _has(entry: str, signs: str) -> bool:
    return any(sign in entry for sign in signs)


def _column(key: KeyRow | Mapping[str, Any], name: str) -> Any:
    return key[name] if isinstance(key, Mapping) else getattr(key, name)
