"""Secrets at rest: upstream API keys, sealed with Fernet (AES-128-CBC and HMAC-SHA256) under keys from the environment.

A sealed text is `<key id>:<token>`. The id is the beginning of the key's SHA-256, so a start with the wrong key can say
which one is missing; it tells nothing about a key of 256 random bits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from cryptography.fernet import Fernet, InvalidToken

from omniroute.errors import VaultError


class Vault:
    """`keys` are Fernet keys: the first one seals, all of them open. Raises VaultError when there is none."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = {key_id(key): Fernet(key) for key in keys}
        if not self._keys:
            raise VaultError("STORAGE_ENCRYPTION_KEY is empty: stored API keys can be neither sealed nor opened")
        self._first = next(iter(self._keys))

    def seal(self, text: str) -> str:
        return f"{self._first}:{self._keys[self._first].encrypt(text.encode()).decode()}"

    def open(self, sealed: str) -> str:
        """The text that was sealed. Raises VaultError when its key is not at hand or the stored text was altered."""
        named, _, token = sealed.partition(":")
        key = self._keys.get(named)
        if key is None:
            raise VaultError(self._missing(named))
        try:
            return key.decrypt(token).decode()
        except InvalidToken as exc:
            raise VaultError(f"a stored API key is damaged: it does not open with storage key {named} that sealed it") from exc

    def rotate(self, sealed: str) -> str:
        """The same text, sealed with the first key; unchanged if it is already. Raises VaultError."""
        if sealed.startswith(f"{self._first}:"):
            return sealed
        return self.seal(self.open(sealed))

    def check(self, sealed: Iterable[str]) -> None:
        """Whether the keys at hand are those that sealed these texts. Opens nothing. Raises VaultError if not."""
        for text in sealed:
            if text.partition(":")[0] not in self._keys:
                raise VaultError(self._missing(text.partition(":")[0]))

    def _missing(self, named: str) -> str:
        return (
            f"STORAGE_ENCRYPTION_KEY: the stored API keys are sealed with storage key {named}, and only "
            f"{', '.join(self._keys)} is at hand: put the old key back (after a comma, behind the new one), or restore "
            "DATA_DIR/server.env"
        )


def key_id(key: str) -> str:
    """Eight hex digits that name a storage key without telling it."""
    return hashlib.sha256(key.encode()).hexdigest()[:8]
