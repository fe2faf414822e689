"""OmniRoute's guide "AgentRouter", walked word for word: real gunicorn, real Chromium, its curl as printed."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.chromium import Watch
from tests.browser.seed import BAD_KEY, KEY, PRINTED, FirstStart, curl, fill_in, set_up, sign_in, to_add_provider, verdict
from tests.gateway import PASSWORD, Gateway
from tests.upstream.client import Seen
from tests.upstream.raw import Client
from tests.upstream.relay import BETAS, MODELS, USER_AGENT, Relay
from tests.upstream.script import TEXT

FLAG = "ENABLE_CC_COMPATIBLE_PROVIDER"


def test_the_native_provider(first_start: FirstStart, page: Page, relay: Relay, tmp_path: Path) -> None:
    with first_start(tmp_path, PROVIDER_BASE_URLS=f"agentrouter={relay.url}") as here:
        set_up(page, here)
        to_add_provider(page)
        page.get_by_role("link", name="AgentRouter", exact=True).click()
        key = page.get_by_label("API key")
        expect(key).to_have_attribute("placeholder", "sk-...")
        key.fill(KEY)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert")).to_have_count(0)
        expect(page.get_by_text("Active", exact=True).first).to_be_visible()
        for model in MODELS:
            expect(page.get_by_role("region", name="Models").get_by_text(model, exact=True)).to_be_visible()
        assert listed(here) == {f"agentrouter/{model}" for model in MODELS} | {"auto", "auto/fast", "auto/cheap"}
        assert only_connection(here)["testStatus"] == "active"
        relay.reset()
        answer = curl(PRINTED)
        assert (answer.status, answer.said) == (200, TEXT), answer.text
        admitted(relay.last(), here)
        row = here.log_rows(1)[0]
        assert (row["requestedModel"], row["providerPrefix"]) == ("agentrouter/claude-opus-4-6", "agentrouter")
        expect_logged(page, "agentrouter/claude-opus-4-6")


def test_what_is_the_callers_and_the_gateways_own_stays_here(first_start: FirstStart, relay: Relay, tmp_path: Path) -> None:
    with first_start(tmp_path, INITIAL_PASSWORD=PASSWORD, PROVIDER_BASE_URLS=f"agentrouter={relay.url}") as here:
        here.add_connection("agentrouter", KEY)
        key = here.add_key()
        relay.reset()
        own = {
            "Authorization": f"Bearer {key}",
            "Cookie": here.cookie,
            "X-Forwarded-For": "192.0.2.7",
            "X-OmniRoute-No-Log": "true",
            "Referer": "http://localhost/private",
        }
        answer = curl(PRINTED + "".join(f" -H '{name}: {value}'" for name, value in own.items()))
        assert (answer.status, answer.said) == (200, TEXT), answer.text
        admitted(relay.last(), here, key, "192.0.2.7", "private")
        unlisted = curl(PRINTED.replace("claude-opus-4-6", "somebody/new-model:7b"))
        assert (unlisted.status, unlisted.said) == (200, TEXT), unlisted.text
        assert relay.last().model == "somebody/new-model:7b"


def test_the_claude_code_compatible_node(first_start: FirstStart, page: Page, relay: Relay, tmp_path: Path) -> None:
    with first_start(tmp_path, **{FLAG: "true"}) as here:
        set_up(page, here)
        to_add_provider(page)
        page.get_by_role("link", name="Add Claude Code Compatible").click()
        expect(page.get_by_text("use it only where the relay's terms admit your client", exact=False)).to_be_visible()
        expect(page.get_by_label("Chat path")).to_have_value("/v1/messages?beta=true")
        fields = {"Name": "AgentRouter", "Prefix": "agentrouter", "Base_URL": relay.url}
        fill_in(page, **fields)
        check(
            page,
            BAD_KEY,
            "Not valid",
            "The wire is right, but the API key is refused",
            "Make a new key in the upstream's dashboard",
        )
        check(page, KEY, "Valid", "4 models", "Connected")
        for label, value in {**fields, "Chat_path": "/v1/messages?beta=true"}.items():
            expect(page.get_by_label(label.replace("_", " "), exact=True)).to_have_value(value)
        assert here.api("GET", "/api/provider-nodes")["nodes"] == []
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_role("heading", name="AgentRouter")).to_be_visible()
        node_id = page.url.rpartition("/")[2]
        assert re.fullmatch(r"anthropic-compatible-cc-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", node_id)
        fill_in(page, API_key=KEY)
        page.get_by_role("button", name="Add Connection").click()
        row = page.get_by_role("row").filter(has=page.get_by_role("button", name="Test AgentRouter"))
        expect(row).to_contain_text("Active")
        assert only_connection(here)["testStatus"] == "active"
        expect_shown(page)
        both_names_answer(here, relay, node_id)
        assert [row["providerPrefix"] for row in here.log_rows(2)] == ["agentrouter", "agentrouter"]
        expect_logged(page, "agentrouter/claude-opus-4-6")
        expect_logged(page, f"{node_id}/claude-opus-4-6")
        stored(here, "SELECT provider_id, test_status FROM connections", {(node_id, "active")})
        stored(here, "SELECT canonical_model, provider_prefix FROM log_rows", {(f"{node_id}/claude-opus-4-6", "agentrouter")})


def test_a_node_that_is_left_without_the_flag(
    first_start: FirstStart, page: Page, relay: Relay, tmp_path: Path, watch: Watch
) -> None:
    with first_start(tmp_path, INITIAL_PASSWORD=PASSWORD, **{FLAG: "true"}) as here:
        node_id = here.add_node("AgentRouter", relay.url, "anthropic-compatible", compatMode="cc", prefix="agentrouter")
        connection_id = here.add_connection(node_id, KEY)
        here.api("POST", "/api/provider-models", {"provider": node_id, "modelIds": ["claude-opus-4-6"]})
        both_names_answer(here, relay, node_id)
    relay.reset()
    with first_start(tmp_path) as here:
        sign_in(page, here)
        to_add_provider(page)
        expect(page.get_by_role("link", name="Add OpenAI Compatible")).to_be_visible()
        expect(page.get_by_text("Add Claude Code Compatible")).to_have_count(0)
        page.goto(f"{here.url}/dashboard/providers/{node_id}")
        expect(page.get_by_role("main")).to_contain_text(FLAG)
        page.get_by_role("button", name="Test").click()
        expect(verdict(page)).to_contain_text(FLAG)
        given = {"name": "x", "prefix": "x", "type": "anthropic-compatible", "compatMode": "cc", "baseUrl": relay.url}
        for path in ("/api/provider-nodes", "/api/provider-nodes/validate"):
            refused = here.refused("POST", path, given)
            assert refused.status == 403 and f"{FLAG}=true" in refused.error["message"]
        for path in ("test", "models/refresh"):
            refused = here.refused("POST", f"/api/providers/{connection_id}/{path}", {})
            assert refused.status == 403 and f"{FLAG}=true" in refused.error["message"]
        assert here.api("POST", "/api/providers/test-all", {})["results"] == []
        for name in ("agentrouter/claude-opus-4-6", f"{node_id}/claude-opus-4-6"):
            answer = curl(PRINTED.replace("agentrouter/claude-opus-4-6", name))
            assert answer.status == 403, answer.text
            assert f"{FLAG}=true" in answer.json["error"]["message"]
            assert answer.json["omniroute"]["class"] == "feature_off"
        assert listed(here) == set()
        assert relay.requests() == []
    with first_start(tmp_path, **{FLAG: "true"}) as here:
        both_names_answer(here, relay, node_id)


def check(page: Page, key: str, *told: str) -> None:
    page.get_by_label("Validate").fill(key)
    page.get_by_role("button", name="Check").click()
    for text in told:
        expect(verdict(page)).to_contain_text(text)


def both_names_answer(here: Gateway, relay: Relay, node_id: str) -> None:
    """The guide's curl as printed, and with the canonical name of the node."""
    for name in ("agentrouter", node_id):
        relay.reset()
        answer = curl(PRINTED.replace("agentrouter/", f"{name}/"))
        assert (answer.status, answer.said) == (200, TEXT), answer.text
        admitted(relay.last(), here)


