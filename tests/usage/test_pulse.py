"""What is going on now: minutes that roll, rows that come late or from elsewhere, and a day as the operator's zone has it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from omniroute.errors import DatabaseAway, UpstreamStatus
from omniroute.models.db import Database
from omniroute.preferences.operations import chosen
from omniroute.routing.candidates import Candidate
from omniroute.routing.failures import classify
from omniroute.routing.route import Target
from omniroute.usage.logs import insert_rows
from omniroute.usage.pulse import FRESH, LONGEST_REST, REST, Pulse
from tests.parts import ADMIN, START, HandClock, Parts

HOUR, DAY = 3600, 86_400


def pulse_of(parts: Parts) -> Pulse:
    zone = lambda settings: chosen(settings, "time_zone")  # noqa: E731
    return Pulse(parts.database, parts.store.current, parts.logs, parts.board, zone, parts.clock)


@pytest.fixture
def pulse(parts: Parts) -> Pulse:
    return pulse_of(parts)


class Log:
    """Rows as some worker writes them, each with an id of its own."""

    def __init__(self, parts: Parts) -> None:
        self.parts, self.count = parts, 0

    def __call__(self, *rows: dict[str, Any], **common: Any) -> None:
        whole = []
        for row in rows or ({},):
            self.count += 1
            made = {"id": f"r-{self.count:05}", "at": self.parts.clock.now(), "kind": "ok", "status": 200, "cost": 0}
            whole.append(made | common | row)
        self.parts.database.write(lambda session: insert_rows(session, whole))


@pytest.fixture
def log(parts: Parts) -> Log:
    return Log(parts)


def later(parts: Parts, seconds: float = FRESH) -> None:
    parts.clock.move(seconds)


def counts(pulse: Pulse) -> dict[int, int]:
    """Minutes ago -> requests, where there are any."""
    series = pulse.current().minutes
    return {len(series) - 1 - n: minute.requests for n, minute in enumerate(series) if minute.requests}


# Minutes ------------------------------------------------------------------------------------------


def test_nothing_yet(pulse: Pulse) -> None:
    told = pulse.current()
    assert (told.last_minute, told.in_flight, told.providers, told.failures) == (0, 0, (), ())
    assert (told.recent.error_rate, told.recent.first_p50_ms, told.today.cost) == (None, None, 0)
    assert [minute.at for minute in told.minutes] == [START - 60 * ago for ago in range(59, -1, -1)]


def test_minutes_roll_and_the_last_sixty_seconds_are_counted_to_the_second(parts: Parts, pulse: Pulse, log: Log) -> None:
    log({}, {}, {"at": START - 59 * 60}, {"at": START - 60 * 60})
    assert (counts(pulse), pulse.current().last_minute) == ({0: 2, 59: 1}, 2)
    later(parts, 59)
    assert (counts(pulse), pulse.current().last_minute) == ({0: 2, 59: 1}, 2)
    later(parts, 2)
    assert (counts(pulse), pulse.current().last_minute) == ({1: 2}, 0)
    log()
    later(parts)
    assert (counts(pulse), pulse.current().last_minute) == ({0: 1, 1: 2}, 1)
    later(parts, HOUR)
    assert counts(pulse) == {}


def test_it_is_looked_at_again_after_two_seconds(parts: Parts, pulse: Pulse, log: Log) -> None:
    before = pulse.current()
    log()
    later(parts, FRESH - 0.1)
    assert pulse.current() is before
    later(parts, 0.1)
    assert pulse.current().last_minute == 1


def test_rows_that_come_late_are_found(parts: Parts, pulse: Pulse, log: Log) -> None:
    log(at=START - 100)
    assert counts(pulse) == {2: 1}
    log({"at": START - 100}, {"at": START - 10 * 60})  # a request of a minute and a half, and one of ten minutes
    later(parts)
    assert counts(pulse) == {2: 2}
    later(parts, 60 - FRESH)
    assert counts(pulse) == {3: 2, 11: 1}


def test_rows_that_come_while_nobody_looks_are_found(parts: Parts, pulse: Pulse, log: Log) -> None:
    log()
    assert counts(pulse) == {0: 1}
    log()
    later(parts, 30 * 60)
    assert counts(pulse) == {30: 2}


def test_a_row_is_counted_once_however_often_one_looks(parts: Parts, pulse: Pulse, log: Log) -> None:
    for number in range(1, 40):
        log(cost=1000)
        told = pulse.current()
        assert sum(minute.requests for minute in told.minutes) == told.today.requests == number
        assert told.today.cost == 1000 * number
        later(parts, 7)


def test_rows_of_another_worker_and_after_a_restart(parts: Parts, pulse: Pulse, log: Log) -> None:
    other = parts.another()
    elsewhere = pulse_of(other)
    log({}, {"kind": "timeout"})
    Log(other)({"id": "other-1"}, {"id": "other-2"})
    for each in (pulse, elsewhere, pulse_of(parts)):
        told = each.current()
        assert (told.last_minute, told.recent.failed, told.today.requests) == (4, 1, 4)
    other.database.close()


def test_a_row_from_a_clock_that_is_ahead_counts_when_its_time_has_come(parts: Parts, pulse: Pulse, log: Log) -> None:
    log(at=START + 61)
    assert counts(pulse) == {}
    later(parts, 62)
    assert counts(pulse) == {0: 1}


def test_a_clock_that_was_set_back_looks_again(parts: Parts, pulse: Pulse, log: Log) -> None:
    pulse.current()
    later(parts, -300)
    log()
    assert counts(pulse) == {0: 1}


class SlowClock(HandClock):
    """Each look takes a second."""

    def tick(self) -> float:
        self.ticks = getattr(self, "ticks", 0.0) + 1.0
        return self.ticks


def test_who_looks_slowly_looks_seldom(parts: Parts, log: Log) -> None:
    parts.clock = clock = SlowClock()
    pulse = pulse_of(parts)
    before = pulse.current()
    log()
    clock.move(min(REST * 1.0, LONGEST_REST) - 0.1)
    assert pulse.current() is before
    clock.move(0.1)
    assert pulse.current().today.requests == 1


def test_what_was_read_survives_a_database_that_is_away(parts: Parts, log: Log) -> None:
    database = Database(parts.database.url)
    parts.database, kept = database, parts.database
    pulse = pulse_of(parts)
    parts.database = kept
    log()
    assert counts(pulse) == {0: 1}
    database.url = f"{database.url}/away"
    database.close()
    later(parts)
    with pytest.raises(DatabaseAway):
        pulse.current()
    database.url = kept.url
    database.close()
    log()
    assert counts(pulse) == {0: 2}
    database.close()


# Failures and times -------------------------------------------------------------------------------


def test_the_error_rate_is_of_the_last_quarter_of_an_hour_and_who_leaves_is_no_error(pulse: Pulse, log: Log) -> None:
    old = START - 15 * 60
    log({"kind": "timeout"}, {"kind": "client_gone"}, {}, {}, {"at": old, "kind": "timeout"}, {"at": old + 60, "kind": "timeout"})
    recent = pulse.current().recent
    assert (recent.minutes, recent.requests, recent.failed, recent.error_rate) == (15, 5, 2, 0.4)
    assert sum(minute.failed for minute in pulse.current().minutes) == 3


def test_times_to_first_content(pulse: Pulse, log: Log) -> None:
    log(*({"first_ms": ms} for ms in range(400, 600, 2)))
    log({"first_ms": 5, "kind": "timeout"}, {"first_ms": None}, {"first_ms": 1, "at": START - 20 * 60})
    recent = pulse.current().recent
    assert recent.first_p50_ms == pytest.approx(500, abs=2)
    assert recent.first_p95_ms == pytest.approx(590, abs=2)


def test_the_newest_failures_come_with_what_they_said(parts: Parts, pulse: Pulse, log: Log) -> None:
    log(*({"at": START - 60 * n, "kind": "timeout", "message": f"late {n}"} for n in range(8)))
    log({"kind": "client_gone"}, {})
    assert [row.message for row in pulse.current().failures] == [f"late {n}" for n in range(5)]
    log({"kind": "server_error", "message": "new", "at": START + 1})
    later(parts)
    assert [row.message for row in pulse.current().failures] == ["new", "late 0", "late 1", "late 2", "late 3"]
    later(parts, 2 * HOUR)
    assert pulse.current().failures == ()


# Providers ----------------------------------------------------------------------------------------


def test_each_provider_with_connections_or_requests(parts: Parts, pulse: Pulse, log: Log) -> None:
    row = parts.connections.create({"provider": "openai", "api_key": "sk-good-1"}, ADMIN)
    parts.connections.create({"provider": "anthropic", "api_key": "sk-good-2"}, ADMIN)
    log(provider_id="openai", first_ms=450)
    log({"kind": "timeout", "at": START - 600}, provider_id="openai")
    log({"provider_id": "gone-since"}, {"kind": "model_not_found", "status": 404})
    told = pulse.current().providers
    assert [(each.name, each.state, each.requests, each.failed) for each in told] == [
        ("A deleted provider", "gone", 1, 0),
        ("Anthropic", "untested", 0, 0),
        ("OpenAI", "untested", 2, 1),
        ("Not sent", "", 1, 1),
    ]
    openai = told[2]
    assert (openai.prefix, openai.connections, openai.error_rate, openai.first_p50_ms) == ("openai", 1, 0.5, 450)
    assert [n for n, count in enumerate(openai.series) if count] == [49, 59]
    cool(parts, row.id, 90)
    later(parts)
    openai = pulse.current().providers[2]
    assert (openai.state, openai.until_at) == ("cooling", START + 90)
    later(parts, 90)
    assert (pulse.current().providers[2].state, pulse.current().providers[2].until_at) == ("untested", None)


def cool(parts: Parts, connection_id: str, seconds: int) -> None:
    parts.board.failed(_candidate(parts, connection_id), _limited(seconds, parts.clock.now()))


def _candidate(parts: Parts, connection_id: str) -> Candidate:
    configuration = parts.store.current()
    connection = configuration.connection(connection_id)
    assert connection is not None
    return Candidate(Target(configuration.providers[connection.provider_id], "gpt-5.5"), connection)


def _limited(seconds: int, now: float) -> Any:
    error = UpstreamStatus(402, {"retry-after": str(seconds)}, b'{"error": {"message": "Enough."}}')
    return classify(error, "", succeeded=True, now=now)


def test_what_is_under_way_now(parts: Parts, pulse: Pulse) -> None:
    row = parts.connections.create({"provider": "openai", "api_key": "sk-good-1"}, ADMIN)
    candidate = _candidate(parts, row.id)
    parts.board.enter(candidate)
    assert (pulse.current().in_flight, pulse.current().providers[0].in_flight) == (1, 1)
    parts.board.leave(candidate)
    later(parts)
    assert (pulse.current().in_flight, pulse.current().providers[0].in_flight) == (0, 0)


# Today --------------------------------------------------------------------------------------------


def at(text: str, zone: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("zone", "now", "hours"),
    [
        ("UTC", "2027-01-15T08:30", 8.5),
        ("America/New_York", "2027-01-15T08:30", 8.5),
        ("Asia/Kolkata", "2027-01-15T08:30", 8.5),  # midnight is at half past six in UTC
        ("Asia/Kolkata", "2027-01-15T00:10", 1 / 6),
        ("Asia/Kolkata", "2027-01-15T00:45", 0.75),
        ("Europe/Berlin", "2027-03-28T12:00", 11),  # an hour is left out
        ("Europe/Berlin", "2027-10-31T12:00", 13),  # an hour comes twice
        ("America/Havana", "2027-03-14T06:00", 5),  # midnight itself is left out
    ],
)
def test_the_day_begins_at_midnight_in_the_operators_time_zone(
    parts: Parts, pulse: Pulse, log: Log, zone: str, now: str, hours: float
) -> None:
    parts.preferences.update({"time_zone": zone}, ADMIN)
    parts.clock.at = moment = at(now, zone)
    midnight = moment - hours * HOUR
    log({"at": midnight - 0.5, "cost": 1}, {"at": midnight, "cost": 20}, {"at": midnight + 61, "cost": 300}, {"cost": 4000})
    today = pulse.current().today
    assert (today.begins_at, today.time_zone) == (midnight, zone)
    assert (today.requests, today.cost) == (3, 4320)
    assert pulse_of(parts).current().today == today
    log({"at": max(midnight, moment - 600), "cost": 50_000}, {"cost": None, "input_tokens": 3, "output_tokens": 4})
    later(parts, 61)
    today = pulse.current().today
    assert (today.cost, today.unpriced, today.tokens) == (54_320, 1, 7)


def test_a_new_day_begins_anew_and_another_zone_at_once(parts: Parts, pulse: Pulse, log: Log) -> None:
    log(cost=5)
    assert pulse.current().today.cost == 5
    later(parts, DAY)
    log(cost=7)
    assert (pulse.current().today.cost, pulse.current().today.begins_at) == (7, (START + DAY) // DAY * DAY)
    parts.preferences.update({"time_zone": "Pacific/Kiritimati"}, ADMIN)  # there it is 22:00
    later(parts)
    assert pulse.current().today.begins_at == START + DAY - 22 * HOUR


# What it costs ------------------------------------------------------------------------------------


def test_what_is_known_is_not_read_again(parts: Parts, pulse: Pulse, log: Log) -> None:
    log(*({"at": START - 60 * n} for n in range(60)))
    statements: list[str] = []
    with parts.database.unit_of_work() as session:
        engine = session.get_bind().engine
    sa.event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    def reads() -> int:
        """Statements that read rows, not only the index."""
        found = sum("first_ms" in statement for statement in statements)
        statements.clear()
        return found

    pulse.current()
    assert reads() == 1
    later(parts)
    pulse.current()
    assert reads() == 0
    log()
    later(parts)
    pulse.current()
    assert reads() == 1
    later(parts, 60)
    pulse.current()
    assert reads() == 0
