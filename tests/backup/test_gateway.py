"""Two real gateways with keys of their own: what one is restored from serves the other's clients, by the key that was meant."""

from __future__ import annotations

from collections.abc import Callable

from tests.gateway import PASSWORD, Gateway
from tests.upstream.client import Upstream
from tests.upstream.raw import post

UPSTREAM_KEY = "sk-good-moved"
PASSPHRASE = "four random words here"


def test_clients_go_on_at_the_gateway_that_was_restored(gateway: Callable[..., Gateway], upstream: Upstream) -> None:
    old = gateway(REQUIRE_API_KEY="true")
    old.add_upstream("scripted", upstream.v1, api_key=UPSTREAM_KEY)
    old.add_combo("fast", "scripted/scripted-large")
    key = old.make_key("a client", allowedModels=["fast"])
    wanted = {"includeSecrets": True, "password": PASSWORD, "passphrase": PASSPHRASE}
    document = old.api("POST", "/api/settings/export", wanted)
    assert UPSTREAM_KEY not in str(document)

    new = gateway(REQUIRE_API_KEY="true", workers=2)
    authorization = {"Authorization": f"Bearer {key}"}
    assert post(new.url, "/v1/chat/completions", authorization, model="fast").status == 401
    told = new.api("POST", "/api/settings/import", {"document": document, "passphrase": PASSPHRASE})
    assert told["applied"] and told["lacking"] == []
    for _ in range(6):  # whichever worker it is
        assert post(new.url, "/v1/chat/completions", authorization, model="fast").status == 200
        assert upstream.last().key == UPSTREAM_KEY
    assert post(new.url, "/v1/chat/completions", authorization, model="scripted/scripted-large").status == 403
    assert UPSTREAM_KEY not in new.output() + old.output()

    # Without its secrets it serves nothing before the key is pasted, and says so.
    bare = old.api("POST", "/api/settings/export", {})
    new.api("DELETE", f"/api/provider-nodes/{new.api('GET', '/api/provider-nodes')['nodes'][0]['id']}")
    told = new.api("POST", "/api/settings/import", {"document": bare})
    assert [each["kind"] for each in told["lacking"]] == ["connections"]
    assert post(new.url, "/v1/chat/completions", authorization, model="fast").status == 503
    (row,) = new.api("GET", "/api/providers")["connections"]
    assert not row["isActive"] and "Paste its API key" in row["statusReason"]
    new.api("PUT", f"/api/providers/{row['id']}", {"apiKey": "sk-good-pasted", "isActive": True})
    assert post(new.url, "/v1/chat/completions", authorization, model="fast").status == 200
    assert upstream.last().key == "sk-good-pasted"
