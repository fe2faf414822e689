"""What must hold over several machines: limits, turns, cooldowns, sessions, edits and budgets, and who does the jobs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bench.gateway import Refused
from tests.relay.limits.houses import COST, MODEL, TOKENS, House, ask
from tests.scale.fleet import COUNT, KEYS, STORES, WITHIN, Fleet, furnish, listed, running_fleet
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Answer, Client

WORTH = 20  # requests that a budget is for
A, B, C = range(COUNT)

# Where it makes no difference whether there is Redis: all of this is in the database.
in_one_store = pytest.mark.parametrize("standing", STORES[:1], indirect=True)


@pytest.fixture(scope="module", params=STORES)
def standing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream
) -> Iterator[Fleet]:
    with running_fleet(request.param, tmp_path_factory.mktemp("fleet"), request) as fleet:
        furnish(fleet, upstream_process)
        yield fleet


@pytest.fixture
def fleet(standing: Fleet, upstream: Upstream) -> Fleet:
    """With nothing held against anybody, and the upstream as new."""
    standing.first.gateway.api("POST", "/api/resilience/reset", {})
    standing.all_see(lambda house: not held(house), "nothing held")
    return standing


def statuses(answers: Sequence[Answer | None]) -> Counter[int | None]:
    return Counter(None if answer is None else answer.status for answer in answers)


def held(house: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.gateway.api("GET", "/api/resilience")["held"]
    return found


def new_key(fleet: Fleet, **limits: Any) -> tuple[str, str]:
    """One that all know."""
    key, key_id = fleet.first.key(**limits)
    fleet.all_see(lambda house: listed(house, key) == 200, "the new key")
    return key, key_id


def hits(upstream: Upstream) -> list[int]:
    return [len(upstream.requests(key=key, model=MODEL)) for key in KEYS]


# Limits ------------------------------------------------------------------------------------------


def test_requests_per_minute_are_exact(fleet: Fleet) -> None:
    key, _ = new_key(fleet, requestsPerMinute=20)
    assert statuses(fleet.at_once(key, 45, 15)) == {200: 20, 429: 25}


def test_tokens_per_minute_are_one_count(fleet: Fleet) -> None:
    key, key_id = new_key(fleet, tokensPerMinute=TOKENS * 4)
    for number in range(4):
        assert statuses([ask(fleet.urls[number % COUNT], key)]) == {200: 1}
        fleet.first.rows(number + 1, keyId=key_id)  # it is settled
    assert statuses(fleet.ask_all(key)) == {429: COUNT}


def test_requests_at_once_are_exact(fleet: Fleet, upstream: Upstream) -> None:
    upstream.always({"stall_after": 2})
    key, _ = new_key(fleet, maxConcurrent=COUNT)
    body = {"model": f"priced/{MODEL}", "messages": [{"role": "user", "content": "hello"}], "stream": True}
    clients = [Client(url) for url in fleet.urls]
    try:
        for client in clients:
            client.post("/v1/chat/completions", body, {"Authorization": f"Bearer {key}"}).read_until(b"data:")
        assert statuses(fleet.ask_all(key)) == {429: COUNT}
    finally:
        for client in clients:
            client.leave()
    upstream.reset()
    fleet.all_see(lambda house: statuses([ask(house.gateway.url, key)]) == {200: 1}, "a place that was left")


def test_no_more_is_served_than_a_budget_is_worth(fleet: Fleet) -> None:
    key, key_id = new_key(fleet)
    fleet.first.budget(key_id, limit_usd=COST * 1000 / 1e6)
    fleet.all_know_so_far()
    assert statuses([ask(fleet.urls[B], key)]) == {200: 1}
    fleet.first.rows(1, keyId=key_id)  # from here on it is known what this key usually asks for
    fleet.first.budget(key_id, limit_usd=COST * WORTH / 1e6)
    fleet.all_know_so_far()
    seen = statuses(fleet.at_once(key, 60, 30))
    assert seen.keys() == {200, 429} and WORTH <= seen[200] + 1 <= WORTH + 1  # with the one before
    rows = fleet.first.rows(61, keyId=key_id)
    assert len(rows) == 61 and sum(row["cost"] or 0 for row in rows) == (seen[200] + 1) * COST
    fleet.houses[C].books_agree()


# Turns and cooldowns -----------------------------------------------------------------------------


def test_turns_are_even(fleet: Fleet, upstream: Upstream) -> None:
    key, _ = new_key(fleet)
    assert statuses(fleet.at_once(key, 30, 9, "turns")) == {200: 30}
    assert hits(upstream) == [10, 10, 10]


def test_a_cooldown_that_one_met_is_kept_by_all_until_it_is_reset(fleet: Fleet, upstream: Upstream) -> None:
    key, _ = new_key(fleet)
    upstream.always({"name": "429", "headers": {"Retry-After": "600"}}, key=KEYS[0])
    assert statuses([ask(fleet.urls[A], key, "pair")]) == {200: 1}
    fleet.all_see(held, "the cooldown")
    for _ in range(3):
        assert statuses(fleet.ask_all(key, "pair")) == {200: COUNT}
    assert hits(upstream)[:2] == [1, 1 + 3 * COUNT]
    assert statuses(fleet.ask_all(key, f"one/{MODEL}")) == {429: COUNT} and hits(upstream)[0] == 1
    upstream.reset()
    fleet.houses[B].gateway.api("POST", "/api/resilience/reset", {})
    fleet.all_see(lambda house: not held(house), "the reset")
    assert statuses(fleet.ask_all(key, "pair")) == {200: COUNT}
    assert hits(upstream)[:2] == [COUNT, 0]


# Sessions ----------------------------------------------------------------------------------------


@in_one_store
def test_a_session_holds_everywhere_and_ends_everywhere(fleet: Fleet) -> None:
    here = [house.gateway for house in fleet.houses]
    assert all(each.api("GET", "/api/keys") for each in here)  # with the cookie that A gave
    before = here[A].cookie
    here[B].api("POST", "/api/auth/logout")
    assert [each.refused("GET", "/api/keys").status for each in here] == [401] * COUNT
    fleet.sign_in()
    assert here[C].cookie != before and here[C].api("GET", "/api/keys")


@in_one_store
def test_guesses_of_the_password_count_together(fleet: Fleet) -> None:
    """So few at each gateway that it alone would let them all pass."""
    here = [house.gateway for house in fleet.houses]
    seen = [guess(here[number % COUNT]) for number in range(4 * COUNT)]
    assert seen[:4] == [401] * 4 and 429 in seen[4:], seen
    fleet.query("DELETE FROM login_attempts")


def guess(gateway: Any) -> int:
    try:
        gateway.call("POST", "/api/auth/login", {"password": "wrong horse battery staple"})
    except Refused as exc:
        return exc.status
    return 200


# Edits -------------------------------------------------------------------------------------------


@in_one_store
def test_edits_on_one_are_obeyed_by_all(fleet: Fleet, upstream: Upstream) -> None:
    here = fleet.first.gateway
    key, key_id = new_key(fleet)
    (combo,) = (each for each in here.api("GET", "/api/combos")["combos"] if each["name"] == "pair")
    here.api("PUT", f"/api/combos/{combo['id']}", {"steps": [f"three/{MODEL}"]})
    fleet.all_see(lambda house: answered_by(house, key, upstream) == KEYS[2], "the combo's new step")
    here.api("PUT", f"/api/combos/{combo['id']}", {"steps": [f"one/{MODEL}", f"two/{MODEL}"]})
    fleet.all_see(lambda house: answered_by(house, key, upstream) == KEYS[0], "the combo's old steps")
    (connection,) = connections(here, "one")
    here.api("PUT", f"/api/providers/{connection}", {"isActive": False})
    fleet.all_see(lambda house: statuses([ask(house.gateway.url, key, f"one/{MODEL}")]) == {503: 1}, "the connection to be off")
    fleet.houses[B].gateway.api("PUT", f"/api/providers/{connection}", {"isActive": True})
    fleet.all_see(lambda house: statuses([ask(house.gateway.url, key, f"one/{MODEL}")]) == {200: 1}, "it to be on again")
    fleet.houses[C].gateway.api("DELETE", f"/api/keys/{key_id}")
    fleet.all_see(lambda house: listed(house, key) == 401, "the key to be gone")


@in_one_store
def test_a_setting_is_obeyed_by_all(fleet: Fleet) -> None:
    def keyless(house: House) -> int:
        with Client(house.gateway.url) as client:
            return client.get("/v1/models").read().status

    assert [keyless(house) for house in fleet.houses] == [200] * COUNT  # from this machine, on loopback
    fleet.houses[B].gateway.api("PUT", "/api/settings", {"requireApiKey": "always"})
    fleet.all_see(lambda house: keyless(house) == 401, "a key to be asked for")
    fleet.houses[C].gateway.api("PUT", "/api/settings", {"requireApiKey": "as started"})
    fleet.all_see(lambda house: keyless(house) == 200, "no key to be asked for")


def answered_by(house: House, key: str, upstream: Upstream) -> str | None:
    assert statuses([ask(house.gateway.url, key, "pair")]) == {200: 1}
    return upstream.requests(model=MODEL)[-1].key


def connections(gateway: Any, prefix: str) -> list[str]:
    (node,) = (each for each in gateway.api("GET", "/api/provider-nodes")["nodes"] if each["prefix"] == prefix)
    return [each["id"] for each in gateway.api("GET", f"/api/providers?provider={node['id']}")["connections"]]


# What is told ------------------------------------------------------------------------------------


@in_one_store
def test_what_one_served_is_seen_on_the_others(fleet: Fleet) -> None:
    """The pulse and Home's stream have all requests; /metrics has its own machine's, which add up."""
    key, key_id = new_key(fleet)
    before, pulsed = [counted(house) for house in fleet.houses], served_today(fleet.houses[B])
    with Client(fleet.urls[B]) as client, ThreadPoolExecutor(1) as pool:
        client.get("/dashboard/live", {"Cookie": fleet.houses[B].gateway.cookie or ""})
        client.read_until(b'id="live-figures"')
        told = pool.submit(client.read_until, b'id="live-figures"')  # the next one: something has changed
        assert statuses([ask(fleet.urls[A], key) for _ in range(7)]) == {200: 7}
        assert told.result()
    assert statuses([ask(fleet.urls[C], key) for _ in range(2)]) == {200: 2}
    fleet.first.rows(9, keyId=key_id)
    fleet.all_see(lambda house: served_today(house) >= pulsed + 9, "the requests of all in the pulse")
    until(
        lambda: [counted(house) - was for house, was in zip(fleet.houses, before, strict=True)] == [7, 0, 2],
        WITHIN,
        lambda: f"metrics of each: {before} and then {[counted(house) for house in fleet.houses]}",
    )


def served_today(house: House) -> int:
    today = house.gateway.api("GET", "/api/usage/pulse")["pulse"]["today"]
    return int(today["requests"])


def counted(house: House) -> int:
    """Requests to `priced` that a gateway's metrics know of."""
    with Client(house.gateway.url) as client:
        told = client.get("/metrics", {"Cookie": house.gateway.cookie or ""}).read()
    assert told.status == 200, told.body
    found = re.findall(r'^omniroute_requests_total{[^}]*provider="priced"[^}]*} ([0-9.e+]+)$', told.body.decode(), re.M)
    return int(sum(float(each) for each in found))


