from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, request

from omniroute.edge.hosts import Hosts, behind_proxies, local_name
from omniroute.errors import BadRequest
from omniroute.settings import Settings


def answers(name: str, rule: str | None = "/v1/models", **settings: Any) -> bool:
    try:
        Hosts(Settings(**settings)).check(name, rule)
    except BadRequest:
        return False
    return True


@pytest.mark.parametrize("host", ["localhost", "localhost:20128", "LOCALHOST:1", "127.0.0.1:20128", "[::1]:20128", "[::1]"])
def test_a_loopback_bind_answers_to_its_own_names(host: str) -> None:
    assert answers(host)
    assert answers(host, rule=None)
    assert local_name(host)


HOSTILE = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "localhost@evil.example",
    "localhost:20128@evil.example",
    "evil.example#localhost",
    "localhost, evil.example",
    "localhost:port",
    "localhost:123456",
    "localhost.",
    "",
    "[::1",
    "[::1]evil",
    "127.1",
    "2130706433",
    "0.0.0.0",
    "local\thost",
    "localhost\r\nX: y",
    "ｌocalhost",
]


@pytest.mark.parametrize("host", HOSTILE)
def test_a_loopback_bind_answers_to_nothing_else(host: str) -> None:
    assert not answers(host)
    assert not local_name(host)


def test_bound_to_the_world_any_sound_name_is_answered() -> None:
    assert answers("gateway.example.com", host="0.0.0.0")
    assert answers("10.0.0.7:20128", host="0.0.0.0")
    assert not answers("gateway.example.com@evil", host="0.0.0.0")


def test_trusted_hosts_are_the_only_ones_when_set() -> None:
    given = {"host": "0.0.0.0", "trusted_hosts": ("gateway.example.com", ".lan", "exact.example:8443")}
    assert answers("gateway.example.com", **given)
    assert answers("Gateway.Example.com:20128", **given)
    assert answers("nas.lan", **given)
    assert answers("lan", **given)
    assert answers("exact.example:8443", **given)
    assert not answers("exact.example", **given)
    assert not answers("evil.example", **given)
    assert not answers("evillan", **given)
    assert not answers("localhost", **given)


def test_the_public_url_names_the_host() -> None:
    given = {"public_url": "https://gateway.example.com/"}
    assert answers("gateway.example.com", **given)
    assert answers("localhost:20128", **given)
    assert not answers("evil.example", **given)


def test_probes_come_by_any_address() -> None:
    assert answers("10.1.2.3:20128", rule="/healthz")
    assert answers("", rule="/readyz")


def address_behind(hops: int, **headers: str) -> tuple[str | None, bool, str]:
    app = Flask("behind")
    behind_proxies(app, hops)
    seen: list[tuple[str | None, bool, str]] = []

    @app.get("/")
    def index() -> str:
        seen.append((request.remote_addr, request.is_secure, request.host))
        return ""

    app.test_client().get("/", headers={name.replace("_", "-"): text for name, text in headers.items()})
    return seen[0]


def test_without_proxies_nobody_is_believed() -> None:
    told = address_behind(0, X_Forwarded_For="1.2.3.4", X_Forwarded_Proto="https", X_Forwarded_Host="evil.example")
    assert told == ("127.0.0.1", False, "localhost")


def test_exactly_the_given_number_of_proxies_is_believed() -> None:
    assert address_behind(1, X_Forwarded_For="6.6.6.6, 1.2.3.4", X_Forwarded_Proto="https") == ("1.2.3.4", True, "localhost")
    assert address_behind(2, X_Forwarded_For="6.6.6.6, 1.2.3.4, 10.0.0.1")[0] == "1.2.3.4"


def test_a_forwarded_host_is_never_believed() -> None:
    assert address_behind(1, X_Forwarded_For="1.2.3.4", X_Forwarded_Host="evil.example")[2] == "localhost"
