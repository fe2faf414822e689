"""The attempts, in order, and what is left out."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.errors import UpstreamStatus
from omniroute.providers.values import Model
from omniroute.routing.candidates import Candidate, Figures, Quota, Size, View
from omniroute.routing.configuration import MOST_ATTEMPTS, Configuration
from omniroute.routing.failures import Failure, classify
from omniroute.routing.health import Breaker, Condition, Health, Mark, Place
from omniroute.routing.plan import Plan, plan, worth_trying
from omniroute.routing.resolve import resolve
from omniroute.routing.strategies import STRATEGIES
from tests.routing.conftest import combo, configuration, connection, provider, step, with_combos

NOW = 1_800_000_000.0


def planned(known: Configuration, name: str = "big", health: Health | None = None, **more: Any) -> Plan:
    seen = View(NOW, random.Random(7), **{each: more.pop(each) for each in list(more) if each in View.__dataclass_fields__})
    return plan(resolve(name, known), known, health or {}, seen, **more)


def ids(found: Plan) -> list[str]:
    return [each.connection.id for each in found.candidates]


def shown(found: Plan) -> list[str]:
    return [f"{each.target.shown} {each.connection.id}" for each in found.candidates]


def out(found: Plan) -> dict[str, str]:
    return {each.connection.id if each.connection else each.named: each.why for each in found.left_out}


def cooling(id: str, until: float, stated: bool = False) -> dict[Place, Condition]:
    return {Place("connection", id): Condition(Mark("rate_limited", "slow down", NOW - 5, until, stated))}


def in_flight(**counts: int) -> Any:
    return lambda each: Figures(counts.get(each.connection.id, 0))


# One model --------------------------------------------------------------------------------------------


def test_by_priority_then_fewest_in_flight(usual: Configuration) -> None:
    found = planned(usual)
    assert ids(found) == ["a2", "a1", "b1"] and found.ready == 3 and (found.combo, found.strategy) == ("", "priority")
    level = replace(usual, connections={"alpha": (connection("a1", "alpha"), connection("a2", "alpha"))})
    assert ids(planned(level, figures=in_flight(a1=3, a2=1))) == ["a2", "a1"]


def test_a_guess_puts_last_and_a_stated_wait_leaves_out(usual: Configuration) -> None:
    found = planned(usual, health=cooling("a2", NOW + 60))
    assert (ids(found), found.ready, found.soonest) == (["a1", "b1", "a2"], 2, NOW + 60)
    found = planned(usual, health=cooling("a2", NOW + 60, stated=True))
    assert ids(found) == ["a1", "b1"]
    assert [(each.connection and each.connection.id, each.why, each.kind, each.until) for each in found.left_out] == [
        ("a2", "cooling", "rate_limited", NOW + 60)
    ]


def test_a_lockout_is_of_one_model_on_one_connection(usual: Configuration) -> None:
    locked: Health = {Place("model", "a2", "big"): Condition(Mark("overloaded", "full", NOW, NOW + 60, stated=True))}
    assert ids(planned(usual, health=locked)) == ["a1", "b1"]
    assert ids(planned(usual, "alpha/small", locked)) == ["a2", "a1"]


def test_the_breaker_of_a_node_is_of_all_its_connections_but_those_elsewhere() -> None:
    known = configuration(
        [provider("alpha", "big"), provider("beta", "big")],
        connection("a1", "alpha"),
        connection("a2", "alpha", base_url="https://own.example"),
        connection("b1", "beta", priority=1),
    )
    down = Condition(breaker=Breaker((), "network_error", "refused", NOW, NOW + 30, 1))
    assert ids(planned(known, health={Place("node", "alpha"): down})) == ["a2", "b1", "a1"]
    assert ids(planned(known, health={Place("node", "alpha", "https://own.example"): down})) == ["a1", "b1", "a2"]


def test_when_all_are_guesses_the_soonest_is_first(usual: Configuration) -> None:
    found = planned(usual, health=cooling("a1", NOW + 10) | cooling("a2", NOW + 20) | cooling("b1", NOW + 5))
    assert (ids(found), found.ready, found.soonest) == (["b1", "a1", "a2"], 0, NOW + 5)


def test_marks_end(usual: Configuration) -> None:
    assert ids(planned(usual, health=cooling("a2", NOW, stated=True))) == ["a2", "a1", "b1"]


def test_disabled_terminal_and_busy_ones_are_left_out_with_a_reason() -> None:
    known = configuration(
        [provider("alpha", "big")],
        connection("off", "alpha", is_active=False),
        connection("bad", "alpha", test_status="error", status_reason="key refused"),
        connection("busy", "alpha", max_concurrent=2),
        connection("fine", "alpha", max_concurrent=3),
    )
    found = planned(known, "alpha/big", figures=lambda _: Figures(2))
    assert ids(found) == ["fine"] and found.soonest is None
    assert out(found) == {"off": "disabled", "bad": "key refused", "busy": "busy"}


def quota(**told: Quota) -> Any:
    return told.get


def test_a_quota_of_the_operators_that_is_used_up_leaves_out_until_it_is_renewed(usual: Configuration) -> None:
    found = planned(usual, quota=quota(a2=Quota(0.0, NOW + 900, NOW + 900), b1=Quota(0.0, None, NOW + 60)))
    assert ids(found) == ["a1"] and found.soonest == NOW + 60
    assert [(each.why, each.kind, each.until) for each in found.left_out] == [
        ("over quota", "over_quota", NOW + 900),
        ("over quota", "over_quota", NOW + 60),
    ]
    assert ids(planned(usual, quota=quota(a2=Quota(0.0, NOW, NOW)))) == ["a2", "a1", "b1"]


def test_what_an_upstream_tells_changes_only_the_order_of_a_combo(usual: Configuration) -> None:
    spent = quota(a2=Quota(0.0, NOW + 900), b1=Quota(0.2, NOW + 900))
    assert ids(planned(usual, quota=spent)) == ["a2", "a1", "b1"]
    for strategy, expected in {
        "priority": ["a2", "a1", "b1"],
        "fill-first": ["a1", "b1", "a2"],
        "headroom": ["a1", "b1", "a2"],
        "reset-window": ["b1", "a1", "a2"],
    }.items():
        known = with_combos(usual, combo("c", "alpha/big", "beta/big", strategy=strategy))
        found = planned(known, "c", quota=spent)
        assert ids(found) == expected and not found.left_out and found.ready == 3


def test_fill_first_goes_on_past_one_that_is_over_quota(usual: Configuration) -> None:
    known = with_combos(usual, combo("c", "alpha/big", "beta/big", strategy="fill-first"))
    assert ids(planned(known, "c", quota=quota(a2=Quota(0.0, NOW + 9, NOW + 9)))) == ["a1", "b1"]


def test_a_pin_is_by_id_or_name(usual: Configuration) -> None:
    assert ids(planned(usual, pinned="a1")) == ids(planned(usual, pinned="a1 name")) == ["a1"]
    assert ids(planned(usual, pinned="nobody")) == []


def test_a_connection_with_an_address_of_its_own_is_asked_there() -> None:
    known = configuration(
        [provider("alpha", "big")],
        connection("a1", "alpha", base_url="https://one.example"),
        connection("a2", "alpha", priority=1),
    )
    found = planned(known, health=cooling("a1", NOW + 60))
    assert [(each.connection.id, each.target.provider.base_url) for each in found.candidates] == [
        ("a2", "https://alpha.example"),
        ("a1", "https://one.example"),
    ]
    assert {each.target.canonical for each in found.candidates} == {"alpha/big"}


# Combos -----------------------------------------------------------------------------------------------


def test_steps_go_in_order_each_with_its_connections(usual: Configuration) -> None:
    known = with_combos(usual, combo("c", "beta/big", "alpha/small", "alpha/big"))
    found = planned(known, "c")
    assert shown(found) == ["beta/big b1", "alpha/small a2", "alpha/small a1", "alpha/big a2", "alpha/big a1"]
    assert [each.step_id for each in found.candidates[:2]] == ["beta/big", "alpha/small"] and found.combo == "c"


def test_each_candidate_is_tried_once(usual: Configuration) -> None:
    known = with_combos(usual, combo("inner", "alpha/big"), combo("c", "alpha/big", "combo/inner", "alpha/big", "beta/big"))
    assert shown(planned(known, "c")) == ["alpha/big a2", "alpha/big a1", "beta/big b1"]


def test_a_combo_within_keeps_its_own_order(usual: Configuration) -> None:
    inner = combo("inner", "alpha/small", "beta/big", strategy="round-robin")
    known = with_combos(usual, inner, combo("c", "alpha/big", "combo/inner"))
    found = planned(known, "c", turns={"inner": 1})
    assert [each.target.shown for each in found.candidates] == [
        "alpha/big",
        "alpha/big",
        "beta/big",
        "alpha/small",
        "alpha/small",
    ]


def test_a_step_may_be_bound_to_a_connection(usual: Configuration) -> None:
    known = with_combos(usual, combo("c", step("alpha/big", connection_id="a1"), step("beta/big", connection_id="gone")))
    assert ids(planned(known, "c")) == ["a1"]


def test_steps_that_are_off_or_in_trouble(usual: Configuration) -> None:
    steps = (step("alpha/big", enabled=False), "gone/model", "gamma/solo", "combo/off", "combo/none", "beta/big")
    known = with_combos(usual, combo("off", "alpha/big", enabled=False), combo("c", *steps))
    found = planned(known, "c")
    assert ids(found) == ["b1"]
    assert out(found) == {
        "gone/model": "its provider is gone",
        "gamma/solo": "no connection",
        "combo/off": "the combo is switched off",
        "combo/none": "there is no such combo",
    }
    assert {each.kind for each in found.left_out} == {"not_there"}


def test_circles_and_depth_end(usual: Configuration) -> None:
    known = with_combos(usual, combo("a", "combo/b", "alpha/big"), combo("b", "combo/a", "beta/big"))
    found = planned(known, "a")
    assert ids(found) == ["b1", "a2", "a1"] and out(found) == {"combo/a": "the combo is within itself"}
    deep = [combo(f"d{at}", f"combo/d{at + 1}", "alpha/big" if at % 2 else "beta/big") for at in range(5)]
    found = planned(with_combos(usual, *deep), "d0")
    assert out(found) == {"combo/d3": "combos may be nested three deep"} and set(ids(found)) == {"a1", "a2", "b1"}


def test_tags_keep_the_steps_that_have_all_of_them(usual: Configuration) -> None:
    inner = combo("inner", step("alpha/big", tags=("fast",)), step("alpha/small", tags=("fast", "eu")))
    tagged = (step("beta/big", tags=("eu", "cheap")), step("combo/inner", tags=("eu",)))
    known = with_combos(usual, inner, combo("c", *tagged))

    def with_tags(*tags: str) -> list[str]:
        return [each.target.shown for each in planned(known, "c", tags=frozenset(tags), pinned=None).candidates]

    assert with_tags() == ["beta/big", "alpha/big", "alpha/big", "alpha/small", "alpha/small"]
    assert with_tags("cheap") == ["beta/big"]
    assert with_tags("eu", "fast") == ["alpha/big", "alpha/big", "alpha/small", "alpha/small"]
    assert with_tags("nowhere") == []
    assert ids(planned(usual, tags=frozenset({"eu"}))) == ["a2", "a1", "b1"]  # a plain model has no steps to choose from


def test_a_pin_holds_within_combos(usual: Configuration) -> None:
    known = with_combos(usual, combo("inner", "alpha/small"), combo("c", "beta/big", "combo/inner"))
    assert shown(planned(known, "c", pinned="a1")) == ["alpha/small a1"]


def test_attempts_are_capped(usual: Configuration) -> None:
    assert planned(usual).most_attempts == 8
    known = with_combos(usual, combo("few", "alpha/big", max_attempts=2), combo("many", "alpha/big", max_attempts=500))
    assert planned(known, "few").most_attempts == 2 and len(planned(known, "few").candidates) == 2
    assert planned(known, "many").most_attempts == MOST_ATTEMPTS


# Strategies as they are used --------------------------------------------------------------------------


def test_what_does_not_fit_is_left_out_with_the_reason(usual: Configuration) -> None:
    models = tuple(Model(name, name, context_window=window) for name, window in (("big", 9000), ("small", 100)))
    known = replace(usual, providers={**usual.providers, "alpha": replace(usual.providers["alpha"], models=models)})
    known = with_combos(known, combo("c", "beta/big", "alpha/small", "alpha/big", strategy="context-optimized"))
    found = planned(known, "c", size=Size(90, 20))
    assert shown(found) == ["alpha/big a2", "alpha/big a1", "beta/big b1"]
    assert {(each.named, each.why, each.kind) for each in found.left_out} == {("alpha/small", "does not fit", "does_not_fit")}
    alone = with_combos(known, combo("c", "alpha/small", strategy="context-optimized"))
    assert ids(planned(alone, "c", size=Size(90, 20))) == []


def test_how_busy_keys_are_does_not_disturb_a_round_or_a_filling(usual: Configuration) -> None:
    level = replace(usual, connections={"alpha": (connection("k1", "alpha"), connection("k2", "alpha"))})
    known = with_combos(level, combo("c", "alpha/big", strategy="round-robin"), combo("f", "alpha/big", strategy="fill-first"))
    busy = in_flight(k1=5)
    assert [ids(planned(known, "c", figures=busy, turns={"c": turn}))[0] for turn in range(4)] == ["k1", "k2", "k1", "k2"]
    assert ids(planned(known, "f", figures=busy)) == ["k1", "k2"]


def test_round_robin_is_even_over_steps_and_keys(usual: Configuration) -> None:
    known = with_combos(usual, combo("c", "alpha/big", "beta/big", strategy="round-robin"))
    firsts = Counter(ids(planned(known, "c", turns={"c": turn}))[0] for turn in range(40))
    assert firsts == {"a1": 10, "a2": 10, "b1": 20}


conditions = st.sampled_from(
    [
        Condition(Mark("rate_limited", "", NOW - 5, NOW + 9)),
        Condition(Mark("rate_limited", "", NOW - 5, NOW + 9, stated=True)),
        Condition(Mark("overloaded", "", NOW - 5, NOW - 1)),
        Condition(breaker=Breaker((), "server_error", "", NOW - 5, NOW + 25, 1)),
        Condition(breaker=Breaker((), "server_error", "", NOW - 50, NOW - 20, 1)),
    ]
)
places = st.sampled_from(
    [
        *(Place("connection", id) for id in ("a1", "a2", "b1")),
        *(Place("model", id, "big") for id in ("a1", "a2", "b1")),
        Place("node", "alpha"),
        Place("node", "beta"),
    ]
)


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(st.dictionaries(places, conditions), st.integers(0, 9))
def test_a_guess_never_leaves_nothing_to_try(strategy: str, health: Health, turn: int) -> None:
    """All are planned or left out, each once; left out is only what an upstream has stated, and fine ones go first."""
    usual = configuration(
        [provider("alpha", "big"), provider("beta", "big")],
        connection("a1", "alpha"),
        connection("a2", "alpha"),
        connection("b1", "beta"),
    )
    known = with_combos(usual, combo("c", "alpha/big", "combo/inner", strategy=strategy), combo("inner", "beta/big", "alpha/big"))
    found = planned(known, "c", health, turns={"c": turn}, prefix="p")
    left = [each.connection.id for each in found.left_out if each.connection is not None]
    assert sorted([*ids(found), *left]) == ["a1", "a2", "b1"]
    stated = {place.id for place, each in health.items() if each.mark is not None and each.mark.stated and place.kind != "node"}
    stated_nodes = {place.id for place, each in health.items() if place.kind == "node" and each.mark and each.mark.stated}
    expected = stated | {id for id in ("a1", "a2", "b1") if {"a": "alpha", "b": "beta"}[id[0]] in stated_nodes}
    assert set(left) == expected
    held = [each.until for each in found.left_out if each.until is not None]
    assert (found.soonest is None) == (found.ready == len(found.candidates) and not held)


# After a failure --------------------------------------------------------------------------------------


@pytest.fixture
def candidates(usual: Configuration) -> tuple[Candidate, ...]:
    return planned(usual).candidates


def failed(status: int, body: bytes = b'{"error":{"message":"no"}}') -> Failure:
    return classify(UpstreamStatus(status, {}, body))


def test_who_may_be_tried_after_a_failure(candidates: tuple[Candidate, ...]) -> None:
    first, rest = candidates[0], candidates[1:]
    assert worth_trying(rest, first, failed(500), []) == rest
    assert [each.connection.id for each in worth_trying(rest, first, failed(400), [])] == ["b1"]
    assert worth_trying(rest, first, failed(400), [failed(422)]) == ()


def test_after_too_long_a_prompt_only_bigger_windows_are_tried() -> None:
    models = tuple(Model(name, name, context_window=window) for name, window in (("s", 10), ("l", 900), ("u", None)))
    known = configuration([replace(provider("alpha"), models=models)], connection("a1", "alpha"))
    found = planned(with_combos(known, combo("c", "alpha/s", "alpha/l", "alpha/u")), "c").candidates
    too_long = failed(400, b'{"error":{"message":"prompt is too long"}}')
    assert [each.target.model for each in worth_trying(found, found[1], too_long, [])] == ["u"]
    assert [each.target.model for each in worth_trying(found[1:], found[0], too_long, [])] == ["l", "u"]
