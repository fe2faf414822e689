"""A Redis behind TLS whose certificate nobody signed, as Heroku's are: refused unless the operator says that it is known."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest

from bench.processes import Server, free_port, get_json
from omniroute.errors import DatabaseAway
from omniroute.settings import Settings
from omniroute.state.opened import shared_state
from omniroute.state.redis import RedisState
from tests.deploy.certificates import self_signed
from tests.gateway import Gateway
from tests.parts import Parts
from tests.redis_server import RedisServer
from tests.upstream.client import until


def reached(state: RedisState) -> bool:
    try:
        state.health_mark()
    except DatabaseAway:
        return False
    finally:
        state.close()
    return True


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """As an add-on gives it: rediss://, a self-signed certificate, nothing else."""
    folder = tmp_path_factory.mktemp("redis-tls")
    certificate, key = self_signed(folder)
    program = shutil.which("redis-server")
    assert program, "install redis-server: apt-get install --no-install-recommends redis-server"
    port = free_port()
    command = [program, "--bind", "127.0.0.1", "--port", "0", "--tls-port", str(port), "--dir", str(folder), "--save", ""]
    command += ["--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-auth-clients", "no"]
    address = f"rediss://127.0.0.1:{port}/0"
    with Server("Redis", command, folder / "redis.log", address) as server:
        until(lambda: reached(RedisState(address, verify=False)), 10, server.tail)
        yield address


def test_an_unknown_certificate_is_refused_unless_the_setting_says_otherwise(url: str, parts: Parts) -> None:
    for verify, served in ((True, False), (False, True)):
        state = shared_state(Settings(redis_url=url, redis_tls_verify=verify), parts.database)
        assert isinstance(state, RedisState) and reached(state) is served


def test_the_urls_own_words_do_the_same(url: str) -> None:
    assert reached(RedisState(f"{url}?ssl_cert_reqs=none"))


def test_without_tls_the_setting_changes_nothing(redis_server: RedisServer) -> None:
    assert reached(RedisState(redis_server.url, verify=False))


def test_a_gateway_shares_through_it(url: str, gateway: Callable[..., Gateway]) -> None:
    assert get_json(f"{gateway(REDIS_URL=url, REDIS_TLS_VERIFY='false').url}/readyz")["redis"] == "ok"
    assert get_json(f"{gateway(REDIS_URL=url).url}/readyz")["redis"] == "away"
