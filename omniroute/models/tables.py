"""All tables, for whoever needs the metadata whole: migrations and tests."""

from __future__ import annotations

from omniroute.models.access import AdminRow, LoginAttemptRow, SessionRow
from omniroute.models.audit import AuditRow
from omniroute.models.combos import AliasRow, ComboRow
from omniroute.models.configuration import ConfigVersionRow, SettingRow
from omniroute.models.db import Base
from omniroute.models.keys import KeyRow
from omniroute.models.logs import LogRow
from omniroute.models.responses import ResponseRow
from omniroute.models.shared import ConditionRow, CounterRow, HoldRow, ReportRow, ReservationRow, TurnRow
from omniroute.models.upstreams import ConnectionRow, ModelRow, NodeRow

TABLES = (
    AdminRow,
    SessionRow,
    LoginAttemptRow,
    NodeRow,
    ConnectionRow,
    ModelRow,
    ComboRow,
    AliasRow,
    KeyRow,
    LogRow,
    ResponseRow,
    AuditRow,
    SettingRow,
    ConfigVersionRow,
    ConditionRow,
    TurnRow,
    HoldRow,
    CounterRow,
    ReservationRow,
    ReportRow,
)
METADATA = Base.metadata