# Jobs, and an end without warning ----------------------------------------------------------------


def test_one_of_all_processes_does_the_jobs(fleet: Fleet) -> None:
    """The worker, which came first; when it ends a gateway takes over at once, and the worker leaves that as it is."""
    before = fleet.leader()
    assert len(before) == 1
    old_rows(fleet, 500)
    assert fleet.worker is not None and fleet.worker.stop(30) == 0
    until(lambda: len(fleet.leader()) == 1 and fleet.leader() != before, 30, lambda: f"another one; it is {fleet.leader()}")
    after = fleet.leader()
    fleet.start_worker()
    until(lambda: left(fleet) == 0, 90, lambda: f"old rows to be deleted; there are {left(fleet)}")
    fleet.first.books_agree()
    assert fleet.leader() == after


def old_rows(fleet: Fleet, count: int) -> None:
    """Log rows of two months ago: retention deletes them, when somebody begins to do the jobs and then once a minute."""
    fleet.query(
        "INSERT INTO log_rows (id, at, method, path, endpoint, format, streamed, status, kind, usage_source, attempts, dropped)"
        f" SELECT 'old-' || n, extract(epoch FROM now()) - 5184000, 'POST', '', '', '', false, 200, 'ok', 'absent', '[]', '[]'"
        f" FROM generate_series(1, {count}) AS n"
    )


