"""The shared state in Redis. Each change is one script there, so nothing comes between; health alone is computed here, and
written by a script that looks whether what it was computed from still stands.

Keys, all under `omniroute:`
    health               hash    place -> condition, both JSON
    health:life          text    made when the first condition is written: another one means that all was lost between
    health:changes       number
    turn:<name>          number  that is given out next
    holds:<name>         sorted  id -> end of its lease
    spent:<name>         number
    reserved:<name>      sorted  id -> end of its lease; an id says its amount
    reports              hash    worker -> {"until", "document"}, JSON

What lapses is told by the times in it. Its key goes away by itself a day after the last change to it. A Redis cluster is
not supported: scripts touch several keys.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from omniroute.errors import DatabaseAway
from omniroute.routing.health import FINE, Condition, Health, Place
from omniroute.state.conditions import condition_of, condition_text, outdated, place_of, place_text
from omniroute.state.shared import Change

if TYPE_CHECKING:
    from redis import Redis

PREFIX = "omniroute:"
HEALTH, LIFE, CHANGES, REPORTS = (PREFIX + name for name in ("health", "health:life", "health:changes", "reports"))
WAIT = 1.0  # seconds: to connect, for an answer, and for a connection of the pool
CONNECTIONS = 8  # of a worker at once; small hosted plans allow 20 in all
TRIES = 200  # of a change of health that others get ahead of; each try that fails is another's that went through
KEPT = 86_400  # seconds

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

# KEYS: spent, reserved. ARGV: now. Returns both; shared by the two scripts below. An id begins with its amount.
COUNTED = """
local spent, reserved = tonumber(redis.call('GET', KEYS[1]) or '0'), 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], '+inf')) do
    reserved = reserved + tonumber(string.match(id, '^%-?%d+'))
end
"""
TELL = COUNTED + "return {string.format('%.0f', spent), string.format('%.0f', reserved)}"

# KEYS: spent, reserved. ARGV: now, id, limit, until, seconds to keep the key.
RESERVE = (
    COUNTED
    + """
