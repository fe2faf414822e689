"""Nothing on the way of a request waits for a database: seen by counting statements in the real gateway."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis

from bench.gateway import prepare, settings
from bench.processes import PYTHON, Server, free_port
from tests.gateway import Gateway
from tests.redis_server import RedisServer
from tests.relay.chaos.conftest import CHAT, KEYS, MODEL, ONCE, node
from tests.relay.ways import Chat, Messages, Responses
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Client
from tests.upstream.script import TEXT

REQUESTS = 20
CLIENTS = (CHAT.client, Messages(), Responses())
ALL = len(CLIENTS) * 2 * REQUESTS
# What writes log rows and notes that a key was used: a moment later, some hundred rows at a time.
LATER = re.compile(
    r"BEGIN|COMMIT|SELECT log_rows.id FROM|INSERT INTO (log_rows|usage_hours|usage_days)|UPDATE client_keys", re.IGNORECASE
)

ABOUT_ITSELF = ("cmdstat_info", "cmdstat_client", "cmdstat_hello", "cmdstat_select", "cmdstat_ping")


@dataclass(frozen=True, slots=True)
class Counted:
    gateway: Gateway
    log: Path
    redis: RedisServer | None

    def statements(self) -> list[str]:
        return self.log.read_text().splitlines()

    def on_the_way(self) -> list[str]:
        """The statements so far, without those that write log rows."""
        return [line for line in self.statements() if not LATER.match(line)]

    def commands(self) -> int:
        """Redis' own count, without what a client says of itself and asks for this; 0 where there is no Redis."""
        if self.redis is None:
            return 0
        with Redis.from_url(self.redis.url) as client:
            known = client.info("commandstats")
        return sum(each["calls"] for name, each in known.items() if not name.startswith(ABOUT_ITSELF))


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def counted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream
) -> Iterator[Counted]:
    folder, port = tmp_path_factory.mktemp("counted"), free_port()
    redis: RedisServer | None = request.getfixturevalue("redis_process") if request.param == "redis" else None
    env = settings(folder) | {"PORT": str(port), "WEB_CONCURRENCY": "1", "DRAIN_SECONDS": "1"}
    env |= {"STATEMENTS": str(folder / "statements")} | ({"REDIS_URL": redis.url} if redis is not None else {})
    prepare(folder, env)
    here = Path(__file__).parent
    command = [PYTHON, "-m", "gunicorn", "-c", str(here / "counted_conf.py"), "tests.relay.chaos.counted:app"]
    with Server("the counted gateway", command, folder / "gateway.log", f"http://127.0.0.1:{port}", env, cwd=folder) as server:
        server.wait_until_up("/readyz")
        gateway = Gateway(server, folder)
        for name, key in zip(("first", "second", "third"), KEYS, strict=True):
            node(gateway, name, upstream_process.v1, "chat", key)
        steps = [f"{name}-chat/{MODEL}" for name in ("first", "second", "third")]
        gateway.add_combo("pair-chat", *steps, config=ONCE)
        for strategy in ("round-robin", "least-used", "p2c"):
            gateway.add_combo(strategy, *steps, strategy=strategy, config=ONCE)
        yield Counted(gateway, folder / "statements", redis)
    assert "Traceback" not in server.output(), server.tail(60)


@pytest.fixture
def key(counted: Counted, upstream: Upstream) -> str:
    """A client key that has been used before; the connections have answered before."""
    key = counted.gateway.add_key()
    for name in ("first", "second", "third"):
        ask(counted, CHAT.client, f"{name}-chat/{MODEL}", key, times=1)
    counted.gateway.log_rows(3)
    upstream.reset()
    return key


def ask(counted: Counted, client: Chat, model: str, key: str, *, stream: bool = False, times: int = REQUESTS) -> None:
    """So many requests on one connection, all of them answered."""
    with Client(counted.gateway.url) as line:
        for _ in range(times):
            line.post(client.path(model, stream), client.body(model, stream), {"Authorization": f"Bearer {key}"})
            answer = line.read()
            assert answer.status == 200, answer.body
            assert (client.streamed(answer.events) if stream else client.whole(answer.json)) == TEXT


def ask_all(counted: Counted, model: str, key: str) -> None:
    """Each client, streamed and not."""
    for client in CLIENTS:
        for stream in (False, True):
            ask(counted, client, model, key, stream=stream)


@pytest.mark.parametrize("model", [f"first-chat/{MODEL}", "pair-chat", "least-used", "p2c"])
def test_no_statement_on_the_way_of_a_request(counted: Counted, upstream: Upstream, key: str, model: str) -> None:
    before, on_the_way, commands = len(counted.statements()), counted.on_the_way(), counted.commands()
    ask_all(counted, model, key)
    assert counted.on_the_way() == on_the_way and counted.commands() == commands
    assert len(upstream.requests()) == ALL

    def written() -> bool:
        return any(line.startswith("INSERT INTO log_rows") for line in counted.statements()[before:])

    until(written, 5, lambda: "the log rows, which show that statements are counted")


def test_no_statement_on_the_way_of_a_fall_over(counted: Counted, upstream: Upstream, key: str) -> None:
    upstream.always("429-long", key=KEYS[0])
    on_the_way, commands = counted.on_the_way(), counted.commands()
    ask_all(counted, "pair-chat", key)
    assert counted.on_the_way() == on_the_way and counted.commands() == commands
    assert [len(upstream.requests(key=each)) for each in KEYS] == [1, ALL, 0]
    counted.gateway.api("POST", "/api/resilience/reset", {})


def test_a_turn_costs_at_most_two_operations(counted: Counted, upstream: Upstream, key: str) -> None:
    statements, commands = len(counted.on_the_way()), counted.commands()
    ask_all(counted, "round-robin", key)
    statements, commands = len(counted.on_the_way()) - statements, counted.commands() - commands
    assert ALL <= max(statements, commands) <= 2 * ALL and min(statements, commands) == 0
    assert [len(upstream.requests(key=each)) for each in KEYS] == [ALL // 3] * 3