def left(fleet: Fleet) -> int:
    return int(fleet.query("SELECT count(*) FROM log_rows WHERE id LIKE 'old-%'")[0][0])


def test_a_gateway_that_is_killed_takes_nothing_with_it(fleet: Fleet, upstream: Upstream) -> None:
    """Its requests are cut off; the others serve on, and what it had reserved is settled under rows of its own."""
    key, key_id = new_key(fleet)
    fleet.first.budget(key_id, limit_usd=COST * 1000 / 1e6)
    fleet.all_know_so_far()
    assert statuses(fleet.ask_all(key)) == {200: COUNT}
    fleet.first.rows(COUNT, keyId=key_id)  # C's is written too
    upstream.reset()
    upstream.always({"delay": 3.0})
    with ThreadPoolExecutor(4 * COUNT) as pool:
        asked = [pool.submit(ask, fleet.urls[n % COUNT], key) for n in range(4 * COUNT)]
        until(lambda: len(upstream.requests()) == 4 * COUNT, WITHIN, lambda: "all requests to be on their way")
        fleet.kill(C)
        answers = [each.result() for each in asked]
    assert [statuses(answers[number::COUNT]) for number in range(COUNT)] == [{200: 4}, {200: 4}, {None: 4}]
    upstream.reset()
    assert statuses([ask(fleet.urls[number], key) for number in (A, B)]) == {200: 2}
    fleet.first.rows(COUNT + 10, keyId=key_id)  # of all that were answered: what is still reserved is C's
    fleet.end_leases()
    rows = fleet.first.rows(COUNT + 14, keyId=key_id)
    assert Counter(row["class"] for row in rows) == {"ok": COUNT + 10, "interrupted": 4}
    fleet.first.books_agree()
    fleet.start_gateway(C)
    fleet.houses[C].gateway.cookie = fleet.first.gateway.cookie
    assert statuses(fleet.ask_all(key)) == {200: COUNT}
