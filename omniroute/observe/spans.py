"""A log row as spans, plain values still: one for the request, one for each attempt.

Names are those of OpenTelemetry's semantic conventions for generative AI (repository open-telemetry/semantic-conventions-genai,
docs/gen-ai/gen-ai-spans.md, still in development, looked up 2026-11-27) and for HTTP; what is ours alone begins with
"omniroute.". Token counts stand on the request's span only, so that whoever sums up spans counts them once.

Neither prompts nor answers get in here. An upstream's error may quote the one or the other, so of a failure only its class
is told; the rest is in the log under the request's id. Hosts are private, so there is no `server.address`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omniroute.security.redaction import redact

Attribute = str | int | float | bool | list[str]

LONGEST = 300  # characters of a text

# By the rule of the endpoint. Those that the conventions have no word for are called by what they do.
OPERATIONS = {
    "/v1/chat/completions": "chat",
    "/v1/messages": "chat",
    "/v1/responses": "chat",
    "/v1beta/models/<path:call>": "generate_content",
    "/v1/completions": "text_completion",
    "/v1/embeddings": "embeddings",
    "/v1/messages/count_tokens": "count_tokens",
    "/v1/images/generations": "image_generation",
    "/v1/audio/speech": "speech",
    "/v1/audio/transcriptions": "transcription",
    "/v1/audio/translations": "translation",
    "/v1/moderations": "moderation",
    "/v1/rerank": "rerank",
}

# Providers that the conventions spell otherwise than we do.
PROVIDERS = {
    "azure-openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "gemini-openai": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertex": "gcp.vertex_ai",
    "xai": "x_ai",
}

USAGE = {
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
    "gen_ai.usage.cache_read.input_tokens": "cached_tokens",
    "gen_ai.usage.cache_creation.input_tokens": "cache_write_tokens",
    "gen_ai.usage.reasoning.output_tokens": "reasoning_tokens",
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """One span. Times are epoch seconds."""

    name: str
    began: float
    ended: float
    attributes: Mapping[str, Attribute]
    failed: bool


def request_span(row: Mapping[str, Any]) -> Drawn:
    """From when the request came in to the end of its answer. A refused request was over at once."""
    at, status, kind = row["at"], row.get("status") or 0, row.get("kind") or "ok"
    operation, model = OPERATIONS.get(row.get("endpoint") or ""), row.get("requested_model")
    told = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": _provider(row.get("provider_prefix")),
        "gen_ai.request.model": model,
        "gen_ai.request.stream": row.get("streamed") or None,
        "gen_ai.response.model": row.get("upstream_model") if row.get("first_ms") is not None else None,
        "gen_ai.response.finish_reasons": [row["finish"]] if row.get("finish") else None,
        "gen_ai.response.time_to_first_chunk": _seconds(row.get("first_ms")) if row.get("streamed") else None,
        **{name: row.get(member) for name, member in USAGE.items()},
        "http.request.method": row.get("method"),
        "http.route": row.get("endpoint"),
        "http.response.status_code": status or None,
        "error.type": None if kind == "ok" else kind,
        "omniroute.request_id": row.get("id"),
        "omniroute.combo": row.get("combo"),
        "omniroute.step_id": row.get("step_id"),
        "omniroute.usage_source": row.get("usage_source"),
        "omniroute.cost_micro_dollars": row.get("cost"),
    }
    name = _name(operation, model) if operation else f"{row.get('method') or 'HTTP'} {row.get('endpoint') or ''}".strip()
    # A server's span is no error for a 4xx (HTTP conventions); a stream that broke is one though its status was 200.
    failed = kind != "ok" and not 400 <= status < 500
    return Drawn(name, at, at + (row.get("total_ms") or 0) / 1000, _attributes(told), failed)


def attempt_spans(row: Mapping[str, Any]) -> list[Drawn]:
    """Each with its own beginning and end."""
    operation = OPERATIONS.get(row.get("endpoint") or "", "chat")
    return [_attempt(row["at"], operation, attempt) for attempt in row.get("attempts") or ()]


def _attempt(at: float, operation: str, attempt: Mapping[str, Any]) -> Drawn:
    prefix, _, model = attempt["target"].partition("/")
    kind = attempt["class"]
    began = at + (attempt.get("at_ms") or 0) / 1000
    told = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": _provider(prefix),
        "gen_ai.request.model": model,
        "http.response.status_code": attempt["status"],
        "error.type": None if kind == "ok" else kind,
        "omniroute.connection": attempt["connection"],
    }
    return Drawn(_name(operation, model), began, began + attempt["ms"] / 1000, _attributes(told), kind != "ok")


def _name(operation: str, model: str | None) -> str:
    return f"{operation} {_text(model)}" if model else operation


def _provider(prefix: str | None) -> str | None:
    return PROVIDERS.get(prefix, prefix) if prefix else None


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


def _attributes(told: Mapping[str, Any]) -> dict[str, Attribute]:
    """What is known of it. A client may have put anything where a model's name belongs, a key too."""
    return {name: _text(value) if isinstance(value, str) else value for name, value in told.items() if value is not None}


def _text(value: str) -> str:
    return redact(value)[:LONGEST]
