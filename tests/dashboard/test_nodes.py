"""Adding a node: the seed's walk by labels, Check before saving, edits, deletion."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.processes import free_port
from tests.dashboard.browsing import Browser
from tests.dashboard.conftest import BAD_KEY, KEY, Desk
from tests.upstream.client import Upstream
from tests.upstream.relay import Relay


@pytest.fixture
def form(admin: Browser, relay: Relay) -> dict[str, str]:
    """The seed's table."""
    return {"Name": "AgentRouter", "Prefix": "agentrouter", "Base URL": relay.url}


def test_the_walk_to_a_claude_code_compatible_node(desk: Desk, admin: Browser, form: dict[str, str]) -> None:
    page = admin.open("/").follow("Providers").follow("Add Provider").follow("Add Claude Code Compatible")
    assert page.control("Chat path").attrs["value"] == "/v1/messages?beta=true"
    assert "Use it only where the relay's terms admit your client." in page.text
    page = page.fill(form).press("Add")
    (node,) = desk.services.nodes.list()
    assert node.id.startswith("anthropic-compatible-cc-")
    assert page.path == f"/dashboard/providers/{node.id}"
    page = page.fill({"API key": KEY}).press("Add Connection")
    assert "Active" in page.text
    assert desk.services.connections.list(node.id)[0].test_status == "active"


@pytest.mark.parametrize("htmx", [True, False])
def test_check_tells_the_verdict_and_saves_nothing(desk: Desk, admin: Browser, form: dict[str, str], htmx: bool) -> None:
    page = admin.open("/dashboard/nodes/add/claude-code-compatible").fill(form | {"Validate": KEY})
    page = page.press("Check", **({"HX-Request": "true"} if htmx else {}))
    assert page.status == 200
    assert "Valid" in page.text
    assert "4 models found" in page.text
    assert KEY not in page.html
    assert ("<html" in page.html) is not htmx
    if not htmx:
        assert page.control("Name").attrs["value"] == "AgentRouter"
    assert desk.services.nodes.list() == ()


@pytest.mark.parametrize(
    ("script", "verdict", "told"),
    [
        ("invalid-token", "Not valid", "key is refused"),
        ("unauthorized-client", "Not valid", "did not accept this client"),
        ("content-blocked", "Valid, with a warning", "moderation refused"),
        ("quota", "Valid, with a warning", "credit is used up"),
        ("limited", "Valid, with a warning", "limiting"),
        ("waf-page", "Not valid", "something else than its API"),
        ("unavailable", "Not valid", "trouble of its own"),
    ],
)
def test_check_explains_each_of_the_relays_errors(
    admin: Browser, form: dict[str, str], relay: Relay, script: str, verdict: str, told: str
) -> None:
    relay.always(script, path="/messages")
    page = admin.open("/dashboard/nodes/add/claude-code-compatible").fill(form | {"Validate": KEY})
    page = page.press("Check", **{"HX-Request": "true"})
    assert verdict in page.text
    assert told in page.text


def test_check_without_an_address_says_what_is_missing(admin: Browser) -> None:
    page = admin.open("/dashboard/nodes/add/openai-compatible").press("Check", **{"HX-Request": "true"})
    assert "Not checked" in page.text
    assert "Base URL" in page.text


def test_check_of_a_dead_address_says_so(admin: Browser) -> None:
    page = admin.open("/dashboard/nodes/add/openai-compatible").fill({"Base URL": f"http://127.0.0.1:{free_port()}"})
    page = page.press("Check", **{"HX-Request": "true"})
    assert "Not valid" in page.text
    assert "can't be reached" in page.text


def test_models_that_were_found_are_imported_with_add(desk: Desk, admin: Browser, form: dict[str, str]) -> None:
    page = admin.open("/dashboard/nodes/add/claude-code-compatible").fill(form | {"Validate": KEY}).press("Check")
    page.press("Add")
    (node,) = desk.services.nodes.list()
    assert {row.id for row in desk.services.models.for_provider(node.id)} >= {"claude-opus-4-6", "glm-5.1"}
    assert desk.services.connections.list() == ()


def test_what_is_missing_stands_beside_its_field(admin: Browser) -> None:
    page = admin.open("/dashboard/nodes/add/openai-compatible").fill({"Name": "vLLM"}).press("Add")
    assert page.status == 400
    assert page.control("Prefix").attrs["aria-invalid"] == "true"
    assert page.control("Base URL").attrs["aria-invalid"] == "true"
    assert page.control("Name").attrs["value"] == "vLLM"


