"""The `openai` SDK of whatever major is on the path (scenes.py)."""

from __future__ import annotations

import json
from typing import Any

import openai
from pydantic import BaseModel

from tests.clients.samples import PNG
from tests.clients.scenes import play, scripted

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER: Any = {"name": "weather", "description": "The weather in a city", "parameters": CITY, "strict": True}
CHAT_TOOLS: Any = [{"type": "function", "function": WEATHER}]
TOOLS: Any = [{"type": "function", **WEATHER}]
CITIES = {"say": "tool", "tool": "weather", "tool_input": [{"city": "Köln"}, {"city": "Rome"}]}
SCRIPTS = ("text", "unicode", "tool", "tools", "thinking", "thinking-tool", "refusal", "max_tokens")


class Forecast(BaseModel):
    city: str
    degrees: int


def user(script: Any) -> list[Any]:
    return [{"role": "user", "content": scripted(script)}]


# Chat ------------------------------------------------------------------------------------


def said(script: str) -> Any:
    """A scene: the same answer whole and from the SDK's own accumulator."""

    def scene(client: Any, model: str) -> Any:
        whole = client.chat.completions.create(model=model, messages=user(script))
        return {"whole": chat_essence(whole), "streamed": chat_essence(accumulated(client, model, user(script)))}

    return scene


def accumulated(client: Any, model: str, messages: Any, **more: Any) -> Any:
    asked = {"model": model, "messages": messages, "stream_options": {"include_usage": True}, **more}
    with client.chat.completions.stream(**asked) as stream:
        try:
            return stream.get_final_completion()
        except (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError):  # its way to say how it ended
            return stream.current_completion_snapshot


def chat_essence(completion: Any) -> Any:
    choice = completion.choices[0]
    calls = choice.message.tool_calls or []
    return {
        "text": choice.message.content or "",
        "refusal": choice.message.refusal,
        "thought": (choice.message.model_extra or {}).get("reasoning_content"),
        "calls": [(call.function.name, json.loads(call.function.arguments)) for call in calls],
        "finish": choice.finish_reason,
        "usage": completion.usage.model_dump(exclude_none=True),
    }


def tool_loop(client: Any, model: str) -> Any:
    finals = []
    for first in (
        client.chat.completions.create(model=model, messages=user(CITIES), tools=CHAT_TOOLS),
        accumulated(client, model, user(CITIES), tools=CHAT_TOOLS),
    ):
        message = first.choices[0].message
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": json.loads(call.function.arguments)["city"]}
            for call in message.tool_calls
        ]
        turns = [*user(CITIES), message.model_dump(exclude_none=True, exclude={"parsed"}), *results]
        final = client.chat.completions.create(model=model, messages=turns, tools=CHAT_TOOLS)
        finals.append(final.choices[0].message.content)
    return finals


def parsed(client: Any, model: str) -> Any:
    hello = [{"role": "user", "content": "hello"}]
    whole = client.chat.completions.parse(model=model, messages=hello, response_format=Forecast)
    with client.chat.completions.stream(model=model, messages=hello, response_format=Forecast) as stream:
        streamed = stream.get_final_completion()
    return [each.choices[0].message.parsed.model_dump() for each in (whole, streamed)]


def image(client: Any, model: str) -> Any:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    content = [{"type": "text", "text": scripted("image")}, picture]
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": content}]).choices[0].message.content


# Responses -------------------------------------------------------------------------------


def responded(script: str) -> Any:
    def scene(client: Any, model: str) -> Any:
        whole = client.responses.create(model=model, input=scripted(script))
        with client.responses.stream(model=model, input=scripted(script)) as stream:
            *_, last = stream
        return {"whole": response_essence(whole), "streamed": response_essence(last.response)}

    return scene


def response_essence(response: Any) -> Any:
    items = response.output
    return {
        "text": response.output_text,
        "thought": "".join(part.text for item in items if item.type == "reasoning" for part in item.summary),
        "calls": [(item.name, json.loads(item.arguments)) for item in items if item.type == "function_call"],
        "status": response.status,
        "reason": response.incomplete_details.reason if response.incomplete_details else None,
        "usage": [response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens],
    }


def kept(client: Any, model: str) -> Any:
    first = client.responses.create(model=model, input=scripted(CITIES), tools=TOOLS, store=True)
    results: Any = [
        {"type": "function_call_output", "call_id": item.call_id, "output": json.loads(item.arguments)["city"]}
        for item in first.output
        if item.type == "function_call"
    ]
    asked = {"model": model, "tools": TOOLS, "store": True}
    second = client.responses.create(input=results, previous_response_id=first.id, **asked)
    found = client.responses.retrieve(second.id)
    listed = [item.type for item in client.responses.input_items.list(second.id)]
    client.responses.delete(second.id)
    return {
        "text": second.output_text,
        "found": found.output_text,
        "items": listed[:2],
        "then": failure(lambda: client.responses.retrieve(second.id))["class"],
        "on": failure(lambda: client.responses.create(input="on", previous_response_id=second.id, **asked))["code"],
    }


def response_parsed(client: Any, model: str) -> Any:
    whole = client.responses.parse(model=model, input="hello", text_format=Forecast)
    with client.responses.stream(model=model, input="hello", text_format=Forecast) as stream:
        streamed = stream.get_final_response()
    return [each.output_parsed.model_dump() for each in (whole, streamed)]


# The rest --------------------------------------------------------------------------------


def embeddings(client: Any, model: str) -> Any:
    """Base64 on the wire, which the SDK asks for by itself, and floats."""
    default = client.embeddings.create(model=model, input="hello").data[0].embedding
    floats = client.embeddings.create(model=model, input="hello", encoding_format="float").data[0].embedding
    return {"default": default, "float": floats}


def models(client: Any, model: str) -> Any:
    return [model in [each.id for each in client.models.list()], client.models.retrieve(model).id == model]


def failure(ask: Any) -> Any:
    try:
        ask()
    except openai.APIStatusError as exc:
        return {
            "class": type(exc).__name__,
            "status": exc.status_code,
            "code": exc.code,
            "message": str((exc.body or {}).get("message")) if isinstance(exc.body, dict) else None,
            "request": bool(exc.request_id),
            "retry": exc.response.headers.get("retry-after"),
        }
    except openai.APIError as exc:
        return {"class": type(exc).__name__, "message": exc.message}
    return None


def failing(script: Any, stream: bool = False) -> Any:
    def scene(client: Any, model: str) -> Any:
        def ask() -> None:
            answer = client.chat.completions.create(model=model, messages=user(script), stream=stream)
            list(answer)

        return failure(ask)

    return scene


SCENES = {
    **{f"chat {script}": said(script) for script in SCRIPTS},
    "chat tool loop": tool_loop,
    "chat parsed": parsed,
    "chat image": image,
    **{f"responses {script}": responded(script) for script in SCRIPTS},
    "responses kept": kept,
    "responses parsed": response_parsed,
    "embeddings": embeddings,
    "models": models,
    "fails: bad request": failing("400"),
    "fails: too long": failing("context", stream=True),
    "fails: in mid-stream": failing({"error_after": 6, "message": "Overloaded"}, stream=True),
    "fails: limited": failing("429"),  # the last: it is held against the connection
}

if __name__ == "__main__":
    play(openai.__version__, lambda url, key: openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0), SCENES)
