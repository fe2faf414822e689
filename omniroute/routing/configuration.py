"""What one worker knows of the configuration: frozen values, replaced as a whole when something changes.

A request takes one `Configuration` at its start and uses it to its end, so an edit in the middle changes nothing
under it. Secrets stay sealed in here; they are opened at the moment of the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from omniroute.limits.limit import ConnectionQuota, KeyLimits
from omniroute.prices.price import Price
from omniroute.providers.catalog import Provider


@dataclass(frozen=True, slots=True)
class Connection:
    """A credential at one provider or node. `sealed` is the encrypted API key, "" for providers that ask for none.

    `base_url` is the address that its own fields make, "" where the provider's is asked.
    """

    id: str
    provider_id: str
    name: str
    sealed: str
    priority: int = 0
    max_concurrent: int | None = None
    is_active: bool = True
    test_status: str = "untested"  # untested | active | error | banned
    status_reason: str | None = None
    succeeded: bool = False  # has answered at least once: routing/failures.py reads some errors differently then
    fields: Mapping[str, str] = field(default_factory=dict)
    base_url: str = ""
    quota: ConnectionQuota | None = None

    @property
    def terminal(self) -> bool:
        """Set by the operator's side of things (bad key, ban); time never heals it."""
        return self.test_status in ("error", "banned")

    def at(self, provider: Provider) -> Provider:
        """Its provider, at its own address if it has one."""
        return replace(provider, base_url=self.base_url) if self.base_url else provider


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A key that clients send. Only its SHA-256 is known."""

    id: str
    name: str
    digest: str
    scopes: frozenset[str] = frozenset({"relay"})
    expires_at: float | None = None
    is_active: bool = True
    allowed_models: tuple[str, ...] = ()  # globs over the requested name; empty: all
    allowed_endpoints: tuple[str, ...] = ()  # paths such as "/v1/messages"; empty: all
    no_log: bool = False
    log_bodies: bool = False
    limits: KeyLimits | None = None  # None: nothing is limited


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model that a user added or that was discovered upstream, beside those of the catalogue."""

    provider_id: str
    id: str
    source: str  # custom | discovered
    name: str = ""
    hidden: bool = False


MOST_ATTEMPTS = 30  # of one request, whatever a combo's configuration says
DEEPEST_COMBO = 3  # combos within combos


@dataclass(frozen=True, slots=True)
class ComboStep:
    """One step of a combo: a model of a provider or node (stored by id, never by prefix), or another combo by its name."""

    id: str
    provider_id: str = ""
    model: str = ""
    combo: str = ""
    connection_id: str | None = None  # this connection only
    weight: int = 1  # 0 to 100; 0 is never drawn first
    label: str = ""
    tags: tuple[str, ...] = ()
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class ComboConfig:
    """How a combo is walked. The deadline bounds the starting of attempts, never one that runs.

    `retry_same` is for the last target that is left; `wait_for_cooldown_ms` for when every target is cooling.
    """

    max_attempts: int = 8
    deadline_ms: int = 120_000
    retry_same: int = 1
    retry_delay_ms: int = 500
    wait_for_cooldown_ms: int = 0


@dataclass(frozen=True, slots=True)
class Combo:
    """Targets under one name, with the order in which they are tried. `strategy` is a name of routing/strategies.py."""

    id: str
    name: str
    strategy: str = "priority"
    steps: tuple[ComboStep, ...] = ()
    config: ComboConfig = ComboConfig()
    tags: tuple[str, ...] = ()
    enabled: bool = True
    sort_order: int = 0


@dataclass(frozen=True, slots=True)
class Alias:
    """A name of the user's own for a model or combo. `pattern` is exact, or a glob; globs go by `priority`, lower first."""

    pattern: str
    model: str
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that decides where a request may go.

    `providers` holds the native ones and the nodes as one kind of value, by id. `prefixes` maps what users type
    before the slash (lower case: ids, aliases, prefixes) to the one id that owns it now. `connections` lists, per
    provider id, the connections in order of priority. `keys` is by SHA-256 hex digest. `combos` is by name, in their order;
    `aliases` are in the order in which they are looked at. `cc_enabled` is the flag ENABLE_CC_COMPATIBLE_PROVIDER: nodes left
    from earlier are known without it, but not asked. `prices` are the operator's, by provider id: (model or glob, price).
    """

    version: int
    providers: Mapping[str, Provider]
    prefixes: Mapping[str, str]
    connections: Mapping[str, tuple[Connection, ...]]
    keys: Mapping[str, ClientKey]
    models: Mapping[str, tuple[ListedModel, ...]]
    settings: Mapping[str, object] = field(default_factory=dict)
    cc_enabled: bool = True
    combos: Mapping[str, Combo] = field(default_factory=dict)
    aliases: tuple[Alias, ...] = ()
    prices: Mapping[str, tuple[tuple[str, Price], ...]] = field(default_factory=dict)

    def quotas(self) -> list[tuple[str, ConnectionQuota]]:
        """By connection id, those that the operator has set."""
        return [(row.id, row.quota) for rows in self.connections.values() for row in rows if row.quota is not None]

    def connection(self, connection_id: str) -> Connection | None:
        for rows in self.connections.values():
            for row in rows:
                if row.id == connection_id:
                    return row
        return None
