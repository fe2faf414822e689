"""What every store promises of tickets and counters. The times are arguments, so nothing here waits."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import sqlalchemy as sa
from redis import Redis

from omniroute.errors import CountersLost, DatabaseAway
from omniroute.limits.limit import KEPT_AFTER, MINUTE, Limit, Line
from omniroute.limits.windows import Level
from omniroute.models.db import Database
from omniroute.models.shared import CounterRow
from omniroute.state.shared import FILLED, Lapsed, Part, Reserved, Settlement, SharedState
from omniroute.state.sql import SqlState
from tests.redis_server import RedisServer
from tests.state.stores import opened

NOW = 1_800_000_000.25
THEN = NOW + 60
HUGE = 2**45 + 1
RATE = Limit("requests per minute", "key:k:rate", "requests", 3, MINUTE)
AT_ONCE = Limit("concurrent requests", "key:k:at once", "concurrent", 2, Level())


def line(counter: str, amount: int = 1, limit: int = 10, bucket: int = 0, since: int = 0, expires: float = THEN) -> Line:
    return Line(counter, bucket, since, amount, limit, expires)


def part(counter: str, amount: int, bucket: int = 0, expires: float = THEN) -> Part:
    return Part(counter, bucket, amount, expires)


def reserve(store: SharedState, ticket: str, *lines: Line, until: float = THEN, **document: object) -> Reserved:
    return store.reserve(ticket, lines, document, NOW, until)


def settle(store: SharedState, ticket: str, *parts: Part) -> bool:
    return store.settle([Settlement(ticket, parts)]) == {ticket}


def count(store: SharedState, counter: str, since: int = 0) -> tuple[int, int]:
    return store.counted([(counter, since)])[counter]


def tickets(store: SharedState) -> dict[str, Lapsed]:
    return {lapsed.ticket: lapsed for lapsed in store.lapsed(NOW * 2, 10_000)}


# Reserving ----------------------------------------------------------------------------------------


def test_what_is_reserved_is_as_good_as_spent_until_it_is_settled(shared: SharedState, other: SharedState) -> None:
    shared.spend([part("k", 60)])
    assert reserve(shared, "first", line("k", 30, 100)) == Reserved(None, (60,))
    assert reserve(other, "second", line("k", 30, 100)) == Reserved(None, (90,))  # which is below 100
    assert reserve(shared, "third", line("k", 1, 100)) == Reserved(0, (120,), 0)
    assert other.counted([("k", 0), ("j", 0)]) == {"k": (60, 60), "j": (0, 0)}
    assert settle(other, "first", part("k", 5))
    assert count(shared, "k") == (65, 30)
    assert settle(shared, "second")
    assert count(other, "k") == (65, 0)
    assert tickets(shared) == {}


def test_all_lines_or_none(shared: SharedState, other: SharedState) -> None:
    shared.spend([part("b", 10), part("c", 10)])
    told = reserve(shared, "t", line("a", 5), line("b", 5, 10), line("c", 5, 10))
    assert told == Reserved(1, (0, 10), 0)  # nothing is told of those after it
    assert other.counted([("a", 0), ("b", 0), ("c", 0)]) == {"a": (0, 0), "b": (10, 0), "c": (10, 0)}
    assert tickets(shared) == {} and not settle(shared, "t", part("a", 5))
    assert reserve(shared, "t", line("a", 5), line("b", 5, 11), line("c", 5, 11)) == Reserved(None, (0, 10, 10))
    assert other.counted([("a", 0), ("b", 0), ("c", 0)]) == {"a": (0, 5), "b": (10, 5), "c": (10, 5)}


def test_a_refused_line_leaves_the_ticket_as_it_was(shared: SharedState) -> None:
    reserve(shared, "t", line("a", 5), said="first")
    before = tickets(shared)
    assert reserve(shared, "t", line("b", 5), line("a", 1, 5), until=THEN + 100, said="second").refused == 1
    assert tickets(shared) == before and count(shared, "b") == (0, 0)


def test_a_ticket_without_lines(shared: SharedState) -> None:
    assert reserve(shared, "t", model="m") == Reserved(None, ())
    assert tickets(shared) == {"t": Lapsed("t", (), {"model": "m"})}
    assert settle(shared, "t", part("k", 3)) and count(shared, "k") == (3, 0)


def test_a_rolling_window_lets_go_of_its_oldest_part(shared: SharedState, other: SharedState) -> None:
    def ask(ticket: str, at: float) -> Reserved:
        return shared.reserve(ticket, [RATE.line(1, at)], {}, at, at + 60)

    assert [ask(f"t{n}", NOW + n * 10).refused for n in range(3)] == [None, None, None]
    refused = ask("t3", NOW + 59)
    assert refused == Reserved(0, (3,), int(NOW))
    room_at = RATE.window.room_at(int(NOW), NOW)
    assert ask("t3", room_at - 0.5).refused == 0
    assert ask("t3", room_at).refused is None
    assert ask("t4", room_at) == Reserved(0, (3,), int(NOW) + 10)
    settle(other, "t1", part(RATE.counter, 1, int(NOW) + 10))
    assert count(other, RATE.counter, int(NOW) + 1) == (1, 2)
    assert count(other, RATE.counter, int(NOW) + 11) == (0, 2)
    assert count(other, RATE.counter, int(NOW)) == (1, 3)


def test_the_bucket_that_blocks_is_the_one_that_is_too_much(shared: SharedState) -> None:
    shared.spend([part("k", 100, 10), part("k", 2, 20), part("k", 3, 40), part("k", 3, 30), part("k", 4, 50)])
    reserve(shared, "t", line("k", 2, 1000, bucket=50))
    for limit, blocked_by in ((14, 20), (12, 30), (9, 40), (6, 50), (1, 50), (0, None)):
        assert reserve(shared, "u", line("k", 1, limit, bucket=50, since=20)) == Reserved(0, (14,), blocked_by)
    assert reserve(shared, "u", line("k", 1, 15, bucket=50, since=20)).refused is None
    assert reserve(shared, "v", line("fresh", 1, 0)) == Reserved(0, (0,), None)


def test_so_many_at_once(shared: SharedState, other: SharedState) -> None:
    """Nothing is ever spent in a level: it only goes up and down."""

    def enter(ticket: str) -> Reserved:
        return other.reserve(ticket, [AT_ONCE.line(1, NOW)], {}, NOW, THEN)

    assert [enter("a").refused, enter("b").refused, enter("c")] == [None, None, Reserved(0, (2,), 0)]
    assert settle(shared, "a")
    assert [enter("c").refused, enter("d").refused] == [None, 0]
    assert [settle(shared, ticket) for ticket in "bc"] == [True, True]
    assert count(other, AT_ONCE.counter) == (0, 0)


def test_a_ticket_is_extended(shared: SharedState, other: SharedState) -> None:
    reserve(shared, "t", line("a", 5), until=THEN, model="m", tries=1, units={"a": "usd"})
    assert reserve(other, "t", line("b", 6), line("a", 1), until=THEN - 30, tries=2, units={}) == Reserved(None, (0, 5))
    assert tickets(shared)["t"] == Lapsed(
        "t", (part("a", 5), part("b", 6), part("a", 1)), {"model": "m", "tries": 2, "units": {}}
    )
    assert shared.lapsed(THEN, 1) == []
    reserve(shared, "t", line("a", 1), until=THEN + 30)
    assert shared.lapsed(THEN + 1, 1) == [] and len(shared.lapsed(THEN + 31, 1)) == 1
    assert settle(shared, "t", part("a", 4))
    assert other.counted([("a", 0), ("b", 0)]) == {"a": (4, 0), "b": (0, 0)}


def test_amounts_are_as_large_as_money(shared: SharedState, other: SharedState) -> None:
    shared.spend([part("k", HUGE)])
    assert reserve(shared, "t", line("k", HUGE + 1, 2 * HUGE)) == Reserved(None, (HUGE,))
    assert reserve(other, "u", line("k", 1, 2 * HUGE)) == Reserved(0, (2 * HUGE + 1,), 0)
    assert count(other, "k") == (HUGE, HUGE + 1)
    assert tickets(shared)["t"].lines == (part("k", HUGE + 1),)
    assert settle(other, "t", part("k", HUGE + 2))
    assert count(shared, "k") == (2 * HUGE + 2, 0)
    shared.spend([part("k", -HUGE)])
    assert count(shared, "k") == (HUGE + 2, 0)


def test_names_and_documents_come_back_as_they_went(shared: SharedState) -> None:
    name, long = "key:é\u2028 \"/\\'{}%s:tokens", "x" * 5000
    document = {"a/b": [], "none": None, "é\u2028": {"x": {}, "y": [1.5, 2**60, "\n", True]}, "lines": "d:until"}
    shared.reserve("t:é/1", [line(name, 5), line(long, 6), line(long + "y", 7)], document, NOW, THEN)
    found = tickets(shared)["t:é/1"]
    assert found.document == document and found.lines[0] == part(name, 5)
    assert shared.counted([(name, 0), (long, 0), (long + "y", 0)]) == {name: (0, 5), long: (0, 6), long + "y": (0, 7)}
    shared.release("t:é/1", [long])
    assert settle(shared, "t:é/1", *found.lines)
    assert shared.counted([(name, 0), (long, 0), (long + "y", 0)]) == {name: (5, 0), long: (6, 0), long + "y": (7, 0)}


# Giving back and settling -------------------------------------------------------------------------


def test_some_is_given_back(shared: SharedState, other: SharedState) -> None:
    reserve(shared, "t", line("a", 5), line("b", 6), line("c", 7))
    reserve(shared, "t", line("b", 1))
    reserve(shared, "u", line("b", 2))
    other.release("t", ["b", "never heard of"])
    assert other.counted([("a", 0), ("b", 0), ("c", 0)]) == {"a": (0, 5), "b": (0, 2), "c": (0, 7)}
    assert tickets(shared)["t"].lines == (part("a", 5), part("c", 7))
    other.release("t", ["b"])
    other.release("never heard of", ["a"])
    other.release("t", [])
    assert other.counted([("a", 0), ("b", 0)]) == {"a": (0, 5), "b": (0, 2)}
    other.release("t", ["a", "c"])
    assert tickets(shared)["t"].lines == ()
    reserve(shared, "t", line("a", 3))
    assert tickets(shared)["t"].lines == (part("a", 3),)
    assert settle(shared, "t", part("a", 1)) and count(shared, "a") == (1, 0)


def test_a_ticket_is_settled_once(shared: SharedState, other: SharedState) -> None:
    reserve(shared, "t", line("k", 30, 100))
    assert other.settle([Settlement("t", (part("k", 5),)), Settlement("unknown", (part("k", 7),))]) == {"t"}
    assert shared.settle([Settlement("t", (part("k", 5),))]) == frozenset()
    assert shared.settle([]) == frozenset()
    assert count(shared, "k") == (5, 0)


def test_what_is_put_right_when_the_ticket_is_gone_already(shared: SharedState) -> None:
    reserve(shared, "t", line("k", 30, 100))
    settlement = Settlement("t", (part("k", 5),), (part("k", 2), part("j", -3)))
    assert shared.settle([settlement]) == {"t"}
    assert shared.settle([settlement]) == frozenset()
    assert shared.counted([("k", 0), ("j", 0)]) == {"k": (7, 0), "j": (-3, 0)}


def test_many_are_settled_in_one_call(shared: SharedState, other: SharedState) -> None:
    ids = [f"t{n:04}" for n in range(1100)]
    for id in ids[:1050]:
        reserve(shared, id, line("k", 3, 10**6), line(f"key {id[-1]}", 2, 10**6, bucket=int(id[-2])))
    assert count(other, "k") == (0, 3150)
    found = other.settle([Settlement(id, (part("k", 2), part("spent", 1, n // 100))) for n, id in enumerate(ids)])
    assert found == set(ids[:1050])
    assert shared.counted([("k", 0), ("key 7", 0), ("spent", 0), ("spent", 10)]) == {
        "k": (2100, 0),
        "key 7": (0, 0),
        "spent": (50, 0),
    }
    assert count(shared, "spent") == (1050, 0) and tickets(shared) == {}


@pytest.mark.parametrize("first", ["free", "paid"])
def test_what_reserved_nothing_is_settled_beside_others(shared: SharedState, other: SharedState, first: str) -> None:
    """What costs nothing, or less than a micro-dollar, holds its place of another limit all the same."""
    for ticket, amount in (("free", 0), ("paid", 500), ("more", 7)):
        reserve(shared, ticket, AT_ONCE.line(1, NOW)._replace(limit=9), line("usd", amount, 1000))
    second = {"free": "paid", "paid": "free"}[first]
    assert settle(other, first) and settle(other, second)
    assert other.counted([(AT_ONCE.counter, 0), ("usd", 0)]) == {AT_ONCE.counter: (0, 1), "usd": (0, 7)}
    assert tickets(other).keys() == {"more"}


def test_nothing_is_reserved_below_zero(shared: SharedState) -> None:
    reserve(shared, "t", line("k", 30, 100))
    shared.forget_counters("k")
    assert settle(shared, "t", part("k", 4)) and count(shared, "k") == (4, 0)


def test_settling_takes_part_in_a_transaction(database_url: str) -> None:
    database = Database(database_url)
    store = SqlState(database)
    reserve(store, "t", line("k", 30, 100))
    settlements = [Settlement("t", (part("k", 5),))]

    def fails(session: sa.orm.Session) -> None:
        assert store.settle(settlements, session) == {"t"}
        raise KeyError("no")

    with pytest.raises(KeyError):
        database.write(fails)
    assert count(store, "k") == (0, 30) and tickets(store).keys() == {"t"}
    assert database.write(lambda session: store.settle(settlements, session)) == {"t"}
    assert count(store, "k") == (5, 0) and tickets(store) == {}

    def spends(session: sa.orm.Session) -> None:
        store.spend([part("k", 2)], session)
        if count_within(session, "k") == 9:
            raise KeyError("no")

    database.write(spends)
    with pytest.raises(KeyError):
        database.write(spends)
    assert count(store, "k") == (7, 0) and store.in_database
    database.close()


def count_within(session: sa.orm.Session, counter: str) -> int:
    return session.execute(sa.select(sa.func.sum(CounterRow.spent)).where(CounterRow.name == counter)).scalar_one()


def test_redis_takes_no_part_in_a_transaction(redis_server: RedisServer, sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with opened(redis_server.url) as store, pytest.raises(ValueError, match="in_database"):
        database.write(lambda session: store.settle([Settlement("t", ())], session))
    with opened(redis_server.url) as store, pytest.raises(ValueError, match="in_database"):
        database.write(lambda session: store.spend([part("k", 1)], session))
    assert not store.in_database
    database.close()


# Leases -------------------------------------------------------------------------------------------


def test_what_lapsed_stays_reserved_until_somebody_settles_it(shared: SharedState, other: SharedState) -> None:
    for ticket, until in (("late", NOW + 30), ("early", NOW + 10), ("middle", NOW + 20), ("same", NOW + 20)):
        reserve(shared, ticket, line("k", 3, bucket=60), until=until, who=ticket)
    assert other.lapsed(NOW + 10, 10) == []  # it ends then, not before
    expected = [Lapsed(who, (part("k", 3, 60),), {"who": who}) for who in ("early", "middle", "same", "late")]
    assert other.lapsed(NOW + 20.5, 10) == expected[:3]
    assert other.lapsed(NOW + 100, 2) == expected[:2]
    assert other.lapsed(NOW + 100, 10) == expected
    shared.sweep(NOW + 10**9)
    assert reserve(shared, "new", line("k", 1)) == Reserved(0, (12,), 60)
    assert settle(other, "early", part("k", 1, 60))
    assert [lapsed.ticket for lapsed in other.lapsed(NOW + 100, 10)] == ["middle", "same", "late"]
    assert count(shared, "k") == (1, 9)


def test_a_lease_is_moved_on_never_back(shared: SharedState, other: SharedState) -> None:
    for ticket in "abc":
        reserve(shared, ticket, line("k"), until=NOW + 10)
    other.keep(["a", "b", "gone"], NOW + 70)
    other.keep(["a"], NOW + 40)
    other.keep([], NOW + 90)
    assert [lapsed.ticket for lapsed in shared.lapsed(NOW + 69, 10)] == ["c"]
    assert [lapsed.ticket for lapsed in shared.lapsed(NOW + 71, 10)] == ["c", "a", "b"]
    other.keep([f"gone {n}" for n in range(1200)] + ["c"], NOW + 99)
    assert [lapsed.ticket for lapsed in shared.lapsed(NOW + 71, 10)] == ["a", "b"]


# Counters -----------------------------------------------------------------------------------------


def test_what_was_spent_is_counted_again(shared: SharedState, other: SharedState) -> None:
    shared.spend([part("k", 5, 10), part("k", 6, 20), part("k", 7, 30), part("j", 8, 10)])
    reserve(shared, "t", line("k", 9, 100, bucket=20), line("j", 1, 100, bucket=20))
    other.recount("k", {20: 1, 40: 2**40}, THEN)
    assert [count(shared, "k", since) for since in (10, 20, 30, 40, 41)] == [
        (1 + 2**40, 9),
        (1 + 2**40, 9),
        (2**40, 0),
        (2**40, 0),
        (0, 0),
    ]
    assert count(shared, "j") == (8, 1)
    other.recount("k", {}, THEN)
    assert count(shared, "k") == (0, 9)
    assert settle(shared, "t", part("k", 3, 20)) and count(shared, "k") == (3, 0)


def test_counters_are_forgotten_by_how_their_names_begin(shared: SharedState, other: SharedState) -> None:
    prefix = r"key:a_%*?[x]\^:"
    alike = [r"key:ab%*?[x]\^:n", r"key:a_b*?[x]\^:n", r"key:a_%b?[x]\^:n", r"key:a_%*b[x]\^:n", r"key:a_%*?x\^:n"]
    kept = [*alike, r"KEY:A_%*?[X]\^:n", "other " + prefix, prefix[:-1]]
    forgotten = [prefix, prefix + "n", prefix + "m", prefix + "x" * 5000]
    shared.spend([part(name, 5) for name in (*kept, *forgotten)])
    reserve(shared, "t", line(prefix + "n", 4), line(kept[0], 4))
    reserve(shared, "u", line(kept[1], 3))
    other.forget_counters(prefix)
    found = shared.counted([(name, 0) for name in (*kept, *forgotten)])
    assert found == dict.fromkeys(kept, (5, 0)) | dict.fromkeys(forgotten, (0, 0)) | {kept[0]: (5, 4), kept[1]: (5, 3)}
    other.forget_counters("never heard of")
    # What is reserved from now on is not the old ticket's to give back.
    reserve(shared, "new", line(prefix + "n", 6))
    assert settle(shared, "t") and settle(shared, "u")
    assert shared.counted([(prefix + "n", 0), (kept[0], 0)]) == {prefix + "n": (0, 6), kept[0]: (5, 0)}


def test_what_has_expired_is_swept_away(shared: SharedState, other: SharedState) -> None:
    shared.spend([part("k", 5, 10, NOW + 10), part("k", 6, 20, NOW + 20), part("k", 7, 30, NOW + 30)])
    shared.spend([part("k", 1, 10, NOW + 15), part("k", 1, 20, NOW + 12)])
    reserve(shared, "t", line("j", 3, 100, bucket=10, expires=NOW + 10))
    shared.sweep(NOW + 14.5)
    assert count(other, "k") == (20, 0)
    shared.sweep(NOW + 15)
    assert count(other, "k") == (14, 0)
    shared.sweep(NOW + 20)
    shared.sweep(NOW + 20)
    assert count(other, "k") == (7, 0)
    assert count(other, "j") == (0, 3)  # a ticket still has that
    settle(shared, "t", part("j", 2, 10, NOW + 10))
    assert count(other, "j") == (2, 0)
    shared.sweep(NOW + 100)
    assert other.counted([("k", 0), ("j", 0)]) == {"k": (0, 0), "j": (0, 0)}


def test_more_is_swept_than_goes_at_once(shared: SharedState) -> None:
    shared.spend([part(f"k{n % 7}", 1, n, NOW + n % 2) for n in range(2300)])
    shared.sweep(NOW)
    left = shared.counted([(f"k{n}", 0) for n in range(7)])
    assert sum(spent for spent, _ in left.values()) == 1150
    shared.sweep(NOW + 1)
    assert set(shared.counted([(f"k{n}", 0) for n in range(7)]).values()) == {(0, 0)}


# Redis --------------------------------------------------------------------------------------------


def keys(client: Redis, kinds: Iterable[str]) -> dict[str, int]:
    """With the seconds that are left to each. What says that nothing is lost is not among them: it stays."""
    found = (key.decode() for key in client.scan_iter("omniroute:*") if not key.endswith(FILLED.encode()))
    return {key: client.ttl(key) for key in found if key.removeprefix("omniroute:").startswith(tuple(kinds))}


def test_redis_keeps_nothing_for_ever(redis_server: RedisServer) -> None:
    with opened(redis_server.url) as store, Redis.from_url(redis_server.url) as client:
        seconds, microseconds = client.time()
        now = seconds + microseconds / 10**6
        lines = [line("short", expires=now + 60), line("long", expires=now + 400_000)]
        store.reserve("t", lines, {}, now, now + 60)
        store.reserve("u", lines[:1], {}, now, now + 60)
        store.spend([part("spent", 1, expires=now + 200_000), part("spent", 1, 60, expires=now + 100)])
        store.spend([part("old", 1, expires=now - 10**6)])
        ends = {
            "ticket:t": 400_000,
            "ticket:u": 86_400,
            "tickets": 400_000,
            **{f"{kind}:short": 86_400 for kind in ("count", "buckets")},
            **{f"{kind}:long": 400_000 for kind in ("count", "buckets")},
            **{f"{kind}:spent": 200_000 for kind in ("count", "buckets")},
            **{f"{kind}:old": 86_400 for kind in ("count", "buckets")},
        }
        found = keys(client, [""])
        assert found.keys() == {f"omniroute:{name}" for name in ends}
        assert all(
            ends[key.removeprefix("omniroute:")] - 60 <= left <= ends[key.removeprefix("omniroute:")] + 1
            for key, left in found.items()
        )


def test_redis_drops_expired_buckets_on_the_way(redis_server: RedisServer) -> None:
    with opened(redis_server.url) as store, Redis.from_url(redis_server.url) as client:
        for n in range(200):
            at = NOW + n * 60
            assert store.reserve(f"t{n}", [RATE.line(1, at)], {}, at, at + 60).refused is None
            assert settle(store, f"t{n}", Part(RATE.counter, int(at), 1, at + 61 + KEPT_AFTER))
        kept = client.zcard(f"omniroute:buckets:{RATE.counter}")
        assert KEPT_AFTER // 60 <= kept <= KEPT_AFTER // 60 + 3
        assert client.hlen(f"omniroute:count:{RATE.counter}") == 2 * kept
        store.sweep(NOW * 2)
        assert keys(client, ["count", "buckets", "ticket"]) == {}


def test_a_ticket_that_redis_has_lost_is_no_longer_told_of(redis_server: RedisServer) -> None:
    with opened(redis_server.url) as store, Redis.from_url(redis_server.url) as client:
        reserve(store, "t", line("k"))
        reserve(store, "u", line("k"))
        client.delete("omniroute:ticket:t")
        assert tickets(store).keys() == {"u"}
        assert client.zcard("omniroute:tickets") == 1


def test_nothing_is_reserved_in_a_redis_that_was_emptied(redis_server: RedisServer) -> None:
    with opened(redis_server.url) as store, Redis.from_url(redis_server.url) as client:
        reserve(store, "t", line("k"))
        redis_server.empty()
        for _ in range(2):
            with pytest.raises(CountersLost):
                reserve(store, "t", line("k"))
        assert client.dbsize() == 0
        store.spend([part("k", 9), part(FILLED, 1)])
        assert reserve(store, "t", line("k")) == Reserved(None, (9,))


def test_what_redis_refuses_is_away_to_callers_and_shows_in_the_log_once(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(redis_server.url) as store, Redis.from_url(redis_server.url) as client:
        client.set("omniroute:tickets", "no sorted set")
        for _ in range(3):
            with pytest.raises(DatabaseAway, match="ResponseError"):
                reserve(store, "t", line("k"))
        told = [record for record in caplog.records if record.levelname == "ERROR"]
        assert len(told) == 1 and told[0].exc_info and "WRONGTYPE" in str(told[0].exc_info[1])
        redis_server.stop()
        with pytest.raises(DatabaseAway):
            reserve(store, "t", line("k"))
    assert [record for record in caplog.records if record.levelname == "ERROR"] == told
