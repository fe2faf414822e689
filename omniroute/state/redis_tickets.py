"""Tickets and counters in Redis; the keys stand in state/redis.py. Each call is one script there, forgetting excepted.

Numbers go there and back as text: in a script they are exact up to 2**53 only, and written out shorter than that.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from omniroute.clock import AHEAD
from omniroute.errors import CountersLost
from omniroute.limits.limit import NEVER, Line
from omniroute.state.redis_client import KEPT, PREFIX, RedisClient
from omniroute.state.shared import FILLED, Lapsed, Part, Reserved, Settlement

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

AT_ONCE = 500  # keys, or buckets, in one command
# Of the oldest buckets of a counter a reservation looks at so many, to drop what has expired: it adds one at most.
TRIMMED = 2

# What the scripts share. A line or part is {counter, bucket, amount, expires}.
COMMON = f"""
local COUNT, BUCKETS, TICKET, TICKETS = '{PREFIX}count:', '{PREFIX}buckets:', '{PREFIX}ticket:', '{PREFIX}tickets'
local time = tonumber(redis.call('TIME')[1])

local function stay(key, expires)
    local seconds = math.max({KEPT}, math.ceil(expires - time))
    if redis.call('TTL', key) < seconds then redis.call('EXPIRE', key, seconds) end
end

local function add(field, part)
    local counter, bucket, expires = part[1], part[2], tonumber(part[4])
    redis.call('ZADD', BUCKETS .. counter, bucket, bucket)
    redis.call('HINCRBY', COUNT .. counter, field .. bucket, part[3])
    local known = redis.call('HGET', COUNT .. counter, 'e:' .. bucket)
    if not known or tonumber(known) < expires then redis.call('HSET', COUNT .. counter, 'e:' .. bucket, part[4]) end
    stay(COUNT .. counter, expires)
    stay(BUCKETS .. counter, expires)
end

local function take(line)
    local count, field, amount = COUNT .. line[1], 'r:' .. line[2], line[3]
    local held = tonumber(redis.call('HGET', count, field) or '0')
    if held <= tonumber(amount) then
        redis.call('HDEL', count, field)
    elseif tonumber(amount) > 0 then
        redis.call('HINCRBY', count, field, '-' .. amount)  -- which refuses '-0'
    end
end

local function strike(ticket, goes)
    local lines, left = redis.call('HGET', TICKET .. ticket, 'lines'), {{}}
    if not lines then return false end
    for text in string.gmatch(lines, '[^\\n]+') do
        local line = cjson.decode(text)
        if goes(line[1]) then take(line) else table.insert(left, text) end
    end
    redis.call('HSET', TICKET .. ticket, 'lines', table.concat(left, '\\n'))
    return true
end

local function window(counter, since, upto)
    local buckets, amounts, spent, reserved = redis.call('ZRANGEBYSCORE', BUCKETS .. counter, since, upto), {{}}, 0, 0
    for first = 1, #buckets, {AT_ONCE} do
        local fields = {{}}
        for i = first, math.min(first + {AT_ONCE} - 1, #buckets) do
            table.insert(fields, 's:' .. buckets[i])
            table.insert(fields, 'r:' .. buckets[i])
        end
        local found = redis.call('HMGET', COUNT .. counter, unpack(fields))
        for i = 1, #fields, 2 do
            local s, r = tonumber(found[i] or '0'), tonumber(found[i + 1] or '0')
            spent, reserved = spent + s, reserved + r
            table.insert(amounts, s + r)
        end
    end
    return spent, reserved, buckets, amounts
end

local function trim(counter, now, most)
    for _, bucket in ipairs(redis.call('ZRANGE', BUCKETS .. counter, 0, most - 1)) do
        local found = redis.call('HMGET', COUNT .. counter, 'e:' .. bucket, 'r:' .. bucket)
        if tonumber(found[1] or '0') <= now and tonumber(found[2] or '0') == 0 then
            redis.call('HDEL', COUNT .. counter, 'e:' .. bucket, 's:' .. bucket, 'r:' .. bucket)
            redis.call('ZREM', BUCKETS .. counter, bucket)
        end
    end
end

local function whole(number) return string.format('%.0f', number) end
"""

# ARGV: ticket, now, until, the lines with what they need room for, then the members of the document with their texts.
# Returns the number of the line that has no room, or 0, or -1 where all is lost; the bucket that blocks it, or '';
# and what is used in each window.
RESERVE = (
    COMMON
    + f"""
local ticket, now, ends, lines = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), cjson.decode(ARGV[4])
local told = {{0, ''}}
if redis.call('EXISTS', COUNT .. '{FILLED}') == 0 then return {{-1, ''}} end
for number, line in ipairs(lines) do
    local limit = tonumber(line[6])
    local spent, reserved, buckets, amounts = window(line[1], line[5], line[7])
    local rest = spent + reserved
    table.insert(told, whole(rest))
    if rest >= limit then
        told[1] = number
        for i, bucket in ipairs(buckets) do
            rest = rest - amounts[i]
            if rest < limit then told[2] = bucket break end
        end
        return told
    end
