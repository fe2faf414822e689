"""Requests whose feature is a setting: limits, sampling, the answer's form, reasoning, who asks."""

from __future__ import annotations

from typing import Any

from tests.formats.conformance.ask import CHAT, COMPLETIONS, GEMINI, MESSAGES, RESPONSES, Ask, Asks
from tests.formats.conformance.asks_tools import CLOSED


def _top(client: str, name: str, value: Any) -> dict[str, Ask]:
    return {client: Ask(name, {name: value})}


def _config(name: str, value: Any) -> Ask:
    return Ask(f"generationConfig.{name}", {"generationConfig": {name: value}})


def _everywhere(name: str, value: Any, *clients: str, gemini: str | None = None) -> dict[str, Ask]:
    """The same top-level member in these formats, and its name in Gemini's generationConfig."""
    made = {client: Ask(name, {name: value}) for client in clients}
    return made | ({} if gemini is None else {GEMINI: _config(gemini, value)})


def _stop(*sequences: str) -> dict[str, Ask]:
    return {
        CHAT: Ask("stop", {"stop": list(sequences)}),
        MESSAGES: Ask("stop_sequences", {"stop_sequences": list(sequences)}),
        RESPONSES: Ask("stop", {"stop": list(sequences)}),
        GEMINI: _config("stopSequences", list(sequences)),
        COMPLETIONS: Ask("stop", {"stop": list(sequences)}),
    }


def _max_tokens(value: int) -> dict[str, Ask]:
    return {
        CHAT: Ask("max_tokens", {"max_tokens": value}),
        MESSAGES: Ask("max_tokens", {"max_tokens": value}),
        RESPONSES: Ask("max_output_tokens", {"max_output_tokens": value}),
        GEMINI: _config("maxOutputTokens", value),
        COMPLETIONS: Ask("max_tokens", {"max_tokens": value}),
    }


def _json(value: dict[str, Any], **more: Any) -> dict[str, Ask]:
    return {
        CHAT: Ask("response_format", {"response_format": {"type": "json_schema", "json_schema": {**value, **more}}}),
        RESPONSES: Ask("text.format", {"text": {"format": {"type": "json_schema", **value, **more}}}),
    }


def _effort(effort: str, *, claude: bool = False, level: bool = False) -> dict[str, Ask]:
    made = {
        CHAT: Ask("reasoning_effort", {"reasoning_effort": effort}),
        RESPONSES: Ask("reasoning", {"reasoning": {"effort": effort}}),
    }
    if claude:
        made[MESSAGES] = Ask("output_config.effort", {"output_config": {"effort": effort}})
    if level:
        made[GEMINI] = _config("thinkingConfig", {"thinkingLevel": effort.upper()})
    return made


def _thinking(given: dict[str, Any]) -> dict[str, Ask]:
    return {CHAT: Ask("thinking", {"thinking": given}), MESSAGES: Ask("thinking", {"thinking": given})}


_BUDGET = {"type": "enabled", "budget_tokens": 8192}
_SCHEMA = {"name": "answer", "schema": CLOSED, "strict": True}
_ALL = (CHAT, MESSAGES, RESPONSES, COMPLETIONS)

