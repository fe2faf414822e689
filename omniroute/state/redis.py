"""The shared state in Redis. Each change is one script there, so nothing comes between; health alone is computed here, and
written by a script that looks whether what it was computed from still stands.

Keys, all under `omniroute:`
    health               hash    place -> condition, both JSON
    health:life          text    made when the first condition is written: another one means that all was lost between
    health:changes       number
    turn:<name>          number  that is given out next
    holds:<name>         sorted  id -> end of its lease
    count:<name>         hash    of a counter: s:<bucket> and r:<bucket>, numbers, spent and reserved; e:<bucket>, when it expires
    buckets:<name>       sorted  the same buckets, in order
    ticket:<id>          hash    "lines", one [counter, bucket, amount, expires] a line; d:<member> of the document; JSON
    tickets              sorted  id -> end of its lease
    reports              hash    worker -> {"until", "document"}, JSON

What lapses is told by the times in it. Its key goes away by itself a day after the last change to it; those of counters and
tickets when all in them has expired, if that is later. A Redis cluster is not supported: scripts touch several keys. Those
for tickets and counters stand in state/redis_tickets.py.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from omniroute.clock import AHEAD, LONGEST_LEASE
from omniroute.errors import DatabaseAway
from omniroute.routing.health import FINE, Condition, Health, Place
from omniroute.state.conditions import condition_of, condition_text, outdated, place_of, place_text
from omniroute.state.redis_client import CONNECTIONS, KEPT, PREFIX, RedisClient
from omniroute.state.redis_tickets import RedisTickets
from omniroute.state.shared import Change

HEALTH, LIFE, CHANGES, REPORTS = (PREFIX + name for name in ("health", "health:life", "health:changes", "reports"))
TRIES = 200  # of a change of health that others get ahead of; each try that fails is another's that went through

# KEYS: health, life, changes. ARGV: an id for a new life, then for each place: its field, what it held, what it shall hold.
# Returns 1 for each that was written, 0 for one that somebody else had changed.
CHANGE_HEALTH = """
local done, moved = {}, false
for i = 2, #ARGV, 3 do
    local field, before, after = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    if (redis.call('HGET', KEYS[1], field) or '') ~= before then
        table.insert(done, 0)
    else
        if after == '' then redis.call('HDEL', KEYS[1], field) else redis.call('HSET', KEYS[1], field, after) end
        table.insert(done, 1)
        moved = moved or before ~= after
    end
end
if moved then
    redis.call('SET', KEYS[2], ARGV[1], 'NX')
    redis.call('INCR', KEYS[3])
end
return done
"""

# KEYS: health, life, changes. ARGV: an id for a new life, then the fields; none of them means all.
FORGET_HEALTH = """
if #ARGV == 1 then redis.call('DEL', KEYS[1]) end
for i = 2, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
redis.call('SET', KEYS[2], ARGV[1], 'NX')
redis.call('INCR', KEYS[3])
"""

# KEYS: holds. ARGV: id, most, now, until, seconds to keep the key.
HOLD = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. ARGV[6], '+inf')
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[4], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 1
"""

# KEYS: holds of each id. ARGV: until, seconds to keep the key, then the ids.
PROLONG = """
for i = 1, #KEYS do
    redis.call('ZADD', KEYS[i], 'XX', ARGV[1], ARGV[i + 2])
    redis.call('EXPIRE', KEYS[i], ARGV[2])
end
"""

# KEYS: reports. ARGV: worker, what was read.
DROP_REPORT = """
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
"""


