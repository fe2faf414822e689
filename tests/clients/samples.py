"""What the tests of several clients send."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png() -> bytes:
    """A real picture of 8 x 8 grey pixels: some clients look into what they send."""
    rows = b"".join(b"\0" + bytes(16 * column for column in range(8)) for _ in range(8))
    head = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


PNG_BYTES = _png()
PNG = base64.b64encode(PNG_BYTES).decode()


def claude_code_body(model: str, **more: Any) -> dict[str, Any]:
    """A request as Claude Code 2.1.197 makes them: the same members and block types, with short texts (measured 2026-11-22)."""
    cached = {"type": "ephemeral"}
    return {
        "model": model,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "say hi", "cache_control": cached}]},
            {"role": "system", "content": "Answer in English."},
        ],
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197.0; cc_entrypoint=sdk-cli;"},
            {"type": "text", "text": "You help with programming.", "cache_control": cached},
        ],
        "tools": [
            {"name": "Bash", "description": "Runs a command", "input_schema": COMMAND},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
        ],
        "metadata": {"user_id": '{"device_id":"d","account_uuid":"","session_id":"s"}'},
        "max_tokens": 32000,
        "thinking": {"type": "adaptive"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        "stream": True,
        "member_of_tomorrow": {"kept": [1, 2.50, "\u2028", None]},
        **more,
    }


def results_in(sent: dict[str, Any], speaks: str) -> dict[str, str]:
    """The results of tools in a request as the upstream saw it: call id -> text."""
    if speaks == "chat":
        return {turn["tool_call_id"]: text_of(turn["content"]) for turn in sent["messages"] if turn["role"] == "tool"}
    if speaks == "responses":
        items = [item for item in sent["input"] if item.get("type") == "function_call_output"]
        return {item["call_id"]: text_of(item["output"]) for item in items}
    if speaks == "gemini":
        found = [part["functionResponse"] for part in sent["contents"][-1]["parts"] if "functionResponse" in part]
        return {each["id"]: "".join(each["response"].values()) for each in found}
    blocks = [block for block in sent["messages"][-1]["content"] if block["type"] == "tool_result"]
    return {block["tool_use_id"]: text_of(block["content"]) for block in blocks}


def signatures_in(sent: dict[str, Any], speaks: str) -> list[str]:
    """What the upstream sees of what it had signed, in the order of the conversation."""
    if speaks == "responses":
        return [item["encrypted_content"] for item in sent["input"] if item.get("type") == "reasoning"]
    if speaks == "gemini":
        parts = [part for turn in sent["contents"] for part in turn["parts"]]
        return [part["thoughtSignature"] for part in parts if "thoughtSignature" in part]
    turns = [turn for turn in sent["messages"] if turn["role"] == "assistant"]
    return [block["signature"] for turn in turns for block in turn["content"] if block["type"] == "thinking"]


def text_of(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


COMMAND = {
    "type": "object",
    "properties": {"command": {"type": "string"}},
    "required": ["command"],
    "additionalProperties": False,
}
