"""What a restore would do: every row that comes, changes and goes, told before anything is done and done exactly so after."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from typing import Any, Literal

import orjson

from omniroute.backup.keeping import WIRE, destination_of, sealed_of_connection
from omniroute.backup.kinds import BUDGETS, KINDS, SETTINGS, Identity, Kind, Row, Rows, Stored, iso
from omniroute.backup.names import named
from omniroute.backup.reading import Read
from omniroute.backup.sealing import Destination
from omniroute.connections.operations import UNTESTED
from omniroute.keys.rights import must_hold
from omniroute.limits.limit import Limit, budget_limit, quota_limit, quota_of
from omniroute.models.keys import BudgetRow
from omniroute.providers.catalog import Catalog
from omniroute.security.audit import Actor
from omniroute.state.rows import budget_value

Mode = Literal["replace", "merge"]
MODES: tuple[Mode, ...] = ("replace", "merge")
Verb = Literal["added", "changed", "removed"]

# What of a row is no configuration, and what a new one has there.
BESIDE: dict[str, dict[str, Any]] = {"connections": UNTESTED, "keys": {"last_used_at": None}}
SECRETS = {"nodes": ("custom_headers",), "connections": ("sealed", "key_digest", "fields")}  # columns of them, by kind


@dataclass(frozen=True, slots=True)
class Change:
    """One thing. `members` are the names in the document of what changes of it; `manages` marks a key that may use /api."""

    kind: str
    verb: Verb
    name: str
    members: tuple[str, ...] = ()
    manages: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """The same thing for the audit: `subject` as in "node:<id>"; what changes of it, as a document has it (secrets are marks)."""

    verb: Verb
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Lacking:
    """What has to be typed in again, by label, of a connection or node, before requests are sent through it."""

    kind: str
    name: str
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Writes:
    """Of one table: what is deleted first and inserted then. A row that changes is in both, so that names can be exchanged."""

    delete: tuple[Identity, ...]
    insert: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """`version` is that of the configuration that it was made for: it holds for no other. `same` counts what stays as it is, by
    kind; `untest` are the ids of nodes whose connections are no longer known to work; `limits` are those that count anew;
    `settings` are all as they will be.
    """

    version: int
    mode: Mode
    changes: tuple[Change, ...]
    told: tuple[Told, ...]
    lacking: tuple[Lacking, ...]
    same: Mapping[str, int]
    writes: Mapping[str, Writes]
    untest: tuple[str, ...]
    limits: tuple[Limit, ...]
    settings: Mapping[str, Any]
    unknown_providers: tuple[str, ...]

    def counts(self) -> dict[str, dict[str, int]]:
        """By verb and kind, without what is nothing."""
        found: dict[str, dict[str, int]] = {}
        for each in self.changes:
            of_verb = found.setdefault(each.verb, {})
            of_verb[each.kind] = of_verb.get(each.kind, 0) + 1
        return found

    @property
    def fingerprint(self) -> str:
        """The same for two plans that would do the same to the same: also what is written over must be what was shown."""
        shown = [self.mode, *([astuple(each) for each in each_kind] for each_kind in (self.changes, self.told, self.lacking))]
        return hashlib.sha256(orjson.dumps(shown)).hexdigest()


class Planner:
    """`now` is what rows that change are stamped with."""

    def __init__(self, stored: Stored, catalog: Catalog, by: Actor, now: float, new_id: Callable[[], str]) -> None:
        self._stored, self._catalog, self._by, self._now, self._new_id = stored, catalog, by, now, new_id

    def plan(self, read: Read, mode: Mode) -> Plan:
        """Raises NotAllowed for a key that would lay hands on one that may do more than it may."""
        after = {kind.name: self._after(kind, read, mode) for kind in KINDS}
        moved = self._moved(after["nodes"])
        after["connections"] = {each: self._landed(row, read, after, moved) for each, row in after["connections"].items()}
        changes, told_all = list[Change](), list[Told]()
        same, writes = dict[str, int](), dict[str, Writes]()
        for kind in KINDS:
            before = self._known(kind)
            told = list(self._changes(kind, before, after))
            changes += [change for change, _ in told]
            told_all += [_told(kind, change, each, before.get(each), after[kind.name].get(each)) for change, each in told]
            same[kind.name] = len(after[kind.name]) - sum(change.verb != "removed" for change, _ in told)
            writes[kind.name] = self._writes(before, after[kind.name], told)
        writes["budgets"] = self._with_keys(writes, after["budgets"])
        lacking = tuple(
            Lacking(kind, named(kind, after[kind][(each,)], after, self._catalog), what)
            for (kind, each), what in read.lacking.items()
        )
        settings = {row["key"]: row["value"] for row in after["settings"].values()}
        return Plan(
            version=self._stored.version,
            mode=mode,
            changes=tuple(changes),
            told=tuple(told_all),
            lacking=lacking,
            same=same,
            writes=writes,
            untest=tuple(sorted(moved)),
            limits=tuple(self._limits(after)),
            settings=settings,
            unknown_providers=tuple(sorted(self._unknown(after))),
        )

    # Rows as they will be -----------------------------------------------------------------------

    def _known(self, kind: Kind) -> Rows:
        """What is here. A setting that this program does not know is left alone."""
        rows = self._stored.rows[kind.name]
        return {each: row for each, row in rows.items() if kind is not SETTINGS or SETTINGS.told(row)[0]}

    def _after(self, kind: Kind, read: Read, mode: Mode) -> Rows:
        before = self._known(kind)
        own = {each: self._whole(kind, before.get(each), row) for each, row in read.rows[kind.name].items()}
        return own if mode == "replace" else {**before, **own}

    def _whole(self, kind: Kind, before: Row | None, given: Row) -> Row:
        """All columns: those of the document, and of the row that is here what is no configuration. That one itself, if it is the
        same."""
        if before is not None and iso(before.get("created_at")) == iso(given.get("created_at", before.get("created_at"))):
            given = {**given, **({"created_at": before["created_at"]} if "created_at" in before else {})}
        row = {**BESIDE.get(kind.name, {}), **(before or {}), **given}
        if kind is BUDGETS and before is None:
            row |= {"id": self._new_id(), "created_at": self._now}
        if before is not None and not _differing(kind, before, row):
            return before
        return row | ({"updated_at": self._now} if "updated_at" in kind.row.__table__.c else {})

    def _moved(self, nodes: Rows) -> set[str]:
        """The ids of nodes of which it is not known that their connections work: another address, path or header set."""
        moved = set()
        for each, row in nodes.items():
            was = self._stored.rows["nodes"].get(each)
            if was is not None and any(was[name] != row[name] for name in (*WIRE, "custom_headers")):
                moved.add(row["id"])
        return moved

    def _landed(self, row: Row, read: Read, after: Mapping[str, Rows], moved: set[str]) -> Row:
        """A connection's row with its status: off while something is lacking, untested where something else is asked now."""
        was = self._stored.rows["connections"].get((row["id"],))
        there = was is not None and self._goes(was, self._stored.rows) == self._goes(row, after)
        why = _why_off(row, read)
        if was is not None and not there and (row["id"],) not in read.rows["connections"] and sealed_of_connection(row):
            why = "Its provider has another address since a backup was restored. See that it is right, then switch this on."
        if why is not None:
            told = was is not None and was["status_reason"] == why
            status = {} if told else {**UNTESTED, "status_reason": why, "status_at": self._now}
            return {**row, **status, "is_active": False}
        if was is None or (there and was["key_digest"] == row["key_digest"] and row["provider_id"] not in moved):
            return row
        return {**row, **UNTESTED}

    def _goes(self, row: Row, among: Mapping[str, Rows]) -> Destination:
        return destination_of(row, among["nodes"], self._catalog)

    # What that changes --------------------------------------------------------------------------

    def _changes(self, kind: Kind, before: Rows, after: Mapping[str, Rows]) -> Iterator[tuple[Change, Identity]]:
        own = after[kind.name]
        for each in (*own, *(each for each in before if each not in own)):
            row, was = own.get(each), before.get(each)
            members = _differing(kind, was, row) if row is not None and was is not None else ()
            if row is not None and was is not None and not members:
                continue
            verb: Verb = "added" if was is None else "removed" if row is None else "changed"
            shown, around = (was, self._stored.rows) if row is None else (row, after)
            assert shown is not None
            self._require_scopes(kind, (was, row), around)
            manages = kind.name == "keys" and "manage" in shown["scopes"]
            yield Change(kind.name, verb, named(kind.name, shown, around, self._catalog), members, manages), each

    def _require_scopes(self, kind: Kind, sides: Iterable[Row | None], around: Mapping[str, Rows]) -> None:
        """As where a key or its budgets are edited one by one."""
        for side in filter(None, sides):
            if kind.name == "keys":
                must_hold(self._by, side)
            elif kind is BUDGETS and (key := around["keys"].get((side["key_id"],))):
                must_hold(self._by, key)

    def _writes(self, before: Rows, after: Rows, told: Iterable[tuple[Change, Identity]]) -> Writes:
        changed = [each for _, each in told]
        return Writes(tuple(each for each in changed if each in before), tuple(after[each] for each in changed if each in after))

    def _with_keys(self, writes: Mapping[str, Writes], budgets: Rows) -> Writes:
        """The database deletes a key's budgets with its row, also where that only changes."""
        own, gone = writes["budgets"], {each[0] for each in writes["keys"].delete}
        inserted = {BUDGETS.identify(row) for row in own.insert}
        again = tuple(row for each, row in budgets.items() if row["key_id"] in gone and each not in inserted)
        return replace(own, insert=(*own.insert, *again))

    def _unknown(self, after: Mapping[str, Rows]) -> set[str]:
        """The ids of native providers that this program does not have."""
        named = {row["provider_id"] for kind in ("connections", "models", "prices") for row in after[kind].values()}
        return {each for each in named if (each,) not in after["nodes"] and self._catalog.get(each) is None}

    def _limits(self, after: Mapping[str, Rows]) -> Iterator[Limit]:
        """Those that are new here, or count otherwise than before."""
        for each, row in after["budgets"].items():
            limit, was = _budget(row), self._stored.rows["budgets"].get(each)
            old = None if was is None else _budget(was)
            if old is None or (old.counter, old.window) != (limit.counter, limit.window):
                yield limit
        for each, row in after["connections"].items():
            quota, stood = quota_of(row["quota"]), self._stored.rows["connections"].get(each)
            before = quota_of(stood["quota"]) if stood is not None else None
            if quota is not None and (before is None or replace(before, limit=quota.limit) != quota):
                yield quota_limit(row["id"], quota)


