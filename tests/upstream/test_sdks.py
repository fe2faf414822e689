"""The official SDKs take the scripted upstream for what it plays, so a failure behind the gateway is the gateway's."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import openai
import pytest

from tests.upstream.answer import OUTPUT, PROMPT
from tests.upstream.client import Upstream
from tests.upstream.script import SIGNATURE, TEXT, THOUGHT

ASK: Any = [{"role": "user", "content": "hello"}]
TOOL = {"type": "object", "properties": {"city": {"type": "string"}}}


def test_messages_whole_and_streamed(upstream: Upstream) -> None:
    upstream.always("thinking-tool")
    with anthropic.Anthropic(base_url=upstream.url, api_key="sk-good-1", max_retries=0) as client:
        ask: Any = {"model": "m", "max_tokens": 100, "messages": ASK}
        whole = client.messages.create(**ask)
        with client.messages.stream(**ask) as stream:
            streamed = stream.get_final_message()
    for message in (whole, streamed):
        content: Any = message.to_dict()["content"]
        assert [block["type"] for block in content] == ["thinking", "text", "tool_use"]
        assert (content[0]["thinking"], content[0]["signature"]) == (THOUGHT, SIGNATURE)
        assert content[2]["input"] == {"city": "Paris", "unit": "°C"}
        told = message.usage
        assert (message.stop_reason, told.output_tokens) == ("tool_use", OUTPUT)
        assert told.input_tokens + (told.cache_read_input_tokens or 0) + (told.cache_creation_input_tokens or 0) == PROMPT


def test_chat_whole_and_streamed(upstream: Upstream) -> None:
    upstream.always("tools")
    with openai.OpenAI(base_url=upstream.v1, api_key="sk-good-1", max_retries=0) as client:
        whole = client.chat.completions.create(model="m", messages=ASK)
        with client.chat.completions.stream(model="m", messages=ASK, stream_options={"include_usage": True}) as stream:
            for _ in stream:
                pass
            streamed = stream.get_final_completion()
    for completion in (whole, streamed):
        calls = completion.choices[0].message.tool_calls or []
        assert [json.loads(call.function.arguments)["city"] for call in calls if call.type == "function"] == ["Paris", "Rome"]
        assert completion.choices[0].finish_reason == "tool_calls"
        assert completion.usage is not None
        assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (PROMPT, OUTPUT)


def test_errors_are_what_the_sdks_expect(upstream: Upstream) -> None:
    upstream.queue("529", "429", "error-later")
    with anthropic.Anthropic(base_url=upstream.url, api_key="sk-good-1", max_retries=0) as client:
        with pytest.raises(anthropic.InternalServerError) as overloaded:
            client.messages.create(model="m", max_tokens=100, messages=ASK)
        assert overloaded.value.status_code == 529
    with openai.OpenAI(base_url=upstream.v1, api_key="sk-good-1", max_retries=0) as client:
        with pytest.raises(openai.RateLimitError) as limited:
            client.chat.completions.create(model="m", messages=ASK)
        assert limited.value.response.headers["retry-after"] == "2"
        with pytest.raises(openai.APIError, match="Overloaded"):
            list(client.chat.completions.create(model="m", messages=ASK, stream=True))


def test_models_and_text(upstream: Upstream) -> None:
    with openai.OpenAI(base_url=upstream.v1, api_key="sk-good-1", max_retries=0) as client:
        assert "scripted-large" in [model.id for model in client.models.list()]
        assert client.chat.completions.create(model="m", messages=ASK).choices[0].message.content == TEXT
