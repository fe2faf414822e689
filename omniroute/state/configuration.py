"""What this worker knows of the configuration, kept in memory and read anew when it changed.

Who changes something does it in `change()`: the version number moves in the same transaction, and a beacon file tells
the other workers of this machine at once. Workers elsewhere see the version number by `poll()`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import Clock
from omniroute.errors import DatabaseAway, VaultError
from omniroute.models.combos import AliasRow, ComboRow
from omniroute.models.configuration import ConfigVersionRow, SettingRow
from omniroute.models.db import Database
from omniroute.models.keys import BudgetRow, KeyRow
from omniroute.models.upstreams import ConnectionRow, ModelRow, NodeRow
from omniroute.models.usage import PriceRow
from omniroute.prices.price import Price
from omniroute.providers.catalog import Catalog, Provider
from omniroute.providers.nodes import as_provider
from omniroute.routing.configuration import ClientKey, Configuration, Connection, ListedModel
from omniroute.security.vault import Vault
from omniroute.settings import Settings
from omniroute.state.beacon import Beacon
from omniroute.state.rows import alias_value, combo_value, connection_value, key_value, model_value, node_value, price_value

T = TypeVar("T")
V = TypeVar("V", Connection, ListedModel)

COMBOS = sa.select(ComboRow).order_by(ComboRow.sort_order, ComboRow.created_at, ComboRow.id)
ALIASES = sa.select(AliasRow).order_by(AliasRow.priority, AliasRow.pattern)
POLL_EVERY = 0.5  # seconds between two looks at the version number


class ConfigurationStore:
    """One a worker. While the database is away the last configuration stays in use, and `stale_since` says since when."""

    def __init__(self, database: Database, catalog: Catalog, vault: Vault, settings: Settings, clock: Clock) -> None:
        self._database, self._catalog, self._vault, self._clock = database, catalog, vault, clock
        self._cc_enabled = settings.enable_cc_compatible_provider
        self._beacon = Beacon(settings.data_dir / "config.version")
        self._turn = threading.Lock()
        self._known: Configuration | None = None
        self._stamp = -1
        self._polled = float("-inf")
        self.stale_since: float | None = None

    def current(self) -> Configuration:
        """From memory, unless another worker of this machine has changed something since.

        Raises DatabaseAway (or VaultError) only when there never was one.
        """
        known = self._known
        if known is not None and self._beacon.stamp() == self._stamp:
            return known
        with self._turn:
            if self._known is None or self._beacon.stamp() != self._stamp:
                self._read()
            return self._have()

    def refresh(self) -> Configuration:
        """Read again, whatever the beacon says."""
        with self._turn:
            self._read()
            return self._have()

    def poll(self) -> bool:
        """Whether the version number had moved; then the configuration was read anew. Looks at most every half second."""
        now = self._clock.tick()
        if now - self._polled < POLL_EVERY:
            return False
        self._polled = now
        try:
            with self._database.unit_of_work() as session:
                version = _version(session)
        except DatabaseAway:
            self._went_stale()
            return False
        if self._known is None or version != self._known.version:
            self.refresh()
            return True
        self.stale_since = None
        return False

    @property
    def not_written(self) -> bool:
        """The database can be read, and takes no writes: its disk is full, or somebody holds it."""
        return self.stale_since is None and self._database.not_written

    def change(self, work: Callable[[Session], T]) -> T:
        """Run `work` in a transaction that moves the version number, then tell every worker. Like `Database.write`.

        The version's row is locked first, so that changes to the configuration happen one after the other on Postgres
        too: what `work` has checked stays true until its commit.
        """

        def moved(session: Session) -> T:
            session.execute(sa.update(ConfigVersionRow).values(version=ConfigVersionRow.version + 1))
            return work(session)

        done = self._database.write(moved)
        self.touched()
        return done

    def loaded(self, session: Session) -> Configuration:
        """As it is within a transaction of `change`, before anybody else sees it. Raises whatever keeps it from being read."""
        return _load(session, self._catalog, self._vault, self._cc_enabled)

    def touched(self) -> None:
        """Tell the other workers of this machine, and read the change here."""
        with contextlib.suppress(OSError):  # a full disk: the others see it by poll() half a second later
            self._beacon.touch()
        self.refresh()

    def _read(self) -> None:
        stamp = self._beacon.stamp()  # taken first: a change during the reading moves it on, and is read next time
        try:
            with self._database.unit_of_work() as session:
                self._known = _load(session, self._catalog, self._vault, self._cc_enabled)
        except (DatabaseAway, VaultError):
            if self._known is None:
                raise
            self._went_stale()
        else:
            self.stale_since = None
        self._stamp = stamp

    def _have(self) -> Configuration:
        assert self._known is not None  # _read raises otherwise
        return self._known

    def _went_stale(self) -> None:
        """From here on `poll` tries again; requests don't."""
        if self.stale_since is None:
            self.stale_since = self._clock.now()


