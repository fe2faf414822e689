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
GEMINI_MEDIA = ("inlineData", "inline_data", "fileData", "file_data")


def estimate_tokens(document: Any) -> int:
    """The tokens of all texts in a parsed request body; base64 data of images and files is not read as text."""
    return max(1, round(_count(document)))


def _count(value: Any) -> float:
    """Without recursion: a body may be nested deeper than Python's stack."""
    total, left = 0.0, [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            total += _text(each)
        elif isinstance(each, list):
            left.extend(each)
        elif isinstance(each, dict):
            if _is_media(each):
                total += IMAGE
            else:
                left.extend(each.values())
                total += PER_MESSAGE if "role" in each else 0
    return total


def _is_media(part: dict[str, Any]) -> bool:
    kinds = ("image", "image_url", "input_image", "document", "file", "input_file")
    return part.get("type") in kinds or any(name in part for name in GEMINI_MEDIA)


def _text(text: str) -> float:
    narrow = len(text.encode("ascii", "ignore"))
    return narrow / PER_TOKEN + (len(text) - narrow) / PER_WIDE_TOKEN
