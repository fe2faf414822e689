"""Preferences: what the operator may choose while the gateway runs. What needs a restart stands in settings.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import Clock
from omniroute.given import Given
from omniroute.models.configuration import SettingRow
from omniroute.models.db import Database
from omniroute.security.audit import Actor, record
from omniroute.settings import HOST_ENTRY
from omniroute.shared_names import shared_by_strangers
from omniroute.state.configuration import ConfigurationStore

THEMES = ("auto", "light", "dark")
SWITCH = ("off", "on")
REQUIRE_KEYS = ("as started", "always")
MOST_HOSTS = 50


def _theme(read: Given, name: str, now_is: str) -> str:
    return read.choice(name, THEMES, now_is)


def _switch(read: Given, name: str, now_is: str) -> str:
    return read.choice(name, SWITCH, now_is)


def _require_keys(read: Given, name: str, now_is: str) -> str:
    return read.choice(name, REQUIRE_KEYS, now_is)


def _hosts(read: Given, name: str, now_is: list[str]) -> list[str]:
    """Names as TRUSTED_HOSTS takes them, in lower case; but with a dot in front only with two parts after it.

    TRUSTED_HOSTS is the word of who runs the machine. What is set from a page, by a key or from a file may not cover all of
    .com, and so undo what the check of names is for: DNS rebinding.
    """
    entries = [entry.lower() for entry in read.texts(name, now_is, most=MOST_HOSTS, longest=260)]
    wrong = next((entry for entry in entries if not HOST_ENTRY.fullmatch(entry)), None)
    if wrong is not None:
        read.refuse(name, f"can't hold {wrong[:80]!r}: write names such as gateway.example.com or .example.com, without http://")
    broad = next((entry for entry in entries if entry.startswith(".") and _too_broad(entry[1:].partition(":")[0])), None)
    if broad is not None:
        read.refuse(
            name,
            f"can't hold {broad[:80]!r}, which covers too much, also names of strangers: write at least two parts after the dot "
            "that are yours, as in .example.com",
        )
    return list(dict.fromkeys(entries))


def _too_broad(name: str) -> bool:
    return "." not in name or shared_by_strangers(name)


def _whole(low: int, high: int) -> Callable[[Given, str, int], int]:
    return lambda read, name, now_is: read.whole(name, now_is, low, high)


# Name -> (label, default, how it is read). `require_api_key` and `allowed_hosts` only tighten, and add to, what the
# environment says: edge/callers.py and edge/hosts.py go by both.
KNOWN: dict[str, tuple[str, Any, Callable[[Given, str, Any], Any]]] = {
    "theme": ("Theme", "auto", _theme),
    "time_zone": ("Time zone", "UTC", Given.timezone),
    "require_api_key": ("Who needs a key", "as started", _require_keys),
    "allowed_hosts": ("Further host names", [], _hosts),
    "log_bodies": ("Store bodies", "off", _switch),
    "log_body_kb": ("Stored of each body, in kB", 64, _whole(1, 1024)),
    "body_days": ("Days that bodies are kept", 7, _whole(1, 3650)),
    "log_days": ("Days that the log is kept", 30, _whole(1, 3650)),
    "rollup_days": ("Days that hourly sums are kept", 90, _whole(4, 3650)),
}
LABELS = {name: label for name, (label, _, _) in KNOWN.items()}


class Preferences:
    def __init__(self, database: Database, store: ConfigurationStore, clock: Clock) -> None:
        self._database, self._store, self._clock = database, store, clock

    def all(self) -> dict[str, Any]:
        """Every preference by name, the default where none was chosen."""
        with self._database.unit_of_work() as session:
            return _all(session)

    def update(self, given: Mapping[str, Any], by: Actor) -> dict[str, Any]:
        """Change what is given; returns all. Raises Invalid."""
        read = Given(given, LABELS)

        def work(session: Session) -> dict[str, Any]:
            before = _all(session)
            chosen = {name: reader(read, name, before[name]) for name, (_, _, reader) in KNOWN.items() if name in read}
            read.check()
            for name, value in chosen.items():
                session.merge(SettingRow(key=name, value=value))
            after = before | chosen
            if after != before:
                record(session, self._clock.now(), by, "preferences.update", "preferences", before, after)
            return after

        return self._store.change(work)


def chosen(settings: Mapping[str, Any], name: str) -> Any:
    """A preference as it stands in `Configuration.settings`, or its default."""
    return settings.get(name, KNOWN[name][1])


def _all(session: Session) -> dict[str, Any]:
    stored = {row.key: row.value for row in session.scalars(sa.select(SettingRow))}
    return {name: chosen(stored, name) for name in KNOWN}
