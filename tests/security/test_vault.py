from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from omniroute.errors import VaultError
from omniroute.security.vault import Vault, key_id


def new() -> str:
    return Fernet.generate_key().decode()


def test_sealed_and_opened() -> None:
    key = new()
    vault = Vault([key])
    sealed = vault.seal("sk-тайна-秘密")
    assert sealed.startswith(f"{key_id(key)}:") and "sk-" not in sealed
    assert sealed != vault.seal("sk-тайна-秘密")
    assert vault.open(sealed) == "sk-тайна-秘密"


def test_the_first_seals_and_all_open() -> None:
    old, fresh = new(), new()
    sealed = Vault([old]).seal("x")
    both = Vault([fresh, old])
    assert both.open(sealed) == "x"
    rotated = both.rotate(sealed)
    assert rotated.startswith(key_id(fresh)) and Vault([fresh]).open(rotated) == "x"
    assert both.rotate(rotated) == rotated


def test_a_key_that_is_not_at_hand_is_named() -> None:
    old, fresh = new(), new()
    sealed = Vault([old]).seal("x")
    for verb in (lambda: Vault([fresh]).open(sealed), lambda: Vault([fresh]).check([sealed])):
        with pytest.raises(VaultError) as caught:
            verb()
        told = str(caught.value)
        assert key_id(old) in told and key_id(fresh) in told and "STORAGE_ENCRYPTION_KEY" in told
        assert old not in told and fresh not in told and "\n" not in told
    Vault([fresh, old]).check([sealed])


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-4] + "AAAA", lambda text: text[:20], lambda text: f"{text.partition(':')[0]}:"]
)
def test_a_damaged_text(damage: object) -> None:
    vault = Vault([new()])
    with pytest.raises(VaultError, match="damaged"):
        vault.open(damage(vault.seal("x")))  # type: ignore[operator]


def test_no_key_at_all() -> None:
    with pytest.raises(VaultError, match="STORAGE_ENCRYPTION_KEY is empty"):
        Vault([])