end
local before = redis.call('HGET', TICKET .. ticket, 'lines')
local texts, stays = {{}}, ends
if before and before ~= '' then table.insert(texts, before) end
for _, line in ipairs(lines) do
    trim(line[1], now, {TRIMMED})
    add('r:', line)
    table.insert(texts, cjson.encode({{line[1], line[2], line[3], line[4]}}))
    stays = math.max(stays, tonumber(line[4]))
end
redis.call('HSET', TICKET .. ticket, 'lines', table.concat(texts, '\\n'))
for i = 5, #ARGV, 2 do redis.call('HSET', TICKET .. ticket, 'd:' .. ARGV[i], ARGV[i + 1]) end
if tonumber(redis.call('ZSCORE', TICKETS, ticket) or '-inf') < ends then redis.call('ZADD', TICKETS, ARGV[3], ticket) end
stay(TICKET .. ticket, stays)
stay(TICKETS, stays)
return told
"""
)

# ARGV: ticket, then the counters.
RELEASE = (
    COMMON
    + """
local wanted = {}
for i = 2, #ARGV do wanted[ARGV[i]] = true end
strike(ARGV[1], function(counter) return wanted[counter] end)
"""
)

# ARGV: a list of {ticket, parts, parts if it is not there}. Returns the tickets that were there.
SETTLE = (
    COMMON
    + """
local found = {}
for _, settlement in ipairs(cjson.decode(ARGV[1])) do
    local ticket, parts = settlement[1], settlement[3]
    if strike(ticket, function() return true end) then
        table.insert(found, ticket)
        parts = settlement[2]
    end
    redis.call('DEL', TICKET .. ticket)
    redis.call('ZREM', TICKETS, ticket)
    for _, part in ipairs(parts) do add('s:', part) end
end
return found
"""
)

# ARGV: a list of parts.
SPEND = COMMON + "for _, part in ipairs(cjson.decode(ARGV[1])) do add('s:', part) end"

# ARGV: until, then the tickets.
KEEP = (
    COMMON
    + f"""
for i = 2, #ARGV do
    local known = redis.call('ZSCORE', TICKETS, ARGV[i])
    if known and (tonumber(known) < tonumber(ARGV[1]) or tonumber(known) > tonumber(ARGV[1]) + {AHEAD}) then
        redis.call('ZADD', TICKETS, ARGV[1], ARGV[i])
        stay(TICKET .. ARGV[i], tonumber(ARGV[1]))
    end
end
stay(TICKETS, tonumber(ARGV[1]))
"""
)

# ARGV: before, most, beyond. Returns {ticket, fields and values}. A ticket whose own key is gone has been left alone for so
# long that nothing of it counts any more.
LAPSED = (
    COMMON
    + """
