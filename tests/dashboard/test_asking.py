"""Asking the relay from the dashboard: all client formats, over real upstreams of several formats, whole and streamed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from flask import g
from werkzeug.datastructures import MultiDict

from omniroute.dashboard.asking import ENDPOINTS, Begun, Done, Failed, Happening, Text, Thinking, Tool, ask_of, exchange, whole
from omniroute.dashboard.playground_form import AS_CLIENT, as_client
from omniroute.dashboard.playground_turns import Turn, answered, messages, read_turns
from omniroute.errors import Forbidden, Unauthorized
from omniroute.formats import FORMATS, ir
from omniroute.relay.client_line import ClientLine
from omniroute.relay.witness import ROOM, Kept
from omniroute.routing.configuration import ClientKey
from tests.dashboard.conftest import KEY, Desk
from tests.dashboard.playing import NODES, playing, shared_desk
from tests.upstream.client import Upstream
from tests.upstream.script import SIGNATURE

__all__ = ["playing", "shared_desk"]

WEATHER = ir.Tool("get_weather", schema={"type": "object", "properties": {"city": {"type": "string"}}})


@pytest.fixture
def asking(playing: Desk) -> Asking:
    return Asking(playing)


class Asking:
    def __init__(self, desk: Desk) -> None:
        self.desk, self.services = desk, desk.services

    def __call__(self, format: str, model: str, text: str = "hello", *, key: ClientKey | None = None, **more: Any) -> Any:
        request = ir.Request(model=model, messages=(ir.Message("user", (ir.Text(text),)),), max_tokens=2048, **more)
        return self.ask(format, model, FORMATS[format].render_request(request)[0], request.stream, key)

    def ask(self, format: str, model: str, document: dict[str, Any], stream: bool, key: ClientKey | None = None) -> Any:
        with self.desk.app.test_request_context("/dashboard/playground/ask"):
            g.request_id = self.services.clock.new_id()
            return ask_of(self.services, format=format, document=document, model=model, stream=stream, key=key)

    def run(self, ask: Any) -> list[Happening]:
        return list(exchange(self.services, ask, ClientLine(None)))

    def log_row(self, id: str) -> Any:
        self.services.ledger.drain()
        return self.services.logs.get(id)


def texts(happenings: list[Happening], kind: type[Text] | type[Thinking] = Text) -> str:
    return "".join(each.text for each in happenings if isinstance(each, kind))


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("upstream_format", [*NODES, "gemini"])
@pytest.mark.parametrize("format", ENDPOINTS)
def test_each_format_over_each_upstream(
    asking: Asking, upstream: Upstream, format: str, upstream_format: str, stream: bool
) -> None:
    upstream.queue({"name": "thinking-tool", "text": "Let me see.", "tool_input": {"city": "Rome"}})
    ask = asking(format, f"{upstream_format}/m", stream=stream, tools=(WEATHER,))
    happenings = asking.run(ask)
    begun, done = happenings[0], happenings[-1]
    assert isinstance(begun, Begun) and begun.headers["X-OmniRoute-Provider"] == upstream_format
    assert texts(happenings) == "Let me see."
    assert texts(happenings, Thinking)
    [tool] = [each for each in happenings if isinstance(each, Tool)]
    assert (tool.name, orjson.loads(tool.arguments)) == ("get_weather", {"city": "Rome"})
    assert isinstance(done, Done) and not [each for each in happenings if isinstance(each, Failed)]
    row = asking.log_row(ask.request_id)
    assert (row.key_name, row.key_id, row.format, row.endpoint) == ("Playground", None, format, ENDPOINTS[format])
    assert row == done.row
    assert (row.input_tokens, row.output_tokens, row.kind) == (19, 17, "ok")
    assert tool in (Tool(part.id, part.name, part.arguments) for part in done.parts if isinstance(part, ir.ToolCall))


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_a_fallback_shows_both_attempts_as_they_were(asking: Asking, upstream: Upstream, stream: bool) -> None:
    upstream.queue("503", model="one")
    upstream.queue({"text": "Here", "pieces": 1}, model="two")
    ask = asking("openai_chat", "both", stream=stream)
    outcome = whole(asking.services, ask, ClientLine(None))
    assert (outcome.text, outcome.problem) == ("Here", None)
    assert [attempt["status"] for attempt in outcome.done.row.attempts] == [503, 200]
    first, second = ask.witness.exchanges()
    assert (first.target, first.status, first.method) == ("chat/one", 503, "POST")
    assert first.url == f"{upstream.v1}/chat/completions" and '"model":"one"' in first.sent.text
    assert "Service unavailable" in first.came.text
    assert (second.target, second.status) == ("messages/two", 200)
    assert upstream.last().body.decode() == second.sent.text
    assert second.came.text == upstream.last().sent.decode()
    assert KEY not in repr((first, second)) and "sk-...abcd" in repr(second.sent_headers)
    assert "Here" in outcome.done.answered.body.text


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("format", ENDPOINTS)
def test_a_failure_has_its_class_and_its_remedy(asking: Asking, upstream: Upstream, format: str, stream: bool) -> None:
    upstream.queue("401", model="refused")  # bound to it: what follows a 401 by itself asks other models
    outcome = whole(asking.services, asking(format, "chat/refused", stream=stream), ClientLine(None))
    assert outcome.problem is not None and outcome.problem.kind == "upstream_auth_error"
    assert "make a new key there" in outcome.problem.remedy
    assert (outcome.text, outcome.done.row.kind) == ("", "upstream_auth_error")
    assert outcome.done.answered.status == 502 and "invalid x-api-key" in outcome.done.answered.body.text


@pytest.mark.parametrize("format", ENDPOINTS)
@pytest.mark.parametrize("script", ["cut", "error-later"])
def test_an_answer_that_breaks_off(asking: Asking, upstream: Upstream, format: str, script: str) -> None:
    upstream.queue({"name": script, "text": "one two three four five six seven eight nine", "pieces": 9}, model="broken")
    happenings = asking.run(asking(format, "messages/broken", stream=True))
    assert texts(happenings).startswith("one ")
    *_, failed, done = happenings
    assert isinstance(failed, Failed) and isinstance(done, Done)
    assert failed.problem.kind == done.row.kind != "ok" and failed.problem.message
    assert "".join(part.text for part in done.parts if isinstance(part, ir.Text)) == texts(happenings)


def test_an_endless_answer_is_cut_and_stopped_upstream(asking: Asking, upstream: Upstream) -> None:
    upstream.queue({"text": "x" * 6000, "pieces": 6, "stall_after": 6}, model="endless")
    ask = asking("openai_chat", "chat/endless", stream=True)
    *told, done = exchange(asking.services, ask, ClientLine(None), most=2500)
    upstream.closed(upstream.wait_for(1, "/chat/completions").id, within=5)
    assert 2000 < len(texts(told)) < 6000
    failed = told[-1]
    assert isinstance(failed, Failed) and failed.problem.kind == "answer_too_long" and "It was stopped" in failed.problem.message
    assert isinstance(done, Done) and [part.text for part in done.parts if isinstance(part, ir.Text)] == [texts(told)]


def test_a_whole_answer_that_is_too_long_is_not_taken_apart(asking: Asking, upstream: Upstream) -> None:
    upstream.queue({"text": "x" * 6000}, model="long")
    *told, done = exchange(asking.services, asking("openai_chat", "chat/long"), ClientLine(None), most=2500)
    assert isinstance(told[-1], Failed) and told[-1].problem.kind == "answer_too_long"
    assert isinstance(done, Done) and (done.parts, done.row.kind) == ((), "ok") and "xxx" in done.answered.body.text


def test_nobody_answers_to_that_name(asking: Asking) -> None:
    outcome = whole(asking.services, asking("gemini", "nobody/model"), ClientLine(None))
    assert outcome.problem is not None and outcome.problem.status == 404
    assert outcome.done.row.attempts == () and asking.log_row(outcome.done.row.id).kind == outcome.problem.kind


# As a client key -----------------------------------------------------------------------------------


def key(asking: Asking, **fields: Any) -> ClientKey:
    made, _ = asking.services.keys.create({"name": "laptop", **fields}, asking.desk.by)
    return next(key for key in asking.services.configuration.current().keys.values() if key.id == made.id)


def test_what_a_key_may_not_ask_is_refused_as_for_its_holder(asking: Asking, upstream: Upstream) -> None:
    with pytest.raises(Forbidden, match="isn't allowed to ask the model"):
        asking("openai_chat", "chat/m", key=key(asking, allowed_models=["other/*"]))
    with pytest.raises(Forbidden, match="isn't allowed to use this endpoint"):
        asking("gemini", "chat/m", key=key(asking, allowed_endpoints=["/v1/chat/completions"]))
    with pytest.raises(Forbidden, match="scope 'relay'"):
        asking("openai_chat", "chat/m", key=key(asking, scopes=["manage"]))
    with pytest.raises(Unauthorized, match="switched off"):
        asking("openai_chat", "chat/m", key=key(asking, is_active=False))
    with pytest.raises(Unauthorized, match="expired"):
        asking("openai_chat", "chat/m", key=replace(key(asking), expires_at=1.0))
    assert upstream.requests() == []


def test_the_limits_of_a_key_hold_and_it_is_counted(asking: Asking, upstream: Upstream) -> None:
    chosen = key(asking, requests_per_minute=1)
    first = whole(asking.services, asking("openai_chat", "chat/m", key=chosen), ClientLine(None))
    assert first.problem is None and (first.done.row.key_name, first.done.row.key_id) == ("laptop", chosen.id)
    second = whole(asking.services, asking("openai_chat", "chat/m", key=chosen, stream=True), ClientLine(None))
    assert second.problem is not None and second.problem.status == 429
    assert len(upstream.requests()) == 1


# What the witness keeps -----------------------------------------------------------------------------


def test_a_witness_masks_what_the_upstream_gives_away_and_is_bounded(asking: Asking, upstream: Upstream) -> None:
    said = f"You sent {KEY}. " + "long " * 80_000
    upstream.queue(
        {"text": said, "headers": {"Set-Cookie": "session=very-secret-value", "X-RateLimit-Remaining-Tokens": "12345"}}
    )
    ask = asking("openai_chat", "chat/m")
    outcome = whole(asking.services, ask, ClientLine(None))
    assert outcome.text == said  # only what is shown as raw is cut
    [seen] = ask.witness.exchanges()
    assert KEY not in repr(seen) and "very-secret" not in repr(seen)
    assert ("X-RateLimit-Remaining-Tokens", "12345") in seen.headers
    assert seen.came.cut and len(seen.came.text) == ROOM
    assert outcome.done.answered.body.cut


HIDDEN = {
    "X-Credential": "canary-credential-1",
    "X-RateLimit-Token": "canary-limit-token-2",
    "X-Access-Token": 'canary "quoted" token-3',
    "Authorization": "Basic canary0authorization4",
    "Cookie": "session=canary-cookie-5; theme=dark",
}


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_secret_headers_of_a_node_are_masked_wherever_they_appear(asking: Asking, upstream: Upstream, stream: bool) -> None:
    desk = asking.desk
    given = {"name": "sealed", "prefix": "sealed", "base_url": upstream.v1, "type": "openai-compatible"}
    node = desk.services.nodes.create(given | {"custom_headers": HIDDEN | {"X-Team": "blue-team"}}, desk.by)
    try:
        desk.connection(node.id)
        said = "You sent " + ", ".join(HIDDEN.values()) + f" and canary0authorization4, canary-cookie-5, {KEY}."
        echoed = {
            "X-Echo": HIDDEN["X-Credential"],
            "X-RateLimit-Remaining-Tokens": "149,984",
            "X-RateLimit-Tokens": "other-secret-here",
        }
        upstream.queue({"text": said, "pieces": 1, "headers": echoed | {"X-RateLimit-Reset-Tokens": "6m0.5s"}})
        ask = asking("openai_chat", "sealed/m", stream=stream)
        outcome = whole(asking.services, ask, ClientLine(None))
        assert ("X-Credential", HIDDEN["X-Credential"]) in upstream.last().headers
        [seen] = ask.witness.exchanges()
        sent, came = dict(seen.sent_headers), dict(seen.headers)
        assert sent["X-Team"] == "blue-team" and sent["X-Credential"] == "can...al-1"
        assert (came["X-RateLimit-Remaining-Tokens"], came["X-RateLimit-Reset-Tokens"]) == ("149,984", "6m0.5s")
        assert came["X-Echo"] == "***" and "other-secret" not in came["X-RateLimit-Tokens"]
        for shown in (repr(seen), repr(outcome.done.answered)):
            assert "canary" not in shown and KEY not in shown
        assert "You sent ***" in outcome.done.answered.body.text
    finally:
        desk.services.nodes.delete(node.id, desk.by)


def test_a_secret_that_the_limit_cuts_through_is_masked_all_the_same() -> None:
    kept = Kept(room=20)
    for piece in (b"x" * 10, b" sk-good-012345", b"6789abcd and more"):
        kept.add(piece)
    assert "good" not in kept.text().text and kept.text((KEY,)).cut


def test_what_never_came_back_says_why(asking: Asking, upstream: Upstream) -> None:
    upstream.queue("reset", "reset", model="gone")
    ask = asking("openai_chat", "chat/gone")
    outcome = whole(asking.services, ask, ClientLine(None))
    seen = ask.witness.exchanges()[-1]
    assert (seen.status, seen.came.text) == (None, "") and "closed the connection" in seen.failure
    assert outcome.problem is not None and outcome.problem.kind == outcome.done.row.kind


# What goes back -------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("format", ENDPOINTS)
def test_signed_thinking_goes_back_byte_for_byte(asking: Asking, upstream: Upstream, format: str, stream: bool) -> None:
    """Anthropic refuses a turn with a tool call whose thinking is not sent back as it was."""
    upstream.queue({"name": "thinking-tool", "tool_input": {"city": "Rome"}}, "tool")
    asked = (ir.Message("user", (ir.Text("hello"),)),)
    done = asking.run(asking(format, "messages/m", stream=stream, tools=(WEATHER,)))[-1]
    assert isinstance(done, Done)
    turn = answered(done.parts, 1)
    again = read_turns(MultiDict([("turns-1-role", "assistant"), *hidden(turn), ("turns-1-result-0", "sunny")]), MultiDict())
    request = ir.Request(
        "messages/m", as_client((*asked, *messages("", again)), format), tools=(WEATHER,), stream=stream, target=AS_CLIENT
    )
    document, left_out = FORMATS[format].render_request(request)
    asking.run(asking.ask(format, "messages/m", document, stream))
    sent = upstream.last().json["messages"]
    assert [block["type"] for block in sent[1]["content"]] == ["thinking", "text", "tool_use"]
    assert sent[1]["content"][0]["signature"] == SIGNATURE
    assert sent[2]["content"][0] == {"type": "tool_result", "tool_use_id": sent[1]["content"][2]["id"], "content": "sunny"} or (
        sent[2]["content"][0]["content"] == [{"type": "text", "text": "sunny"}]
    )
    assert left_out == ()


def hidden(turn: Turn) -> list[tuple[str, str]]:
    """What the form of the page holds of a turn."""
    return [("turns-1-text", turn.text), ("turns-1-calls", turn.kept_calls), ("turns-1-thoughts", turn.kept_thoughts)]
