"""What becomes of an answer: read as the upstream sends it, whole and streamed, written for the client, read as the client does.

Outcomes are those of carried.toml: "carried", "approximated: how", "left out". "lost: ..." is none of them, as in observe.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from omniroute.formats import CLIENT_FORMATS, FORMATS, ir, sse
from omniroute.formats.answer import Answer, gather, unfold
from omniroute.formats.arguments import object_of
from tests.formats.conformance.ask import CHAT, GEMINI, MESSAGES, RESPONSES


def observe_answer(upstream: str, client: str, document: dict[str, Any]) -> str:
    """The stream is the one that a server of the upstream's format makes of the same answer."""
    events = FORMATS[upstream].parse_response(document)
    before = gather(events)
    streamed = _read_stream(upstream, _stream(upstream, events))
    if _told(gather(streamed)) != _told(before):
        return f"lost: {upstream} itself can't stream it: {_told(gather(streamed))}"
    shown = orjson.loads(orjson.dumps(CLIENT_FORMATS[client].render_response(events)))
    whole = outcome(before, _kept(client, gather(CLIENT_FORMATS[client].parse_response(shown))))
    stream = outcome(before, _kept(client, gather(_read_stream(client, _stream(client, streamed)))))
    return whole if whole == stream else f"lost: whole {whole}, streamed {stream}"


def outcome(before: Answer, after: Answer) -> str:
    changes = list(_changes(before, after))
    if not changes:
        return "carried"
    return "left out" if "left out" in changes else "approximated: " + "; ".join(dict.fromkeys(changes))


def _stream(name: str, events: list[ir.Event]) -> bytes:
    writer = CLIENT_FORMATS[name].StreamWriter("", True)
    return b"".join(writer.write(event) for event in events) + writer.end()


def _read_stream(name: str, stream: bytes) -> list[ir.Event]:
    decoder, reader = sse.Decoder(), CLIENT_FORMATS[name].StreamReader()
    return [made for event in decoder.feed(stream) for made in reader.feed(event)] + reader.end()


def _kept(client: str, answer: Answer) -> Answer:
    """The answer as it stands in the client's next request: proofs of reasoning are for the way back, and sealed until then."""
    if client not in REPLAYS:
        return answer
    shown = orjson.loads(orjson.dumps(CLIENT_FORMATS[client].render_response(unfold(answer))))
    request = CLIENT_FORMATS[client].parse_request(REPLAYS[client](shown))
    sent_back = [part for message in request.messages if message.role == "assistant" for part in message.parts]
    proven = [part for part in sent_back if isinstance(part, ir.Reasoning) and (part.signature or part.data)]
    calls = {part.id: part for part in sent_back if isinstance(part, ir.ToolCall) and part.signature}
    parts = [part for part in answer.parts if not (isinstance(part, ir.Reasoning) and (part.signature or part.data))]
    parts = [calls.get(part.id, part) if isinstance(part, ir.ToolCall) else part for part in parts]
    return replace(answer, parts=(*proven, *parts))


_HI: dict[str, Any] = {"role": "user", "content": "Hi"}
REPLAYS: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    CHAT: lambda shown: {"model": "m", "messages": [_HI, shown["choices"][0]["message"]]},
    MESSAGES: lambda shown: {
        "model": "m",
        "max_tokens": 9,
        "messages": [_HI, {"role": "assistant", "content": shown["content"]}],
    },
    RESPONSES: lambda shown: {"model": "m", "input": [_HI, *shown["output"]]},
    GEMINI: lambda shown: {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}, shown["candidates"][0]["content"]]},
}


# What changed ---------------------------------------------------------------------------


def _changes(before: Answer, after: Answer) -> Iterator[str]:
    """How, or "left out", once for each thing that is not as it was."""
    was, now = _told(before), _told(after)
    if was["refusals"] != now["refusals"]:
        yield "as text" if was["said"] + was["refusals"] == now["said"] else "left out"
    elif was["said"] != now["said"]:
        yield "left out"
    for name in ("thoughts", "proofs", "opaque", "details"):
        if was[name] != now[name]:
            yield "left out"
    if was["calls"] != now["calls"]:
        yield "its text in an object" if _without_kind(was["calls"]) == _without_kind(now["calls"]) else "left out"
    if was["citations"] != now["citations"]:
        yield "by its URL" if was["urls"] == now["urls"] else "left out"
    if was["stop"] != now["stop"]:
        yield f"as {now['stop'][0]}"
    if was["usage"] != now["usage"]:
        yield "left out"


def _told(answer: Answer) -> dict[str, Any]:
    """An answer by what is in it. A count that was not told is as good as zero."""
    reasoning = [part for part in answer.parts if isinstance(part, ir.Reasoning)]
    calls = [part for part in answer.parts if isinstance(part, ir.ToolCall)]
    citations = [each for part in answer.parts if isinstance(part, ir.Text) for each in part.citations]
    usage = answer.usage or ir.Usage()
    return {
        "said": "".join(part.text for part in answer.parts if isinstance(part, ir.Text)),
        "refusals": "".join(part.text for part in answer.parts if isinstance(part, ir.Refusal)),
        "thoughts": "".join(part.text for part in reasoning),
        "proofs": [(part.signature, part.data, part.origin) for part in reasoning if part.signature or part.data]
        + [(call.id, call.signature, call.origin) for call in calls if call.signature],
        "calls": [(call.id, call.name, object_of(call), call.custom) for call in calls],
        "citations": [(each.origin, each.document) for each in citations],
        "urls": [each.url for each in citations if each.url],
        "opaque": [part.document for part in answer.parts if isinstance(part, ir.Opaque)],
        "stop": (answer.stop_reason, answer.stop_sequence),
        "details": answer.details,
        "usage": [count or 0 for count in (usage.input, usage.output, usage.cached, usage.cache_write, usage.reasoning)],
    }


def _without_kind(calls: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [call[:3] for call in calls]
