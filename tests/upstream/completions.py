"""OpenAI's legacy text completions, as the upstream speaks them: whole answers and chunks have one shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.upstream import chat
from tests.upstream.answer import Answer, Ask, pieces

name = "completions"
path = "/completions"
SSE = chat.SSE
error, error_event = chat.error, chat.error_event

Event = tuple[str | None, Any]


def read(document: Mapping[str, Any]) -> Ask:
    given = document.get("prompt")
    prompt = given[0] if isinstance(given, list) and given else given
    return Ask(
        model=str(document.get("model", "")),
        stream=document.get("stream") is True,
        prompt=prompt if isinstance(prompt, str) else "",
        wants_usage=bool((document.get("stream_options") or {}).get("include_usage")),
    )


def whole(answer: Answer) -> dict[str, Any]:
    return base(answer) | {"choices": [choice(answer.text, chat.STOPS[answer.stop])]} | chat.usage(answer)


def events(answer: Answer, ask: Ask) -> Iterator[Event]:
    """Chunks to the usage (if asked for) and `[DONE]`. The last item is not JSON."""
    for piece in pieces(answer.text, answer.script.pieces):
        yield None, base(answer) | {"choices": [choice(piece, None)]}
    yield None, base(answer) | {"choices": [choice("", chat.STOPS[answer.stop])]}
    if ask.wants_usage and answer.script.usage != "none":
        yield None, base(answer) | {"choices": []} | chat.usage(answer)
    if answer.script.done:
        yield None, "[DONE]"


def base(answer: Answer) -> dict[str, Any]:
    return {"id": f"cmpl-{answer.id}", "object": "text_completion", "created": chat.CREATED, "model": answer.model}


def choice(text: str, finish: str | None) -> dict[str, Any]:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}
