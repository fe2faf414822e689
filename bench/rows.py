"""Made-up log rows of a busy gateway: a million of them in a minute, counted in the rollups by the gateway's own code."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, islice
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from bench.figures import RARE_KEY, RARE_MODEL
from omniroute.models.db import Database
from omniroute.models.logs import LogRow
from omniroute.usage.logs import storable
from omniroute.usage.rollups import add_rows

DAYS = 30
AT_ONCE = 20_000  # rows a transaction
PROVIDERS = ("agentrouter", "openai", "anthropic", "gemini", "openai-compatible-chat-lan")
MODELS = ("claude-opus-4-6", "claude-sonnet-4-5", "gpt-5.1", "gpt-5.1-mini", "gemini-3-pro", "glm-5.1", "qwen3-coder", "kimi-k2")
COMBOS = (None, None, "smart", "cheap", "night")
ENDPOINTS = ("/v1/chat/completions", "/v1/messages", "/v1/responses")
KEYS = 25
ROUTES_OF_A_KEY = 3
OUTCOMES = ((200, "ok", 950), (429, "rate_limited", 25), (502, "server_error", 15), (504, "timeout", 8), (499, "client_gone", 2))

RARE_SHARE = 30 / 1_000_000  # of the requests
# One that somebody left running against a name that is not there: nothing of it is counted by its name.
LOST_MODEL, LOST_SHARE = "no-such-model", 0.01


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows that have all but id, time, tokens and durations in common; `weight` is how often they come."""

    row: dict[str, Any]
    weight: float


def fill(database: Database, count: int, until: float, seed: int = 1) -> None:
    """Write `count` rows from the DAYS before `until`, oldest first."""
    rows = made_up(count, until, random.Random(seed))
    names = [column.name for column in LogRow.__table__.columns]
    statement = f"INSERT INTO log_rows ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    while batch := list(islice(rows, AT_ONCE)):
        texts: dict[int, str] = {}
        values = [tuple(_plain(row, name, texts) for name in names) for row in batch]
        database.write(partial(_write, statement=statement, values=values, batch=batch))


def _write(session: Session, statement: str, values: list[tuple[Any, ...]], batch: list[dict[str, Any]]) -> None:
    session.connection().exec_driver_sql(statement, values)
    add_rows(session, batch)


def made_up(count: int, until: float, chance: random.Random) -> Iterator[dict[str, Any]]:
    kinds = _kinds(chance)
    weights = list(accumulate(kind.weight for kind in kinds))
    begin, step = until - DAYS * 86_400, DAYS * 86_400 / count
    for n in range(count):
        (kind,) = chance.choices(kinds, cum_weights=weights)
        input, output = chance.randrange(200, 40_000), chance.randrange(10, 2_000)
        row = kind.row | {"id": str(UUID(int=chance.getrandbits(128), version=4)), "at": begin + n * step}
        row["total_ms"] = chance.randrange(200, 40_000)
        if row["kind"] == "ok":
            cost = None if row["price_source"] is None else input * 3 + output * 15
            row |= {"input_tokens": input, "output_tokens": output, "cost": cost, "first_ms": row["total_ms"] // 4}
        yield row


def _kinds(chance: random.Random) -> list[Kind]:
    kinds: list[Kind] = []
    for key in range(KEYS):
        for _ in range(ROUTES_OF_A_KEY):
            route = _route(f"key-{key}", chance.choice(PROVIDERS), chance.choice(MODELS), chance.choice(COMBOS), chance)
            share = chance.random() / KEYS / ROUTES_OF_A_KEY
            kinds += [Kind(storable(route | _outcome(route, status, kind)), share * n / 1000) for status, kind, n in OUTCOMES]
    rare = _route(RARE_KEY, "openai", RARE_MODEL, None, chance)
    lost = {"id": "", "at": 0.0, "endpoint": ENDPOINTS[0], "path": ENDPOINTS[0], "key_id": "key-0", "requested_model": LOST_MODEL}
    whole = sum(kind.weight for kind in kinds)
    return [
        *kinds,
        Kind(storable(rare | _outcome(rare, 200, "ok")), RARE_SHARE * whole),
        Kind(storable(lost | {"status": 404, "kind": "model_not_found", "message": "No such model."}), LOST_SHARE * whole),
    ]


def _route(key: str, provider: str, model: str, combo: str | None, chance: random.Random) -> dict[str, Any]:
    endpoint = chance.choice(ENDPOINTS)
    return {
        "id": "",
        "at": 0.0,
        "method": "POST",
        "path": endpoint,
        "endpoint": endpoint,
        "format": "openai_chat",
        "streamed": chance.random() < 0.7,
        "requested_model": combo or f"{provider}/{model}",
        "provider_id": provider,
        "provider_prefix": provider,
        "upstream_model": model,
        "canonical_model": f"{provider}/{model}",
        "connection_id": f"{provider}-{chance.randrange(2)}",
        "connection_name": "first",
        "key_id": key,
        "key_name": key.title(),
        "combo": combo,
        "price_source": None if provider == "agentrouter" else "catalog",
        "decision": "strategy=priority; reason=first; attempts=1",
        "client": "claude-cli/2.1.0 (external, cli)",
    }


def _outcome(route: dict[str, Any], status: int, kind: str) -> dict[str, Any]:
    attempt = {
        "target": route["canonical_model"],
        "connection": "first",
        "status": status,
        "class": kind,
        "message": "",
        "ms": 900,
    }
    told = {"status": status, "kind": kind, "attempts": [attempt], "usage_source": "reported" if kind == "ok" else "absent"}
    return told if kind == "ok" else told | {"message": "The upstream said no.", "remedy": "Try again later."}


def _plain(row: dict[str, Any], name: str, texts: dict[int, str]) -> Any:
    """As the column holds it: lists are JSON, and those of one kind are one list."""
    value = row[name]
    if name not in ("attempts", "dropped"):
        return value
    if id(value) not in texts:
        texts[id(value)] = json.dumps(value)
    return texts[id(value)]