def _load(session: Session, catalog: Catalog, vault: Vault, cc_enabled: bool) -> Configuration:
    """The version comes first: if something changes during the reading, it is too old, and everything is read again."""
    version = _version(session)
    nodes = [
        as_provider(node_value(row, vault), catalog) for row in session.scalars(sa.select(NodeRow).order_by(NodeRow.created_at))
    ]
    connections = session.scalars(
        sa.select(ConnectionRow).order_by(ConnectionRow.priority, ConnectionRow.created_at, ConnectionRow.id)
    )
    providers = {**catalog.providers, **{node.id: node for node in nodes}}
    models = session.scalars(sa.select(ModelRow).order_by(ModelRow.created_at, ModelRow.model_id))
    return Configuration(
        version=version,
        providers=MappingProxyType(providers),
        prefixes=MappingProxyType(_prefixes(catalog, nodes)),
        connections=_grouped(connection_value(row, providers.get(row.provider_id)) for row in connections),
        keys=MappingProxyType(_keys(session)),
        models=_grouped(model_value(row) for row in models),
        settings=MappingProxyType({row.key: row.value for row in session.scalars(sa.select(SettingRow))}),
        cc_enabled=cc_enabled,
        combos=MappingProxyType({row.name: combo_value(row) for row in session.scalars(COMBOS)}),
        aliases=tuple(alias_value(row) for row in session.scalars(ALIASES)),
        prices=MappingProxyType(_prices(session)),
    )


def _keys(session: Session) -> dict[str, ClientKey]:
    budgets: dict[str, list[BudgetRow]] = {}
    for row in session.scalars(sa.select(BudgetRow).order_by(BudgetRow.period)):
        budgets.setdefault(row.key_id, []).append(row)
    # As plain rows: making objects of 10,000 keys takes as long again, and the worker does nothing else meanwhile.
    rows = cast(Iterable[KeyRow], session.execute(sa.select(*KeyRow.__table__.columns)))
    return {row.digest: key_value(row, budgets.get(row.id, ())) for row in rows}


def _prices(session: Session) -> dict[str, tuple[tuple[str, Price], ...]]:
    """Exact names before globs, and of those the longest first."""
    found: dict[str, list[tuple[str, Price]]] = {}
    for row in session.scalars(sa.select(PriceRow)):
        found.setdefault(row.provider_id, []).append((row.model, price_value(row)))
    return {provider_id: tuple(sorted(prices, key=_exact_first)) for provider_id, prices in found.items()}


def _exact_first(priced: tuple[str, Price]) -> tuple[bool, int, str]:
    model = priced[0]
    return any(mark in model for mark in "*?["), -len(model), model


def _version(session: Session) -> int:
    return session.scalars(sa.select(ConfigVersionRow.version)).one()


def _prefixes(catalog: Catalog, nodes: Iterable[Provider]) -> dict[str, str]:
    """What users type before the slash -> who answers. A node goes before a native provider of the same name.

    It could take that name only while the native provider had no connection (connections/prefixes.py).
    """
    owners = {name: provider.id for provider in catalog.all() for name in typed_names(provider)}
    for node in nodes:
        owners[node.prefix.lower()] = owners[node.id.lower()] = node.id
    return owners


def typed_names(provider: Provider) -> tuple[str, ...]:
    """All that may stand before the slash for a native provider, in lower case."""
    return tuple(dict.fromkeys(name.lower() for name in (provider.id, provider.prefix, *provider.aliases) if name))


def _grouped(values: Iterable[V]) -> Mapping[str, tuple[V, ...]]:
    groups: dict[str, list[V]] = {}
    for value in values:
        groups.setdefault(value.provider_id, []).append(value)
    return MappingProxyType({provider_id: tuple(group) for provider_id, group in groups.items()})
