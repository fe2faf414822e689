"""Home: what to do next, then the address and lines that work as they stand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.dashboard.browsing import Browser
from tests.dashboard.conftest import Desk
from tests.upstream.relay import Relay


def test_an_empty_gateway_says_what_comes_first(admin: Browser) -> None:
    page = admin.open("/")
    assert "Get started" in page.text
    assert page.follow("Add Provider").path == "/dashboard/providers/add"
    assert page.follow("Create key").path == "/dashboard/keys/add"
    assert "Connect a client" not in page.text


def test_the_steps_are_gone_when_all_are_done(desk: Desk, admin: Browser) -> None:
    desk.connection("agentrouter")
    assert "Get started" in admin.open("/").text
    desk.log_row()
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
    assert "openai/" not in page.text


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
