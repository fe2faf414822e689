from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from omniroute.connections.storage_key import check_storage_key, rotate_storage_key
from omniroute.errors import VaultError
from omniroute.security.audit import CLI
from omniroute.security.vault import key_id
from tests.parts import ADMIN, Parts

RELAY = {
    "name": "Relay",
    "prefix": "relay",
    "type": "anthropic-compatible",
    "base_url": "https://relay.example.com",
    "custom_headers": {"x-auth-token": "hidden-token"},
}


def test_rotation(parts: Parts) -> None:
    node = parts.nodes.create(RELAY, ADMIN)
    for number in range(3):
        parts.connections.create({"provider": "agentrouter", "api_key": f"sk-test-{number}"}, ADMIN)
    parts.connections.create({"provider": node.id}, ADMIN)
    (old,), new = parts.settings.storage_encryption_keys, Fernet.generate_key().decode()
    both = parts.another(storage_encryption_keys=(new, old))
    assert rotate_storage_key(both.store, both.vault, both.clock, CLI) == 4
    assert rotate_storage_key(both.store, both.vault, both.clock, CLI) == 0
    after = parts.another(storage_encryption_keys=(new,))
    check_storage_key(after.database, after.vault)
    keys = sorted(after.connections.credential(one) for one in after.store.current().connections["agentrouter"])
    assert keys == ["sk-test-0", "sk-test-1", "sk-test-2"]
    assert after.nodes.node(node.id).custom_headers == (("x-auth-token", "hidden-token"),)
    with pytest.raises(VaultError, match=key_id(new)):
        check_storage_key(parts.database, parts.vault)
    assert key_id(old) not in "".join(one.sealed for one in after.store.current().connections["agentrouter"])
    both.database.close()
    after.database.close()


def test_rotation_is_all_or_nothing(parts: Parts) -> None:
    parts.connections.create({"provider": "agentrouter", "api_key": "sk-test-0001"}, ADMIN)
    stranger = parts.another(storage_encryption_keys=(Fernet.generate_key().decode(),))
    with pytest.raises(VaultError, match="put the old key back"):
        rotate_storage_key(stranger.store, stranger.vault, stranger.clock, CLI)
    check_storage_key(parts.database, parts.vault)
    stranger.database.close()