if spent + reserved >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[5])
return 1
"""
)

# KEYS: spent, reserved. ARGV: id, amount.
SETTLE = """
if redis.call('ZREM', KEYS[2], ARGV[1]) == 0 then return 0 end
redis.call('INCRBY', KEYS[1], ARGV[2])
return 1
"""

# KEYS: reports. ARGV: worker, what was read.
DROP_REPORT = """
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
"""


class RedisState:
    """`url` as redis-py takes it: redis://, rediss:// or unix://. Making one connects nowhere.

    Counts are exact up to 2**53.
    """

    def __init__(self, url: str) -> None:
        # Deferred: redis takes 70 ms and 20 MB (redis-py 8.1.0), which an installation without it saves.
        from redis import BlockingConnectionPool, Redis
        from redis.backoff import NoBackoff
        from redis.exceptions import RedisError
        from redis.retry import Retry

        self._error = RedisError
        # No second try: after an answer that was lost nobody knows whether the first one counted. A connection that the
        # server has closed meanwhile is noticed when it is taken from the pool.
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=WAIT,
            socket_connect_timeout=WAIT,
            socket_timeout=WAIT,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=30,
            decode_responses=True,
            protocol=2,
        )
        self._redis: Redis = Redis(connection_pool=pool)
        named = (CHANGE_HEALTH, FORGET_HEALTH, HOLD, PROLONG, TELL, RESERVE, SETTLE, DROP_REPORT)
        self._scripts = {script: self._redis.register_script(script) for script in named}

    # Health -----------------------------------------------------------------------------------------

    def read_health(self) -> Health:
        with self._faults_named():
            found: Any = self._redis.hgetall(HEALTH)
        return {place_of(field): condition_of(text) for field, text in found.items()}

    def change_health(self, changes: Mapping[Place, Change]) -> Health:
        done: dict[Place, Condition] = {}
        left = list(changes)
        for _ in range(TRIES):
            if not left:
                return done
            fields = [place_text(place) for place in left]
            with self._faults_named():
                before: Any = self._redis.hmget(HEALTH, fields)
            after = [changes[place](condition_of(text) if text else FINE) for place, text in zip(left, before, strict=True)]
            texts = ["" if condition.fine else condition_text(condition) for condition in after]
            given = zip(fields, (text or "" for text in before), texts, strict=True)
            written = self._run(CHANGE_HEALTH, [HEALTH, LIFE, CHANGES], _new_id(), *(part for each in given for part in each))
            went = list(zip(left, after, written, strict=True))
            done |= {place: condition for place, condition, whether in went if whether}
            left = [place for place, _, whether in went if not whether]
        raise DatabaseAway("Redis: too many others change the same health at once. Try again in a moment.")

    def forget_health(self, places: Iterable[Place] | None = None) -> None:
        fields = None if places is None else [place_text(place) for place in places]
        if fields != []:
            self._run(FORGET_HEALTH, [HEALTH, LIFE, CHANGES], _new_id(), *(fields or ()))

    def health_mark(self) -> tuple[str, int]:
        with self._faults_named():
            found: Any = self._redis.mget(LIFE, CHANGES)
        life, number = found
        return life or "", int(number or 0)

    # Turns ------------------------------------------------------------------------------------------

    def turn(self, name: str) -> int:
        with self._faults_named():
            given: Any = self._redis.incr(f"{PREFIX}turn:{name}")
        return int(given) - 1

    def next_turn(self, name: str) -> int:
        with self._faults_named():
            found: Any = self._redis.get(f"{PREFIX}turn:{name}")
        return int(found or 0)

    # Holds ------------------------------------------------------------------------------------------

    def hold(self, name: str, most: int, now: float, until: float) -> str | None:
        id = f"{_new_id()}:{name}"
        return id if self._run(HOLD, [_holds(name)], id, most, repr(now), repr(until), _kept(until - now)) else None

    def prolong(self, holds: Iterable[str], until: float) -> None:
        if ids := list(holds):
            self._run(PROLONG, [_holds(_name(id)) for id in ids], repr(until), KEPT, *ids)

    def let_go(self, holds: Iterable[str]) -> None:
        with self._faults_named(), self._redis.pipeline(transaction=False) as pipe:
            for id in holds:
                pipe.zrem(_holds(_name(id)), id)
            pipe.execute()

    def held(self, names: Iterable[str], now: float) -> dict[str, int]:
        wanted = list(names)
        with self._faults_named(), self._redis.pipeline(transaction=False) as pipe:
            for name in wanted:
                pipe.zcount(_holds(name), f"({now!r}", "+inf")
            return dict(zip(wanted, pipe.execute(), strict=True))

    # Counters ---------------------------------------------------------------------------------------

    def reserve(self, name: str, amount: int, limit: int, now: float, until: float) -> str | None:
        id = f"{amount}:{_new_id()}:{name}"
        given = self._run(RESERVE, _counter(name), repr(now), id, limit, repr(until), _kept(until - now))
        return id if given else None

    def settle(self, reservation: str, spent: int) -> bool:
        return bool(self._run(SETTLE, _counter(_reserved_name(reservation)), reservation, spent))

    def release(self, reservation: str) -> bool:
        with self._faults_named():
            return bool(self._redis.zrem(_counter(_reserved_name(reservation))[1], reservation))

    def spend(self, name: str, amount: int) -> int:
        with self._faults_named():
            spent: Any = self._redis.incrby(_counter(name)[0], amount)
        return int(spent)

    def counted(self, names: Iterable[str], now: float) -> dict[str, tuple[int, int]]:
        told = {name: self._run(TELL, _counter(name), repr(now)) for name in names}
        return {name: (int(spent), int(reserved)) for name, (spent, reserved) in told.items()}

    def forget_counters(self, names: Iterable[str]) -> None:
        keys = [key for name in names for key in _counter(name)]
        if keys:
            with self._faults_named():
                self._redis.delete(*keys)

    # Reports ----------------------------------------------------------------------------------------

    def report(self, worker: str, document: Mapping[str, Any], until: float) -> None:
        text = orjson.dumps({"until": until, "document": dict(document)}).decode()
        with self._faults_named(), self._redis.pipeline() as pipe:
            pipe.hset(REPORTS, worker, text)
            pipe.expire(REPORTS, KEPT)
            pipe.execute()

    def reports(self, now: float) -> dict[str, dict[str, Any]]:
        parsed = {worker: orjson.loads(text) for worker, text in self._all_reports().items()}
        return {worker: each["document"] for worker, each in parsed.items() if each["until"] > now}

    def forget_report(self, worker: str) -> None:
        with self._faults_named():
            self._redis.hdel(REPORTS, worker)

    def _all_reports(self) -> dict[str, str]:
        with self._faults_named():
            found: Any = self._redis.hgetall(REPORTS)
        texts: dict[str, str] = found
        return texts

    # Housekeeping -----------------------------------------------------------------------------------

    def sweep(self, now: float) -> None:
        old = [place for place, condition in self.read_health().items() if outdated(condition, now)]
        self.change_health({place: lambda condition: FINE if outdated(condition, now) else condition for place in old})
        for worker, text in self._all_reports().items():
            if orjson.loads(text)["until"] <= now:
                self._run(DROP_REPORT, [REPORTS], worker, text)
        with self._faults_named():
            for kind in ("holds", "reserved"):
                for key in self._redis.scan_iter(f"{PREFIX}{kind}:*", count=500):
                    self._redis.zremrangebyscore(key, "-inf", repr(now))

    def close(self) -> None:
        self._redis.close()
        self._redis.connection_pool.disconnect()

    def _run(self, script: str, keys: list[str], *arguments: str | int) -> Any:
        with self._faults_named():
            return self._scripts[script](keys=keys, args=arguments)

    @contextlib.contextmanager
    def _faults_named(self) -> Iterator[None]:
        try:
            yield
        except self._error as exc:
            raise DatabaseAway(f"Redis can't be used right now ({type(exc).__name__}). Try again in a moment.") from exc


def _new_id() -> str:
    return secrets.token_hex(12)


def _holds(name: str) -> str:
    return f"{PREFIX}holds:{name}"


def _counter(name: str) -> list[str]:
    return [f"{PREFIX}spent:{name}", f"{PREFIX}reserved:{name}"]


def _name(hold: str) -> str:
    """An id is `<random>:<name>`."""
    return hold.partition(":")[2]


def _reserved_name(reservation: str) -> str:
    """An id is `<amount>:<random>:<name>`. Raises IndexError for what never was one."""
    return reservation.split(":", 2)[2]


def _kept(seconds: float) -> int:
    return max(KEPT, int(seconds) + 1)
