from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, request

from omniroute.edge.hosts import Hosts, behind_proxies, local_name
from omniroute.errors import BadRequest, Invalid
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


ADDED = {"allowed_hosts": ["gateway.example.com", ".lan", "exact.example:8443"]}


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("gateway.example.com", True),
        ("Gateway.Example.com:20128", True),
        ("nas.lan", True),
        ("exact.example:8443", True),
        ("exact.example", False),
        ("evil.example", False),
        ("evillan", False),
        ("gateway.example.com@evil.example", False),
        ("localhost:20128", True),
    ],
)
def test_a_preference_adds_names_while_the_server_runs(host: str, answered: bool) -> None:
    chosen: dict[str, Any] = {}
    hosts = Hosts(Settings(trusted_hosts=("other.example",)), lambda: chosen)
    told = []
    for preferences in ({}, ADDED, {}):
        chosen.clear()
        chosen.update(preferences)
        try:
            hosts.check(host, "/v1/models")
            told.append(True)
        except BadRequest:
            told.append(False)
    asked_for_anyway = host.startswith("localhost")
    assert told == [asked_for_anyway, answered, asked_for_anyway]


def test_a_preference_never_takes_a_name_away() -> None:
    for given in ({"host": "0.0.0.0"}, {"trusted_hosts": ("one.example",)}, {"public_url": "https://one.example"}, {}):
        hosts = Hosts(Settings(**given), lambda: ADDED)
        for host in ("one.example", "localhost", "127.0.0.1:20128"):
            if answers(host, **given):
                hosts.check(host, "/v1/models")


def test_nobody_takes_out_the_name_that_he_came_by() -> None:
    hosts = Hosts(Settings())
    with pytest.raises(Invalid, match=r"You came here by gateway\.example\.com") as refused:
        hosts.need_way("gateway.example.com", {"allowed_hosts": ["nas.lan"]})
    assert list(refused.value.fields) == ["allowed_hosts"]
    for fine in (["gateway.example.com"], [" .EXAMPLE.com "]):
        hosts.need_way("gateway.example.com", {"allowed_hosts": fine})
    hosts.need_way("gateway.example.com", {"theme": "dark"})
    hosts.need_way("localhost:20128", {"allowed_hosts": []})
    Hosts(Settings(trusted_hosts=("gateway.example.com",))).need_way("gateway.example.com", {"allowed_hosts": []})


def test_the_public_url_names_the_host() -> None:
    given = {"public_url": "https://gateway.example.com/"}
    assert answers("gateway.example.com", **given)
    assert answers("localhost:20128", **given)
    assert not answers("evil.example", **given)


def test_a_public_url_may_be_an_address_of_ipv6() -> None:
    for url in ("https://[2001:db8::1]", "https://[2001:DB8::1]:8443"):
        given = {"public_url": url, "host": "::"}
        assert answers("[2001:db8::1]", **given)
        assert answers("[2001:db8::1]:8443", **given)
        assert not answers("[2001:db8::2]", **given)


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
