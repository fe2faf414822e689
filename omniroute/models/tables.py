"""All tables, for whoever needs the metadata whole: migrations and tests."""

from __future__ import annotations

from omniroute.models.access import AdminRow, LoginAttemptRow, SessionRow
from omniroute.models.audit import AuditRow
from omniroute.models.combos import AliasRow, ComboRow
from omniroute.models.configuration import ConfigVersionRow, SettingRow
from omniroute.models.db import Base
from omniroute.models.keys import BudgetRow, KeyRow
from omniroute.models.logs import BodyRow, LogRow
from omniroute.models.responses import ResponseRow
from omniroute.models.shared import ConditionRow, CounterRow, HoldRow, ReportRow, TicketRow, TurnRow
from omniroute.models.upstreams import ConnectionRow, ModelRow, NodeRow
from omniroute.models.usage import DayRow, HourRow, PriceRow

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
    BudgetRow,
    PriceRow,
    LogRow,
    BodyRow,
    HourRow,
    DayRow,
    ResponseRow,
    AuditRow,
    SettingRow,
    ConfigVersionRow,
    ConditionRow,
    TurnRow,
    HoldRow,
    CounterRow,
    TicketRow,
    ReportRow,
)
METADATA = Base.metadata
