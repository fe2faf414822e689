"""The ways through the gateway: what a client speaks, and what the upstream does. Each client's shapes stand in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.upstream.raw import Answer, Client

MODEL = "scripted-large"


class Chat:
    error_event: str | None = None
    clean_ends = (b"[DONE]",)

    def path(self, model: str, stream: bool) -> str:
        return "/v1/chat/completions"

    def body(self, model: str, stream: bool) -> dict[str, Any]:
        body = {"model": model, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 100}
        return body | ({"stream": True} if stream else {})

    def whole(self, document: dict[str, Any]) -> str:
        return str(document["choices"][0]["message"]["content"])

    def streamed(self, events: list[tuple[str | None, Any]]) -> str:
        chunks = [data for _, data in events if isinstance(data, dict)]
        return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk.get("choices", ()))

    def error(self, document: dict[str, Any]) -> dict[str, Any]:
        error: dict[str, Any] = document["error"]
        assert {"message", "type", "param", "code"} <= error.keys()
        return error


class Messages(Chat):
    error_event = "error"
    clean_ends = (b"message_stop",)

    def path(self, model: str, stream: bool) -> str:
        return "/v1/messages"

    def whole(self, document: dict[str, Any]) -> str:
        return "".join(block.get("text", "") for block in document["content"])

    def streamed(self, events: list[tuple[str | None, Any]]) -> str:
        return "".join(data["delta"].get("text", "") for event, data in events if event == "content_block_delta")

    def error(self, document: dict[str, Any]) -> dict[str, Any]:
        error: dict[str, Any] = document["error"]
        assert document["type"] == "error" and {"message", "type"} <= error.keys()
        return error


class Responses(Chat):
    error_event = "response.failed"
    clean_ends = (b"response.completed", b"response.incomplete")

    def path(self, model: str, stream: bool) -> str:
        return "/v1/responses"

    def body(self, model: str, stream: bool) -> dict[str, Any]:
        return {"model": model, "input": "hello", "max_output_tokens": 100, "store": False} | ({"stream": True} if stream else {})

    def whole(self, document: dict[str, Any]) -> str:
        items = [item for item in document["output"] if item["type"] == "message"]
        return "".join(part["text"] for item in items for part in item["content"])

    def streamed(self, events: list[tuple[str | None, Any]]) -> str:
        return "".join(data["delta"] for event, data in events if event == "response.output_text.delta")

    def error(self, document: dict[str, Any]) -> dict[str, Any]:
        failed: dict[str, Any] | None = document.get("response")
        if failed is not None:
            assert failed["status"] == "failed" and {"message", "code"} <= failed["error"].keys()
            return dict(failed["error"])
        return super().error(document)


class Gemini(Chat):
    clean_ends = (b'"finishReason"',)

    def path(self, model: str, stream: bool) -> str:
        return f"/v1beta/models/{model}:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")

    def body(self, model: str, stream: bool) -> dict[str, Any]:
        contents = [{"role": "user", "parts": [{"text": "hello"}]}]
        return {"contents": contents, "generationConfig": {"maxOutputTokens": 100}}

    def whole(self, document: dict[str, Any]) -> str:
        return "".join(part.get("text", "") for part in document["candidates"][0]["content"]["parts"])

    def streamed(self, events: list[tuple[str | None, Any]]) -> str:
        spoken = [data["candidates"][0].get("content", {}) for _, data in events if data.get("candidates")]
        return "".join(part.get("text", "") for content in spoken for part in content.get("parts", ()))

    def error(self, document: dict[str, Any]) -> dict[str, Any]:
        error: dict[str, Any] = document["error"]
        assert {"code", "message", "status"} <= error.keys()
        return error


@dataclass(frozen=True, slots=True)
class Way:
    """A client, the prefix of the upstream that answers, and how that upstream's path ends."""

    client: Chat
    prefix: str
    upstream_path: str

    def post(
        self, line: Client, model: str = MODEL, *, stream: bool = False, headers: dict[str, str] | None = None, **fields: Any
    ) -> Client:
        """One request on this line; `fields` are added to its body."""
        name = f"{self.prefix}/{model}"
        return line.post(self.client.path(name, stream), self.client.body(name, stream) | fields, headers)

    def text(self, answer: Answer, streamed: bool) -> str:
        """The text of an answer, whichever way it came."""
        return self.client.streamed(answer.events) if streamed else self.client.whole(answer.json)

    def error(self, document: dict[str, Any]) -> dict[str, Any]:
        """The inner error, after checking the shape that this client needs."""
        return self.client.error(document)

    def beside(self, document: dict[str, Any]) -> dict[str, Any]:
        """What the gateway says beside an error, wherever the format has a place for it."""
        told: dict[str, Any] = document.get("omniroute") or document["response"]["omniroute"]
        return told


CHAT = Way(Chat(), "chat", "/chat/completions")
WAYS = {
    "chat": CHAT,
    "messages": Way(Messages(), "messages", "/messages"),
    "responses": Way(Responses(), "responses", "/responses"),
    "gemini": Way(Gemini(), "gemini", "enerateContent"),
    "chat to messages": Way(Chat(), "messages", "/messages"),
    "responses to chat": Way(Responses(), "chat", "/chat/completions"),
    "messages to gemini": Way(Messages(), "gemini", "enerateContent"),
    "gemini to responses": Way(Gemini(), "responses", "/responses"),
}
