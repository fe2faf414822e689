"""Gateways that hold much of something: a small one is set up over its API, then its database is filled with copies."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import gateway
from bench.growth.curves import COMBO_STEPS
from bench.processes import Server
from bench.rows import fill as fill_rows
from bench.run import WORKERS
from omniroute.models.db import Database

DATABASE = "omniroute.db"


@dataclass(frozen=True, slots=True)
class Base:
    """A data directory with two nodes, a connection at each and a client key."""

    data: Path
    key: str


@dataclass(frozen=True, slots=True)
class Stand:
    server: Server
    management: gateway.Management
    key: str


def base(folder: Path, upstream: str) -> Base:
    with gateway.start(folder) as server:
        management = gateway.Management(server.url)
        management.log_in()
        nodes = [
            management.add_node(name, f"{upstream}/v1", kind)
            for name, kind in (("chat", "openai-compatible"), ("messages", "anthropic-compatible"))
        ]
        for node in nodes:
            management.add_connection(node, "sk-bench")
        key = management.add_key("bench")
        management.call("POST", "/api/provider-models", {"provider": nodes[0], "modelIds": ["bench-model"]})
    return Base(folder / "data", key)


def start(stack: ExitStack, base: Base, folder: Path, what: str, count: int, combos: Sequence[str] = ()) -> Stand:
    """A gateway on a copy of `base` that holds `count` of `what`; of combos those with the names `<strategy>-<steps>`, each step
    a node of its own.
    """
    folder.mkdir()
    shutil.copytree(base.data, folder / "data")
    FILLS[what](folder / "data" / DATABASE, count)
    server = stack.enter_context(gateway.start(folder, workers=WORKERS, env={"REQUIRE_API_KEY": "true"}, seconds=60))
    management = gateway.Management(server.url)
    management.log_in()
    if what == "combos":
        for name in combos:
            strategy, _, steps = name.rpartition("-")
            management.add_combo(name, *(f"copy-{n}/bench-model" for n in range(int(steps))), strategy=strategy)
    return Stand(server, management, base.key)


# What a database is filled with ------------------------------------------------------------------


def _nothing(path: Path, count: int) -> None:
    """As it is."""


def _steps(path: Path, count: int) -> None:
    """What combos choose from."""
    _nodes(path, max(COMBO_STEPS) + 1)


def _keys(path: Path, count: int) -> None:
    _copy(path, "client_keys", "1", count - 1, lambda n: {"digest": hashlib.sha256(f"key {n}".encode()).hexdigest()})


def _connections(path: Path, count: int) -> None:
    _copy(path, "connections", CHAT, count - 1, lambda n: {"key_digest": f"{n:064}"})


def _nodes(path: Path, count: int) -> None:
    """Each with a connection."""
    named = [f"copy-{n}" for n in range(count - 1)]
    _copy(path, "provider_nodes", "prefix = 'chat'", count - 1, lambda n: {"id": named[n], "prefix": named[n]})
    _copy(path, "connections", CHAT, count - 1, lambda n: {"provider_id": named[n]})


def _rows(path: Path, count: int) -> None:
    if not count:
        return
    with closing(Database(f"sqlite:///{path}")) as database:
        fill_rows(database, count, time.time())


CHAT = "provider_id = (SELECT id FROM provider_nodes WHERE prefix = 'chat')"
FILLS: dict[str, Callable[[Path, int], None]] = {
    "nothing": _nothing,
    "combos": _steps,
    "keys": _keys,
    "connections": _connections,
    "nodes": _nodes,
    "rows": _rows,
}


def _copy(path: Path, table: str, which: str, count: int, changed: Callable[[int], dict[str, Any]]) -> None:
    """Write `count` copies of the first row that `which` finds, each with an id and a name of its own and what `changed` says."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute(f"SELECT * FROM {table} WHERE {which} LIMIT 1").fetchone())
        copies = [row | {"id": f"{table[:10]}-{n}", "name": f"copy {n}"} | changed(n) for n in range(count)]
        marks = ", ".join(f":{name}" for name in row)
        connection.executemany(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", copies)
