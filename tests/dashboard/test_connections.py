"""A native provider's key, and each connection's edits, switch and end."""

from __future__ import annotations

from decimal import Decimal

import pytest

from omniroute.connections.quotas import QuotaView
from omniroute.routing.verdict import Diagnosis, Verdict
from tests.dashboard.browsing import Browser
from tests.dashboard.conftest import BAD_KEY, KEY, Desk
from tests.upstream.relay import Relay

BANNED = Verdict(False, Diagnosis("account_banned", "upstream", "The account is closed.", "Ask the relay."), "message", 12, 403)


def test_save_stores_tests_and_leads_to_the_provider(desk: Desk, admin: Browser) -> None:
    """With Ollama, which stays on this machine; AgentRouter's own walk is in tests/browser."""
    page = admin.open("/dashboard/providers/add").follow("Ollama").press("Save")
    assert page.path == "/dashboard/providers/ollama"
    assert len(page.toasts) == 1
    assert len(desk.services.connections.list("ollama")) == 1


def test_agentrouters_models_are_listed_at_once(desk: Desk, admin: Browser) -> None:
    desk.connection("agentrouter")
    page = admin.open("/dashboard/providers/agentrouter")
    assert KEY not in page.html
    assert f"sk-...{KEY[-4:]}" in page.text
    for model in ("claude-opus-4-6", "claude-haiku-4-5-20251001", "glm-5.1", "deepseek-v3.2"):
        assert model in page.text