class RedisState:
    """`url` as redis-py takes it: redis://, rediss:// or unix://. Making one connects nowhere.

    `verify` asks a rediss:// server for a certificate that is known here. Counts are exact up to 2**53.
    """

    in_database = False

    def __init__(self, url: str, verify: bool = True, connections: int = CONNECTIONS) -> None:
        self._client = RedisClient(url, verify, connections)
        self._tickets = tickets = RedisTickets(self._client)
        self.reserve, self.release, self.settle, self.spend = tickets.reserve, tickets.release, tickets.settle, tickets.spend
        self.keep, self.lapsed, self.counted = tickets.keep, tickets.lapsed, tickets.counted
        self.recount, self.forget_counters = tickets.recount, tickets.forget_counters

    # Health -----------------------------------------------------------------------------------------

    def read_health(self) -> Health:
        with self._client.using() as redis:
            found: Any = redis.hgetall(HEALTH)
        return {place_of(field): condition_of(text) for field, text in found.items()}

    def change_health(self, changes: Mapping[Place, Change]) -> Health:
        done: dict[Place, Condition] = {}
        left = list(changes)
        for _ in range(TRIES):
            if not left:
                return done
            fields = [place_text(place) for place in left]
            with self._client.using() as redis:
                before: Any = redis.hmget(HEALTH, fields)
            after = [changes[place](condition_of(text) if text else FINE) for place, text in zip(left, before, strict=True)]
            texts = ["" if condition.fine else condition_text(condition) for condition in after]
            given = zip(fields, (text or "" for text in before), texts, strict=True)
            written = self._client.run(
                CHANGE_HEALTH, [HEALTH, LIFE, CHANGES], _new_id(), *(part for each in given for part in each)
            )
            went = list(zip(left, after, written, strict=True))
            done |= {place: condition for place, condition, whether in went if whether}
            left = [place for place, _, whether in went if not whether]
        raise DatabaseAway("Redis: too many others change the same health at once. Try again in a moment.")

    def forget_health(self, places: Iterable[Place] | None = None) -> None:
        fields = None if places is None else [place_text(place) for place in places]
        if fields != []:
            self._client.run(FORGET_HEALTH, [HEALTH, LIFE, CHANGES], _new_id(), *(fields or ()))

    def health_mark(self) -> tuple[str, int]:
        with self._client.using() as redis:
            found: Any = redis.mget(LIFE, CHANGES)
        life, number = found
        return life or "", int(number or 0)

    # Turns ------------------------------------------------------------------------------------------

    def turn(self, name: str) -> int:
        with self._client.using() as redis:
            given: Any = redis.incr(f"{PREFIX}turn:{name}")
        return int(given) - 1

    def next_turn(self, name: str) -> int:
        with self._client.using() as redis:
            found: Any = redis.get(f"{PREFIX}turn:{name}")
        return int(found or 0)

    # Holds ------------------------------------------------------------------------------------------

    def hold(self, name: str, most: int, now: float, until: float) -> str | None:
        id = f"{_new_id()}:{name}"
        return (
            id
            if self._client.run(HOLD, [_holds(name)], id, most, repr(now), repr(until), _kept(until - now), repr(until + AHEAD))
            else None
        )

    def prolong(self, holds: Iterable[str], until: float) -> None:
        if ids := list(holds):
            self._client.run(PROLONG, [_holds(_name(id)) for id in ids], repr(until), KEPT, *ids)

    def let_go(self, holds: Iterable[str]) -> None:
        with self._client.using() as redis, redis.pipeline(transaction=False) as pipe:
            for id in holds:
                pipe.zrem(_holds(_name(id)), id)
            pipe.execute()

    def held(self, names: Iterable[str], now: float) -> dict[str, int]:
        wanted = list(names)
        with self._client.using() as redis, redis.pipeline(transaction=False) as pipe:
            for name in wanted:
                pipe.zcount(_holds(name), f"({now!r}", now + LONGEST_LEASE)
            return dict(zip(wanted, pipe.execute(), strict=True))

    # Reports ----------------------------------------------------------------------------------------

    def report(self, worker: str, document: Mapping[str, Any], until: float) -> None:
        text = orjson.dumps({"until": until, "document": dict(document)}).decode()
        with self._client.using() as redis, redis.pipeline() as pipe:
            pipe.hset(REPORTS, worker, text)
            pipe.expire(REPORTS, KEPT)
            pipe.execute()

    def reports(self, now: float) -> dict[str, dict[str, Any]]:
        parsed = {worker: orjson.loads(text) for worker, text in self._all_reports().items()}
        return {worker: each["document"] for worker, each in parsed.items() if now < each["until"] <= now + LONGEST_LEASE}

    def forget_report(self, worker: str) -> None:
        with self._client.using() as redis:
            redis.hdel(REPORTS, worker)

    def _all_reports(self) -> dict[str, str]:
        with self._client.using() as redis:
            found: Any = redis.hgetall(REPORTS)
        texts: dict[str, str] = found
        return texts

    # Housekeeping -----------------------------------------------------------------------------------

    def sweep(self, now: float) -> None:
        old = [place for place, condition in self.read_health().items() if outdated(condition, now)]
        self.change_health({place: lambda condition: FINE if outdated(condition, now) else condition for place in old})
        for worker, text in self._all_reports().items():
            if not now < orjson.loads(text)["until"] <= now + LONGEST_LEASE:
                self._client.run(DROP_REPORT, [REPORTS], worker, text)
        with self._client.using() as redis:
            for key in redis.scan_iter(_holds("*"), count=500):
                redis.zremrangebyscore(key, "-inf", repr(now))
                redis.zremrangebyscore(key, f"({now + LONGEST_LEASE!r}", "+inf")
        self._tickets.sweep(now)

    def server(self) -> str:
        """What answers, such as "Redis 7.2.4" or "Valkey 8.1.1". Raises DatabaseAway, also where INFO is not allowed."""
        with self._client.using() as redis:
            told: Mapping[str, Any] = redis.info("server")
        # Valkey tells its own beside the version of Redis that it stands in for (its notes for release 7.2.4, 2024-04).
        name, version = ("Valkey", told["valkey_version"]) if "valkey_version" in told else ("Redis", told.get("redis_version"))
        return f"{name} {version}" if version else name

    def close(self) -> None:
        self._client.close()


def _new_id() -> str:
    return secrets.token_hex(12)


def _holds(name: str) -> str:
    return f"{PREFIX}holds:{name}"


def _name(hold: str) -> str:
    """An id is `<random>:<name>`."""
    return hold.partition(":")[2]


def _kept(seconds: float) -> int:
    return max(KEPT, int(seconds) + 1)
