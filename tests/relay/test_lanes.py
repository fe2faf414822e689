"""Which lane a request takes: untouched where the formats agree, unless something in between has to be done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from omniroute.formats.ir import Reasoning
from omniroute.formats.reasoning import seal
from omniroute.providers.catalog import load
from omniroute.providers.nodes import Node, as_provider
from omniroute.providers.values import Provider, Traits
from omniroute.relay.ask import Ask
from omniroute.relay.lanes import lane_for
from omniroute.relay.native import NativeLane
from omniroute.relay.translated import TranslatedLane
from omniroute.routing.route import Target

CATALOG = load()
CHAT = as_provider(
    Node("openai-compatible-chat-1", "Node", "node", "openai-compatible", None, None, "https://x.example"), CATALOG
)
MESSAGES = as_provider(
    Node("anthropic-compatible-1", "Node", "node", "anthropic-compatible", None, None, "https://x.example"), CATALOG
)
HELLO = [{"role": "user", "content": "Hello"}]


def lane(format: str, provider: Provider, *, stream: bool = False, **body: Any) -> NativeLane | TranslatedLane:
    document = {"model": "node/m", "messages": HELLO, "max_tokens": 9, "stream": stream, **body}
    ask = Ask("r1", "/v1/x", format, orjson.dumps(document), document, "node/m", stream=stream, headers={}, started=0)
    chosen = lane_for(ask, Target(provider, "m"))
    assert isinstance(chosen, NativeLane | TranslatedLane)
    return chosen


@pytest.mark.parametrize("stream", [True, False])
def test_the_same_format_goes_through_untouched(stream: bool) -> None:
    chosen = lane("openai_chat", CHAT, stream=stream)
    assert isinstance(chosen, NativeLane) and chosen.streams is stream


@pytest.mark.parametrize(("streams", "asked"), [("only", True), ("never", False)])
@pytest.mark.parametrize("stream", [True, False])
def test_an_upstream_is_asked_in_the_one_way_in_which_it_answers(streams: str, asked: bool, stream: bool) -> None:
    chosen = lane("openai_chat", replace(CHAT, traits=Traits(streams=streams)), stream=stream)
    assert chosen.streams is asked and isinstance(chosen, NativeLane if stream is asked else TranslatedLane)
    if isinstance(chosen, TranslatedLane):
        assert chosen.document.get("stream", False) is asked


def test_reasoning_in_tags_is_taken_out() -> None:
    chosen = lane("openai_chat", replace(CHAT, traits=Traits(think_tags=True)))
    message = {"role": "assistant", "content": "<think>Hm.</think>Yes."}
    answer = {"id": "c-1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    body, _ = chosen.whole(200, {}, orjson.dumps(answer))
    said = orjson.loads(body)["choices"][0]["message"]
    assert (said["reasoning_content"], said["content"]) == ("Hm.", "Yes.")
    stream = chosen.stream()
    chunks = [{"role": "assistant", "content": "<thi"}, {"content": "nk>Hm.</th"}, {"content": "ink>Yes."}]
    events = b"".join(
        b"data: " + orjson.dumps({"id": "c-1", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}) + b"\n\n"
        for delta in chunks
    )
    out = stream.feed(events)
    assert b"think>" not in out and b'"reasoning_content":"Hm."' in out and b'"content":"Yes."' in out


def test_a_blob_of_another_format_never_reaches_an_upstream_that_would_refuse_it() -> None:
    """A conversation that began with a Gemini model goes on with a Claude one."""
    sealed = seal(Reasoning("", signature="QUJD", origin="gemini"))
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": sealed}
    turns = [*HELLO, {"role": "assistant", "content": [thinking, {"type": "text", "text": "Yes."}]}, *HELLO]
    chosen = lane("anthropic_messages", MESSAGES, messages=turns)
    assert isinstance(chosen, TranslatedLane) and b"omniroute:" not in chosen.body() and b"Yes." in chosen.body()
    own = [*HELLO, {"role": "assistant", "content": [thinking | {"signature": "QUJD"}, {"type": "text", "text": "Yes."}]}, *HELLO]
    assert isinstance(lane("anthropic_messages", MESSAGES, messages=own), NativeLane)
