"""A budget under load: many requests at once on four workers, against each store."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from bench.soak import open_files
from tests.relay.limits.houses import COST, MODEL, TOKENS, House, ask, at_once, furnish, running_house
from tests.relay.stores import STORES
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Answer, Client

WORTH = 50  # requests that the budget is for
REQUESTS, AT_ONCE = 200, 50


@pytest.fixture(scope="module", params=STORES)
def standing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream
) -> Iterator[House]:
    with running_house(request.param, tmp_path_factory.mktemp("budgets"), request) as here:
        furnish(here, upstream_process)
        yield here


@pytest.fixture
def house(standing: House, upstream: Upstream) -> House:
    """The store's gateway, with the upstream as new."""
    return standing


def warm(house: House, unit: str) -> tuple[str, str]:
    """A key that has asked once, with a budget for WORTH requests, that one included; the key and its id."""
    key, key_id = house.key()
    limit = {"limit_usd": COST * 1000 / 1e6} if unit == "usd" else {"limit_tokens": TOKENS * 1000}
    house.budget(key_id, **limit)
    first = ask(house.gateway.url, key)
    assert first is not None and first.status == 200, first
    house.has_habits(key_id)
    house.budget(key_id, **({"limit_usd": COST * WORTH / 1e6} if unit == "usd" else {"limit_tokens": TOKENS * WORTH}))
    return key, key_id


def statuses(answers: Sequence[Answer | None]) -> Counter[int | None]:
    return Counter(None if answer is None else answer.status for answer in answers)


@pytest.mark.parametrize("unit", ["usd", "tokens"])
def test_no_more_is_served_than_the_budget_is_worth(house: House, upstream: Upstream, unit: str) -> None:
    key, key_id = warm(house, unit)
    seen = statuses(at_once(house.gateway.url, key, REQUESTS, AT_ONCE))
    assert seen.keys() == {200, 429}
    assert WORTH <= seen[200] + 1 <= WORTH + 1  # with the one that warmed up
    rows = house.rows(REQUESTS + 1, keyId=key_id)
    served = [row for row in rows if row["class"] == "ok"]
    assert len(rows) == REQUESTS + 1 and len(served) == seen[200] + 1
    assert {(row["cost"], row["inputTokens"] + row["outputTokens"], row["usageSource"]) for row in served} == {
        (COST, TOKENS, "reported")
    }
    assert {row["streamed"] for row in served} == {True, False}
    house.books_agree()


def test_with_fall_over_only_the_answer_is_paid(house: House, upstream: Upstream) -> None:
    bad = house.gateway.add_upstream("bad", upstream.v1, api_key="sk-test-bad")
    house.gateway.api("PUT", "/api/pricing", {"provider": bad, "model": MODEL, "input": "10", "output": "20"})
    house.gateway.add_combo("both", f"bad/{MODEL}", f"priced/{MODEL}", config={"retry_same": 0})
    upstream.always({"status": 500}, key="sk-test-bad")
    key, key_id = warm(house, "usd")
    seen = statuses(at_once(house.gateway.url, key, 120, AT_ONCE, "both"))
    assert seen.keys() == {200, 429}
    assert WORTH <= seen[200] + 1 <= WORTH + 1
    rows = house.rows(121, keyId=key_id)
    assert sum(row["cost"] or 0 for row in rows) == (seen[200] + 1) * COST
    assert {row["combo"] for row in rows if row["id"] != rows[-1]["id"]} <= {"both"}
    house.books_agree()


def test_who_leaves_in_the_middle_pays_for_what_was_sent(house: House, upstream: Upstream) -> None:
    key, key_id = warm(house, "usd")
    upstream.always({"stall_after": 3})
    for _ in range(10):
        body = {"model": f"priced/{MODEL}", "messages": [{"role": "user", "content": "hello"}], "stream": True}
        with Client(house.gateway.url) as client:
            client.post("/v1/chat/completions", body, {"Authorization": f"Bearer {key}"}).read_until(b"data:")
    rows = [row for row in house.rows(11, keyId=key_id) if row["class"] == "client_gone"]
    assert len(rows) == 10
    assert {row["usageSource"] for row in rows} == {"estimated"}
    assert all(row["inputTokens"] > 0 and row["outputTokens"] > 0 and row["cost"] > 0 for row in rows)
    upstream.reset()
    house.books_agree()


def test_killed_workers_lose_nothing(house: House, upstream: Upstream) -> None:
    """Their requests are settled by what was reserved once their leases have lapsed, and the budget holds all the while."""
    key, key_id = warm(house, "usd")
    upstream.always({"delay": 1.0})

    def killed_meanwhile() -> None:
        """The two that have the most connections: a busy machine may give one of the others nothing to do yet."""
        until(lambda: len(upstream.requests()) >= 20, 10, lambda: "requests to be on their way")
        for pid in sorted(house.gateway.server.children(), key=open_files)[-2:]:
            os.kill(pid, signal.SIGKILL)

    with ThreadPoolExecutor(1) as pool:
        killing = pool.submit(killed_meanwhile)
        seen = statuses(at_once(house.gateway.url, key, REQUESTS, AT_ONCE))
        killing.result()
    assert None in seen  # some were cut off
    assert seen[200] + 1 <= WORTH + 1
    house.recover()
    house.books_agree()
    rows = house.rows(1, keyId=key_id)
    interrupted = [row for row in rows if row["class"] == "interrupted"]
    assert interrupted and {row["usageSource"] for row in interrupted} == {"estimated"}
    assert {row["cost"] for row in interrupted} == {COST}  # what was reserved is what the key usually asks for
    spent = sum(row["cost"] or 0 for row in rows)
    assert spent <= (WORTH + 1) * COST
