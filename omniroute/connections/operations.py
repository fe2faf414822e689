"""Connections: credentials at a provider or node. The verbs that change them, and what a Test makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import Clock
from omniroute.connections.bulk import MOST, Bulk, Line, Made, Refusal
from omniroute.connections.credentials import Credentials
from omniroute.connections.prefixes import claim_for_native
from omniroute.connections.quotas import QuotaChange, read_quota
from omniroute.connections.shown import ConnectionView as ConnectionView
from omniroute.connections.shown import audited, connection_view
from omniroute.connections.siblings import Siblings
from omniroute.errors import Conflict, FeatureOff, Invalid, Missing
from omniroute.given import Given
from omniroute.limits.limit import quota_of
from omniroute.models.db import Database
from omniroute.models.upstreams import ConnectionRow, NodeRow
from omniroute.providers.addresses import base_url
from omniroute.providers.catalog import Catalog, Provider
from omniroute.providers.nodes import as_provider, is_cc
from omniroute.routing.configuration import Connection
from omniroute.routing.verdict import Verdict
from omniroute.security.audit import SYSTEM, Actor, record
from omniroute.security.redaction import redact
from omniroute.security.vault import Vault
from omniroute.settings import Settings
from omniroute.state.configuration import ConfigurationStore
from omniroute.state.recount import Recount
from omniroute.state.rows import node_value

LABELS = {
    "provider": "Provider",
    "name": "Name",
    "api_key": "API key",
    "priority": "Priority",
    "max_concurrent": "Requests at once",
    "quota": "Quota",
    "is_active": "Active",
    "fields": "Fields",
}
IN_USE = 30.0  # seconds that an opened credential is used again; it is forgotten when the next one is opened after that
STATUSES = ("untested", "active", "error", "banned")
# The verdicts that set a terminal status (design of routing: nothing else does, and time never heals it).
TERMINAL = {"upstream_auth_error": "error", "relay_client_rejected": "error", "account_banned": "banned"}
UNTESTED: dict[str, Any] = {
    "test_status": "untested",
    "status_reason": None,
    "status_at": None,
    "succeeded": False,
    "last_test": None,
    "last_tested_at": None,
}


class Connections:
    def __init__(
        self,
        database: Database,
        store: ConfigurationStore,
        catalog: Catalog,
        vault: Vault,
        settings: Settings,
        recount: Recount,
        clock: Clock,
    ) -> None:
        self._database, self._store, self._catalog, self._vault, self._clock = database, store, catalog, vault, clock
        self._in_use: dict[str, tuple[float, str]] = {}  # by the sealed text: when it was opened, and what it is
        self._recount = recount
        self._cc_on = settings.enable_cc_compatible_provider
        self._credentials = Credentials(vault, settings.secret_key)
        self._noting: set[str] = set()

    def list(self, provider: str | None = None) -> tuple[ConnectionView, ...]:
        """Of one provider or node id, or all; by provider and priority."""
        with self._database.unit_of_work() as session:
            providers = self._providers(session)
            return tuple(connection_view(row, providers.get(row.provider_id)) for row in session.scalars(_ordered(provider)))

    def testable(self, provider: str | None = None) -> tuple[ConnectionView, ...]:
        """Of those, what is switched on. Nodes that wait for their flag are left out: nothing would be sent."""
        return tuple(row for row in self.list(provider) if row.is_active and (self._cc_on or not is_cc(row.provider_id)))

    def get(self, connection_id: str) -> ConnectionView:
        """Raises Missing."""
        with self._database.unit_of_work() as session:
            return self._shown(session, _found(session, connection_id))

    def create(self, given: Mapping[str, Any], by: Actor) -> ConnectionView:
        """Raises Invalid, Missing for an unknown provider, FeatureOff for a Claude Code node without its flag.

        Raises Conflict when a node owns the native provider's name, or the provider has this very key already at this address.
        """
        read = Given(given, LABELS)
        name = read.text("provider", needed=True)
        read.check()

        def work(session: Session) -> ConnectionView:
            provider = self._claimed(session, name)
            return self._add(session, provider, read, Siblings(session, provider), by)

        return self._store.change(work)

    def create_many(self, provider: str, keys: Sequence[str | Line], by: Actor, fields: Mapping[str, str] | None = None) -> Bulk:
        """One connection a key, or a line that was read; blank ones are passed over, and a bad one holds up no other.

        All are made in one change, or none. `fields` are what this provider asks for beside the key, the same for all. Raises
        Invalid, Missing, FeatureOff, Conflict for what is wrong with all of them.
        """
        lines = _lines(keys)

        def work(session: Session) -> Bulk:
            found = self._claimed(session, provider)
            siblings, made = Siblings(session, found), []

            def make(line: Line, read: Given) -> None:
                made.append(Made(line.number, self._add(session, found, read, siblings, by)))

            refused = _refusals(provider, lines, fields, make)
            return Bulk(tuple(made), refused)

        return self._store.change(work) if lines else Bulk((), ())

    def check_many(
        self, provider: str, keys: Sequence[str | Line], fields: Mapping[str, str] | None = None
    ) -> tuple[Refusal, ...]:
        """What `create_many` would refuse now. Nothing is kept. Raises Invalid, Missing, FeatureOff."""
        lines = _lines(keys)
        with self._database.unit_of_work() as session:
            found = self._provider(session, provider)
            siblings = Siblings(session, found)

            def check(line: Line, read: Given) -> None:
                siblings.refuse_known_key(self._credentials.read_columns(read, found, None)["key_digest"])

            return _refusals(provider, lines, fields, check)

    def reorder(
        self, provider_id: str, ids: Sequence[str], by: Actor, priorities: Sequence[int] = ()
    ) -> tuple[ConnectionView, ...]:
        """These first, in this order; the others follow as they were. Priorities count from 0 then, no two alike, unless they
        are given, one for each.

        Raises Missing for a provider without connections, Invalid for an id that is none of its, or comes twice.
        """

        def work(session: Session) -> None:
            rows = {row.id: row for row in session.scalars(_ordered(provider_id))}
            if not rows:
                raise Missing(f"{provider_id[:80]!r} has no connections.")
            unknown = next((each for each in ids if each not in rows), None)
            if unknown is not None or len(set(ids)) != len(ids):
                message = "An id comes twice." if unknown is None else f"It has no connection {str(unknown)[:80]!r}."
                raise Invalid(message, {"ids": message})
            before, now = _order_told(rows.values()), self._clock.now()
            order = [rows[each] for each in dict.fromkeys([*ids, *rows])]
            for place, row in zip(priorities or range(len(order)), order, strict=False):
                if row.priority != place:
                    row.priority, row.updated_at = place, now
            if before != (after := _order_told(order)):
                record(session, now, by, "connection.reorder", f"provider:{provider_id}", before, after)

        self._store.change(work)
        return self.list(provider_id)

    def update(self, connection_id: str, given: Mapping[str, Any], by: Actor) -> ConnectionView:
        """Change what is given; an API key left blank is kept. A new one, or a new address, sends it back to `untested`.

        A quota that is new or counts otherwise counts what the log has already: while the counters can't be reached it is not
        changed. Raises Invalid, Missing, Conflict, DatabaseAway.
        """
        read = Given(given, LABELS)
        change = self._quota_change(connection_id, read)
        if read.fine:
            change.prepare()

        def work(session: Session) -> ConnectionView:
            row = _found(session, connection_id)
            provider = self._providers(session).get(row.provider_id)
            if provider is None:
                raise Conflict(f"The provider {row.provider_id!r} of this connection is gone; it can only be deleted.")
            if "provider" in read and read["provider"] != row.provider_id:
                read.refuse("provider", "can't be changed; make a new connection instead")
            before, asked = audited(row), (row.key_digest, base_url(provider, row.fields))
            columns = self._credentials.read_columns(read, provider, row)
            columns["name"] = columns["name"] or row.name
            if asked != (columns["key_digest"], base_url(provider, columns["fields"])):
                Siblings(session, provider, without=row.id).refuse_known_key(columns["key_digest"])
                columns |= UNTESTED
            for name, value in columns.items():
                setattr(row, name, value)
            row.updated_at = self._clock.now()
            record(session, row.updated_at, by, "connection.update", f"connection:{row.id}", before, audited(row))
            return connection_view(row, provider)

        view = self._store.change(work)
        change.finish()
        return view

    def _quota_change(self, connection_id: str, read: Given) -> QuotaChange:
        if "quota" not in read:
            return QuotaChange(self._recount, connection_id, None, None)
        with self._database.unit_of_work() as session:
            before = quota_of(_found(session, connection_id).quota)
        return QuotaChange(self._recount, connection_id, before, read_quota(read))

    def delete(self, connection_id: str, by: Actor) -> None:
        """Raises Missing."""

        def work(session: Session) -> None:
            row = _found(session, connection_id)
            record(session, self._clock.now(), by, "connection.delete", f"connection:{row.id}", before=audited(row))
            session.delete(row)

        self._store.change(work)
        self._recount.forget(f"connection:{connection_id}")

    def record_test(self, connection_id: str, verdict: Verdict, by: Actor = SYSTEM, tested: str | None = None) -> ConnectionView:
        """Keep the verdict. A valid one makes the connection `active`; a refused key or client sets it to `error`.

        Trouble that says nothing about the key (5xx, network, rate limits) changes only `last_test`. `tested` is the sealed
        key that was tried: if there is another one by now, nothing is kept. Raises Missing.
        """
        told = {name: value for name, value in verdict.as_dict().items() if name != "models"}
        limited = verdict.diagnosis.type == "upstream_rate_limited"
        status = "active" if verdict.valid and not limited else TERMINAL.get(verdict.diagnosis.type)
        answered = verdict.valid and verdict.status_code is not None and 200 <= verdict.status_code < 300

        def work(session: Session) -> ConnectionView:
            row = _found(session, connection_id)
            if tested is None or tested == row.sealed:
                now = self._clock.now()
                row.last_test, row.last_tested_at = told | {"at": now}, now
                row.succeeded = row.succeeded or answered
                if status is not None:
                    _set_status(session, row, status, None if verdict.valid else _reason(verdict), by, now)
            return self._shown(session, row)

        return self._store.change(work)

    def record_success(self, connection_id: str) -> None:
        """Note that the connection has answered a real request. Costs nothing when that is known already."""
        known = self._store.current().connection(connection_id)
        if known is None or (known.succeeded and known.test_status != "untested") or connection_id in self._noting:
            return

        def work(session: Session) -> None:
            row = session.get(ConnectionRow, connection_id)
            if row is not None:
                row.succeeded = True
                if row.test_status == "untested":
                    _set_status(session, row, "active", None, SYSTEM, self._clock.now())

        self._noting.add(connection_id)
        try:
            self._store.change(work)
        finally:
            self._noting.discard(connection_id)

    def mark(self, connection_id: str, test_status: str, reason: str | None, by: Actor = SYSTEM) -> ConnectionView:
        """Set the status by hand or from traffic: untested, active, error or banned. Raises Invalid, Missing."""
        if test_status not in STATUSES:
            raise Invalid(
                f"Status must be one of {', '.join(STATUSES)}.", {"test_status": f"must be one of {', '.join(STATUSES)}"}
            )

        def work(session: Session) -> ConnectionView:
            row = _found(session, connection_id)
            _set_status(session, row, test_status, reason, by, self._clock.now())
            return self._shown(session, row)

        return self._store.change(work)

    def credential(self, connection: Connection) -> str:
        """The API key in the open, for this one call; "" when the connection has none. Raises VaultError.

        One that was opened within IN_USE seconds is not opened anew: that takes as long as to choose the target.
        """
        sealed = connection.sealed
        if not sealed:
            return ""
        now, known = self._clock.tick(), self._in_use.get(sealed)
        if known is None or not 0 <= now - known[0] < IN_USE:
            self._in_use = {text: each for text, each in self._in_use.items() if 0 <= now - each[0] < IN_USE}
            known = self._in_use[sealed] = now, self._vault.open(sealed)
        return known[1]

    def _add(self, session: Session, provider: Provider, read: Given, siblings: Siblings, by: Actor) -> ConnectionView:
        """A connection that nothing was ever asked of. Raises Invalid, Conflict, and has added nothing then."""
        columns = self._credentials.read_columns(read, provider, None)
        siblings.refuse_known_key(columns["key_digest"])
        columns["name"] = columns["name"] or siblings.next_name()
        if "priority" not in read:
            columns["priority"] = siblings.next_priority()
        now = self._clock.now()
        row = ConnectionRow(
            id=self._clock.new_id(), provider_id=provider.id, created_at=now, updated_at=now, **UNTESTED, **columns
        )
        session.add(row)
        siblings.joined(row)
        record(session, now, by, "connection.create", f"connection:{row.id}", after=audited(row))
        return connection_view(row, provider)

    def _claimed(self, session: Session, name: str) -> Provider:
        """The provider that is to get a connection. Raises as `_provider`, and Conflict when a node owns its name."""
        provider = self._provider(session, name)
        if provider.kind == "native":
            claim_for_native(session, provider)
        return provider

    def _provider(self, session: Session, name: str) -> Provider:
        """By native id or alias, or by a node's id (its prefix would be ambiguous). Raises Missing, FeatureOff."""
        row = session.get(NodeRow, name)
        if row is not None:
            if is_cc(row.id) and not self._cc_on:
                raise FeatureOff(
                    "Claude Code compatible nodes are switched off. "
                    "Set ENABLE_CC_COMPATIBLE_PROVIDER=true and start the gateway again."
                )
            return as_provider(node_value(row, self._vault), self._catalog)
        native = self._catalog.find(name)
        if native is None:
            raise Missing(f"There is no provider {name[:80]!r}.", {"provider": f"There is no provider {name[:80]!r}."})
        return native

    def _providers(self, session: Session) -> Mapping[str, Provider]:
        nodes = [as_provider(node_value(row, self._vault), self._catalog) for row in session.scalars(sa.select(NodeRow))]
        return {**self._catalog.providers, **{node.id: node for node in nodes}}

    def _shown(self, session: Session, row: ConnectionRow) -> ConnectionView:
        return connection_view(row, self._providers(session).get(row.provider_id))