local found = {}
local function look(from, upto)
    for _, ticket in ipairs(redis.call('ZRANGEBYSCORE', TICKETS, from, upto, 'LIMIT', 0, ARGV[2] - #found)) do
        local fields = redis.call('HGETALL', TICKET .. ticket)
        if #fields > 0 then table.insert(found, {ticket, fields}) else redis.call('ZREM', TICKETS, ticket) end
    end
end
look('-inf', '(' .. ARGV[1])
if tonumber(ARGV[2]) > #found then look('(' .. ARGV[3], '+inf') end
return found
"""
)

# ARGV: a list of {counter, since, upto}. Returns what is spent and reserved in each.
COUNTED = (
    COMMON
    + """
local sums = {}
for _, each in ipairs(cjson.decode(ARGV[1])) do
    local spent, reserved = window(each[1], each[2], each[3])
    table.insert(sums, whole(spent))
    table.insert(sums, whole(reserved))
end
return sums
"""
)

# ARGV: counter, a list of parts.
RECOUNT = (
    COMMON
    + """
for _, bucket in ipairs(redis.call('ZRANGE', BUCKETS .. ARGV[1], 0, -1)) do
    redis.call('HDEL', COUNT .. ARGV[1], 's:' .. bucket)
end
for _, part in ipairs(cjson.decode(ARGV[2])) do add('s:', part) end
"""
)

# ARGV: what counters begin with.
STRIKE = (
    COMMON
    + """
local function goes(counter) return string.sub(counter, 1, #ARGV[1]) == ARGV[1] end
for _, ticket in ipairs(redis.call('ZRANGE', TICKETS, 0, -1)) do strike(ticket, goes) end
"""
)

# ARGV: counter, now.
TRIM = COMMON + "trim(ARGV[1], tonumber(ARGV[2]), 0)"


class RedisTickets:
    def __init__(self, client: RedisClient) -> None:
        self._client = client

    def reserve(self, ticket: str, lines: Sequence[Line], document: Mapping[str, Any], now: float, until: float) -> Reserved:
        given = [
            [
                line.counter,
                str(line.bucket),
                str(line.amount),
                repr(line.expires),
                str(line.since),
                str(line.limit),
                str(line.upto),
            ]
            for line in lines
        ]
        members = [text for name, value in document.items() for text in (name, orjson.dumps(value).decode())]
        told = self._client.run(RESERVE, [], ticket, repr(now), repr(until), orjson.dumps(given).decode(), *members)
        number, blocking, *used = told
        if number < 0:
            raise CountersLost("What limits have counted is lost, and is being counted anew from the log. Try again in a moment.")
        refused, blocked_by = (number - 1, int(blocking) if blocking else None) if number else (None, None)
        return Reserved(refused, tuple(map(int, used)), blocked_by)

    def release(self, ticket: str, counters: Iterable[str]) -> None:
        if wanted := list(counters):
            self._client.run(RELEASE, [], ticket, *wanted)

    def settle(self, settlements: Sequence[Settlement], session: Session | None = None) -> frozenset[str]:
        _not_within(session)
        given = [(each.ticket, _texts(each.parts), _texts(each.otherwise)) for each in settlements]
        return frozenset(self._client.run(SETTLE, [], orjson.dumps(given).decode())) if given else frozenset()

    def spend(self, parts: Sequence[Part], session: Session | None = None) -> None:
        _not_within(session)
        if parts:
            self._client.run(SPEND, [], orjson.dumps(_texts(parts)).decode())

    def keep(self, tickets: Iterable[str], until: float) -> None:
        if ids := list(tickets):
            self._client.run(KEEP, [], repr(until), *ids)

    def lapsed(self, before: float, most: int, beyond: float = math.inf) -> list[Lapsed]:
        found = self._client.run(LAPSED, [], repr(before), most, repr(beyond))
        return [_lapsed(ticket, dict(zip(fields[::2], fields[1::2], strict=True))) for ticket, fields in found]

    def counted(self, wanted: Iterable[tuple[str, int]], upto: int = NEVER) -> dict[str, tuple[int, int]]:
        asked = [(counter, str(since), str(upto)) for counter, since in wanted]
        sums = list(map(int, self._client.run(COUNTED, [], orjson.dumps(asked).decode()))) if asked else []
        return {counter: sums_of for (counter, *_), sums_of in zip(asked, zip(sums[::2], sums[1::2], strict=True), strict=True)}

    def recount(self, counter: str, spent: Mapping[int, int], expires: float) -> None:
        parts = [Part(counter, bucket, amount, expires) for bucket, amount in spent.items()]
        self._client.run(RECOUNT, [], counter, orjson.dumps(_texts(parts)).decode())

    def forget_counters(self, prefix: str) -> None:
        """First in tickets, so that nothing is taken away from what is reserved after."""
        self._client.run(STRIKE, [], prefix)
        start, pattern = f"{PREFIX}count:", re.sub(r"([\\*?\[\]^])", r"\\\1", prefix)
        with self._client.using() as redis:
            for key in redis.scan_iter(f"{start}{pattern}*", count=AT_ONCE):
                redis.delete(key, f"{PREFIX}buckets:{key.removeprefix(start)}")

    def sweep(self, now: float) -> None:
        """Delete buckets that have expired, unless something is reserved in them."""
        start = f"{PREFIX}buckets:"
        with self._client.using() as redis:
            for key in redis.scan_iter(f"{start}*", count=AT_ONCE):
                self._client.run(TRIM, [], key.removeprefix(start), repr(now))


def _texts(parts: Iterable[Part]) -> list[tuple[str, str, str, str]]:
    return [(part.counter, str(part.bucket), str(part.amount), repr(part.expires)) for part in parts]


def _lapsed(ticket: str, fields: Mapping[str, str]) -> Lapsed:
    lines = [orjson.loads(text) for text in fields["lines"].split("\n") if text]
    parts = tuple(Part(counter, int(bucket), int(amount), float(expires)) for counter, bucket, amount, expires in lines)
    document = {name.removeprefix("d:"): orjson.loads(text) for name, text in fields.items() if name.startswith("d:")}
    return Lapsed(ticket, parts, document)


def _not_within(session: Session | None) -> None:
    if session is not None:
        raise ValueError("Redis takes no part in a transaction of the database: see SharedState.in_database")
