"""How deep JSON may be nested here, and how much may be in it: what is read must fit, and be writable again.

orjson reads 1,024 levels and writes 254 (orjson 3.11, measured 2026-11-27), and Python's own recursion ends near 1,000 frames.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

DEEPEST = 200
_WRITABLE = 254
MOST_VALUES = 600_000  # 111 MB as objects at most, from 6 MB of text (measured 2026-11-27)
UNCOUNTED = 2 * MOST_VALUES  # bytes in which there can't be more: a value has one character and a comma, or two brackets

# A whole JSON string. Possessive: as plain repeats the engine keeps a way back from each character, 114 bytes of memory for
# each byte of a string (Python 3.11, measured 2026-11-27).
STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_BETWEEN = re.compile(STRING + rb'|([^"]++|")', re.DOTALL)


def too_deep(document: Any) -> bool:
    """Whether a parsed document has more than `DEEPEST` levels. Takes about a tenth of the time that parsing took."""
    for _ in range(_WRITABLE - DEEPEST):
        document = [document]
    try:
        orjson.dumps(document)
    except orjson.JSONEncodeError:
        return True
    return False


def too_many(raw: bytes, most: int = MOST_VALUES) -> bool:
    """Whether JSON text holds more than `most` values. For before it is parsed: `[[],[],...` takes thirty times its length."""
    if len(raw) <= 2 * most or _values(raw) <= most:
        return False
    count = 0
    for token in _BETWEEN.finditer(raw):  # what stands in strings, such as a program's text, is no value
        if token.lastindex:
            count += _values(token.group())
            if count > most:
                return True
    return False


def _values(raw: bytes) -> int:
    """No fewer than there are: each is the first in something, or comes after a comma."""
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")
