"""Gemini answers as upstreams send them, written for these tests after the public references:

- https://ai.google.dev/api/generate-content (chunks, finish reasons, promptFeedback, usageMetadata)
- https://ai.google.dev/gemini-api/docs/function-calling (parallel calls), .../thought-signatures (on the first call of several;
  on an empty text at the end of a stream), .../thinking (thoughts), .../google-search (grounding), .../code-execution
- the types of google-genai 3.6.1

All read 2026-11-27. Each sample says the same twice, as a stream and as a whole answer.
"""

from __future__ import annotations

from typing import Any

import orjson

from tests.formats.sample import UNICODE, Sample

USAGE = {
    "promptTokenCount": 120,
    "candidatesTokenCount": 22,
    "totalTokenCount": 150,
    "cachedContentTokenCount": 100,
    "thoughtsTokenCount": 8,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 120}],
}
# With each letter that base64 has; the URL-safe ones are what the Python SDK makes of "+" and "/".
SIGNATURE = "CpQBAdHtim9+/abc" + "Zm9v" * 40 + "Zg=="


def answer(parts: list[dict[str, Any]] | None, finish: str | None = None, usage: Any = None, **more: Any) -> dict[str, Any]:
    """A GenerateContentResponse, which is a chunk and a whole answer alike; `parts` None: a candidate without content."""
    candidate: dict[str, Any] = {} if parts is None else {"content": {"parts": parts, "role": "model"}}
    candidate |= ({} if finish is None else {"finishReason": finish}) | {"index": 0} | more
    document = {"candidates": [candidate], "modelVersion": "gemini-x", "responseId": "resp_1"}
    return document if usage is None else document | {"usageMetadata": usage}


def chunk(document: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(document) + b"\n\n"


def stream(*documents: dict[str, Any]) -> bytes:
    return b"".join(chunk(document) for document in documents)


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"text": said, **more}


def thought(said: str, **more: Any) -> dict[str, Any]:
    return {"text": said, "thought": True, **more}


def call(name: str, args: dict[str, Any] | None, call_id: str, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "id": call_id} | ({} if args is None else {"args": args}), **more}


_PROMPT_ONLY = {"promptTokenCount": 9, "totalTokenCount": 9}
_BLOCKED = {
    "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
    "usageMetadata": _PROMPT_ONLY,
    "modelVersion": "gemini-x",
    "responseId": "resp_1",
}
_GROUNDING = {
    "webSearchQueries": ["weather paris"],
    "searchEntryPoint": {"renderedContent": "<div></div>"},
    "groundingChunks": [{"web": {"uri": "https://a.test", "title": "A"}}],
    "groundingSupports": [{"segment": {"endIndex": 9, "text": "It rains."}, "groundingChunkIndices": [0]}],
}
_CODE = {"executableCode": {"language": "PYTHON", "code": "print(6*7)"}}
_OUTPUT = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "42\n"}}

