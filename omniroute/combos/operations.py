"""Combos: targets under one name. The verbs that change them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from omniroute.clock import Clock
from omniroute.combos import exchange
from omniroute.combos.aliases import follow_rename, take_in
from omniroute.combos.exchange import Imported, Refused
from omniroute.combos.nesting import containing, inner, require_nesting
from omniroute.combos.shown import ComboView, StepView, combo_views
from omniroute.combos.steps import LONGEST_TAG, MOST_TAGS, StepReader, as_row
from omniroute.errors import Conflict, Invalid, Missing
from omniroute.given import Given
from omniroute.models.combos import ComboRow
from omniroute.models.db import Database
from omniroute.providers.catalog import Catalog
from omniroute.providers.values import RESERVED_PREFIXES
from omniroute.routing.configuration import MOST_ATTEMPTS, Combo, ComboConfig, Configuration
from omniroute.routing.strategies import STRATEGIES
from omniroute.security.audit import Actor, record
from omniroute.state.configuration import COMBOS, ConfigurationStore
from omniroute.state.rows import combo_value

__all__ = ["CONFIG", "LABELS", "ComboView", "Combos", "Imported", "Refused", "StepView"]

LABELS = {
    "name": "Name",
    "strategy": "Strategy",
    "steps": "Steps",
    "config": "Configuration",
    "tags": "Tags",
    "enabled": "Enabled",
}
# Name -> (label, least, most)
CONFIG: dict[str, tuple[str, int, int]] = {
    "max_attempts": ("Attempts at most", 1, MOST_ATTEMPTS),
    "deadline_ms": ("Deadline in ms", 1000, 3_600_000),
    "retry_same": ("Repeats of the last target", 0, 5),
    "retry_delay_ms": ("Delay before a repeat in ms", 0, 60_000),
    "wait_for_cooldown_ms": ("Waiting for a cooldown in ms", 0, 300_000),
}
DEFAULT = asdict(ComboConfig())
AUDITED = ("name", "strategy", "steps", "config", "tags", "enabled", "sort_order")  # enough to make it again
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(slots=True)
class Shelf:
    """All combos as they are at this moment of a transaction: an import reads them once, not once for each of its own."""

    rows: list[ComboRow]
    combos: dict[str, Combo]

    def named(self, name: str) -> ComboRow | None:
        """Whatever its case."""
        return next((row for row in self.rows if row.name.casefold() == name.casefold()), None)


class Combos:
    def __init__(self, database: Database, store: ConfigurationStore, catalog: Catalog, clock: Clock) -> None:
        self._database, self._store, self._catalog, self._clock = database, store, catalog, clock

    def list(self) -> tuple[ComboView, ...]:
        """In their order."""
        with self._database.unit_of_work() as session:
            rows = list(session.scalars(COMBOS))
            return combo_views(rows, _with(self._store.current(), rows), self._clock.now())

    def get(self, combo_id: str) -> ComboView:
        """Raises Missing."""
        with self._database.unit_of_work() as session:
            rows = list(session.scalars(COMBOS))
            one = [row for row in rows if row.id == combo_id]
            if not one:
                raise _missing(combo_id)
            return combo_views(one, _with(self._store.current(), rows), self._clock.now())[0]

    def draft(self, given: Mapping[str, Any]) -> Combo:
        """A combo that is only to be tested, never saved; a name may be left out. Raises Invalid."""
        with self._database.unit_of_work() as session:
            configuration = _with(self._store.refresh(), session.scalars(COMBOS))
        steps = StepReader(configuration, str(given.get("name") or ""), {}, self._clock.new_id).read(given.get("steps", ()))
        return Combo("", str(given.get("name") or ""), steps=steps)

    def create(self, given: Mapping[str, Any], by: Actor) -> ComboView:
        """Raises Invalid."""
        configuration = self._store.refresh()
        return self.get(self._store.change(lambda session: self._create(session, given, _shelf(session), configuration, by)))

    def update(self, combo_id: str, given: Mapping[str, Any], by: Actor) -> ComboView:
        """Change what is given; of `config` too only its members that are given, null being the default.

        A new name is followed by the steps of other combos and by aliases. Raises Invalid, Missing.
        """
        configuration = self._store.refresh()

        def work(session: Session) -> None:
            self._update(session, _found(session, combo_id), given, _shelf(session), configuration, by)

        self._store.change(work)
        return self.get(combo_id)

    def delete(self, combo_id: str, by: Actor) -> None:
        """Raises Missing, Conflict when other combos contain it."""

        def work(session: Session) -> None:
            row = _found(session, combo_id)
            others = containing(row.name, _shelf(session).combos)
            if others:
                raise Conflict(f"{row.name} is a step of {', '.join(others)}. Take it out there first.")
            record(session, self._clock.now(), by, "combo.delete", f"combo:{row.id}", before=_audited(row))
            session.delete(row)

        self._store.change(work)

    def restore(self, combo_id: str, told: Mapping[str, Any], by: Actor) -> ComboView:
        """One that was deleted, with its id and place, from `before` of that row of the audit.

        Raises Conflict when its name is taken again or a combo within it is gone, Invalid when they would nest too deep by now.
        """

        def work(session: Session) -> None:
            shelf, now = _shelf(session), self._clock.now()
            row = ComboRow(id=combo_id, created_at=now, updated_at=now, **{name: told[name] for name in AUDITED})
            combo = combo_value(row)
            gone = [name for name in inner(combo) if name not in shelf.combos]
            if shelf.named(row.name) is not None or session.get(ComboRow, combo_id) is not None:
                raise Conflict(f"There is a combo {row.name} again.")
            if gone:
                raise Conflict(f"Its step {gone[0]} is no combo any more.")
            require_nesting(combo.name, {**shelf.combos, combo.name: combo})
            session.add(row)
            record(session, now, by, "combo.create", f"combo:{row.id}", after=_audited(row))

        self._store.change(work)
        return self.get(combo_id)

    def reorder(self, ids: Sequence[str], by: Actor) -> tuple[ComboView, ...]:
        """These first, in this order; the others follow as they were. Raises Invalid for an id that is none, or comes twice."""

        def work(session: Session) -> None:
            rows = {row.id: row for row in session.scalars(COMBOS)}
            before = [row.name for row in rows.values()]
            unknown = next((each for each in ids if each not in rows), None)
            if unknown is not None or len(set(ids)) != len(ids):
                message = "An id comes twice." if unknown is None else f"There is no combo {str(unknown)[:80]!r}."
                raise Invalid(message, {"ids": message})
            order = [*ids, *(each for each in rows if each not in ids)]
            for place, each in enumerate(order):
                rows[each].sort_order = place
            after = [rows[each].name for each in order]
            if after != before:
                record(session, self._clock.now(), by, "combo.reorder", "combos", {"order": before}, {"order": after})

        self._store.change(work)
        return self.list()

    def duplicate(self, combo_id: str, by: Actor) -> ComboView:
        """The same under another name: "<name>-copy", "<name>-copy-2" ... Raises Missing."""

        def work(session: Session) -> str:
            row = _found(session, combo_id)
            shelf = _shelf(session)
            name, number = f"{row.name[:90]}-copy", 1
            while shelf.named(name) is not None:
                number += 1
                name = f"{row.name[:90]}-copy-{number}"
            value = combo_value(row)
            steps = tuple(replace(step, id=self._clock.new_id()) for step in value.steps)
            return self._add(session, replace(value, id=self._clock.new_id(), name=name, steps=steps), shelf, by)

        return self.get(self._store.change(work))

    def export(self, ids: Sequence[str] | None = None) -> dict[str, Any]:
        """These combos and those within them, or all combos and aliases, as a document for `import_`. Raises Missing."""
        with self._database.unit_of_work() as session:
            rows = list(session.scalars(COMBOS))
            configuration = _with(self._store.current(), rows)
        if ids is None:
            return exchange.document(configuration.combos.values(), configuration.aliases, configuration)
        by_id = {combo.id: combo for combo in configuration.combos.values()}
        wanted: dict[str, Combo] = {}
        pending = [by_id[each] if each in by_id else _raise(_missing(each)) for each in ids]
        while pending:
            combo = pending.pop(0)
            if wanted.setdefault(combo.name, combo) is combo:
                within = [configuration.combos[name] for name in inner(combo) if name in configuration.combos]
                pending += [each for each in within if each.name not in wanted]
        return exchange.document(wanted.values(), (), configuration)

    def import_(self, document: Mapping[str, Any], by: Actor, replace: bool = False) -> Imported:
        """Take in what `export` gave, here or elsewhere. What can't be taken is refused by itself and holds up nothing else.

        A name that is there already is refused, or with `replace` overwritten. Raises Invalid when it is no such document.
        """
        entries, aliases = exchange.read(document)
        configuration = self._store.refresh()

        def work(session: Session) -> Imported:
            imported, shelf = Imported(), _shelf(session)
            for entry in exchange.innermost_first(entries):
                imported = self._import_one(session, entry, shelf, configuration, by, replace, imported)
            return take_in(session, aliases, shelf.combos, by, self._clock.now(), replace, imported)

        return self._store.change(work)

    # Within a transaction ---------------------------------------------------------------------

    def _create(self, session: Session, given: Mapping[str, Any], shelf: Shelf, configuration: Configuration, by: Actor) -> str:
        return self._add(session, self._read(given, None, shelf, configuration), shelf, by)

    def _add(self, session: Session, combo: Combo, shelf: Shelf, by: Actor) -> str:
        now, place = self._clock.now(), 1 + max((row.sort_order for row in shelf.rows), default=-1)
        row = ComboRow(id=combo.id, sort_order=place, created_at=now, updated_at=now, **as_columns(combo))
        session.add(row)
        record(session, now, by, "combo.create", f"combo:{row.id}", after=_audited(row))
        shelf.rows.append(row)
        shelf.combos[row.name] = combo
        return row.id

    def _update(
        self,
        session: Session,
        row: ComboRow,
        given: Mapping[str, Any],
        shelf: Shelf,
        configuration: Configuration,
        by: Actor,
    ) -> None:
        combo, before, was = self._read(given, row, shelf, configuration), _audited(row), row.name
        for name, value in as_columns(combo).items():
            setattr(row, name, value)
        if _audited(row) == before:
            return
        row.updated_at = now = self._clock.now()
        record(session, now, by, "combo.update", f"combo:{row.id}", before, _audited(row))
        shelf.combos[row.name] = combo
        if row.name != was:
            self._follow_rename(session, was, row.name, shelf, by)

    def _follow_rename(self, session: Session, was: str, name: str, shelf: Shelf, by: Actor) -> None:
        now = self._clock.now()
        for row in shelf.rows:
            if any(step.get("combo") == was for step in row.steps):
                before = _audited(row)
                row.steps = [step | {"combo": name} if step.get("combo") == was else step for step in row.steps]
                row.updated_at = now
                record(session, now, by, "combo.update", f"combo:{row.id}", before, _audited(row))
        follow_rename(session, was, name, by, now)
        shelf.combos = {row.name: combo_value(row) for row in shelf.rows}

    def _import_one(
        self,
        session: Session,
        entry: Mapping[str, Any],
        shelf: Shelf,
        configuration: Configuration,
        by: Actor,
        overwrite: bool,
        imported: Imported,
    ) -> Imported:
        name = str(entry.get("name") or "")[:100]
        there = shelf.named(name)
        try:
            if there is None:
                self._create(session, entry, shelf, configuration, by)
                return replace(imported, created=(*imported.created, name))
            if not overwrite:
                raise Invalid(f"There is a combo {there.name} already.", {"name": f"There is a combo {there.name} already."})
            # Whatever the document leaves out has its default, also where a value was chosen here.
            whole = {"strategy": "priority", "steps": [], "tags": [], "enabled": True, **entry}
            whole["config"] = dict.fromkeys(DEFAULT) | dict(whole.get("config") or {})
            self._update(session, there, whole, shelf, configuration, by)
            return replace(imported, updated=(*imported.updated, name))
        except Invalid as exc:
            return replace(imported, refused=(*imported.refused, Refused(name, exc.message, next(iter(exc.fields), ""))))

    def _read(self, given: Mapping[str, Any], row: ComboRow | None, shelf: Shelf, configuration: Configuration) -> Combo:
        """The combo that `given` makes of `row`, or makes anew. Raises Invalid with everything that is wrong with it."""
        stored = combo_value(row) if row is not None else None
        read, around = Given(given, LABELS), replace(configuration, combos=shelf.combos)
        name = self._name(read, row, shelf)
        before = replace(stored, name=name) if stored is not None else Combo(self._clock.new_id(), name)
        combo = read_combo(read, before, around, self._clock.new_id)
        _require_nesting(combo, stored, around.combos)
        return combo

    def _name(self, read: Given, row: ComboRow | None, shelf: Shelf) -> str:
        stored = row.name if row is not None else ""
        if row is not None and "name" not in read:
            return stored
        name = read.text("name", needed=True)
        if not name:
            return stored
        if problem := name_problem(name):
            read.refuse("name", problem)
        other = shelf.named(name)
        if other is not None and other is not row:
            read.refuse("name", f"is taken: there is a combo {other.name}")
        return name


def name_problem(name: str) -> str | None:
    """What keeps a text from being a combo's name, in words that go on after "Name"; None if nothing does."""
    if name.casefold().partition("/")[0] in RESERVED_PREFIXES:
        return f"must not be or begin with {' or '.join(RESERVED_PREFIXES)}: those names are the gateway's own"
    if not _NAME.fullmatch(name) or ".." in name:
        return "may hold 1 to 100 letters, digits, dots (no two together), dashes and underscores"
    return None