def admitted(seen: Seen, here: Gateway, *secrets: str | None) -> None:
    """The relay found nothing wrong, and nothing of the gateway's own came along."""
    assert seen.note == {"wire": "profile", "wrong": {}}
    assert (seen.method, seen.target, seen.key) == ("POST", "/v1/messages?beta=true", KEY)
    assert seen.model == seen.json["model"] != "" and "/claude" not in str(seen.model)
    arrived = f"{seen.headers} {seen.body.decode()}"
    made = dict(line.split("=", 1) for line in (here.data_dir / "server.env").read_text().splitlines() if "=" in line)
    assert {"SECRET_KEY", "STORAGE_ENCRYPTION_KEY"} <= made.keys()
    for secret in (*made.values(), *secrets, here.cookie, here.url.partition("//")[2], PASSWORD):
        assert secret is None or secret.strip("'\"") not in arrived


def listed(here: Gateway) -> set[str]:
    """The names of `GET /v1/models`."""
    with Client(here.url) as client:
        return {model["id"] for model in client.get("/v1/models").read().json["data"]}


def only_connection(here: Gateway) -> dict[str, Any]:
    (connection,) = here.api("GET", "/api/providers")["connections"]
    return dict(connection)


def expect_shown(page: Page) -> None:
    """The page shows the guide's table of headers as they are sent, the key masked."""
    sent = page.get_by_role("region", name="What is sent upstream")
    shown = {
        "Authorization": "Bearer sk-...",
        "User-Agent": USER_AGENT,
        "anthropic-version": "2023-06-01",
        "anthropic-beta": BETAS,
        "anthropic-dangerous-direct-browser-access": "true",
        "x-app": "cli",
        "X-Stainless-Lang": "js",
    }
    for name, value in shown.items():
        expect(sent.get_by_role("row").filter(has=page.get_by_text(name, exact=True))).to_contain_text(value)
    expect(sent).not_to_contain_text(KEY)


def stored(here: Gateway, query: str, rows: set[tuple[str, ...]]) -> None:
    with closing(sqlite3.connect(here.data_dir / "omniroute.db")) as database:
        assert set(database.execute(query)) == rows


def expect_logged(page: Page, name: str) -> None:
    """The log page shows the request under the name with the prefix."""
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Logs").click()
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name)).first
    expect(row).to_contain_text("agentrouter")
    expect(row).to_contain_text("200")