def _ordered(provider_id: str | None) -> sa.Select[ConnectionRow]:
    query = sa.select(ConnectionRow).order_by(
        ConnectionRow.provider_id, ConnectionRow.priority, ConnectionRow.created_at, ConnectionRow.id
    )
    return query if provider_id is None else query.where(ConnectionRow.provider_id == provider_id)


def _order_told(rows: Iterable[ConnectionRow]) -> dict[str, Any]:
    """For the audit: who they are and their priorities, in their order."""
    return {"order": [{"id": row.id, "name": row.name, "priority": row.priority} for row in rows]}


def _lines(keys: Sequence[str | Line]) -> list[Line]:
    """Numbered as they were given. Raises Invalid for too many."""
    if len(keys) > MOST:
        raise Invalid(f"At most {MOST} keys at once.", {"api_keys": f"At most {MOST} keys at once."})
    lines = [each if isinstance(each, Line) else Line(at, api_key=each) for at, each in enumerate(keys, 1)]
    return [line for line in lines if line.api_key.strip() or line.wrong]


def _refusals(
    provider: str, lines: Iterable[Line], fields: Mapping[str, str] | None, take: Callable[[Line, Given], None]
) -> tuple[Refusal, ...]:
    """Take each line by itself. Raises the Invalid that would be the same for all: of a field beside the key."""
    refused = []
    for line in lines:
        try:
            if line.wrong:
                raise Invalid(line.wrong)
            take(line, Given(_as_given(provider, line, fields), LABELS))
        except (Invalid, Conflict) as exc:
            if any(name.startswith("fields.") for name in exc.fields):
                raise
            refused.append(Refusal(line.number, exc.message))
    return tuple(refused)


def _as_given(provider: str, line: Line, fields: Mapping[str, str] | None) -> dict[str, Any]:
    return {"provider": provider, "name": line.name, "api_key": line.api_key, **({"fields": fields} if fields else {})}


def _found(session: Session, connection_id: str) -> ConnectionRow:
    row = session.get(ConnectionRow, connection_id)
    if row is None:
        raise Missing(f"There is no connection {connection_id[:80]!r}.")
    return row


def _set_status(session: Session, row: ConnectionRow, status: str, reason: str | None, by: Actor, now: float) -> None:
    before = {"test_status": row.test_status, "status_reason": row.status_reason}
    after = {"test_status": status, "status_reason": None if reason is None else redact(reason)[:2000]}
    if before == after:
        return
    row.test_status, row.status_reason, row.status_at = status, after["status_reason"], now
    record(session, now, by, "connection.status", f"connection:{row.id}", before, after)


def _reason(verdict: Verdict) -> str:
    told = verdict.diagnosis
    return f"{told.message} {told.remedy}".strip()