def read_combo(read: Given, before: Combo, around: Configuration, new_id: Callable[[], str]) -> Combo:
    """`before` with what is given beside its name. Raises Invalid with everything that is wrong, also what `read` refused."""
    wrong, config, steps = dict[str, str](), before.config, before.steps
    strategy = read.choice("strategy", STRATEGIES, before.strategy)
    tags = read.texts("tags", before.tags, most=MOST_TAGS, longest=LONGEST_TAG)
    enabled = read.flag("enabled", before.enabled)
    try:
        read.check()
    except Invalid as exc:
        wrong |= exc.fields
    try:
        if "config" in read:
            config = read_config(read["config"], config)
    except Invalid as exc:
        wrong |= exc.fields
    try:
        if "steps" in read:
            known = {step.id: step for step in steps}
            steps = StepReader(around, before.name, known, new_id).read(read["steps"])
    except Invalid as exc:
        wrong |= exc.fields
    if wrong:
        raise Invalid(" ".join(wrong.values()), wrong)
    return replace(before, strategy=strategy, steps=steps, config=config, tags=tags, enabled=enabled)


def read_config(given: Any, stored: ComboConfig) -> ComboConfig:
    """`stored` with the members that are given; null is the default. Raises Invalid with fields such as config.max_attempts."""
    if given is None:
        return ComboConfig()
    if not isinstance(given, Mapping):
        raise Invalid("Configuration must be an object.", {"config": "Configuration must be an object."})
    labels = {name: label for name, (label, _, _) in CONFIG.items()}
    read = Given({name: DEFAULT.get(name) if value is None else value for name, value in given.items()}, labels)
    values = {name: read.whole(name, getattr(stored, name), low, high) for name, (_, low, high) in CONFIG.items()}
    try:
        read.check()
    except Invalid as exc:
        raise Invalid(exc.message, {f"config.{name}": text for name, text in exc.fields.items()}) from exc
    return ComboConfig(**values)


