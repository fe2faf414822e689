"""The attempts, in order, and what is left out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omniroute.errors import UpstreamStatus
from omniroute.routing.configuration import Configuration
from omniroute.routing.failures import Failure, classify
from omniroute.routing.health import Mark
from omniroute.routing.plan import MAX_ATTEMPTS, Marks, Plan, Step, plan, worth_trying
from omniroute.routing.resolve import resolve
from tests.routing.conftest import configuration, connection, provider

NOW = 1000.0


def planned(known: Configuration, name: str = "big", marks: Marks | None = None, **more: object) -> Plan:
    return plan(resolve(name, known), known, marks or {}, NOW, **more)  # type: ignore[arg-type]


def ids(found: Plan) -> list[str]:
    return [step.connection.id for step in found.steps]


def mark(until: float, stated: bool = False) -> Mark:
    return Mark("rate_limited", "slow down", NOW - 5, until, stated)


def test_by_priority_then_fewest_in_flight(usual: Configuration) -> None:
    assert ids(planned(usual)) == ["a2", "a1", "b1"]
    level = replace(usual, connections={"alpha": (connection("a1", "alpha"), connection("a2", "alpha"))})
    assert ids(planned(level, in_flight={"a1": 3, "a2": 1}.__getitem__)) == ["a2", "a1"]


def test_a_guess_puts_last_and_a_stated_wait_leaves_out(usual: Configuration) -> None:
    assert ids(planned(usual, marks={("a2", ""): mark(NOW + 60)})) == ["a1", "b1", "a2"]
    found = planned(usual, marks={("a2", "big"): mark(NOW + 60, stated=True)})
    assert ids(found) == ["a1", "b1"]
    assert [(each.connection.id, each.kind, each.until) for each in found.left_out] == [("a2", "rate_limited", NOW + 60)]
    assert ids(planned(usual, "alpha/small", marks={("a2", "big"): mark(NOW + 60, stated=True)})) == ["a2", "a1"]


def test_when_all_are_guesses_the_soonest_is_first(usual: Configuration) -> None:
    marks = {("a1", ""): mark(NOW + 10), ("a2", ""): mark(NOW + 20), ("b1", ""): mark(NOW + 5)}
    assert ids(planned(usual, marks=marks)) == ["b1", "a1", "a2"]


def test_marks_end(usual: Configuration) -> None:
    assert ids(planned(usual, marks={("a2", ""): mark(NOW, stated=True)})) == ["a2", "a1", "b1"]


def test_disabled_terminal_and_busy_ones_are_left_out_with_a_reason() -> None:
    known = configuration(
        [provider("alpha", "big")],
        connection("off", "alpha", is_active=False),
        connection("bad", "alpha", test_status="error", status_reason="key refused"),
        connection("busy", "alpha", max_concurrent=2),
        connection("fine", "alpha", max_concurrent=3),
    )
    found = planned(known, "alpha/big", in_flight=lambda _: 2)
    assert ids(found) == ["fine"]
    assert {each.connection.id: each.why for each in found.left_out} == {
        "off": "disabled",
        "bad": "key refused",
        "busy": "2 requests in flight",
    }


def test_a_pin_is_by_id_or_name(usual: Configuration) -> None:
    assert ids(planned(usual, pinned="a1")) == ids(planned(usual, pinned="a1 name")) == ["a1"]
    assert ids(planned(usual, pinned="nobody")) == []


def test_attempts_are_capped() -> None:
    many = [connection(f"c{number}", "alpha") for number in range(50)]
    assert len(planned(configuration([provider("alpha")], *many), "alpha/x").steps) == MAX_ATTEMPTS


@pytest.fixture
def steps(usual: Configuration) -> tuple[Step, ...]:
    return planned(usual).steps


def failed(status: int) -> Failure:
    return classify(UpstreamStatus(status, {}, b'{"error":{"message":"no"}}'))


def test_who_may_be_tried_after_a_failure(steps: tuple[Step, ...]) -> None:
    first, rest = steps[0], steps[1:]
    assert worth_trying(rest, first, failed(500), []) == rest
    assert [step.connection.id for step in worth_trying(rest, first, failed(400), [])] == ["b1"]
    assert worth_trying(rest, first, failed(400), [failed(422)]) == ()


def test_a_connection_with_an_address_of_its_own_is_asked_there() -> None:
    known = configuration(
        [provider("alpha", "big")],
        connection("a1", "alpha", base_url="https://one.example"),
        connection("a2", "alpha", priority=1),
    )
    found = planned(known, marks={("a1", ""): mark(NOW + 60)})
    assert [(step.connection.id, step.target.provider.base_url) for step in found.steps] == [
        ("a2", "https://alpha.example"),
        ("a1", "https://one.example"),
    ]
    assert {step.target.canonical for step in found.steps} == {"alpha/big"}
