"""What is held against connections, models and providers now, in one list; how to take it back, and when breakers open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from omniroute.clock import Clock
from omniroute.connections.operations import Connections, ConnectionView
from omniroute.errors import Invalid, Missing
from omniroute.given import Given
from omniroute.models.configuration import SettingRow
from omniroute.providers.values import Provider
from omniroute.routing.configuration import Configuration
from omniroute.routing.failures import RULES
from omniroute.routing.health import Breaker, Condition, Mark, Place, ResilienceSettings
from omniroute.security.audit import Actor, record
from omniroute.state.configuration import ConfigurationStore
from omniroute.state.health import HealthBoard

KEY = "resilience"  # of the row of settings
LABELS = {"connection_id": "Connection", "provider": "Provider", "model": "Model"}
# Name -> (label, least, most)
SETTINGS: dict[str, tuple[str, int, int]] = {
    "breaker_failures": ("Failures that open a breaker", 1, 100),
    "breaker_window_s": ("Seconds within which they count", 1, 3600),
    "breaker_first_s": ("Seconds that it is open at first", 1, 3600),
    "breaker_most_s": ("Seconds that it is open at most", 1, 86_400),
}
# The weightiest first.
STATES = ("banned", "error", "open", "half-open", "locked", "cooling", "counting")
TEST_IT = "Put it right there, then press Test; or reset it here."


@dataclass(frozen=True, slots=True)
class HeldView:
    """One thing that is held against a connection, a model on it, or a provider as a whole (then both are None and "").

    `kind` is cooldown, lockout, breaker or status; `state` one of STATES. Times are seconds since 1970; `until_at` is None when
    time does not heal it. `stated`: the upstream named the time, so nobody is asked before. `count` is how many times in a row,
    for a breaker that is still closed how many failures.
    """

    kind: str
    state: str
    provider_id: str
    provider_name: str
    prefix: str
    connection_id: str | None
    connection_name: str | None
    model: str
    failure_class: str
    reason: str
    remedy: str
    since_at: float | None
    until_at: float | None
    stated: bool
    count: int


@dataclass(frozen=True, slots=True)
class ResilienceView:
    """The weightiest first."""

    held: tuple[HeldView, ...]


@dataclass(frozen=True, slots=True)
class Reset:
    """How many marks and breakers were forgotten, and how many connections are `untested` again."""

    places: int
    connections: int


class Resilience:
    def __init__(self, store: ConfigurationStore, board: HealthBoard, connections: Connections, clock: Clock) -> None:
        self._store, self._board, self._connections, self._clock = store, board, connections, clock

    def overview(self) -> ResilienceView:
        """Everything that is held against anybody now."""
        configuration, now = self._store.current(), self._clock.now()
        window = chosen_settings(configuration.settings).breaker_window_s
        held = [
            each
            for place, condition in tuple(self._board.health.items())
            for each in _held(place, condition, configuration, now, window)
        ]
        ill = {
            id for id, rows in configuration.connections.items() if any(row.terminal for row in rows)
        }  # of memory: mostly none
        held += [
            _status(row) for id in sorted(ill) for row in self._connections.list(id) if row.test_status in ("error", "banned")
        ]
        return ResilienceView(tuple(sorted(held, key=_order)))

    def reset(self, given: Mapping[str, Any], by: Actor) -> Reset:
        """Forget what is held: {} for all, or against a connection, a provider with all its connections, or a model of them.

        Without `model`, connections in error or banned become `untested`, too. Raises Invalid, Missing.
        """
        read = Given(given, LABELS)
        connection_id, name, model = (read.text(each, longest=300) for each in LABELS)
        read.check()
        configuration = self._store.current()
        provider = _provider(configuration, name) if name else None
        rows = [row for rows in configuration.connections.values() for row in rows]
        if connection_id:
            rows = [row for row in rows if row.id == connection_id]
            if not rows:
                raise Missing(f"There is no connection {connection_id[:80]!r}.", {"connection_id": "Connection is not there."})
            if provider is not None and rows[0].provider_id != provider.id:
                message = f"Connection {rows[0].name!r} is not one of {provider.name}."
                raise Invalid(message, {"connection_id": message})
        elif provider is not None:
            rows = [row for row in rows if row.provider_id == provider.id]
        if not connection_id and provider is None:
            places = self._board.reset(model=model or None)
        else:
            places = sum(self._board.reset(connection_id=row.id, model=model or None) for row in rows)
            if provider is not None and not connection_id and not model:
                places += self._board.reset(provider_id=provider.id)
        terminal = [] if model else [row for row in rows if row.terminal]
        for row in terminal:
            self._connections.mark(row.id, "untested", None, by)
        done = Reset(places, len(terminal))
        self._note(read, done, by)
        return done

    def settings(self) -> ResilienceSettings:
        """What was chosen, the default where nothing was."""
        return chosen_settings(self._store.current().settings)

    def change_settings(self, given: Mapping[str, Any], by: Actor) -> ResilienceSettings:
        """Change what is given; null is the default. Raises Invalid."""
        default = asdict(ResilienceSettings())
        whole = {name: default.get(name) if value is None else value for name, value in given.items()}
        read = Given(whole, {name: label for name, (label, _, _) in SETTINGS.items()})

        def work(session: Session) -> ResilienceSettings:
            row = session.get(SettingRow, KEY)
            before = chosen_settings({KEY: row.value} if row is not None else {})
            chosen = read_settings(read, before)
            read.check()
            after = replace(before, **chosen)
            if after != before:
                session.merge(SettingRow(key=KEY, value=chosen))
                record(session, self._clock.now(), by, "resilience.update", "resilience", asdict(before), asdict(after))
            return after

        return self._store.change(work)

    def _note(self, read: Given, done: Reset, by: Actor) -> None:
        named = {name: read[name] for name in LABELS if read[name]}
        after = {**named, "places": done.places, "connections": done.connections}
        self._store.change(lambda session: record(session, self._clock.now(), by, "resilience.reset", "resilience", after=after))


def read_settings(read: Given, before: ResilienceSettings) -> dict[str, int]:
    """`before` with what is given. What is wrong is noted in `read`."""
    chosen = {name: read.whole(name, getattr(before, name), low, high) for name, (_, low, high) in SETTINGS.items()}
    if chosen["breaker_first_s"] > chosen["breaker_most_s"]:
        read.refuse("breaker_first_s", "must not be more than at most")
    return chosen


def chosen_settings(settings: Mapping[str, object]) -> ResilienceSettings:
    """Those of `Configuration.settings`. What an older or newer program wrote beside the known names is passed over."""
    stored = settings.get(KEY)
    known = stored if isinstance(stored, Mapping) else {}
    return ResilienceSettings(**{name: value for name, value in known.items() if name in SETTINGS})


def _provider(configuration: Configuration, name: str) -> Provider:
    """By id, or what is typed before the slash."""
    found = configuration.providers.get(name) or configuration.providers.get(configuration.prefixes.get(name.lower(), ""))
    if found is None:
        raise Missing(f"There is no provider {name[:80]!r}.", {"provider": "Provider is not there."})
    return found


def _held(place: Place, condition: Condition, configuration: Configuration, now: float, window: float) -> Iterator[HeldView]:
    """What of a place's condition is worth telling: what has run out is kept only for the doubling."""
    shell = _shell(place, configuration)
    if shell is None:
        return
    if condition.mark is not None and condition.mark.active(now):
        yield _marked(shell, place, condition.mark)
    if condition.breaker is not None:
        yield from _broken(shell, condition.breaker, now, window)