def _require_nesting(combo: Combo, stored: Combo | None, combos: Mapping[str, Combo]) -> None:
    """As things will be once it is saved, with the steps of others under its new name."""
    was = stored.name if stored is not None else combo.name
    if was == combo.name:
        require_nesting(combo.name, {**combos, combo.name: combo})
        return
    after = {each.name: each for each in (*combos.values(), combo) if each.name != was}
    for each in after.values():
        steps = tuple(replace(step, combo=combo.name) if step.combo == was else step for step in each.steps)
        after[each.name] = replace(each, steps=steps)
    require_nesting(combo.name, after)


def as_columns(combo: Combo) -> dict[str, Any]:
    """What of a row is its own to say, as models/combos.py keeps it."""
    return {
        "name": combo.name,
        "strategy": combo.strategy,
        "steps": [as_row(step) for step in combo.steps],
        "config": {name: value for name, value in asdict(combo.config).items() if value != DEFAULT[name]},
        "tags": list(combo.tags),
        "enabled": combo.enabled,
    }


def _shelf(session: Session) -> Shelf:
    rows = list(session.scalars(COMBOS))
    return Shelf(rows, {row.name: combo_value(row) for row in rows})


def _with(configuration: Configuration, rows: Iterable[ComboRow]) -> Configuration:
    """The configuration with the combos that the database has at this moment."""
    return replace(configuration, combos={row.name: combo_value(row) for row in rows})


def _audited(row: ComboRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in AUDITED}


def _found(session: Session, combo_id: str) -> ComboRow:
    row = session.get(ComboRow, combo_id)
    if row is None:
        raise _missing(combo_id)
    return row


def _missing(combo_id: str) -> Missing:
    return Missing(f"There is no combo {combo_id[:80]!r}.")


def _raise(error: Exception) -> Any:
    raise error