def test_a_key_that_is_needed_is_asked_for(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/providers/add/agentrouter").press("Save")
    assert page.status == 400
    assert page.control("API key").attrs["aria-invalid"] == "true"
    assert desk.services.connections.list() == ()


def test_the_prefix_has_one_owner_and_the_page_names_it(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay, "agentrouter", name="My relay")
    page = admin.open("/dashboard/providers/add/agentrouter")
    assert "belongs to My relay now" in page.text
    page = page.fill({"API key": KEY}).press("Save")
    assert page.status == 409
    assert "My relay" in page.text
    assert desk.services.connections.list() == ()
    desk.services.nodes.update(node, {"prefix": "relay"}, desk.by)
    assert "belongs to" not in admin.open("/dashboard/providers/add/agentrouter").text


def test_an_unknown_provider_is_a_page_not_found(admin: Browser) -> None:
    assert admin.open("/dashboard/providers/add/nobody").status == 404


def test_editing_keeps_the_key_that_is_left_blank(desk: Desk, admin: Browser, relay: Relay) -> None:
    row = desk.connection(desk.node(relay), name="first")
    page = admin.open(f"/dashboard/connections/{row}/edit")
    assert KEY not in page.html
    page = page.fill({"Name": "second", "Priority": "7", "At most at once": "3"}).press("Save")
    assert page.toasts == ["second saved."]
    after = desk.services.connections.get(row)
    assert (after.name, after.priority, after.max_concurrent, after.key_hint[-4:]) == ("second", 7, 3, KEY[-4:])


def test_a_limit_that_is_emptied_is_lifted(desk: Desk, admin: Browser, relay: Relay) -> None:
    row = desk.connection(desk.node(relay), max_concurrent=3)
    admin.open(f"/dashboard/connections/{row}/edit").fill({"At most at once": ""}).press("Save")
    assert desk.services.connections.get(row).max_concurrent is None


def test_a_new_key_is_tested_at_once(desk: Desk, admin: Browser, relay: Relay) -> None:
    row = desk.connection(desk.node(relay), BAD_KEY)
    page = admin.open(f"/dashboard/connections/{row}/edit").fill({"API key": KEY}).press("Save")
    assert "is connected" in page.toasts[0]
    assert desk.services.connections.get(row).test_status == "active"


@pytest.mark.parametrize("wrong", ["-1", "many", "1.5"])
def test_numbers_are_checked(desk: Desk, admin: Browser, relay: Relay, wrong: str) -> None:
    row = desk.connection(desk.node(relay))
    page = admin.open(f"/dashboard/connections/{row}/edit").fill({"Priority": wrong}).press("Save")
    assert page.status == 400
    assert page.control("Priority").attrs["aria-invalid"] == "true"


def test_off_and_on_again(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    row = desk.connection(node, name="first")
    page = admin.open(f"/dashboard/providers/{node}").press("Disable first")
    assert desk.services.connections.get(row).is_active is False
    assert "Off" in page.text
    page.press("Enable first")
    assert desk.services.connections.get(row).is_active is True


def test_deleting_names_what_is_lost(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    row = desk.connection(node, name="first")
    page = admin.open(f"/dashboard/providers/{node}").follow("Delete first")
    assert "The gateway can't show it again." in page.text
    assert "last connection in use" in page.text
    page = page.press("Delete connection")
    assert page.toasts == ["Connection first deleted."]
    assert desk.services.connections.list(node) == ()
    assert admin.open(f"/dashboard/connections/{row}/delete").status == 404


def test_the_dialog_gets_the_question_alone(desk: Desk, admin: Browser, relay: Relay) -> None:
    row = desk.connection(desk.node(relay))
    page = admin.open(f"/dashboard/connections/{row}/delete", **{"HX-Request": "true"})
    assert "<html" not in page.html
    assert "Delete connection" in page.buttons()


def test_why_a_connection_is_refused_stands_under_it(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    desk.services.connections.record_test(desk.connection(node), BANNED)
    page = admin.open(f"/dashboard/providers/{node}")
    assert "The account is closed." in page.text
    assert "Ask the relay." in page.text


def test_an_address_is_checked_beside_its_field(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/providers/add/azure-openai")
    page = page.fill({"API key": KEY, "Resource name": "evil.example/"}).press("Save")
    assert page.status == 400
    assert "Resource name must be one part of a host name" in page.text
    assert page.control("Resource name").attrs["aria-invalid"] == "true"
    page = page.fill({"API key": KEY, "Resource name": ""}).press("Check")
    assert "Resource name is needed." in page.text
    assert desk.services.connections.list() == ()


def test_check_asks_at_the_address_that_is_filled_in(desk: Desk, admin: Browser, relay: Relay) -> None:
    page = admin.open("/dashboard/providers/add/minimax").fill({"API key": KEY, "Base URL": relay.url}).press("Check")
    assert relay.requests(), page.text
    assert desk.services.connections.list() == ()


def test_a_connections_address_is_shown_and_can_be_changed(desk: Desk, admin: Browser, relay: Relay) -> None:
    row = desk.connection("minimax", fields={"base_url": f"{relay.url}/one"})
    page = admin.open("/dashboard/providers/minimax")
    assert f"POST {relay.url}/one/v1/messages" in page.text
    assert f"{relay.url}/one" in page.text and "https://api.minimax.io/anthropic" in page.text
    page = admin.open(f"/dashboard/connections/{row}/edit").fill({"Base URL": relay.url}).press("Save")
    assert page.path == "/dashboard/providers/minimax"
    assert relay.requests()  # the new address was tested at once
    assert desk.services.connections.get(row).base_url == relay.url


def test_a_quota_is_set_kept_and_lifted(desk: Desk, admin: Browser) -> None:
    row = desk.connection("openai", name="company")
    page = admin.open(f"/dashboard/connections/{row}/edit")
    values = {
        "Counted": "USD",
        "Limit": "1,012.5",
        "In": "A week",
        "Time zone": "Europe/Berlin",
        "A reset (UTC)": "2031-05-17T08:30",
    }
    page.fill(values).press("Save")
    kept = desk.services.connections.get(row).quota
    assert kept == QuotaView("usd", Decimal("1012.5"), "week", "fixed", "Europe/Berlin", 1_936_773_000.0)
    page = admin.open(f"/dashboard/connections/{row}/edit")
    assert page.control("A reset (UTC)").attrs["value"] == "2031-05-17T08:30:00"
    page.fill({"Name": "other"}).press("Save")
    assert desk.services.connections.get(row).quota == kept
    desk.services.connections.update(row, {"quota": {"unit": "tokens", "limit": 5, "window": "5h", "mode": "rolling"}}, desk.by)
    admin.open(f"/dashboard/connections/{row}/edit").fill({"Limit": "1000000"}).press("Save")
    changed = desk.services.connections.get(row).quota
    assert changed == QuotaView("tokens", 1_000_000, "5h", "rolling", "UTC", None)
    admin.open(f"/dashboard/connections/{row}/edit").fill({"Counted": "Nothing: it has no quota"}).press("Save")
    assert desk.services.connections.get(row).quota is None


@pytest.mark.parametrize(
    ("values", "label", "said"),
    [
        ({"Counted": "Requests"}, "Limit", "must be a whole number"),
        ({"Counted": "USD", "Limit": "much"}, "Limit", "must be an amount in dollars"),
        ({"Counted": "USD", "Limit": "5", "Time zone": "Mars/Base"}, "Time zone", "must be a time zone"),
        (
            {"Counted": "USD", "Limit": "5", "Window": "Rolling", "A reset (UTC)": "2031-05-17T08:30"},
            "A reset (UTC)",
            "goes with a fixed window only",
        ),
    ],
)
def test_what_is_wrong_with_a_quota_stands_beside_its_field(
    desk: Desk, admin: Browser, values: dict[str, str], label: str, said: str
) -> None:
    row = desk.connection("openai", name="company")
    page = admin.open(f"/dashboard/connections/{row}/edit").fill(values).press("Save")
    assert page.status == 400
    field = page.control(label)
    assert said in next(each.text for each in page.root.walk() if each.attrs.get("id") == f"{field.attrs['id']}-wrong")
    assert desk.services.connections.get(row).quota is None


def test_a_question_before_deleting_names_the_combos_and_what_stays(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    first, second = (desk.connection(node, f"{KEY}-{n}", name=n) for n in ("first", "second"))
    step = {"model": "team/glm-5.1", "connection_id": first}
    desk.services.combos.create({"name": "pinned", "steps": [step]}, desk.by)
    desk.services.combos.create({"name": "loose", "steps": ["team/glm-5.1"]}, desk.by)
    page = admin.open(f"/dashboard/connections/{first}/delete")
    assert "This combo has a step that goes through this connection alone" in page.text
    assert "pinned" in page.text and "loose" not in page.text and "last connection in use" not in page.text
    assert "sk-...irst" in page.text and "Log rows and sums stay" in page.text
    page.press("Delete connection")
    page = admin.open(f"/dashboard/connections/{second}/delete")
    assert "last connection in use" in page.text
    assert "These combos have a step of this provider" in page.text and "pinned, loose" in page.text
    page = admin.open(f"/dashboard/nodes/{node}/delete")
    assert "These combos have a step of this provider" in page.text and "pinned, loose" in page.text
