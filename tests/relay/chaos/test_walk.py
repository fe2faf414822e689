"""How a plan is walked: heartbeats, repeats, limits, waiting, leaving; and what is told when all have failed."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from bench.processes import free_port
from tests.gateway import Gateway
from tests.relay.chaos.conftest import (
    BEAT,
    CHAT,
    FIRST,
    KEYS,
    MODEL,
    ONCE,
    PASSAGES,
    SECOND,
    THIRD,
    Passage,
    asked,
    classes,
    hits,
    logged,
    made,
)
from tests.relay.chaos.workers import at_once
from tests.relay.ways import WAYS
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Answer, Client
from tests.upstream.script import TEXT

LIMITED = {"name": "429", "headers": {"Retry-After": "60"}}
SOON = {"name": "429", "headers": {"Retry-After": "1"}}


def beside(answer: Answer) -> dict[str, Any]:
    told: dict[str, Any] = answer.json["omniroute"]
    return told


def left_out(answer: Answer) -> list[tuple[str, str]]:
    return [(each["target"].partition("-")[0], each["class"]) for each in beside(answer)["left_out"]]


# Heartbeats ---------------------------------------------------------------------------------------


def test_it_falls_over_inside_a_stream_that_heartbeats_have_opened(beating: Gateway, upstream: Upstream) -> None:
    upstream.always({"name": "500", "delay": 0.8}, key=FIRST, model=MODEL)
    answers = at_once([partial(passage.ask, beating, "pair", stream=True) for passage in PASSAGES.values()])
    for passage, answer in zip(PASSAGES.values(), answers, strict=True):
        assert answer.body.startswith(BEAT) and passage.answered(answer, True) == TEXT
        assert "x-omniroute-decision" not in answer.headers, "it was not known when the headers went out"
        row = logged(beating, answer)
        assert row["decision"].endswith("attempts=2") and [each["class"] for each in row["attempts"]] == ["server_error", "ok"]
    assert hits(upstream) == [len(PASSAGES), len(PASSAGES), 0]


def test_all_have_failed_inside_a_stream_that_heartbeats_have_opened(beating: Gateway, upstream: Upstream) -> None:
    upstream.always({"name": "500", "delay": 0.8}, key=FIRST, model=MODEL)
    upstream.always("529", key=SECOND, model=MODEL)
    answers = at_once([partial(passage.ask, beating, "pair", stream=True) for passage in PASSAGES.values()])
    for passage, answer in zip(PASSAGES.values(), answers, strict=True):
        told = passage.failed(answer)
        assert answer.body.startswith(BEAT)
        assert [each["class"] for each in told["attempts"]] == ["server_error", "overloaded"]
    assert hits(upstream) == [len(PASSAGES), len(PASSAGES), 0]


def test_a_stall_after_a_heartbeat_and_content_is_an_error_event(beating: Gateway, upstream: Upstream) -> None:
    passage = PASSAGES["messages"]
    upstream.always({"name": "stall", "delay": 0.8}, key=FIRST, model=MODEL)
    answer = passage.ask(beating, "pair", stream=True)
    assert passage.failed(answer)["class"] == "stream_stalled"
    assert answer.body.count(BEAT) >= 2 and hits(upstream) == [1, 0, 0]


# All have failed ----------------------------------------------------------------------------------


def test_all_limited_tells_the_earliest_time_and_then_nobody_is_asked(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    upstream.always(LIMITED, key=FIRST, model=MODEL)
    upstream.always({"name": "429", "headers": {"Retry-After": "30"}}, key=SECOND, model=MODEL)
    answer = CHAT.ask(here, "pair", stream=streamed)
    assert (answer.status, answer.headers["retry-after"]) == (429, "30")
    assert [each["class"] for each in beside(answer)["attempts"]] == ["rate_limited", "rate_limited"]
    assert "left_out" not in beside(answer)
    again = CHAT.ask(here, "pair", stream=streamed)
    assert again.status == 429 and beside(again)["class"] == "rate_limited"
    assert beside(again)["attempts"] == [] and left_out(again) == [("first", "rate_limited"), ("second", "rate_limited")]
    assert 25 <= int(again.headers["retry-after"]) <= 30
    first, second = (datetime.fromisoformat(each["until"]) for each in beside(again)["left_out"])
    assert datetime.now(UTC) < second < first
    assert hits(upstream) == [1, 1, 0]


def test_every_attempt_and_everybody_left_out_is_named(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    name = f"off{int(streamed)}-chat"
    here.add_connection(here.add_node(name, upstream.v1), "sk-test-off", isActive=False)
    combo = made(here, "third", {"model": f"{name}/{MODEL}"}, "first", "second")
    upstream.always(LIMITED, key=THIRD, model=MODEL)
    assert CHAT.answered(CHAT.ask(here, combo), False) == TEXT
    upstream.always("500", key=FIRST, model=MODEL)
    upstream.always("503", key=SECOND, model=MODEL)
    answer = CHAT.ask(here, combo, stream=streamed)
    assert (answer.status, beside(answer)["class"]) == (503, "overloaded"), "the last one's, since a client can act on none"
    attempts = beside(answer)["attempts"]
    assert [(each["target"], each["status"], each["class"]) for each in attempts] == [
        (f"first-chat/{MODEL}", 500, "server_error"),
        (f"second-chat/{MODEL}", 503, "overloaded"),
    ]
    assert all(each["message"] and each["ms"] >= 0 for each in attempts)
    assert left_out(answer) == [(name.removesuffix("-chat"), "disabled"), ("third", "rate_limited")]
    assert "retry-after" not in answer.headers, "the first may be asked again at once"
    assert upstream.url.rpartition(":")[2] not in answer.body.decode()
    row = logged(here, answer)
    assert [each["class"] for each in row["attempts"]] == ["server_error", "overloaded"]


def test_what_the_client_can_act_on_comes_first(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    for order in (("context", "500"), ("500", "context")):
        upstream.reset()
        upstream.always(order[0], key=FIRST, model=MODEL)
        upstream.always(order[1], key=SECOND, model=MODEL)
        answer = CHAT.ask(here, "pair", stream=streamed)
        assert (answer.status, beside(answer)["class"]) == (400, "context_too_long"), order
        assert hits(upstream) == [1, 1, 0]


def test_a_bad_request_is_tried_once_elsewhere_and_no_more(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    combo = made(here, "first", "second", "third", retry_same=3)
    for number, key in enumerate(KEYS):
        upstream.always({"name": "400", "message": f"refusal {number}"}, key=key, model=MODEL)
    answer = CHAT.ask(here, combo, stream=streamed)
    assert answer.status == 400 and CHAT.way.error(answer.json)["message"].startswith("refusal 0")
    assert hits(upstream) == [1, 1, 0]


# Other models of the same connection --------------------------------------------------------------


BANNED = {"name": "403", "type": "account_suspended", "message": "This account has been suspended"}


@pytest.mark.parametrize("fault", [LIMITED, BANNED], ids=["limited", "banned"])
def test_a_connection_that_is_out_is_not_asked_for_its_next_model(
    here: Gateway, upstream: Upstream, streamed: bool, fault: dict[str, Any]
) -> None:
    combo = made(here, "first", {"model": "first-chat/chaos-2"}, "second")
    upstream.always(fault, key=FIRST)
    upstream.always("500", key=SECOND, model=MODEL)
    answer = CHAT.ask(here, combo, stream=streamed)
    assert len(asked(upstream, FIRST)) == 1 and not asked(upstream, FIRST, "chaos-2")
    assert answer.status == 500 and hits(upstream) == [1, 1, 0]
    (left,) = beside(answer)["left_out"]
    assert left["target"] == "first-chat/chaos-2"
    assert left["class"] == ("rate_limited" if fault is LIMITED else "banned")
    assert fault is LIMITED or "suspended" not in left["why"], "the upstream's words about an account are the operator's"


def test_a_connection_that_cools_by_guess_is_asked_last_for_its_next_model(
    here: Gateway, upstream: Upstream, streamed: bool
) -> None:
    combo = made(here, "first", {"model": "first-chat/chaos-2"}, "second")
    upstream.always("429-bare", key=FIRST, model=MODEL)
    assert CHAT.answered(CHAT.ask(here, combo, stream=streamed), streamed) == TEXT
    assert hits(upstream) == [1, 1, 0] and not asked(upstream, FIRST, "chaos-2")
    here.api("POST", "/api/resilience/reset", {})
    upstream.always("500", key=SECOND, model=MODEL)
    assert CHAT.answered(CHAT.ask(here, combo, stream=streamed), streamed) == TEXT
    assert hits(upstream) == [2, 2, 0] and len(asked(upstream, FIRST, "chaos-2")) == 1


def test_an_address_that_is_down_leaves_the_other_addresses_of_its_provider(
    here: Gateway, upstream: Upstream, streamed: bool
) -> None:
    name = f"down{int(streamed)}"
    for number, address in enumerate((f"http://127.0.0.1:{free_port()}/v1", upstream.v1)):
        given = {"provider": "vllm", "name": f"{name}-{number}", "apiKey": f"sk-test-{name}-{number}", "priority": number}
        row = here.api("POST", "/api/providers", given | {"fields": {"base_url": address}})["connection"]
    here.add_combo(f"{name}-chat", f"vllm/{MODEL}", config=ONCE)
    answer = CHAT.ask(here, name, stream=streamed)
    assert CHAT.answered(answer, streamed) == TEXT and answer.headers["x-omniroute-connection"] == row["id"]
    assert classes(here, answer) == ["network_error", "ok"]
    for each in here.api("GET", "/api/providers?provider=vllm")["connections"]:
        here.api("DELETE", f"/api/providers/{each['id']}")


# Limits -------------------------------------------------------------------------------------------


def test_no_more_attempts_than_allowed(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    combo = made(here, "first", "second", "third", max_attempts=2)
    upstream.always("500", key=FIRST, model=MODEL)
    upstream.always("503", key=SECOND, model=MODEL)
    answer = CHAT.ask(here, combo, stream=streamed)
    assert (answer.status, hits(upstream)) == (503, [1, 1, 0])
    assert left_out(answer) == [("third", "not_tried")]
    assert "2 attempts" in beside(answer)["left_out"][0]["why"]


def test_no_attempt_begins_after_the_deadline(beating: Gateway, upstream: Upstream) -> None:
    combo = made(beating, "first", "second", "third", deadline_ms=1000)
    upstream.always({"name": "500", "delay": 1.2}, key=FIRST, model=MODEL)
    whole = CHAT.ask(beating, combo)
    assert (whole.status, hits(upstream)) == (500, [1, 0, 0])
    assert left_out(whole) == [("second", "not_tried"), ("third", "not_tried")]
    told = CHAT.failed(CHAT.ask(beating, combo, stream=True))
    assert [each["class"] for each in told["left_out"]] == ["not_tried", "not_tried"]
    assert hits(upstream) == [2, 0, 0]


def test_the_deadline_cuts_no_attempt_short(beating: Gateway, upstream: Upstream, streamed: bool) -> None:
    combo = made(beating, "first", "second", deadline_ms=1000)
    upstream.always({"delay": 1.5}, key=FIRST, model=MODEL)
    assert CHAT.answered(CHAT.ask(beating, combo, stream=streamed), streamed) == TEXT
    assert hits(upstream) == [1, 0, 0]


# Repeats ------------------------------------------------------------------------------------------


REPEATED = {"408": 2, "500": 2, "502": 2, "503": 2, "529": 2, "400": 1, "401": 1, "402": 1, "403": 1, "404": 1, "429-bare": 1}
REPEATED |= {"html": 1, "empty": 1, "cut-first": 1}


@pytest.mark.parametrize("fault", REPEATED)
def test_only_the_last_target_is_asked_again_and_only_where_that_helps(
    here: Gateway, upstream: Upstream, streamed: bool, fault: str
) -> None:
    combo = made(here, "first", "second", retry_same=1, retry_delay_ms=1)
    upstream.always("500", key=FIRST, model=MODEL)
    upstream.always(fault, key=SECOND, model=MODEL)
    answer = CHAT.ask(here, combo, stream=streamed)
    assert answer.status >= 400
    assert hits(upstream) == [1, REPEATED[fault], 0]


def test_a_repeat_that_works_is_an_answer(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    combo = made(here, "first", "second", retry_same=2, retry_delay_ms=1)
    upstream.always("500", key=FIRST, model=MODEL)
    upstream.queue("503", "529", key=SECOND, model=MODEL)
    answer = CHAT.ask(here, combo, stream=streamed)
    assert CHAT.answered(answer, streamed) == TEXT and hits(upstream) == [1, 3, 0]
    assert classes(here, answer) == ["server_error", "overloaded", "overloaded", "ok"]


def test_a_limit_that_is_over_soon_is_waited_for(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    combo = made(here, "first", "second", retry_same=1)
    upstream.always("500", key=FIRST, model=MODEL)
    upstream.queue(SOON, key=SECOND, model=MODEL)
    assert CHAT.answered(CHAT.ask(here, combo, stream=streamed), streamed) == TEXT
    before, after = asked(upstream, SECOND)
    assert after.began - before.began >= 1.0, "it was asked again before the second that it had named was over"


def test_a_plain_model_is_not_asked_again(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    upstream.always("500", key=FIRST, model=MODEL)
    with Client(here.url) as client:
        answer = client.post("/v1/chat/completions", CHAT.client.body(f"first-chat/{MODEL}", streamed)).read()
    assert (answer.status, hits(upstream)) == (500, [1, 0, 0])


# Waiting for a cooldown ---------------------------------------------------------------------------


def test_it_waits_for_the_soonest_when_all_are_cooling(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    upstream.queue(LIMITED, key=FIRST, model=MODEL)
    upstream.queue(SOON, key=SECOND, model=MODEL)
    assert CHAT.ask(here, "pair").status == 429
    answer = CHAT.ask(here, made(here, "first", "second", wait_for_cooldown_ms=5000), stream=streamed)
    assert CHAT.answered(answer, streamed) == TEXT and hits(upstream) == [1, 2, 0]
    before, after = asked(upstream, SECOND)
    assert after.began - before.began >= 1.0


def test_it_waits_as_well_when_the_limits_have_just_become_known(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    combo = made(here, "first", "second", wait_for_cooldown_ms=5000)
    upstream.queue(LIMITED, key=FIRST, model=MODEL)
    upstream.queue(SOON, key=SECOND, model=MODEL)
    answer = CHAT.ask(here, combo, stream=streamed)
    assert CHAT.answered(answer, streamed) == TEXT and hits(upstream) == [1, 2, 0]
    assert classes(here, answer) == ["rate_limited", "rate_limited", "ok"]


def test_it_does_not_wait_in_vain(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    combo = made(here, "first", "second", wait_for_cooldown_ms=5000)
    upstream.always(LIMITED, model=MODEL)
    began = time.monotonic()
    answers = [CHAT.ask(here, combo, stream=streamed) for _ in range(2)]
    assert time.monotonic() - began < 5.0, "it waited although nobody is free within the time"
    assert [each.status for each in answers] == [429, 429] and hits(upstream) == [1, 1, 0]


# A client that leaves -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["chat", "messages", "responses"])
def test_a_client_that_leaves_during_the_fall_over_ends_it(
    beating: Gateway, upstream: Upstream, streamed: bool, name: str
) -> None:
    passage = PASSAGES[name]
    upstream.always("500", key=FIRST, model=MODEL)
    upstream.always("hang", key=SECOND, model=MODEL)
    combo = f"leaving{streamed}-{name}"
    beating.add_combo(combo, *(f"{each}-{name}/{MODEL}" for each in ("first", "second", "third")))
    with Client(beating.url) as client:
        passage.way.post(client, combo, stream=streamed)
        hanging = until(lambda: next(iter(asked(upstream, SECOND)), None), 5, lambda: "the second target's request")
    upstream.closed(hanging.id, within=5)
    row = until(lambda: _row_of(beating, f"combo/{combo}"), 5, lambda: "its row")
    assert (row["status"], row["class"]) == (499, "client_gone")
    assert [each["class"] for each in row["attempts"]] == ["server_error", "client_gone"]
    assert hits(upstream) == [1, 1, 0], "somebody was asked for a client that had left"
    assert len(_rows(beating, f"combo/{combo}")) == 1


def _rows(gateway: Gateway, model: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = gateway.api("GET", "/api/usage/logs")["logs"]
    return [row for row in rows if row["requestedModel"] == model]


def _row_of(gateway: Gateway, model: str) -> dict[str, Any] | None:
    return next(iter(_rows(gateway, model)), None)


# Who is meant -------------------------------------------------------------------------------------


def test_the_decision_says_strategy_reason_and_attempts(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    upstream.always("500", key=FIRST, model=MODEL)
    answer = CHAT.ask(here, "pair", stream=streamed)
    assert answer.headers["x-omniroute-decision"] == "strategy=priority; reason=combo pair-chat; attempts=2"
    assert answer.headers["x-omniroute-model"] == MODEL


def test_tags_keep_the_steps_that_have_them_all(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    combo = made(
        here,
        {"model": f"first-chat/{MODEL}", "tags": ["big"]},
        {"model": f"second-chat/{MODEL}", "tags": ["big", "eu"]},
        {"model": f"third-chat/{MODEL}", "tags": ["eu"]},
    )
    answer = CHAT.ask(here, combo, stream=streamed, headers={"X-OmniRoute-Tags": "eu, big"})
    assert CHAT.answered(answer, streamed) == TEXT and hits(upstream) == [0, 1, 0]
    upstream.always("500", key=SECOND, model=MODEL)
    assert CHAT.answered(CHAT.ask(here, combo, stream=streamed, headers={"X-OmniRoute-Tags": "eu"}), streamed) == TEXT
    assert hits(upstream) == [0, 2, 1]
    nobody = CHAT.ask(here, combo, stream=streamed, headers={"X-OmniRoute-Tags": "moon"})
    assert nobody.status == 400 and "moon" in CHAT.way.error(nobody.json)["message"]
    assert hits(upstream) == [0, 2, 1]


def test_a_pinned_connection_is_the_only_one_asked(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    rows = here.api("GET", "/api/providers")["connections"]
    nodes = {row["id"]: row["prefix"] for row in here.api("GET", "/api/provider-nodes")["nodes"]}
    second = next(row["id"] for row in rows if nodes.get(row["provider"]) == "second-chat")
    answer = CHAT.ask(here, "pair", stream=streamed, headers={"X-OmniRoute-Connection": second})
    assert CHAT.answered(answer, streamed) == TEXT and answer.headers["x-omniroute-connection"] == second
    upstream.always("500", key=SECOND, model=MODEL)
    assert CHAT.ask(here, "pair", stream=streamed, headers={"X-OmniRoute-Connection": second}).status == 500
    assert hits(upstream) == [0, 2, 0]


def test_a_combo_within_a_combo_and_an_alias_for_it(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    inner = made(here, "first", "second")
    outer = made(here, {"combo": f"{inner}-chat"}, "third")
    here.api("PUT", "/api/models/alias", {"aliases": [{"pattern": "gpt-nested-*", "model": f"{outer}-chat"}]})
    upstream.always("500", key=FIRST, model=MODEL)
    upstream.always("529", key=SECOND, model=MODEL)
    assert CHAT.answered(CHAT.ask(here, outer, stream=streamed), streamed) == TEXT and hits(upstream) == [1, 1, 1]
    upstream.reset()
    here.api("POST", "/api/resilience/reset", {})
    with Client(here.url) as client:
        answer = client.post("/v1/chat/completions", CHAT.client.body("gpt-nested-5", streamed)).read()
    assert CHAT.answered(answer, streamed) == TEXT and hits(upstream) == [1, 0, 0]
    decision = answer.headers["x-omniroute-decision"]
    assert f"reason=alias gpt-nested-5 -> combo {outer}-chat" in decision and decision.endswith("attempts=1")


def test_embeddings_fall_over_too(here: Gateway, upstream: Upstream) -> None:
    upstream.always("500", key=FIRST, model=MODEL)
    with Client(here.url) as client:
        answer = client.post("/v1/embeddings", {"model": "pair-chat", "input": "hello"}).read()
    assert answer.status == 200 and answer.json["data"][0]["embedding"]
    assert hits(upstream) == [1, 1, 0]
    assert classes(here, answer) == ["server_error", "ok"]


def test_geminis_client_falls_over_through_a_combo(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    client = WAYS["gemini"].client
    upstream.always("500", key=FIRST, model=MODEL)
    with Client(here.url) as line:
        answer = line.post(client.path("combo/pair-chat", streamed), client.body("", streamed)).read()
    assert Passage(client, "chat").answered(answer, streamed) == TEXT
    assert hits(upstream) == [1, 1, 0]
