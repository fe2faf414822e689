"""How many tokens a body may have, when nobody who knows can be asked. Stated as an estimate wherever it is shown.

Latin text has about four characters a token; Chinese, Japanese and Korean about one and a half. An image is taken as
1,600 tokens (Anthropic's documented most for an image that is not scaled down, 2026-11).
"""

from __future__ import annotations

from typing import Any

PER_TOKEN = 4.0
PER_WIDE_TOKEN = 1.5
IMAGE = 1600
PER_MESSAGE = 4


def estimate_tokens(document: Any) -> int:
    """The tokens of all texts in a parsed request body; base64 data of images and files is not read as text."""
    return max(1, round(_count(document)))


def _count(value: Any) -> float:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return sum(_count(each) for each in value)
    if not isinstance(value, dict):
        return 0.0
    if value.get("type") in ("image", "image_url", "input_image", "document", "file", "input_file"):
        return IMAGE
    if any(name in value for name in ("inlineData", "inline_data", "fileData", "file_data")):  # Gemini's
        return IMAGE
    return sum(_count(each) for each in value.values()) + (PER_MESSAGE if "role" in value else 0)


def _text(text: str) -> float:
    narrow = len(text.encode("ascii", "ignore"))
    return narrow / PER_TOKEN + (len(text) - narrow) / PER_WIDE_TOKEN
