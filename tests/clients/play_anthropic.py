"""The `anthropic` SDK of whatever major is on the path (scenes.py)."""

from __future__ import annotations

from typing import Any

import anthropic
from pydantic import BaseModel

from tests.clients.samples import PNG
from tests.clients.scenes import play, scripted

WEATHER: Any = {
    "name": "weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CITIES = {"say": "tool", "tool": "weather", "tool_input": [{"city": "Köln"}, {"city": "Rome"}]}
SCRIPTS = ("text", "unicode", "tool", "tools", "thinking", "thinking-tool", "refusal", "max_tokens")
THINKING: Any = {"type": "enabled", "budget_tokens": 1024}


class Forecast(BaseModel):
    city: str
    degrees: int


def given(model: str, script: Any, **more: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": 2000, "messages": [{"role": "user", "content": scripted(script)}], **more}


def ways(client: Any, asked: dict[str, Any]) -> list[Any]:
    """The same answer whole, and from the SDK's own accumulator."""
    with client.messages.stream(**asked) as stream:
        return [client.messages.create(**asked), stream.get_final_message()]


def said(script: str) -> Any:
    def scene(client: Any, model: str) -> Any:
        whole, streamed = map(essence, ways(client, given(model, script)))
        return {"whole": whole, "streamed": streamed}

    return scene


def essence(message: Any) -> Any:
    blocks, usage = message.content, message.usage
    cached = (usage.cache_creation_input_tokens or 0, usage.cache_read_input_tokens or 0)
    return {
        "text": "".join(block.text for block in blocks if block.type == "text"),
        "thought": "".join(block.thinking for block in blocks if block.type == "thinking"),
        "calls": [(block.name, block.input) for block in blocks if block.type == "tool_use"],
        "stop": message.stop_reason,
        "usage": [usage.input_tokens + sum(cached), usage.output_tokens],
    }


def tool_loop(client: Any, model: str) -> Any:
    finals = []
    for first in ways(client, given(model, CITIES, tools=[WEATHER])):
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": block.input["city"]}
            for block in first.content
            if block.type == "tool_use"
        ]
        finals.append(essence(go_on(client, given(model, CITIES, tools=[WEATHER]), first, results))["text"])
    return finals


def go_on(client: Any, asked: dict[str, Any], first: Any, results: list[Any]) -> Any:
    turns = [*asked["messages"], {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    return client.messages.create(**{**asked, "messages": turns})


def signature(client: Any, model: str) -> Any:
    """The second turn carries the thought back as it came."""
    asked = given(model, "thinking-tool", thinking=THINKING, system="Sign it.")
    finals = []
    for first in ways(client, asked):
        result = {"type": "tool_result", "tool_use_id": first.content[-1].id, "content": "done"}
        finals.append(essence(go_on(client, asked, first, [result]))["text"])
    return finals


def image(client: Any, model: str) -> Any:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    content = [{"type": "text", "text": scripted("image")}, picture]
    return essence(client.messages.create(**given(model, "image", messages=[{"role": "user", "content": content}])))["text"]


def parsed(client: Any, model: str) -> Any:
    asked = {"model": model, "max_tokens": 2000, "messages": [{"role": "user", "content": "hello"}], "output_format": Forecast}
    with client.messages.stream(**asked) as stream:
        return [each.parsed_output.model_dump() for each in (client.messages.parse(**asked), stream.get_final_message())]


def counted(client: Any, model: str) -> Any:
    return client.messages.count_tokens(model=model, messages=[{"role": "user", "content": "hello there"}]).input_tokens


def models(client: Any, model: str) -> Any:
    """Page by page: each once, and an end."""
    ids = [each.id for each in client.models.list(limit=1)]
    return [model in ids, len(ids) == len(set(ids)), client.models.retrieve(model).id == model]


def failing(script: Any, stream: bool = False) -> Any:
    def scene(client: Any, model: str) -> Any:
        asked = given(model, script)
        try:
            if stream:
                with client.messages.stream(**asked) as streamed:
                    streamed.get_final_message()
            else:
                client.messages.create(**asked)
        except anthropic.APIStatusError as exc:
            told: Any = exc.body
            return {
                "class": type(exc).__name__,
                "status": exc.status_code,
                "type": told["error"]["type"],
                "message": told["error"]["message"],
                "request": bool(told.get("request_id")) and (exc.status_code == 200 or exc.request_id == told["request_id"]),
                "retry": exc.response.headers.get("retry-after"),
            }
        return None

    return scene


SCENES = {
    **{script: said(script) for script in SCRIPTS},
    "tool loop": tool_loop,
    "signature": signature,
    "image": image,
    "parsed": parsed,
    "count": counted,
    "models": models,
    "fails: bad request": failing("400"),
    "fails: too long": failing("context", stream=True),
    "fails: in mid-stream": failing({"error_after": 6, "type": "overloaded_error", "message": "Overloaded"}, stream=True),
    "fails: limited": failing("429"),  # the last: it is held against the connection
}

if __name__ == "__main__":
    play(anthropic.__version__, lambda url, key: anthropic.Anthropic(base_url=url, api_key=key, max_retries=0), SCENES)