GEMINI = (
    Sample(
        "text",
        stream(
            answer([text("Hel")], usage=_PROMPT_ONLY),
            answer([text("lo")], usage=_PROMPT_ONLY),
            answer([text("")], "STOP", USAGE),
        ),
        answer([text("Hello")], "STOP", USAGE),
    ),
    Sample(
        "unicode",
        stream(*(answer([text(UNICODE[at : at + 37])]) for at in range(0, len(UNICODE), 37)), answer(None, "MAX_TOKENS")),
        answer([text(UNICODE)], "MAX_TOKENS"),
    ),
    Sample(
        "parallel tools, signed at the first",
        stream(
            answer([text("I look.")]),
            answer([call("weather", {"city": "Paris"}, "fc_a", thoughtSignature=SIGNATURE)]),
            answer([call("weather", {"city": "Rome"}, "fc_b"), call("now", None, "fc_c")], "STOP", USAGE),
        ),
        answer(
            [
                text("I look."),
                call("weather", {"city": "Paris"}, "fc_a", thoughtSignature=SIGNATURE),
                call("weather", {"city": "Rome"}, "fc_b"),
                call("now", {}, "fc_c"),
            ],
            "STOP",
            USAGE,
        ),
    ),
    Sample(
        "thoughts, a tool, a signature",
        stream(
            answer([thought("Let me ")]),
            answer([thought("see.")]),
            answer([call("now", {}, "fc_a", thoughtSignature=SIGNATURE)], "STOP", USAGE),
        ),
        answer([thought("Let me see."), call("now", {}, "fc_a", thoughtSignature=SIGNATURE)], "STOP", USAGE),
    ),
    Sample(
        "thoughts, text, its signature on an empty one",
        stream(
            answer([thought("Hm.")]),
            answer([text("4")]),
            answer([text("2")]),
            answer([text("", thoughtSignature=SIGNATURE)], "STOP", USAGE),
        ),
        answer([thought("Hm."), text("42", thoughtSignature=SIGNATURE)], "STOP", USAGE),
    ),
    Sample(
        "a signed thought",
        stream(answer([thought("Hm.")]), answer([thought("", thoughtSignature=SIGNATURE)]), answer([text("Yes")], "STOP")),
        answer([thought("Hm.", thoughtSignature=SIGNATURE), text("Yes")], "STOP"),
    ),
    Sample(
        "stopped for safety",
        stream(answer([text("It is")]), answer(None, "SAFETY", _PROMPT_ONLY, safetyRatings=[])),
        answer([text("It is")], "SAFETY", _PROMPT_ONLY),
    ),
    Sample(
        "stopped for safety, with a message",
        stream(answer([], "PROHIBITED_CONTENT", finishMessage="Not this.")),
        answer([], "PROHIBITED_CONTENT", finishMessage="Not this."),
    ),
    Sample("the prompt was blocked", chunk(_BLOCKED), _BLOCKED),
    Sample(
        "grounded in a search, what the tools brought in is counted apart",
        stream(
            answer([text("It rains.")]),
            answer([text("")], "STOP", USAGE | {"toolUsePromptTokenCount": 50}, groundingMetadata=_GROUNDING),
        ),
        answer([text("It rains.")], "STOP", USAGE | {"toolUsePromptTokenCount": 50}, groundingMetadata=_GROUNDING),
    ),
    Sample(
        "code and its output",
        stream(answer([text("I count. ")]), answer([_CODE]), answer([_OUTPUT]), answer([text("42")], "STOP")),
        answer([text("I count. "), _CODE, _OUTPUT, text("42")], "STOP"),
    ),
    Sample("nothing to say", chunk(answer(None, "STOP", _PROMPT_ONLY)), answer(None, "STOP", _PROMPT_ONLY)),
)
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKJcOkw7zDtsOfCg=="

# One full request, with everything in it that the format knows.
FULL: dict[str, Any] = {
    "systemInstruction": {"role": "user", "parts": [{"text": "Be brief."}, {"text": "Use tools."}]},
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "What is on it?"},
                {"inlineData": {"mimeType": "image/png", "data": PNG}, "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}},
                {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a.png"}},
                {"inlineData": {"mimeType": "application/pdf", "data": PDF}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "Hm.", "thought": True},
                {"text": "I look.", "thoughtSignature": "U0lHMQ=="},
                {
                    "functionCall": {"name": "weather", "args": {"city": "Paris"}, "id": "fc_1"},
                    "thoughtSignature": "U0lHMg==",
                },
                {"functionCall": {"name": "weather", "args": {"city": "Rome"}}},
                {"functionCall": {"name": "chart"}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "weather", "id": "fc_1", "response": {"output": "rain"}}},
                {"functionResponse": {"name": "weather", "response": {"error": "no such city"}}},
                {
                    "functionResponse": {
                        "name": "chart",
                        "response": {"points": 3},
                        "parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}],
                    }
                },
                {"text": "And now?"},
            ],
        },
    ],
    "tools": [
        {
            "functionDeclarations": [
                {
                    "name": "weather",
                    "description": "The weather.",
                    "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING", "nullable": True}}},
                },
                {"name": "chart", "parametersJsonSchema": {"type": "object"}, "responseJsonSchema": {"type": "object"}},
            ]
        },
        {"googleSearch": {}},
        {"codeExecution": {}},
    ],
    "toolConfig": {
        "functionCallingConfig": {"mode": "AUTO"},
        "retrievalConfig": {"languageCode": "de"},
    },
    "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    "cachedContent": "cachedContents/1",
    "labels": {"team": "a"},
    "serviceTier": "flex",
    "generationConfig": {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "maxOutputTokens": 4096,
        "stopSequences": ["END"],
        "candidateCount": 1,
        "seed": 7,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "responseLogprobs": True,
        "logprobs": 2,
        "responseMimeType": "application/json",
        "responseSchema": {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}},
        "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "LOW"},
        "responseModalities": ["TEXT"],
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
        "speechConfig": {"languageCode": "de-DE"},
    },
}
