"""What is held is made by real failures on a real board."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from omniroute.connections.resilience import HeldView, chosen_settings
from omniroute.errors import Invalid, Missing, UpstreamError, UpstreamNetwork, UpstreamStatus
from omniroute.routing.candidates import Candidate
from omniroute.routing.failures import classify
from omniroute.routing.health import ResilienceSettings
from omniroute.routing.route import Target
from tests.combos.conftest import Home, furnish
from tests.parts import ADMIN, START, Parts


@pytest.fixture
def home(parts: Parts) -> Home:
    return furnish(parts)


def fail(home: Home, connection_id: str, error: UpstreamError, model: str = "m", times: int = 1) -> None:
    configuration = home.parts.store.current()
    connection = configuration.connection(connection_id)
    assert connection is not None
    target = Target(configuration.providers[connection.provider_id], model)
    for _ in range(times):
        failure = classify(error, target.provider.failures, succeeded=True, now=home.parts.clock.now())
        home.parts.board.failed(Candidate(target, connection), failure)


def status(code: int, **headers: str) -> UpstreamStatus:
    return UpstreamStatus(
        code, {name.replace("_", "-"): value for name, value in headers.items()}, b'{"error":{"message":"Said."}}'
    )


DOWN = UpstreamNetwork("refused", "local.example.com", 443, "refused")


def held(home: Home) -> tuple[HeldView, ...]:
    return home.parts.resilience.overview().held


def test_nothing_is_held_at_first(home: Home) -> None:
    assert held(home) == ()


def test_a_cooldown(home: Home) -> None:
    fail(home, home.at_node, status(429, retry_after="30"))
    (one,) = held(home)
    assert (one.kind, one.state, one.provider_id, one.provider_name, one.prefix) == (
        "cooldown",
        "cooling",
        home.node,
        "Local",
        "local",
    )
    assert (one.connection_id, one.connection_name, one.model, one.failure_class) == (
        home.at_node,
        "Local one",
        "",
        "rate_limited",
    )
    assert (one.since_at, one.until_at, one.stated, one.count) == (START, START + 30, True, 1)
    assert one.reason and one.remedy
    home.parts.clock.move(31)
    assert held(home) == ()


def test_a_lockout_and_a_breaker(home: Home) -> None:
    fail(home, home.at_node, status(529), "locked")
    fail(home, home.at_node, status(500), "down", times=2)
    locked, counting = held(home)
    assert (locked.kind, locked.state, locked.model, locked.stated) == ("lockout", "locked", "locked", False)
    assert (counting.kind, counting.state, counting.model, counting.count) == ("breaker", "counting", "down", 2)
    assert (counting.since_at, counting.until_at) == (START, START + 60)
    fail(home, home.at_node, status(500), "down", times=3)
    (broken,) = [each for each in held(home) if each.kind == "breaker"]
    assert (broken.state, broken.since_at, broken.until_at, broken.count) == ("open", START, START + 30, 1)
    assert (broken.failure_class, broken.connection_id) == ("server_error", home.at_node)
    home.parts.clock.move(30)
    assert [each.state for each in held(home) if each.kind == "breaker"] == ["half-open"]


def test_the_breaker_of_a_node_has_no_connection(home: Home) -> None:
    fail(home, home.at_node, DOWN, times=5)
    (broken,) = held(home)
    assert (broken.state, broken.provider_id, broken.connection_id, broken.connection_name, broken.model) == (
        "open",
        home.node,
        None,
        None,
        "",
    )


def test_a_terminal_status_is_first(home: Home) -> None:
    fail(home, home.at_node, status(429))
    home.parts.connections.mark(home.at_native, "banned", "Closed.", ADMIN)
    banned, cooling = held(home)
    assert (banned.kind, banned.state, banned.reason, banned.until_at, banned.since_at) == (
        "status",
        "banned",
        "Closed.",
        None,
        START,
    )
    assert cooling.state == "cooling" and banned.remedy


def test_what_is_gone_is_not_told(home: Home) -> None:
    fail(home, home.at_node, status(429))
    fail(home, home.at_node, DOWN, times=5)
    home.parts.nodes.delete(home.node, ADMIN)
    assert held(home) == ()


def fill(home: Home) -> None:
    """One of each against the node, two against the native provider."""
    fail(home, home.at_node, status(429, retry_after="60"))
    fail(home, home.at_node, status(529), "one")
    fail(home, home.at_node, DOWN, times=5)
    fail(home, home.at_native, status(529), "one")
    fail(home, home.at_native, status(529), "two")
    for each in (home.at_node, home.at_native):
        home.parts.connections.mark(each, "error", "Refused.", ADMIN)


def told(home: Home) -> set[tuple[str, str, str]]:
    return {(each.prefix, each.kind, each.model) for each in held(home)}


ALL = {
    ("local", "cooldown", ""),
    ("local", "lockout", "one"),
    ("local", "breaker", ""),
    ("local", "status", ""),
    ("agentrouter", "lockout", "one"),
    ("agentrouter", "lockout", "two"),
    ("agentrouter", "status", ""),
}
OF_NODE = {each for each in ALL if each[0] == "local"}


@pytest.mark.parametrize(
    ("named", "left"),
    [
        ({}, set()),
        ({"connection_id": "NODE"}, ALL - OF_NODE | {("local", "breaker", "")}),
        ({"provider": "local"}, ALL - OF_NODE),
        ({"provider": "agentrouter"}, OF_NODE),
        ({"model": "one"}, {each for each in ALL if each[2] != "one"}),
        ({"provider": "agentrouter", "model": "one"}, ALL - {("agentrouter", "lockout", "one")}),
        ({"connection_id": "NODE", "provider": "local", "model": "one"}, ALL - {("local", "lockout", "one")}),
    ],
    ids=lambda each: str(sorted(each)) if isinstance(each, set) else str(each),
)
def test_reset(home: Home, named: dict[str, str], left: set[tuple[str, str, str]]) -> None:
    fill(home)
    assert told(home) == ALL
    given = {name: home.at_node if value == "NODE" else value for name, value in named.items()}
    done = home.parts.resilience.reset(given, ADMIN)
    assert told(home) == left
    gone = ALL - left
    assert done.connections == sum(kind == "status" for _, kind, _ in gone)
    assert done.places == len(gone) - done.connections
    (row,) = home.parts.audited("resilience.reset")
    assert row.after == given | {"places": done.places, "connections": done.connections}
    assert len(home.parts.audited("connection.status")) == 2 + done.connections


def test_what_can_not_be_reset(home: Home) -> None:
    reset = home.parts.resilience.reset
    for given, error in (
        ({"connection_id": "none"}, Missing),
        ({"provider": "none"}, Missing),
        ({"connection_id": home.at_node, "provider": "agentrouter"}, Invalid),
        ({"connection": home.at_node}, Invalid),
        ({"model": 5}, Invalid),
    ):
        with pytest.raises(error):
            reset(given, ADMIN)
    assert home.parts.audited("resilience") == []


def test_settings(home: Home) -> None:
    resilience, parts = home.parts.resilience, home.parts
    assert resilience.settings() == ResilienceSettings(5, 60, 30, 300)
    changed = resilience.change_settings({"breaker_failures": 3, "breaker_most_s": 600}, ADMIN)
    assert changed == resilience.settings() == ResilienceSettings(3, 60, 30, 600)
    value = chosen_settings(parts.store.current().settings)
    assert (value.breaker_failures, value.breaker_window_s, value.breaker_first_s, value.breaker_most_s) == (3, 60, 30, 600)
    (row,) = parts.audited("resilience.update")
    assert (row.before, row.after) == (
        {"breaker_failures": 5, "breaker_most_s": 300},
        {"breaker_failures": 3, "breaker_most_s": 600},
    )
    assert resilience.change_settings({"breaker_failures": None}, ADMIN) == replace(changed, breaker_failures=5)
    other = parts.another()
    assert other.resilience.settings() == ResilienceSettings(5, 60, 30, 600)
    other.database.close()
    assert not {"breaker_failures", "breaker_most_s"} & parts.preferences.all().keys()


@pytest.mark.parametrize(
    "given",
    [
        {"breaker_failures": 0},
        {"breaker_failures": 101},
        {"breaker_window_s": 0},
        {"breaker_window_s": 3601},
        {"breaker_first_s": 0},
        {"breaker_first_s": 301},
        {"breaker_most_s": 29},
        {"breaker_most_s": 86401},
        {"breaker_failures": 2.5},
        {"failures": 2},
    ],
    ids=str,
)
def test_settings_that_are_refused(home: Home, given: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        home.parts.resilience.change_settings(given, ADMIN)
    assert home.parts.resilience.settings() == ResilienceSettings()
