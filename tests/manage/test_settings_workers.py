"""A preference that guards the door, with two real workers: both hold it as soon as it is saved, and both let go of it again."""

from __future__ import annotations

from collections.abc import Callable

from tests.gateway import Gateway
from tests.relay.chaos.workers import Workers, each_worker
from tests.upstream.client import until
from tests.upstream.raw import Answer


def test_both_workers_hold_what_was_chosen(gateway: Callable[..., Gateway]) -> None:
    here = gateway(workers=2, HOST="0.0.0.0", REQUIRE_API_KEY="false", TRUSTED_HOSTS="127.0.0.1")
    warned = "WARNING: REQUIRE_API_KEY=false on a public address"
    until(lambda: warned in here.output(), 10, here.output)
    key = here.make_key()
    with each_worker(here) as workers:
        assert [each.status for each in asked(workers)] == [200, 200]

        here.api("PUT", "/api/settings", {"requireApiKey": "always"})
        for refused in asked(workers):
            assert refused.status == 401
            assert "Settings, Security" in refused.json["error"]["message"]
            assert "Keys page" in refused.json["omniroute"]["remedy"]
        assert [each.status for each in asked(workers, Authorization=f"Bearer {key}")] == [200, 200]
        cookie = {"Cookie": here.cookie or ""}  # the dashboard is as open as before
        assert [line.get("/api/settings", cookie).read().status for line in workers.lines] == [200, 200]
        here.api("PUT", "/api/settings", {"requireApiKey": "as started"})
        assert [each.status for each in asked(workers)] == [200, 200]

        named = {"Host": "gw.example.com", "Authorization": f"Bearer {key}"}
        assert [each.status for each in asked(workers, **named)] == [400, 400]
        here.api("PUT", "/api/settings", {"allowedHosts": [".example.com"]})
        assert [each.status for each in asked(workers, **named)] == [200, 200]


def asked(workers: Workers, **headers: str) -> list[Answer]:
    return [line.get("/v1/models", headers).read() for line in workers.lines]
