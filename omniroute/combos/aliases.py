"""Aliases: other names for models and combos. The verbs that change them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy.orm import Session

from omniroute.clock import Clock
from omniroute.combos.exchange import MOST_ALIASES as MOST
from omniroute.combos.exchange import Imported, Refused
from omniroute.errors import Invalid, Missing
from omniroute.given import Given
from omniroute.models.combos import AliasRow
from omniroute.models.db import Database
from omniroute.routing.combos import AUTO
from omniroute.routing.resolve import COMBO, MOST_ALIASES
from omniroute.security.audit import Actor, record
from omniroute.state.configuration import ALIASES, COMBOS, ConfigurationStore

LABELS = {"pattern": "Pattern", "model": "Model", "priority": "Priority"}
_WORD = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class AliasView:
    """`pattern` is a name, or a glob; globs are looked at by `priority`, lower first. `model` is what is asked for instead."""

    pattern: str
    model: str
    priority: int = 0


class Aliases:
    def __init__(self, database: Database, store: ConfigurationStore, clock: Clock) -> None:
        self._database, self._store, self._clock = database, store, clock

    def list(self) -> tuple[AliasView, ...]:
        """In the order in which they are looked at."""
        with self._database.unit_of_work() as session:
            return tuple(_view(row) for row in session.scalars(ALIASES))

    def replace(self, rows: Sequence[Mapping[str, Any]], by: Actor) -> tuple[AliasView, ...]:
        """These instead of all there were. Raises Invalid with fields such as aliases[2].pattern."""

        def work(session: Session) -> None:
            aliases = read_all(rows, [row.name for row in session.scalars(COMBOS)])
            stored = {row.pattern: row for row in session.scalars(ALIASES)}
            before = [_view(row) for row in stored.values()]
            _write(session, stored, aliases)
            if sorted(map(_told, before)) != sorted(map(_told, aliases)):
                now = self._clock.now()
                told = {alias.pattern: _told(alias) for alias in before}, {alias.pattern: _told(alias) for alias in aliases}
                record(session, now, by, "alias.replace", "aliases", *told)

        self._store.change(work)
        return self.list()

    def put(self, pattern: str, model: str, priority: int, by: Actor) -> AliasView:
        """Add one, or change the one with that pattern. Raises Invalid."""

        def work(session: Session) -> AliasView:
            names = [row.name for row in session.scalars(COMBOS)]
            alias = _read_one({"pattern": pattern, "model": model, "priority": priority}, names)
            _put(session, alias, names, by, self._clock.now())
            return alias

        return self._store.change(work)

    def delete(self, pattern: str, by: Actor) -> None:
        """Raises Missing."""

        def work(session: Session) -> None:
            row = session.get(AliasRow, pattern)
            if row is None:
                raise Missing(f"There is no alias {pattern[:80]!r}.")
            before = {"pattern": pattern, **_audited(_view(row))}
            record(session, self._clock.now(), by, "alias.delete", f"alias:{pattern}", before=before)
            session.delete(row)

        self._store.change(work)


def take_in(
    session: Session,
    given: Sequence[Any],
    combos: Collection[str],
    by: Actor,
    now: float,
    overwrite: bool,
    imported: Imported,
) -> Imported:
    """The aliases of an imported document, each taken or refused by itself."""
    for each in given:
        pattern = str(each.get("pattern") or "")[:256]
        try:
            alias = _read_one(each, combos)
            there = session.get(AliasRow, alias.pattern) is not None
            if there and not overwrite:
                raise Invalid(f"There is an alias {pattern} already.", {"pattern": f"There is an alias {pattern} already."})
            _put(session, alias, combos, by, now)
        except Invalid as exc:
            imported = replace(imported, refused=(*imported.refused, Refused(pattern, exc.message, next(iter(exc.fields), ""))))
        else:
            name = "updated" if there else "created"
            imported = replace(imported, **{name: (*getattr(imported, name), pattern)})
    return imported


def follow_rename(session: Session, was: str, name: str, by: Actor, now: float) -> None:
    """Aliases of a combo lead to it under its new name."""
    for row in list(session.scalars(ALIASES)):
        if row.model in (was, COMBO + was):
            before = _audited(_view(row))
            row.model = row.model.removesuffix(was) + name
            record(session, now, by, "alias.put", f"alias:{row.pattern}", before, _audited(_view(row)))


def _put(session: Session, alias: AliasView, combos: Collection[str], by: Actor, now: float) -> None:
    row = session.get(AliasRow, alias.pattern)
    others = [_view(each) for each in session.scalars(ALIASES) if each.pattern != alias.pattern]
    if row is None and len(others) >= MOST:
        raise _refused("pattern", f"There may be at most {MOST} aliases.")
    _require_an_end([*others, alias], combos)
    before = _audited(_view(row)) if row is not None else None
    if before == _audited(alias):
        return
    session.merge(AliasRow(pattern=alias.pattern, model=alias.model, priority=alias.priority))
    record(session, now, by, "alias.put", f"alias:{alias.pattern}", before, _audited(alias))


def _write(session: Session, stored: Mapping[str, AliasRow], aliases: Iterable[AliasView]) -> None:
    kept = {alias.pattern for alias in aliases}
    for pattern, row in stored.items():
        if pattern not in kept:
            session.delete(row)
    for alias in aliases:
        session.merge(AliasRow(pattern=alias.pattern, model=alias.model, priority=alias.priority))


def read_all(rows: Any, combos: Collection[str]) -> list[AliasView]:
    """All that there are to be, checked by themselves and together. Raises Invalid with fields such as aliases[2].pattern."""
    if not isinstance(rows, list | tuple) or len(rows) > MOST:
        raise _refused("aliases", f"Aliases must be a list of at most {MOST}.")
    aliases: dict[str, AliasView] = {}
    wrong: dict[str, str] = {}
    for number, each in enumerate(rows):
        try:
            alias = _read_one(each, combos)
            if alias.pattern in aliases:
                raise _refused("pattern", f"Pattern {alias.pattern} comes twice.")
            aliases[alias.pattern] = alias
        except Invalid as exc:
            wrong |= {
                f"aliases[{number}]{name and '.'}{name}": f"Alias {number + 1}: {text}" for name, text in exc.fields.items()
            }
    if wrong:
        raise Invalid(" ".join(wrong.values()), wrong)
    try:
        _require_an_end(list(aliases.values()), combos)
    except Invalid as exc:
        raise Invalid(exc.message, {"aliases": exc.message}) from exc
    return list(aliases.values())


def _read_one(given: Any, combos: Collection[str]) -> AliasView:
    if not isinstance(given, Mapping):
        raise _refused("", "An alias must be an object with pattern and model.")
    read = Given(given, LABELS)
    pattern, model = read.text("pattern", needed=True, longest=256), read.text("model", needed=True, longest=352)
    for name, text in (("pattern", pattern), ("model", model)):
        if text and (not _WORD.fullmatch(text) or ".." in text):
            read.refuse(name, "must be one word of ASCII characters, without '..'")
    if pattern in AUTO or pattern.startswith(COMBO):
        read.refuse("pattern", "must not be one of the gateway's own names (auto, combo/...)")
    elif pattern in combos:
        read.refuse("pattern", f"is the name of a combo, and combos come first: {pattern} would never be looked at")
    elif pattern and pattern == model:
        read.refuse("model", "must be another name than the alias itself")
    alias = AliasView(pattern, model, read.whole("priority", 0, -1_000_000, 1_000_000))
    read.check()
    return alias


def _require_an_end(aliases: Sequence[AliasView], combos: Collection[str]) -> None:
    """Raises Invalid when an alias leads round in a circle, or through more aliases than are followed."""
    exact = {alias.pattern: alias for alias in aliases}
    globs = [alias for alias in sorted(aliases, key=lambda each: (each.priority, each.pattern)) if _is_glob(alias)]
    for alias in aliases:
        way, name = [alias.pattern], alias.model
        while name not in AUTO and not name.startswith(COMBO) and name not in combos:
            found = exact.get(name) or next((each for each in globs if fnmatchcase(name, each.pattern)), None)
            if found is None or found.model == name:
                break
            way.append(name)
            if len(way) > MOST_ALIASES or found.model in way:
                raise _refused(
                    "model", f"{' -> '.join([*way, found.model])} never ends: at most {MOST_ALIASES} aliases are followed."
                )
            name = found.model


def _is_glob(alias: AliasView) -> bool:
    return any(each in alias.pattern for each in "*?[")


def _refused(field: str, message: str) -> Invalid:
    return Invalid(message, {field: message})


def _view(row: AliasRow) -> AliasView:
    return AliasView(row.pattern, row.model, row.priority)


def _told(alias: AliasView) -> str:
    return f"{alias.pattern} -> {alias.model} ({alias.priority})"


def _audited(alias: AliasView) -> dict[str, Any]:
    return {"model": alias.model, "priority": alias.priority}
