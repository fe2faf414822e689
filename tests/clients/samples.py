"""What the tests of several clients send."""

from __future__ import annotations

import base64
import struct
import zlib


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png() -> bytes:
    """A real picture of 8 x 8 grey pixels: some clients look into what they send."""
    rows = b"".join(b"\0" + bytes(16 * column for column in range(8)) for _ in range(8))
    head = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


PNG_BYTES = _png()
PNG = base64.b64encode(PNG_BYTES).decode()
