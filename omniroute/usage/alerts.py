"""What the operator should know now: budgets and quotas that run out, connections that are out, stores that are away.

Made anew at each reading, and kept for a moment: every page of the dashboard asks for their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from omniroute.clock import Clock
from omniroute.errors import DatabaseAway, VaultError
from omniroute.limits.upstream import Learned
from omniroute.routing.configuration import Configuration
from omniroute.state.configuration import ConfigurationStore
from omniroute.state.health import HealthBoard
from omniroute.usage.standing import QUOTA_LOW, ConnectionStanding, KeyStanding, Overview, Standing, Standings, amount

Severity = Literal["bad", "warn"]
SEVERITIES: tuple[Severity, ...] = ("bad", "warn")  # the worse first
FRESH = 3.0  # seconds that they are kept
LIMITS, HEALTH, LOGS = "/dashboard/limits", "/dashboard/health", "/dashboard/logs"


@dataclass(frozen=True, slots=True)
class Alert:
    """`link` is the page of the dashboard where it is put right. `until_at` is when time does it, None if it does not."""

    severity: Severity
    kind: str
    title: str
    meaning: str
    remedy: str
    link: str
    until_at: float | None = None


class Alerts:
    """`dropped` is how many log rows this worker could not keep."""

    def __init__(
        self,
        standings: Standings,
        store: ConfigurationStore,
        board: HealthBoard,
        dropped: Callable[[], int],
        clock: Clock,
    ) -> None:
        self._standings, self._store, self._board, self._dropped, self._clock = standings, store, board, dropped, clock
        self._known: tuple[float, int, tuple[Alert, ...]] | None = None

    def current(self) -> tuple[Alert, ...]:
        """The worse first; a change of the configuration is in them at once, everything else after three seconds."""
        now = self._clock.now()
        try:
            configuration = self._store.current()
        except (DatabaseAway, VaultError):  # there never was one
            return tuple(_stores(now, None, False))
        known = self._known
        if known is None or known[1] != configuration.version or not 0 <= now - known[0] < FRESH:
            found = sorted(self._found(configuration), key=lambda alert: SEVERITIES.index(alert.severity))
            self._known = known = now, configuration.version, tuple(found)
        return known[2]

    def _found(self, configuration: Configuration) -> Iterator[Alert]:
        yield from _stores(self._store.stale_since, self._board.away_since, self._store.not_written)
        yield from of_connections(configuration)
        yield from of_limits(self._standings.overview())
        if dropped := self._dropped():
            rows = "1 log row is" if dropped == 1 else f"{dropped:,} log rows are"
            yield Alert(
                "warn",
                "log_rows_dropped",
                f"{rows} lost.",
                "More requests came than could be written down while the database was away or slow. Limits count what was "
                "reserved for them; those without limits are in no sum.",
                "Look whether the database keeps up. The number is of one worker since it was started.",
                LOGS,
            )


def of_limits(overview: Overview) -> Iterator[Alert]:
    """Budgets of keys in use, and quotas of connections in use, as their operator set them or as their upstream tells."""
    for key in overview.keys:
        for limit in key.limits if key.is_active else ():
            if limit.unit in ("usd", "tokens") and limit.resets_at is not None and limit.state in ("warn", "out"):
                yield _budget(key, limit)
    for row in overview.connections:
        if not row.is_active:
            continue
        if row.quota is not None and row.quota.state in ("warn", "out"):
            yield _quota(row, row.quota)
        for window in row.learned:
            if window.lasts and window.left < 1 - QUOTA_LOW:
                yield _learned(row, window)


def of_connections(configuration: Configuration) -> Iterator[Alert]:
    for rows in configuration.connections.values():
        for row in rows:
            if row.is_active and row.terminal and row.provider_id in configuration.providers:
                state = "is banned" if row.test_status == "banned" else "doesn't work"
                yield Alert(
                    "bad",
                    "connection_out",
                    f"The connection {row.name} of {configuration.providers[row.provider_id].name} {state}.",
                    row.status_reason or "Its upstream refuses it, so no request is sent through it.",
                    "Put it right there, then press Test on its page.",
                    f"/dashboard/providers/{row.provider_id}",
                )


def _stores(stale_since: float | None, away_since: float | None, not_written: bool) -> Iterator[Alert]:
    if stale_since is not None:
        yield Alert(
            "bad",
            "database_away",
            "The database can't be reached.",
            "Requests of keys without limits are served with the last known configuration; keys with limits are refused.",
            "Look whether it runs, and at the log.",
            HEALTH,
        )
    elif not_written:
        yield Alert(
            "bad",
            "database_not_written",
            "The database takes no writes.",
            "Requests of keys without limits are served, and their log rows wait; keys with limits are refused.",
            "Look whether its disk is full, or whether somebody else holds it, and at the log.",
            HEALTH,
        )
    elif away_since is not None:
        yield Alert(
            "bad",
            "redis_away",
            "Redis can't be reached.",
            "Keys with limits are refused, and each worker goes by what it knows of upstreams.",
            "Look at REDIS_URL and the log.",
            HEALTH,
        )


def _budget(key: KeyStanding, limit: Standing) -> Alert:
    period = limit.name.rpartition(" ")[2]
    budget = f"budget of {amount(limit.unit, limit.limit)} a {period}"
    if limit.state == "out":
        return Alert(
            "bad",
            "budget_used_up",
            f"The key {key.name} has used up its {budget}.",
            f"Its requests get 429 until the {period} is over.",
            "Raise the budget, or wait.",
            LIMITS,
            limit.resets_at,
        )
    return Alert(
        "warn",
        "budget_warning",
        f"The key {key.name} has used {_percent(limit.share)} of its {budget}.",
        f"At 100 % its requests get 429 until the {period} is over.",
        "Raise the budget, or look at what uses it.",
        LIMITS,
        limit.resets_at,
    )


def _quota(row: ConnectionStanding, limit: Standing) -> Alert:
    quota = f"quota of {amount(limit.unit, limit.limit)} per {limit.name.rpartition(' ')[2]}"
    if limit.state == "out":
        title = f"{row.name} of {row.provider_name} has used up its {quota}."
        meaning = "No request is sent through it until there is room again; other connections and combos go on."
        return Alert("bad", "quota_used_up", title, meaning, "Raise the quota, or wait.", LIMITS, limit.resets_at)
    title = f"{row.name} of {row.provider_name} has used {_percent(limit.share)} of its {quota}."
    meaning = "At 100 % no request is sent through it until there is room again."
    return Alert("warn", "quota_low", title, meaning, "Have another connection or a combo at hand.", LIMITS, limit.resets_at)


def _learned(row: ConnectionStanding, window: Learned) -> Alert:
    name = f"{window.name} of {row.name}, {row.provider_name}"
    if window.left <= 0:
        title, meaning = f"Nothing is left of {name}.", "Its upstream says so and will refuse requests until it is renewed."
        return Alert("bad", "quota_used_up", title, meaning, "Use another connection or a combo.", LIMITS, window.resets_at)
    title = f"{_percent(window.left)} is left of {name}."
    meaning = "Its upstream says so, and refuses requests once nothing is left."
    return Alert("warn", "quota_low", title, meaning, "Have another connection or a combo at hand.", LIMITS, window.resets_at)


def _percent(share: float | None) -> str:
    """Cut off: what is not full is not shown as full."""
    return f"{int(100 * (share or 0))} %"
