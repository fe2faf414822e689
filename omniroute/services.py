"""The collaborators that views are given. Made once per process, in app.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from omniroute.accounts.operations import Accounts
from omniroute.backup.operations import Backup
from omniroute.clock import Clock
from omniroute.combos.aliases import Aliases
from omniroute.combos.operations import Combos
from omniroute.connections.models import ModelList
from omniroute.connections.nodes import Nodes
from omniroute.connections.operations import Connections
from omniroute.connections.resilience import Resilience
from omniroute.keys.budgets import Budgets
from omniroute.keys.operations import Keys
from omniroute.models.db import Database
from omniroute.observe.metrics import Metrics
from omniroute.preferences.operations import Preferences
from omniroute.providers.catalog import Catalog
from omniroute.relay.combo_probe import ComboProbe
from omniroute.relay.explain import Explain
from omniroute.relay.ledger import Ledger
from omniroute.relay.probe import Probe
from omniroute.relay.retrieval import Retrieval
from omniroute.relay.service import Relay
from omniroute.security.audit import AuditLog
from omniroute.settings import Settings
from omniroute.state.configuration import ConfigurationStore
from omniroute.state.health import HealthBoard
from omniroute.state.shared import SharedState
from omniroute.usage.alerts import Alerts
from omniroute.usage.books import Books
from omniroute.usage.logs import LogReports
from omniroute.usage.prices import Prices
from omniroute.usage.pulse import Pulse
from omniroute.usage.reports import UsageReports
from omniroute.usage.standing import Standings

if TYPE_CHECKING:
    from omniroute.observe.traces import Traces


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    clock: Clock
    catalog: Catalog
    database: Database
    configuration: ConfigurationStore
    shared: SharedState
    accounts: Accounts
    backup: Backup
    keys: Keys
    budgets: Budgets
    nodes: Nodes
    connections: Connections
    models: ModelList
    combos: Combos
    aliases: Aliases
    prices: Prices
    resilience: Resilience
    preferences: Preferences
    audit: AuditLog
    logs: LogReports
    books: Books
    usage: UsageReports
    pulse: Pulse
    ledger: Ledger
    metrics: Metrics
    traces: Traces | None
    board: HealthBoard
    standings: Standings
    alerts: Alerts
    relay: Relay
    retrieval: Retrieval
    probe: Probe
    combo_probe: ComboProbe
    explain: Explain
