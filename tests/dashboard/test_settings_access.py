"""The sentences about who needs a key and which names are answered, held against what the edge does."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.dashboard.settings_access import names, needs
from omniroute.edge.hosts import Hosts
from omniroute.errors import BadRequest
from omniroute.settings import Settings

AUTO, NONE, ALL = "Programs on this machine need no key.", "No program needs a key", "Every program needs a key"


@pytest.mark.parametrize(
    ("given", "says", "settled"),
    [
        ({}, AUTO, False),
        ({"require_api_key": "false"}, f"{NONE}: REQUIRE_API_KEY is false. Only this machine", False),
        ({"require_api_key": "false", "host": "0.0.0.0"}, f"{NONE}: REQUIRE_API_KEY is false. Anyone who reaches", False),
        ({"require_api_key": "true"}, f"{ALL}: REQUIRE_API_KEY is true.", True),
        ({"host": "0.0.0.0"}, f"{ALL}: the server listens on 0.0.0.0", True),
        ({"public_url": "https://gw.example.com"}, f"{ALL}: PUBLIC_URL is set.", True),
        ({"proxy_hops": 1}, f"{ALL}: PROXY_HOPS is set.", True),
    ],
)
def test_who_needs_a_key(given: dict[str, Any], says: str, settled: bool) -> None:
    settings = Settings(**given)
    told = needs(settings, {})
    assert told.now.startswith(says) and told.now == told.started
    assert (told.settled, told.always) == (settled, settled) == (not settings.keyless_possible,) * 2
    told = needs(settings, {"require_api_key": "always"})
    assert told.always and told.settled is settled
    assert told.now == (told.started if settled else "Every program needs a key: you chose so here.")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"host": "0.0.0.0"},
        {"trusted_hosts": ("gw.example.com", "b.example.com")},
        {"public_url": "https://gw.example.com:8443/"},
        {"host": "0.0.0.0", "trusted_hosts": ("gw.example.com",), "public_url": "https://other.example.com"},
    ],
)
def test_the_names_that_are_told_are_those_that_are_answered(given: dict[str, Any]) -> None:
    settings = Settings(**given)
    told, hosts = names(settings), Hosts(settings)
    for name, _ in told.fixed:
        hosts.check(name, "/v1/models")
    if told.every:
        hosts.check("any.example", "/v1/models")
    else:
        with pytest.raises(BadRequest):
            hosts.check("any.example", "/v1/models")
    assert bool(told.every) == (not told.fixed)
