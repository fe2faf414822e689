"""Out of one gateway and into another: the same configuration, under other storage keys and on another database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from omniroute.backup.kinds import KINDS
from omniroute.models.tables import METADATA
from omniroute.providers.catalog import Field
from omniroute.security.client_keys import digest
from tests.backup.conftest import CANARIES, PASSPHRASE, Place, furnish
from tests.parts import ADMIN

# Tables that are no configuration, and why.
LEFT_OUT = {
    "admins": "the password does not travel",
    "sessions": "",
    "login_attempts": "",
    "log_rows": "logs and what they add up to",
    "log_bodies": "",
    "usage_hours": "",
    "usage_days": "",
    "responses": "what clients said",
    "audit_rows": "who did what here",
    "config_version": "each gateway's own count",
    "health_conditions": "health, and what else workers share for a moment",
    "turns": "",
    "holds": "",
    "counters": "",
    "tickets": "",
    "worker_reports": "",
}


def test_every_table_is_a_kind_or_left_out_for_a_reason() -> None:
    kinds = {kind.row.__table__.name for kind in KINDS}  # type: ignore[attr-defined]
    assert {table.name for table in METADATA.sorted_tables} == kinds | LEFT_OUT.keys()


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_gateway_moves(make_place: Callable[..., Place], request: pytest.FixtureRequest, database: str) -> None:
    here = make_place()
    key = furnish(here)
    there = make_place(request.getfixturevalue("emptied_postgres_url") if database == "postgres" else None)
    document = here.exported(PASSPHRASE)
    plan = there.restored(document, PASSPHRASE)
    assert {verb for verb, _, _ in there.changes(plan)} == {"added"} and plan.lacking == ()
    assert there.exported(PASSPHRASE)["configuration"] == document["configuration"]
    assert there.keys_by_connection() == here.keys_by_connection() != {}
    assert there.store.current().keys[digest(key)].name == "CI"
    headers = [provider.custom_headers for provider in there.store.current().providers.values() if provider.name == "Local"]
    assert headers == [(("X-Relay-Token", CANARIES[2]), ("X-Team", "blue"), ("User-Agent", None))]

    # And back, where it all is already: nothing is different, not even a secret that was sealed anew elsewhere.
    before = here.dump()
    again = here.backup.preview(here.backup.read(orjson.dumps(there.exported(PASSPHRASE)), PASSPHRASE), "replace", ADMIN)
    assert again.plan.changes == () and sum(again.plan.same.values()) > 20
    assert here.dump() == before


def test_what_comes_counts_at_once_and_is_known_to_every_worker(here: Place, there: Place) -> None:
    worker = there.another()
    assert worker.store.current().combos == {}
    there.restored(here.exported(PASSPHRASE), PASSPHRASE)
    assert list(worker.store.current().combos) == ["outer", "inner"]
    limits = {key.name: key.limits for key in worker.store.current().keys.values()}
    assert limits["CI"] is not None and [budget.limit for budget in limits["CI"].budgets] == [1000, 12_000_001]
    worker.database.close()


def test_no_file_has_a_secret_in_the_open(here: Place) -> None:
    own = here.settings.secret_key, *here.settings.storage_encryption_keys
    for passphrase in ("", PASSPHRASE):
        raw = here.backup.export(ADMIN, passphrase).raw.decode()
        assert "Local one" in raw and not [text for text in (*CANARIES, *own, PASSPHRASE) if text in raw]
    assert not [text for text in CANARIES if text in here.dump()]


def test_the_one_who_restores_leaves_no_secret_in_the_open_either(here: Place, there: Place) -> None:
    upload = there.backup.read(orjson.dumps(here.exported(PASSPHRASE)), PASSPHRASE)
    preview = there.backup.preview(upload, "replace", ADMIN)
    there.backup.restore_shown(preview.carried, ADMIN)
    told = there.dump() + preview.carried + repr(upload) + repr(preview)
    assert not [text for text in (*CANARIES, PASSPHRASE) if text in told]


def test_secret_fields_of_a_provider_travel_sealed(make_place: Callable[..., Place]) -> None:
    def place() -> Place:
        made = make_place()
        native = made.catalog.providers["agentrouter"]
        asking = replace(
            native, fields=(Field("client_secret", "Client secret", secret=True, required=True), Field("region", "Region"))
        )
        return Place(made.database, made.settings, replace(made.catalog, providers={**made.catalog.providers, native.id: asking}))

    here, there = place(), place()
    fields = {"client_secret": "canary-field", "region": "eu"}
    here.connections.create({"provider": "agentrouter", "api_key": CANARIES[1], "fields": fields}, ADMIN)
    document = here.exported(PASSPHRASE)
    assert document["configuration"]["connections"][0]["fields"] == {"client_secret": {"secret": True}, "region": "eu"}
    there.restored(document, PASSPHRASE)
    (row,) = there.store.current().connections["agentrouter"]
    assert there.vault.open(row.fields["client_secret"]) == "canary-field" and row.fields["region"] == "eu"
    assert "canary-field" not in orjson.dumps(document).decode() + there.dump()
    empty = place()
    assert empty.restored(document).lacking[0].what == ("API key sk-...6789", "Client secret")


def test_the_password_and_what_was_logged_in_do_not_travel(here: Place, there: Place) -> None:
    here.accounts.reset_password("another long enough password", ADMIN)
    document = here.exported(PASSPHRASE)
    assert document["configuration"].keys() == {kind.name for kind in KINDS}
    there.restored(document, PASSPHRASE)
    assert not there.accounts.has_admin()


def test_the_audit_has_counts_and_names_and_no_secrets(here: Place, there: Place) -> None:
    there.restored(here.exported(PASSPHRASE), PASSPHRASE)
    (out,), (came,) = here.audited("settings.export"), there.audited("settings.import")
    assert out.after is not None and out.after["with_secrets"] is True and out.after["connections"] == 3
    assert came.after is not None and came.after["added"]["keys"] == 2 and came.after["mode"] == "replace"
    assert "Local" not in str(out.after) + str(came.after)
    each = there.audited("restore.added")
    assert {*there.actions()} == {"settings.import", "restore.added"}
    assert len(each) == sum(came.after["added"].values())
    digests = {key.digest for key in here.store.current().keys.values()}
    assert not [secret for secret in (*CANARIES, *digests) if secret in str(each)]


def test_a_key_that_has_expired_and_steps_whose_ends_are_gone_are_no_hindrance(here: Place, there: Place) -> None:
    here.clock.move(3600)
    local = next(node for node in here.nodes.list() if node.name == "Local")
    here.connections.delete(here.connections.list(local.id)[0].id, ADMIN)
    here.combos.create({"name": "fast", "steps": ["agentrouter/x"]}, ADMIN)  # from now on the alias of that name is hidden
    here.nodes.delete(local.id, ADMIN)
    document = here.exported(PASSPHRASE)
    there.clock.move(7200)
    there.restored(document, PASSPHRASE)
    assert there.exported(PASSPHRASE)["configuration"] == document["configuration"]
    inner = next(combo for combo in there.combos.list() if combo.name == "inner")
    assert inner.steps[0].trouble


def test_claude_code_nodes_come_while_their_flag_is_off(here: Place, make_place: Callable[..., Place]) -> None:
    there = make_place(enable_cc_compatible_provider=False)
    preview = there.backup.restore(there.backup.read(orjson.dumps(here.exported(PASSPHRASE)), PASSPHRASE), "replace", ADMIN)
    assert any("ENABLE_CC_COMPATIBLE_PROVIDER" in note for note in preview.notes)
    assert {node.name: node.usable for node in there.nodes.list()} == {"Local": True, "Team": False}


def test_what_a_provider_that_is_not_known_here_has_is_kept(here: Place, there: Place) -> None:
    without = {name: provider for name, provider in there.catalog.providers.items() if name != "agentrouter"}
    older = Place(there.database, there.settings, replace(there.catalog, providers=without))
    document = here.exported(PASSPHRASE)
    preview = older.backup.restore(older.backup.read(orjson.dumps(document), PASSPHRASE), "replace", ADMIN)
    assert any("does not know agentrouter" in note for note in preview.notes)
    assert older.exported()["configuration"] == document["configuration"]
    assert older.keys_by_connection() == here.keys_by_connection()


def test_the_order_of_what_was_made_in_one_moment_stays(here: Place, there: Place) -> None:
    rows: list[Any] = [here.keys.create({"name": f"key {number}"}, ADMIN)[0].id for number in range(5)]
    there.restored(here.exported())
    assert [key.id for key in there.keys.list() if key.id in rows] == [key.id for key in here.keys.list() if key.id in rows]