def _differing(kind: Kind, before: Row, after: Row) -> tuple[str, ...]:
    """The members of the document that differ; a secret is one of them."""
    if kind is SETTINGS:
        return () if kind.told(before) == kind.told(after) else ("value",)
    was, becomes = kind.told(before), kind.told(after)
    members = [name for name in becomes if was[name] != becomes[name]]
    if not members and any(before[name] != after[name] for name in SECRETS.get(kind.name, ())):
        members.append("secrets")
    return tuple(members)


def _told(kind: Kind, change: Change, each: Identity, was: Row | None, row: Row | None) -> Told:
    def side(of: Row | None, secrets: str) -> dict[str, Any] | None:
        if of is None:
            return None
        if kind is SETTINGS:
            name, value = kind.told(of)
            return {name: value}
        members = {name: value for name, value in kind.told(of).items() if name != "sha256"}  # of a key: nobody reads it there
        kept = members if change.verb != "changed" else {name: members[name] for name in change.members if name in members}
        return kept | ({"secrets": secrets} if "secrets" in change.members else {})

    subject = f"{kind.one}:{'/'.join(map(str, each))}"
    return Told(change.verb, subject, side(was, "as they were"), side(row, "others"))


def _why_off(row: Row, read: Read) -> str | None:
    """Why a connection can't be asked before somebody has typed something in; None if it can."""
    own = read.lacking.get(("connections", row["id"]), ())
    headers = read.lacking.get(("nodes", row["provider_id"]), ())
    if own:
        return f"Paste its {', '.join(own)}: the backup did not bring {'it' if len(own) == 1 else 'them'}. Then switch it on."
    if headers:
        told = ", ".join(headers)
        return f"Its provider lacks the value of {told}: the backup did not bring it. Type it in there, then switch this on."
    return None


def _budget(row: Row) -> Limit:
    return budget_limit(row["key_id"], budget_value(BudgetRow(**row)))
