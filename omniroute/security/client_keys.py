"""Keys that clients send: 256 random bits, known here only by their SHA-256.

A fast hash is right for a key that nobody can guess; it is looked up by its digest, so no comparison leaks time.
"""

from __future__ import annotations

import hashlib

from omniroute.clock import Clock

PREFIX = "sk-or-"


def make(clock: Clock) -> str:
    """A new key: "sk-or-" and 32 random bytes as URL-safe text."""
    return PREFIX + clock.token(32)


def digest(key: str) -> str:
    """SHA-256 in hex, of whatever was sent: anything may come in a header."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def shown(key: str) -> tuple[str, str]:
    """The two pieces kept for display: the first ten characters and the last four."""
    return key[: len(PREFIX) + 4], key[-4:]