def test_a_taken_prefix_names_its_owner_and_the_way_out(desk: Desk, admin: Browser, form: dict[str, str]) -> None:
    desk.connection("agentrouter")
    page = admin.open("/dashboard/nodes/add/claude-code-compatible").fill(form).press("Add")
    assert page.status == 409
    assert "AgentRouter" in page.text
    assert desk.services.nodes.list() == ()
    page = page.fill({"Prefix": "relay"}).press("Add")
    assert page.status == 200
    assert [node.prefix for node in desk.services.nodes.list()] == ["relay"]


@pytest.mark.parametrize(
    ("slug", "choice", "begins", "path"),
    [
        ("openai-compatible", {"API type": "Chat Completions"}, "openai-compatible-chat-", "/v1/chat/completions"),
        ("openai-compatible", {"API type": "Responses"}, "openai-compatible-responses-", "/v1/responses"),
        ("anthropic-compatible", {}, "anthropic-compatible-", "/v1/messages"),
    ],
)
def test_the_other_ways(desk: Desk, admin: Browser, slug: str, choice: dict[str, str], begins: str, path: str) -> None:
    page = admin.open(f"/dashboard/nodes/add/{slug}")
    page.fill({"Name": "Mine", "Prefix": "mine", "Base URL": "http://127.0.0.1:9/v1"} | choice).press("Add")
    (node,) = desk.services.nodes.list()
    assert node.id.startswith(begins)
    assert node.chat_path == path


def test_editing_keeps_what_is_not_touched(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay, custom_headers={"X-Team": "blue", "x-app": None})
    page = admin.open(f"/dashboard/providers/{node}").follow("Edit")
    assert page.control("Prefix").attrs["value"] == "team"
    page = page.fill({"Name": "Renamed"}).press("Save")
    assert "Renamed saved." in page.toasts[0]
    after = desk.services.nodes.get(node)
    assert (after.name, after.prefix, after.base_url) == ("Renamed", "team", relay.url)
    assert dict(after.custom_headers) == {"X-Team": "blue", "x-app": None}


def test_secret_header_values_are_never_shown_again_and_kept(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay, custom_headers={"X-Relay-Token": "very-secret-value"})
    for path in (f"/dashboard/nodes/{node}/edit", f"/dashboard/providers/{node}"):
        assert "very-secret-value" not in admin.open(path).html
    admin.open(f"/dashboard/nodes/{node}/edit").press("Save")
    assert dict(desk.services.nodes.node(node).custom_headers) == {"X-Relay-Token": "very-secret-value"}


def test_check_while_editing_sends_the_stored_secret(desk: Desk, admin: Browser, upstream: Upstream) -> None:
    given = {"name": "Plain", "prefix": "plain", "base_url": upstream.v1, "type": "openai-compatible"}
    node = desk.services.nodes.create(given | {"custom_headers": {"X-Relay-Token": "very-secret-value"}}, desk.by).id
    page = admin.open(f"/dashboard/nodes/{node}/edit").fill({"Validate": KEY}).press("Check", **{"HX-Request": "true"})
    assert "Valid" in page.text
    assert upstream.last().header("X-Relay-Token") == "very-secret-value"


def test_deleting_asks_first_and_names_what_is_lost(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    desk.connection(node)
    page = admin.open(f"/dashboard/providers/{node}").follow("Delete")
    assert "1 connection and its stored API key." in page.text
    assert "team/…" in page.text
    assert desk.services.nodes.list() != ()
    page = page.press("Delete provider")
    assert page.path == "/dashboard/providers"
    assert desk.services.nodes.list() == ()


def test_without_the_flag_neither_form_nor_check_answer(open_desk: Callable[..., Desk]) -> None:
    admin = open_desk(enable_cc_compatible_provider=False).admin()
    page = admin.open("/dashboard/nodes/add/openai-compatible")
    csrf = next(each.attrs["value"] for each in page.root.all("input") if each.attrs.get("name") == "csrf_token")
    for path in ("", "/check"):
        refused = admin.send(f"/dashboard/nodes/add/claude-code-compatible{path}", {"csrf_token": csrf})
        assert refused.status == 403
        assert "ENABLE_CC_COMPATIBLE_PROVIDER" in refused.text


def test_a_bad_key_fails_the_check(admin: Browser, form: dict[str, str]) -> None:
    page = admin.open("/dashboard/nodes/add/claude-code-compatible").fill(form | {"Validate": BAD_KEY})
    assert "Not valid" in page.press("Check", **{"HX-Request": "true"}).text
