"""Home: what to do next, then the address and lines that work as they stand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omniroute.state.shared import Part
from tests.dashboard.browsing import Browser
from tests.dashboard.conftest import Desk
from tests.upstream.relay import Relay


def test_an_empty_gateway_says_what_comes_first(admin: Browser) -> None:
    page = admin.open("/")
    assert "Get started" in page.text
    assert "Who answers?" in page.follow("Add a provider").text
    assert "A key for your programs" in page.follow("Make a key").text
    assert "Connect a client" not in page.text


def test_the_steps_are_gone_with_the_first_answer(desk: Desk, admin: Browser) -> None:
    desk.connection("agentrouter")
    page = admin.open("/")
    assert "Get started" in page.text
    assert "Add a provider" not in page.links()
    desk.log_row(status=200, kind="ok")
    assert "Get started" not in admin.open("/").text


def test_both_addresses_are_shown_as_this_browser_reached_them(admin: Browser) -> None:
    page = admin.open("/")
    assert "http://localhost/v1" in page.text


def test_a_public_url_wins(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(public_url="https://gateway.example.com", trusted_hosts=("localhost",))
    assert "https://gateway.example.com/v1" in desk.admin().open("/").text


def test_lines_hold_models_that_are_really_there(desk: Desk, admin: Browser) -> None:
    desk.connection("agentrouter")
    page = admin.open("/?model=agentrouter/glm-5.1")
    assert '"model": "agentrouter/glm-5.1"' in page.text
    assert "claude --model agentrouter/glm-5.1" in page.text
    assert "openai/gpt" not in page.text


def test_a_model_that_is_not_there_is_never_put_into_the_lines(desk: Desk, admin: Browser) -> None:
    desk.connection("agentrouter")
    page = admin.open("/?model=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert "alert(1)" not in page.html


def test_hidden_models_and_switched_off_connections_are_left_out(desk: Desk, admin: Browser, relay: Relay) -> None:
    desk.services.models.hide("agentrouter", "glm-5.1", desk.by)
    desk.connection("agentrouter")
    node = desk.node(relay)
    desk.services.models.add(node, ["only-here"], "custom", desk.by)
    desk.connection(node, is_active=False)
    page = admin.open("/")
    assert "agentrouter/glm-5.1" not in page.text
    assert "team/only-here" not in page.text


def test_on_this_machine_curl_needs_no_key(desk: Desk, admin: Browser) -> None:
    desk.connection("agentrouter")
    page = admin.open("/")
    assert "From this machine curl needs no key" in page.text
    assert "Authorization: Bearer" not in page.text


@pytest.mark.parametrize("require_api_key", ["true", "auto"])
def test_where_a_key_is_needed_the_lines_say_so(open_desk: Callable[..., Desk], require_api_key: str) -> None:
    desk = open_desk(require_api_key=require_api_key, host="0.0.0.0")
    desk.connection("agentrouter")
    assert "Authorization: Bearer YOUR_KEY" in desk.admin().open("/").text


def test_connected_providers_stand_there_with_their_state(desk: Desk, admin: Browser, relay: Relay) -> None:
    row = desk.connection(desk.node(relay), "sk-bad-0000000000")
    desk.services.probe.test(row)
    page = admin.open("/")
    assert "Team" in page.text
    assert "Error" in page.text


def test_alerts_stand_on_top_and_their_number_on_every_page(desk: Desk, admin: Browser) -> None:
    assert "Alerts" not in admin.open("/").text
    row = desk.connection("openai", name="company")
    desk.services.connections.mark(row, "banned", "The account is closed.", desk.by)
    key, _ = desk.services.keys.create({"name": "CI"}, desk.by)
    desk.services.budgets.put({"api_key_id": key.id, "period": "day", "limit_usd": 10}, desk.by)
    page = admin.open("/dashboard/keys")
    assert page.links()["1 alert"] == "/#alerts"
    desk.services.shared.spend([Part(f"key:{key.id}:USD per day", int(desk.services.clock.now()), 9_000_000, 3e9)])
    desk.services.keys.update(key.id, {"name": "CI 2"}, desk.by)  # so that it is looked at anew, not in three seconds
    page = admin.open("/dashboard/keys").follow("2 alerts")
    (box,) = [each for each in page.root.all("section") if each.attrs.get("id") == "alerts"]
    worst, low = [each.text for each in box.all("strong")]
    assert worst == "The connection company of OpenAI is banned."
    assert low == "The key CI 2 has used 90 % of its budget of $10.00 a day."
    assert "The account is closed. Put it right there" in box.text
    assert "Renewed in" in box.text
    assert page.links()[f"Look at it: {worst}"] == "/dashboard/providers/openai"


def test_only_some_of_many_alerts_are_listed(desk: Desk, admin: Browser) -> None:
    for number in range(12):
        row = desk.connection("openai", f"sk-good-{number}-0123456789", name=f"c{number}")
        desk.services.connections.mark(row, "error", "Refused.", desk.by)
    page = admin.open("/")
    assert "12 alerts" in page.links()
    assert page.text.count("doesn't work.") == 10
    assert "2 more." in page.text


def test_what_stands_on_top_of_every_page_is_not_told_twice(open_desk: Callable[..., Desk]) -> None:
    away = open_desk(redis_url="redis://127.0.0.1:1/0")
    away.services.board.reachable()
    page = away.admin().open("/")
    assert "Redis can't be reached" in page.text
    assert "1 alert" in page.links()
    assert "Alerts" not in [each.text for each in page.root.all("h2")]