SETTINGS: Asks = {
    "max_tokens": _max_tokens(4096),
    "max_completion_tokens": _top(CHAT, "max_completion_tokens", 4096),
    "max_tokens_small": _max_tokens(8),
    "temperature": _everywhere("temperature", 0.5, *_ALL, gemini="temperature"),
    "temperature_hot": _everywhere("temperature", 1.5, CHAT, RESPONSES, COMPLETIONS, gemini="temperature"),
    "top_p": _everywhere("top_p", 0.9, *_ALL, gemini="topP"),
    "top_k": _everywhere("top_k", 40, CHAT, MESSAGES, RESPONSES, gemini="topK"),
    "sampling_refused": _everywhere("temperature", 0.5, *_ALL, gemini="temperature"),
    "frequency_penalty": _everywhere("frequency_penalty", 0.5, CHAT, RESPONSES, COMPLETIONS, gemini="frequencyPenalty"),
    "presence_penalty": _everywhere("presence_penalty", 0.5, CHAT, RESPONSES, COMPLETIONS, gemini="presencePenalty"),
    "seed": _everywhere("seed", 7, CHAT, RESPONSES, COMPLETIONS, gemini="seed"),
    "n": _everywhere("n", 2, CHAT, gemini="candidateCount"),
    "n_texts": _top(COMPLETIONS, "n", 2),
    "logprobs": {
        CHAT: Ask("logprobs", {"logprobs": True}),
        RESPONSES: Ask("include", {"include": ["message.output_text.logprobs"]}),
        GEMINI: _config("responseLogprobs", True),
        COMPLETIONS: Ask("logprobs", {"logprobs": 2}),
    },
    "top_logprobs": {
        CHAT: Ask("top_logprobs", {"top_logprobs": 2}),
        RESPONSES: Ask("top_logprobs", {"top_logprobs": 2}),
        GEMINI: _config("logprobs", 2),
    },
    "logit_bias": _everywhere("logit_bias", {"50256": -100}, CHAT, COMPLETIONS),
    "stop": _stop("END"),
    "stop_many": _stop("a", "b", "c", "d", "e", "f"),
    "stop_blank": _stop("\n"),
    "json_schema": {
        **_json(_SCHEMA),
        MESSAGES: Ask("output_config.format", {"output_config": {"format": {"type": "json_schema", "schema": CLOSED}}}),
        GEMINI: Ask(
            "generationConfig",
            {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": CLOSED}},
        ),
    },
    "json_schema_loose": _json({"name": "answer", "schema": CLOSED, "strict": False}),
    "json_schema_described": _json(_SCHEMA, description="What to answer."),
    "json_object": {
        CHAT: Ask("response_format", {"response_format": {"type": "json_object"}}),
        RESPONSES: Ask("text.format", {"text": {"format": {"type": "json_object"}}}),
        GEMINI: _config("responseMimeType", "application/json"),
    },
    "enum_answer": {
        GEMINI: Ask(
            "generationConfig",
            {"generationConfig": {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a", "b"]}}},
        )
    },
    "effort": _effort("high", claude=True, level=True),
    "effort_budget_target": _effort("high", claude=True, level=True),
    "effort_adaptive_target": _effort("high", claude=True, level=True),
    "effort_minimal": _effort("minimal", level=True),
    "effort_xhigh": _effort("xhigh", claude=True, level=True),
    "effort_none": _effort("none"),
    "budget": {**_thinking(_BUDGET), GEMINI: _config("thinkingConfig", {"thinkingBudget": 8192})},
    "budget_odd": {
        **_thinking({"type": "enabled", "budget_tokens": 30_000}),
        GEMINI: _config("thinkingConfig", {"thinkingBudget": 30_000}),
    },
    "adaptive": {**_thinking({"type": "adaptive"}), GEMINI: _config("thinkingConfig", {"thinkingBudget": -1})},
    "thinking_off": {**_thinking({"type": "disabled"}), GEMINI: _config("thinkingConfig", {"thinkingBudget": 0})},
    "thinking_hidden": {
        **_thinking({"type": "adaptive", "display": "omitted"}),
        GEMINI: _config("thinkingConfig", {"thinkingBudget": -1, "includeThoughts": False}),
    },
    "thinking_shown": {
        **_thinking({"type": "adaptive", "display": "summarized"}),
        RESPONSES: Ask("reasoning", {"reasoning": {"effort": "high", "summary": "auto"}}),
        GEMINI: _config("thinkingConfig", {"thinkingBudget": -1, "includeThoughts": True}),
    },
    "router_reasoning": _top(CHAT, "reasoning", {"effort": "high", "exclude": True}),
    "reasoning_refused": {**_effort("high", claude=True, level=True), MESSAGES: Ask("thinking", {"thinking": _BUDGET})},
    "verbosity": {**_top(CHAT, "verbosity", "low"), RESPONSES: Ask("text.verbosity", {"text": {"verbosity": "low"}})},
    "metadata": {
        **_everywhere("metadata", {"team": "a"}, CHAT, RESPONSES),
        GEMINI: Ask("labels", {"labels": {"team": "a"}}),
    },
    "user": {
        **_everywhere("user", "user-1", CHAT, RESPONSES, COMPLETIONS),
        MESSAGES: Ask("metadata.user_id", {"metadata": {"user_id": "user-1"}}),
    },
    "user_long": {
        **_everywhere("user", "u" * 100, CHAT, RESPONSES, COMPLETIONS),
        MESSAGES: Ask("metadata.user_id", {"metadata": {"user_id": "u" * 100}}),
    },
    "safety_identifier": _everywhere("safety_identifier", "user-1", CHAT, RESPONSES),
    "tier_default": {
        **_everywhere("service_tier", "default", CHAT, RESPONSES),
        MESSAGES: Ask("service_tier", {"service_tier": "standard_only"}),
        GEMINI: Ask("serviceTier", {"serviceTier": "standard"}),
    },
    "tier_auto": _everywhere("service_tier", "auto", CHAT, MESSAGES, RESPONSES),
    "tier_flex": {
        **_everywhere("service_tier", "flex", CHAT, RESPONSES),
        GEMINI: Ask("serviceTier", {"serviceTier": "flex"}),
    },
    "tier_priority": {
        **_everywhere("service_tier", "priority", CHAT, RESPONSES),
        GEMINI: Ask("serviceTier", {"serviceTier": "priority"}),
    },
    "prompt_cache_key": _everywhere("prompt_cache_key", "k", CHAT, RESPONSES),
    "store": _everywhere("store", True, CHAT, RESPONSES),
    "conversation": _top(RESPONSES, "conversation", "conv_1"),
    "background": _top(RESPONSES, "background", True),
    "stored_prompt": _top(RESPONSES, "prompt", {"id": "pmpt_1"}),
    "truncation": _top(RESPONSES, "truncation", "auto"),
    "encrypted_reasoning": _top(RESPONSES, "include", ["reasoning.encrypted_content"]),
    "context_management": _top(MESSAGES, "context_management", {"edits": [{"type": "clear_thinking_20251015"}]}),
    "mcp_servers": _top(MESSAGES, "mcp_servers", [{"type": "url", "url": "https://mcp.test", "name": "a"}]),
    "container": _top(MESSAGES, "container", "container_1"),
    "thread": _top(MESSAGES, "thread", {"id": "thread_1"}),
    "safety_settings": _top(GEMINI, "safetySettings", [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]),
    "cached_content": _top(GEMINI, "cachedContent", "cachedContents/1"),
    "modalities": {
        CHAT: Ask("modalities", {"modalities": ["text", "audio"]}),
        GEMINI: _config("responseModalities", ["TEXT", "IMAGE"]),
    },
    "prediction": _top(CHAT, "prediction", {"type": "content", "content": "Hi"}),
    "web_search_options": _top(CHAT, "web_search_options", {}),
    "legacy_functions": _top(CHAT, "functions", [{"name": "weather"}]),
    "suffix": _top(COMPLETIONS, "suffix", "end"),
    "echo": _top(COMPLETIONS, "echo", True),
    "best_of": _top(COMPLETIONS, "best_of", 3),
    "made_up": {
        **_everywhere("made_up", 1, *_ALL),
        GEMINI: _config("madeUp", 1),
    },
}
