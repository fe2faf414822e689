"""What a request's row says it took and cost, and which bodies are kept: seen in the real gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway import Gateway, running_gateway
from tests.relay.conftest import connect, logged, moved
from tests.relay.passing import good, send
from tests.upstream.answer import OUTPUT, PROMPT
from tests.upstream.client import Upstream
from tests.upstream.raw import Answer, Client

PRICED = "scripted-large"
RATES = {"input": "3", "output": "15"}  # USD per million tokens
COST = 3 * PROMPT + 15 * OUTPUT
HELLO = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 100}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("ledger"), **moved(upstream_process)) as here:
        connect(here, upstream_process)
        for node in here.api("GET", "/api/provider-nodes")["nodes"]:
            if node["prefix"] != "responses":  # its price stays unknown
                here.api("PUT", "/api/pricing", {"provider": node["id"], "model": "*", **RATES})
        yield here


@pytest.fixture
def here(gateway: Gateway, upstream: Upstream) -> Gateway:
    return gateway


def ask(here: Gateway, model: str, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    with Client(here.url) as client:
        return client.post("/v1/chat/completions", {"model": model, **HELLO, **fields}, headers).read()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_what_the_upstream_reports_is_counted_and_priced(here: Gateway, stream: bool) -> None:
    answer = ask(here, f"chat/{PRICED}", stream=stream)
    row = logged(here, answer)
    assert (row["inputTokens"], row["outputTokens"], row["usageSource"]) == (PROMPT, OUTPUT, "reported")
    assert (row["cost"], row["priceSource"]) == (COST, "operator")
    assert answer.headers.get("x-omniroute-cost") == (None if stream else f"{COST / 1e6:.6f}")


def test_a_price_that_nobody_knows_is_unknown(here: Gateway) -> None:
    answer = ask(here, f"responses/{PRICED}")
    row = logged(here, answer)
    assert row["inputTokens"] == PROMPT and row["cost"] is None and row["priceSource"] is None
    assert "x-omniroute-cost" not in answer.headers


def test_a_zero_that_was_told_is_zero(here: Gateway, upstream: Upstream) -> None:
    upstream.always({"usage": "zero"})
    row = logged(here, ask(here, f"chat/{PRICED}"))
    assert (row["inputTokens"], row["outputTokens"], row["cost"], row["usageSource"]) == (0, 0, 0, "reported")


@pytest.mark.parametrize("told", ["none", "null"])
@pytest.mark.parametrize("model", ["chat", "messages"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_upstream_that_tells_nothing_is_not_free(
    here: Gateway, upstream: Upstream, told: str, model: str, stream: bool
) -> None:
    text = "word " * 400  # about 500 tokens
    upstream.always({"usage": told, "text": text, "pieces": 100})
    row = logged(here, ask(here, f"{model}/{PRICED}", stream=stream))
    assert row["class"] == "ok" and row["usageSource"] == "estimated"
    assert 1 <= row["inputTokens"] <= 20
    assert 300 <= row["outputTokens"] <= 900
    assert row["cost"] == 3 * row["inputTokens"] + 15 * row["outputTokens"]


def test_a_stream_that_breaks_off_is_partly_known(here: Gateway, upstream: Upstream) -> None:
    """Messages tell their input at the start."""
    upstream.always({"cut_after": 6, "text": "word " * 400, "pieces": 20})
    with Client(here.url) as client:
        body = {"model": f"messages/{PRICED}", "stream": True, **HELLO}
        answer = client.post("/v1/messages", body).read()
    row = logged(here, answer)
    assert row["class"] == "stream_cut" and row["usageSource"] == "partial"
    assert row["inputTokens"] == PROMPT and row["outputTokens"] >= 1


def test_what_never_came_takes_nothing(here: Gateway, upstream: Upstream) -> None:
    upstream.always({"status": 400})
    row = logged(here, ask(here, f"chat/{PRICED}"))
    assert (row["inputTokens"], row["outputTokens"], row["cost"], row["usageSource"]) == (None, None, None, "absent")


def test_sound_has_no_tokens(here: Gateway) -> None:
    key = here.add_key()
    row = logged(here, send(here, key, "/v1/audio/speech", good("/v1/audio/speech")))
    assert row["class"] == "ok" and row["usageSource"] == "absent" and row["cost"] is None


def test_the_row_names_combo_step_and_each_attempt(here: Gateway, upstream: Upstream) -> None:
    here.add_upstream("failing", upstream.v1, api_key="sk-test-bad")
    upstream.always({"status": 500}, key="sk-test-bad")
    steps = [f"failing/{PRICED}", f"chat/{PRICED}"]
    combo = here.api("POST", "/api/combos", {"name": "named", "steps": steps, "config": {"retry_same": 0}})["combo"]
    answer = ask(here, "named")
    row = logged(here, answer)
    assert (row["combo"], row["stepId"]) == ("named", combo["steps"][1]["id"])
    assert (row["requestedModel"], row["upstreamModel"], row["providerPrefix"]) == ("named", PRICED, "chat")
    first, second = row["attempts"]
    assert [first["class"], second["class"]] == ["server_error", "ok"]
    assert 0 <= first["at_ms"] <= second["at_ms"] <= row["totalMs"]
    assert row["cost"] == COST


def test_a_budget_in_dollars_passes_over_what_has_no_price(here: Gateway) -> None:
    here.api("POST", "/api/combos", {"name": "unpriced-first", "steps": [f"responses/{PRICED}", f"chat/{PRICED}"]})
    made = here.api("POST", "/api/keys", {"name": "with a budget"})
    here.api("POST", "/api/usage/budget", {"apiKeyId": made["id"], "period": "week", "limit_usd": 1})
    bearer = {"Authorization": f"Bearer {made['key']}"}
    assert ask(here, "unpriced-first", bearer).headers["x-omniroute-provider"] == "chat"
    refused = ask(here, f"responses/{PRICED}", bearer)
    assert refused.status == 403 and b"price_unknown" in refused.body and b"Prices" in refused.body
    assert '"USD per week"' in ask(here, "unpriced-first", bearer).headers["ratelimit"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_bodies_are_kept_for_a_key_that_asks_for_it(here: Gateway, stream: bool) -> None:
    key = here.add_key("kept", logBodies=True)
    answer = ask(here, f"chat/{PRICED}", {"Authorization": f"Bearer {key}"}, stream=stream)
    row = logged(here, answer)
    kept = here.api("GET", f"/api/usage/logs/{row['id']}/bodies")["bodies"]
    assert '"hello"' in kept["request"] and kept["response"] == answer.body.decode()
    assert kept["responseSize"] == len(answer.body)


def test_bodies_are_not_kept_otherwise(here: Gateway) -> None:
    kept, plain = here.add_key("kept", logBodies=True), here.add_key()
    forbidden = {"Authorization": f"Bearer {kept}", "X-OmniRoute-No-Log": "true"}
    for headers in (forbidden, {"Authorization": f"Bearer {plain}"}):
        row = logged(here, ask(here, f"chat/{PRICED}", headers))
        assert here.refused("GET", f"/api/usage/logs/{row['id']}/bodies").status == 404


def test_bodies_are_cut_to_size_and_kept_for_all_where_settings_say_so(here: Gateway, upstream: Upstream) -> None:
    upstream.always({"text": "word " * 2000})
    here.api("PUT", "/api/settings", {"logBodies": "on", "logBodyKb": 2})
    try:
        answer = ask(here, f"chat/{PRICED}")
        row = logged(here, answer)
        kept = here.api("GET", f"/api/usage/logs/{row['id']}/bodies")["bodies"]
    finally:
        here.api("PUT", "/api/settings", {"logBodies": "off", "logBodyKb": 64})
    assert len(kept["response"]) == 2048 and kept["responseSize"] == len(answer.body) > 2048
    stored = (here.data_dir / "omniroute.db").read_bytes() + (here.data_dir / "omniroute.db-wal").read_bytes()
    assert b"word word word" not in stored  # sealed


def test_a_key_that_is_sent_as_the_clients_name_is_not_kept(here: Gateway) -> None:
    named = {"User-Agent": "my-tool/2.1 (sk-or-abcdefghijklmnop) " + "x" * 300}
    for headers, status in ((named, 200), (named | {"Authorization": "Bearer sk-or-not-known-here"}, 401)):
        row = logged(here, ask(here, f"chat/{PRICED}", headers))
        assert (row["status"], row["client"]) == (status, ("my-tool/2.1 (sk-or-***) " + "x" * 300)[:200])


def test_a_key_that_is_sent_as_a_models_name_is_not_kept(here: Gateway) -> None:
    row = logged(here, ask(here, "chat/sk-proj-abcdefghijklmnop1234"))
    assert row["requestedModel"] == "chat/sk-proj-***"


def test_who_is_not_known_has_a_row_too(here: Gateway) -> None:
    answer = ask(here, f"chat/{PRICED}", {"Authorization": "Bearer sk-or-not-known-here"})
    row = logged(here, answer)
    assert (row["status"], row["class"], row["usageSource"], row["cost"]) == (401, "unauthorized", "absent", None)