def _marked(shell: HeldView, place: Place, mark: Mark) -> HeldView:
    kind, state = ("lockout", "locked") if place.kind == "model" else ("cooldown", "cooling")
    return replace(
        shell,
        kind=kind,
        state=state,
        failure_class=mark.kind,
        reason=mark.reason,
        remedy=_remedy(mark.kind),
        since_at=mark.since,
        until_at=mark.until,
        stated=mark.stated,
        count=mark.count,
    )


def _broken(shell: HeldView, breaker: Breaker, now: float, window: float) -> Iterator[HeldView]:
    shell = replace(shell, failure_class=breaker.kind, reason=breaker.reason, remedy=_remedy(breaker.kind))
    state = breaker.state(now)
    if state != "closed":
        yield replace(shell, state=state, since_at=breaker.since, until_at=breaker.until, count=breaker.count)
        return
    recent = [at for at in breaker.failures if now - at < window]
    if recent:
        yield replace(shell, state="counting", since_at=recent[0], until_at=recent[-1] + window, count=len(recent))


def _shell(place: Place, configuration: Configuration) -> HeldView | None:
    """Whom the place is about; None for a connection or provider that is gone."""
    if place.kind == "node":
        rows = configuration.connections.get(place.id, ())
        provider_id, row = place.id, next((row for row in rows if place.model and row.base_url == place.model), None)
    else:
        row = configuration.connection(place.id)
        provider_id = row.provider_id if row is not None else ""
    provider = configuration.providers.get(provider_id)
    if provider is None:
        return None
    return HeldView(
        kind="breaker",
        state="open",
        provider_id=provider.id,
        provider_name=provider.name,
        prefix=provider.prefix,
        connection_id=row.id if row is not None else None,
        connection_name=row.name if row is not None else None,
        model=place.model if place.kind == "model" else "",
        failure_class="",
        reason="",
        remedy="",
        since_at=None,
        until_at=None,
        stated=False,
        count=0,
    )


def _status(row: ConnectionView) -> HeldView:
    """A connection that only a Test, new credentials or a reset bring back."""
    last = (row.last_test or {}).get("diagnosis") or {}
    return HeldView(
        kind="status",
        state=row.test_status,
        provider_id=row.provider_id,
        provider_name=row.provider_name,
        prefix=row.prefix,
        connection_id=row.id,
        connection_name=row.name,
        model="",
        failure_class=str(last.get("type") or ""),
        reason=row.status_reason or "",
        remedy=TEST_IT,
        since_at=row.status_at,
        until_at=None,
        stated=False,
        count=1,
    )


def _remedy(kind: str) -> str:
    rule = RULES.get(kind)
    return rule.remedy if rule is not None else ""


def _order(held: HeldView) -> tuple[Any, ...]:
    return STATES.index(held.state), held.provider_name.casefold(), held.connection_name or "", held.model
