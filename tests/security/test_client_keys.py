from __future__ import annotations

import hashlib

from omniroute.clock import Clock
from omniroute.security import client_keys


def test_keys_are_long_random_and_marked() -> None:
    keys = {client_keys.make(Clock()) for _ in range(50)}
    assert len(keys) == 50
    assert all(key.startswith("sk-or-") and len(key) == 49 for key in keys)


def test_digest() -> None:
    assert client_keys.digest("sk-or-x") == hashlib.sha256(b"sk-or-x").hexdigest()
    assert len({client_keys.digest(odd) for odd in ("", "ü", "\ud800", "\udc80", "\0")}) == 5


def test_shown() -> None:
    assert client_keys.shown("sk-or-AbCdefghijklmnopqrstuvwxyz") == ("sk-or-AbCd", "wxyz")
