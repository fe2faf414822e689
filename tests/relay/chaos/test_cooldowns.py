"""The laws of cooldowns, breakers and statuses, with two workers that share what they know in SQLite, Postgres or Redis."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.gateway import Gateway, running_gateway
from tests.relay.chaos.conftest import CHAT, FIRST, FORMATS, KEYS, MODEL, ONCE, SECOND, asked, forgiven, hits, node
from tests.relay.chaos.workers import Workers, at_once, each_worker
from tests.relay.stores import STORES, where
from tests.upstream.client import Upstream, until
from tests.upstream.script import TEXT

LIMITED = {"name": "429", "headers": {"Retry-After": "600"}}
BANNED = {"name": "403", "type": "account_suspended", "message": "This account has been suspended"}
# Where the store makes no difference: these laws are the worker's own.
in_one_store = pytest.mark.parametrize("house", ["sqlite"], indirect=True)
EMPTY: Callable[[list[dict[str, Any]]], bool] = lambda held: not held  # noqa: E731


def furnish(gateway: Gateway, upstream: Upstream) -> None:
    for name, key in zip(("first", "second", "third"), KEYS, strict=True):
        node(gateway, name, upstream.v1, "chat", key)
    steps = [f"{name}-chat/{MODEL}" for name in ("first", "second", "third")]
    gateway.add_combo("pair-chat", *steps[:2], config=ONCE)
    gateway.add_combo("alone-chat", steps[0], config=ONCE)
    gateway.add_combo("turns-chat", *steps, strategy="round-robin", config=ONCE)
    limited = gateway.add_node("narrow-chat", upstream.v1, **FORMATS["chat"][0])
    gateway.add_connection(limited, FIRST, maxConcurrent=3)
    gateway.add_combo("narrow-chat", f"narrow-chat/{MODEL}", steps[1], config=ONCE)


@pytest.fixture(scope="module", params=STORES)
def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream
) -> Iterator[Gateway]:
    env = where(request.param, request)
    with running_gateway(tmp_path_factory.mktemp(request.param), workers=2, **env) as gateway:
        furnish(gateway, upstream_process)
        yield gateway


@pytest.fixture
def workers(house: Gateway, upstream: Upstream) -> Iterator[Workers]:
    """Both workers with nothing held against anybody, and the upstream as new."""
    forgiven(house)
    with each_worker(house) as workers:
        workers.all_know(EMPTY)
        yield workers


def kinds(*wanted: str) -> Callable[[list[dict[str, Any]]], bool]:
    """Whether things of these kinds and states are held, and nothing else."""
    return lambda held: sorted(f"{each['kind']} {each['state']}" for each in held) == sorted(wanted)


# Cooldowns ----------------------------------------------------------------------------------------


def test_no_worker_repeats_a_burst_within_a_stated_cooldown(workers: Workers, upstream: Upstream) -> None:
    upstream.always(LIMITED, key=FIRST)
    burst = at_once([lambda: CHAT.ask(workers.gateway, "pair") for _ in range(16)])
    assert [CHAT.answered(each, False) for each in burst] == [TEXT] * 16
    workers.all_know(kinds("cooldown cooling"))
    before = hits(upstream)[0]
    assert 1 <= before <= 16
    assert all(CHAT.answered(each, False) == TEXT for each in workers.ask_all("pair"))
    assert hits(upstream)[0] == before, "a worker asked within the time that the upstream had stated"
    assert {each.status for each in workers.ask_all("alone")} == {429} and hits(upstream)[0] == before


def test_a_guess_keeps_them_away_only_while_somebody_else_is_left(workers: Workers, upstream: Upstream) -> None:
    upstream.always("402", key=FIRST, model=MODEL)
    assert CHAT.answered(workers.ask(0, "pair"), False) == TEXT
    workers.all_know(kinds("cooldown cooling"))
    assert all(CHAT.answered(each, False) == TEXT for each in workers.ask_all("pair"))
    assert hits(upstream)[:2] == [1, 11]
    upstream.queue("402", key=SECOND, model=MODEL)
    assert workers.ask(0, "pair").status == 429
    workers.all_know(kinds("cooldown cooling", "cooldown cooling"))
    before = hits(upstream)
    assert all(CHAT.answered(each, False) == TEXT for each in workers.ask_all("pair", 1)), "a guess left a request with nothing"
    assert hits(upstream)[1] > before[1]


@in_one_store
def test_a_repeated_limit_doubles_the_guess(workers: Workers, upstream: Upstream) -> None:
    upstream.always("429-bare", key=FIRST)
    known: list[dict[str, Any]] = []
    for count in (1, 2, 3):
        last = asked(upstream, FIRST)[-1:]
        apart = (last[0].ended or 0.0) + 1.1 if last else 0.0  # failures closer together than a second are one
        until(partial(_past, apart), 5, lambda: "a second to go by")
        workers.ask(count % 2, "alone")
        known += workers.held(count % 2)
    assert [(each["class"], each["stated"], each["count"]) for each in known] == [("rate_limited", False, n) for n in (1, 2, 3)]
    assert [each["seconds"] for each in known] == pytest.approx([1, 2, 4], abs=0.01)


def _past(moment: float) -> bool:
    return time.monotonic() > moment


@in_one_store
def test_a_wait_beyond_all_measure_is_capped(workers: Workers, upstream: Upstream) -> None:
    upstream.always("429-long", key=FIRST)
    answer = workers.ask(0, "alone")
    assert answer.status == 429
    (held,) = workers.all_know(kinds("cooldown cooling"))
    assert held["seconds"] == pytest.approx(900, abs=0.01) and held["stated"]
    again = workers.ask(1, "alone")
    assert again.status == 429 and int(again.headers["retry-after"]) <= 900
    assert hits(upstream)[0] == 1


def test_a_success_clears_for_all(workers: Workers, upstream: Upstream) -> None:
    upstream.queue("402", key=FIRST, model=MODEL)
    assert workers.ask(0, "alone").status == 429
    workers.all_know(kinds("cooldown cooling"))
    assert CHAT.answered(workers.ask(1, "alone"), False) == TEXT
    workers.all_know(EMPTY)
    assert CHAT.answered(workers.ask(0, "pair"), False) == TEXT
    assert hits(upstream)[:2] == [3, 0]


def test_failures_at_the_same_time_count_once(workers: Workers, upstream: Upstream) -> None:
    upstream.always({"name": "402", "delay": 0.3}, key=FIRST, model=MODEL)
    answers = at_once([lambda: CHAT.ask(workers.gateway, "pair") for _ in range(12)])
    assert all(CHAT.answered(each, False) == TEXT for each in answers)
    (held,) = workers.all_know(lambda held: kinds("cooldown cooling")(held) and held[0]["count"] == 1)
    times = [each.ended or 0.0 for each in asked(upstream, FIRST)]
    assert len(times) > 1, "they did not come at the same time"
    if max(times) - min(times) < 0.9:  # else the last of them counts as another failure
        assert held["seconds"] == pytest.approx(60, abs=0.01)


@in_one_store
def test_it_is_forgotten_by_all_on_demand(workers: Workers, upstream: Upstream) -> None:
    upstream.queue("429-long", key=FIRST)
    assert workers.ask(0, "alone").status == 429
    workers.all_know(kinds("cooldown cooling"))
    workers.gateway.api("POST", "/api/resilience/reset", {"provider": "first-chat"})
    workers.all_know(EMPTY)
    assert all(CHAT.answered(each, False) == TEXT for each in workers.ask_all("alone", 1))


# Breakers -----------------------------------------------------------------------------------------


def test_the_breaker_opens_after_five_failures_and_its_target_is_last(workers: Workers, upstream: Upstream) -> None:
    upstream.always("500", key=FIRST)
    for number in range(5):
        assert CHAT.answered(workers.ask(number % 2, "pair"), False) == TEXT
    assert hits(upstream)[0] == 5
    (held,) = workers.all_know(kinds("breaker open"))
    assert held["seconds"] == pytest.approx(30, abs=0.01) and held["model"] == MODEL
    assert all(CHAT.answered(each, False) == TEXT for each in workers.ask_all("pair"))
    assert hits(upstream)[0] == 5
    assert workers.ask(0, "alone").status == 500, "with nobody else left it is tried all the same"
    assert hits(upstream)[0] == 6


@pytest.mark.parametrize("well", [True, False], ids=["it works", "it fails"])
def test_a_half_open_breaker_lets_one_request_find_out(workers: Workers, upstream: Upstream, well: bool) -> None:
    half_open(workers, upstream)
    upstream.queue({"delay": 3.0} if well else {"name": "500", "delay": 3.0}, key=FIRST)
    answers = at_once([lambda: CHAT.ask(workers.gateway, "pair") for _ in range(12)])
    assert all(CHAT.answered(each, False) == TEXT for each in answers)
    assert hits(upstream)[:2] == [1, 11 if well else 12]
    if well:
        workers.all_know(EMPTY)
        assert CHAT.answered(workers.ask(1, "pair"), False) == TEXT and hits(upstream)[0] == 2
        return
    workers.all_know(lambda held: len(held) == 1 and held[0]["count"] == 2)


def test_while_one_finds_out_the_others_go_elsewhere(workers: Workers, upstream: Upstream) -> None:
    half_open(workers, upstream)
    upstream.always("hang", key=FIRST)
    CHAT.way.post(workers.lines[0], "pair-chat", stream=True)
    until(lambda: asked(upstream, FIRST), 5, lambda: "the request that finds out")
    with each_worker(workers.gateway) as others:
        assert all(CHAT.answered(each, False) == TEXT for each in others.ask_all("pair"))
        assert hits(upstream)[0] == 1
        workers.lines[0].leave()
        upstream.closed(asked(upstream, FIRST)[0].id, within=5)
        upstream.reset()
        # It left without an answer: the next one finds out.
        until(lambda: others.ask_all("pair", 1) and hits(upstream)[0], 5, lambda: "the next one to find out")
        others.all_know(EMPTY)


def half_open(workers: Workers, upstream: Upstream) -> None:
    """The first target has failed five times, and the time is over for which its breaker was open."""
    workers.gateway.api("PATCH", "/api/resilience", {"breakerFirstS": 1})
    upstream.always("500", key=FIRST)
    for number in range(5):
        workers.ask(number % 2, "pair")
    workers.all_know(kinds("breaker half-open"))
    workers.gateway.api("PATCH", "/api/resilience", {"breakerFirstS": None})
    upstream.reset()


@in_one_store
def test_an_unreachable_node_has_one_breaker_for_all_its_models(workers: Workers, upstream: Upstream) -> None:
    upstream.hang_up()
    upstream.always("reset", key=FIRST)
    for number in range(5):
        upstream.hang_up()
        workers.ask(number % 2, "pair")
    (held,) = workers.all_know(kinds("breaker open"))
    assert (held["prefix"], held["connectionId"], held["model"]) == ("first-chat", None, "")


# Statuses that time does not heal -----------------------------------------------------------------


def first_connection(gateway: Gateway) -> dict[str, Any]:
    nodes = {each["prefix"]: each["id"] for each in gateway.api("GET", "/api/provider-nodes")["nodes"]}
    rows: list[dict[str, Any]] = gateway.api("GET", f"/api/providers?provider={nodes['first-chat']}")["connections"]
    return rows[0]


def heal_by_test(gateway: Gateway) -> None:
    assert gateway.api("POST", f"/api/providers/{first_connection(gateway)['id']}/test", {})["valid"]


def heal_by_key(gateway: Gateway) -> None:
    gateway.api("PUT", f"/api/providers/{first_connection(gateway)['id']}", {"apiKey": "sk-test-renewed"})


def heal_by_reset(gateway: Gateway) -> None:
    gateway.api("POST", "/api/resilience/reset", {"connectionId": first_connection(gateway)["id"]})


@in_one_store
@pytest.mark.parametrize("heal", [heal_by_test, heal_by_key, heal_by_reset])
def test_a_closed_account_is_left_alone_until_a_person_acts(
    workers: Workers, upstream: Upstream, heal: Callable[[Gateway], None]
) -> None:
    upstream.always(BANNED, key=FIRST)
    assert CHAT.answered(workers.ask(0, "pair"), False) == TEXT
    (held,) = workers.all_know(kinds("status banned"))
    assert held["untilAt"] is None, "no time heals it"
    workers.all_leave_out("alone", "banned")
    assert all(CHAT.answered(each, False) == TEXT for each in workers.ask_all("pair"))
    assert workers.ask(1, "alone").status == 503
    assert len(asked(upstream, FIRST)) == 1
    assert not workers.gateway.api("POST", f"/api/providers/{first_connection(workers.gateway)['id']}/test", {})["valid"]
    assert first_connection(workers.gateway)["testStatus"] == "banned", "a Test that fails heals nothing"
    upstream.reset()
    heal(workers.gateway)
    workers.all_know(EMPTY)
    for worker in (0, 1):  # each sees the new configuration within a moment
        until(partial(_answers, workers, worker), 5, lambda: "the worker to ask it again")
    workers.gateway.api("PUT", f"/api/providers/{first_connection(workers.gateway)['id']}", {"apiKey": FIRST})


def _answers(workers: Workers, worker: int) -> bool:
    return workers.ask(worker, "alone").status == 200


@in_one_store
def test_a_refused_key_is_confirmed_once_and_then_left_alone(workers: Workers, upstream: Upstream) -> None:
    upstream.always("401", key=FIRST)
    answers = at_once([lambda: CHAT.ask(workers.gateway, "pair") for _ in range(6)])
    assert all(CHAT.answered(each, False) == TEXT for each in answers)
    workers.all_know(lambda held: "error" in {each["state"] for each in held})
    workers.all_leave_out("alone", "error")
    before = len(asked(upstream, FIRST))
    assert all(CHAT.answered(each, False) == TEXT for each in workers.ask_all("pair"))
    assert len(asked(upstream, FIRST)) == before
    upstream.reset()
    heal_by_reset(workers.gateway)


# What must be exact -------------------------------------------------------------------------------


def test_turns_are_exact_over_workers(workers: Workers, upstream: Upstream) -> None:
    answers = at_once([lambda: CHAT.ask(workers.gateway, "turns") for _ in range(30)])
    answers += workers.ask_all("turns", 15)
    assert all(CHAT.answered(each, False) == TEXT for each in answers)
    assert hits(upstream) == [20, 20, 20]


def test_a_connection_never_has_more_requests_than_it_takes(workers: Workers, upstream: Upstream) -> None:
    upstream.always({"delay": 2.0}, key=FIRST)
    for times in (1, 2):
        answers = at_once([lambda: CHAT.ask(workers.gateway, "narrow") for _ in range(16)])
        assert all(CHAT.answered(each, False) == TEXT for each in answers)
        assert hits(upstream)[0] >= 3 * times, "places that were left are not taken again"
    assert most_at_once(upstream) == 3


def most_at_once(upstream: Upstream) -> int:
    """How many requests with the first key ran at the same time, at most."""
    seen = asked(upstream, FIRST)
    return max(sum(other.began <= each.began < (other.ended or each.began) for other in seen) for each in seen)


# Restarts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", STORES)
def test_a_restart_keeps_what_is_held(tmp_path: Path, upstream: Upstream, request: pytest.FixtureRequest, store: str) -> None:
    env = where(store, request)
    with running_gateway(tmp_path, workers=2, **env) as gateway, each_worker(gateway) as workers:
        furnish(gateway, upstream)
        upstream.always(LIMITED, key=FIRST)
        upstream.always("500", key=SECOND)
        for number in range(5):
            workers.ask(number % 2, "pair")
        before = workers.all_know(kinds("cooldown cooling", "breaker open"))
    with running_gateway(tmp_path, workers=2, **env) as gateway, each_worker(gateway) as workers:
        after = workers.all_know(kinds("cooldown cooling", "breaker open"))
        assert after == before
        asked_before = hits(upstream)[0]
        assert {each.status for each in workers.ask_all("alone")} == {429} and hits(upstream)[0] == asked_before
