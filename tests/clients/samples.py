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


COMMAND = {
    "type": "object",
    "properties": {"command": {"type": "string"}},
    "required": ["command"],
    "additionalProperties": False,
}
