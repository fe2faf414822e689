"""Secrets: sealed in the file, opened by its passphrase alone, and never sent to another address than they were kept for."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from omniroute.backup.sealing import COSTS, NONCE, SALT, _key
from omniroute.errors import Invalid, OperationError, Throttled, VaultError, WrongPassword
from tests.backup.conftest import CANARIES, PASSPHRASE, PASSWORD, Place
from tests.parts import ADMIN


def looked(place: Place, document: dict[str, Any], passphrase: str = "") -> Any:
    return place.backup.preview(place.backup.read(orjson.dumps(document), passphrase), "replace", ADMIN)


def test_a_wrong_passphrase_opens_nothing_and_a_blank_one_restores_the_rest(here: Place, there: Place) -> None:
    document = here.exported(PASSPHRASE)
    with pytest.raises(Invalid) as caught:
        there.restored(document, "another four random words")
    assert "Leave it blank" in caught.value.fields["passphrase"]
    assert there.actions() == []

    preview = looked(there, document)
    assert any("stay closed" in note for note in preview.notes)
    there.restored(document)
    assert {(row.name, row.is_active, row.test_status) for row in there.connections.list()} == {
        ("Local one", False, "untested"),
        ("Native", False, "untested"),
        ("Azure", False, "untested"),
    }
    reasons = {row.name: row.status_reason for row in there.connections.list()}
    assert reasons["Native"] == "Paste its API key sk-...6789: the backup did not bring it. Then switch it on."
    assert set(there.keys_by_connection().values()) == {""}
    local = next(node for node in there.nodes.list() if node.name == "Local")
    assert dict(local.custom_headers) == {"X-Team": "blue", "User-Agent": None}

    # The same again finds nothing to do, and a pasted key sends the connection on its way.
    assert looked(there, document).plan.changes == ()
    native = next(row for row in there.connections.list() if row.name == "Native")
    pasted = there.connections.update(native.id, {"api_key": "sk-pasted-0123456789abcdef", "is_active": True}, ADMIN)
    assert (pasted.is_active, pasted.status_reason) == (True, None)


def test_who_seals_something_else_under_a_passphrase_is_told_so(here: Place, there: Place) -> None:
    document = here.exported(PASSPHRASE)
    salt, nonce = b"s" * SALT, b"n" * NONCE
    sealed = AESGCM(_key(PASSPHRASE, salt, COSTS)).encrypt(nonce, b"not json", None)
    texts = {name: base64.b64encode(value).decode() for name, value in (("salt", salt), ("nonce", nonce), ("sealed", sealed))}
    document["secrets"] |= texts
    with pytest.raises(Invalid, match="was not written by this program"):
        there.restored(document, PASSPHRASE)
    assert there.actions() == []


def test_a_header_that_is_lacking_keeps_its_providers_connections_off(here: Place, there: Place) -> None:
    local = next(node for node in here.nodes.list() if node.name == "Local")
    here.connections.create({"provider": local.id, "name": "Without a key"}, ADMIN)
    plan = there.restored(here.exported())
    assert ("nodes", "Local", ("header X-Relay-Token",)) in [(each.kind, each.name, each.what) for each in plan.lacking]
    row = next(row for row in there.connections.list() if row.name == "Without a key")
    assert not row.is_active and "X-Relay-Token" in (row.status_reason or "")


BROKEN: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another derivation": lambda s: s.update(derivation="md5"),
    "another cipher": lambda s: s.update(cipher="none"),
    "too much memory": lambda s: s.update(memoryKiB=10**9),
    "too little memory": lambda s: s.update(memoryKiB=8),
    "too many passes": lambda s: s.update(passes=1000),
    "no lanes": lambda s: s.update(lanes=0),
    "lanes that are true": lambda s: s.update(lanes=True),
    "no salt": lambda s: s.pop("salt"),
    "a short salt": lambda s: s.update(salt=base64.b64encode(b"short").decode()),
    "a nonce that is no base64": lambda s: s.update(nonce="***"),
    "a nonce that is a number": lambda s: s.update(nonce=5),
    "something more": lambda s: s.update(hint="the dog's name"),
}


@pytest.fixture(scope="module")
def sealed_once() -> dict[str, Any]:
    from omniroute.backup import sealing

    return sealing.seal(sealing.Secrets({}, {}, "digest"), PASSPHRASE)


@pytest.mark.parametrize("name", BROKEN)
def test_sealed_secrets_that_we_did_not_make(
    there: Place, document: dict[str, Any], sealed_once: dict[str, Any], name: str
) -> None:
    document["secrets"] = dict(sealed_once)
    BROKEN[name](document["secrets"])
    with pytest.raises(Invalid, match="leave the passphrase blank"):
        there.restored(document, PASSPHRASE)
    assert there.actions() == []


def test_a_changed_byte_is_noticed(there: Place, document: dict[str, Any], sealed_once: dict[str, Any]) -> None:
    raw = bytearray(base64.b64decode(sealed_once["sealed"]))
    raw[3] ^= 1
    document["secrets"] = {**sealed_once, "sealed": base64.b64encode(raw).decode()}
    with pytest.raises(Invalid, match="does not open"):
        there.restored(document, PASSPHRASE)


def test_what_is_sealed_but_no_secret_of_ours_is_refused(there: Place, document: dict[str, Any]) -> None:
    from omniroute.backup import sealing

    kept = sealing.Secrets({"x": sealing.Kept([], {"apiKey": 5})}, {})  # type: ignore[dict-item]
    document["secrets"] = sealing.seal(kept, PASSPHRASE)
    with pytest.raises(Invalid, match="not what a backup seals"):
        there.restored(document, PASSPHRASE)


def moved(document: dict[str, Any]) -> None:
    """The same file after somebody has turned its addresses to a house of his own."""
    for node in document["configuration"]["nodes"]:
        node["baseUrl"] = "https://evil.example.com/v1"
    for connection in document["configuration"]["connections"]:
        if connection["fields"]:
            connection["fields"]["resource"] = "evil"


def test_a_changed_file_sends_no_key_elsewhere(here: Place, there: Place) -> None:
    document = here.exported(PASSPHRASE)
    moved(document)
    preview = looked(there, document, PASSPHRASE)
    assert any("was changed after it was made" in note for note in preview.notes)
    there.restored(document, PASSPHRASE)
    assert there.keys_by_connection() == {"Local one": "", "Native": CANARIES[1], "Azure": ""}
    assert {row.name for row in there.connections.list() if row.is_active} == {"Native"}
    assert CANARIES[2] not in str(there.store.current().providers)


def test_a_key_that_is_stored_here_stays_where_it_was_for(here: Place) -> None:
    document, keys = here.exported(), here.keys_by_connection()
    here.connections.update(next(row.id for row in here.connections.list() if row.name == "Native"), {"name": "Renamed"}, ADMIN)
    plan = here.restored(document)
    assert here.changes(plan) == [("changed", "connections", "AgentRouter: Native")] and plan.lacking == ()
    assert here.keys_by_connection() == keys

    moved(document)
    plan = here.restored(document)
    assert {each.name for each in plan.lacking if each.kind == "connections"} == {"Local: Local one", "Azure OpenAI: Azure"}
    assert here.keys_by_connection() == {"Local one": "", "Native": CANARIES[1], "Azure": ""}
    assert CANARIES[2] not in str(here.store.current().providers)


def test_another_storage_key_of_the_same_gateway_changes_nothing(here: Place) -> None:
    document = here.exported(PASSPHRASE)
    both = (Fernet.generate_key().decode(), *here.settings.storage_encryption_keys)
    renewed = Place(
        here.database, here.settings.__class__(**{**fields_of(here.settings), "storage_encryption_keys": both}), here.catalog
    )
    assert looked(renewed, document, PASSPHRASE).plan.changes == ()


def test_secrets_whose_storage_key_is_lost_come_back(here: Place) -> None:
    document, keys = here.exported(PASSPHRASE), here.keys_by_connection()
    lost = {**fields_of(here.settings), "storage_encryption_keys": (Fernet.generate_key().decode(),)}
    anew = Place(here.database, here.settings.__class__(**lost), here.catalog)
    with pytest.raises(VaultError):
        anew.backup.export(ADMIN, PASSPHRASE)
    anew.restored(document, PASSPHRASE)
    assert anew.keys_by_connection() == keys
    assert anew.exported(PASSPHRASE)["configuration"] == document["configuration"]


def fields_of(settings: Any) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


def test_secrets_are_given_to_who_knows_the_password(here: Place, there: Place) -> None:
    here.accounts.reset_password(PASSWORD, ADMIN)
    with pytest.raises(WrongPassword):
        here.backup.export_with_secrets(ADMIN, "not the password")
    (refusal,) = here.audited("settings.export_refused")
    assert (refusal.actor_name, refusal.after) == ("admin", None)
    file = here.backup.export_with_secrets(ADMIN, PASSWORD)
    assert re.fullmatch(r"omniroute-backup-2027-01-15\.json", file.name)
    there.restored(orjson.loads(file.raw), PASSWORD)
    assert there.keys_by_connection() == here.keys_by_connection()
    assert not [text for text in (PASSWORD, "not the password") if text in here.dump() + there.dump()]


def test_an_own_passphrase_opens_and_the_password_does_not(here: Place, there: Place) -> None:
    here.accounts.reset_password(PASSWORD, ADMIN)
    with pytest.raises(Invalid, match="passphrase needs at least 10"):
        here.backup.export_with_secrets(ADMIN, PASSWORD, "short")
    document = orjson.loads(here.backup.export_with_secrets(ADMIN, PASSWORD, PASSPHRASE).raw)
    with pytest.raises(Invalid, match="does not open"):
        there.restored(document, PASSWORD)
    there.restored(document, PASSPHRASE)


def test_guessing_the_password_here_is_slowed_down_as_at_the_login(here: Place) -> None:
    here.accounts.reset_password(PASSWORD, ADMIN)
    refusals: list[type[OperationError]] = []
    for _ in range(7):
        with pytest.raises(OperationError) as caught:
            here.backup.export_with_secrets(ADMIN, "not the password")
        refusals.append(type(caught.value))
    assert refusals[0] is WrongPassword and refusals[-1] is Throttled
    with pytest.raises(Throttled):
        here.accounts.login(PASSWORD, "127.0.0.1")


def test_without_an_admin_nobody_gets_secrets(here: Place) -> None:
    with pytest.raises(WrongPassword):
        here.backup.export_with_secrets(ADMIN, "")
