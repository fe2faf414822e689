"""No secret that any operation is given, makes or reads is ever in the audit: canaries look like nothing special."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from omniroute.connections.storage_key import rotate_storage_key
from omniroute.errors import WrongPassword
from omniroute.security.audit import Actor
from omniroute.security.vault import Vault
from tests.dashboard.conftest import Desk, desk, open_desk
from tests.dashboard.test_audit_words import recorded

__all__ = ["desk", "open_desk"]

ME = Actor("admin", "admin", "127.0.0.1")
# Nothing of what redaction knows secrets by: they are to be left out, not found.
CANARIES = {
    name: f"{word}-quartz-{word}-lantern-{number}"
    for number, (name, word) in enumerate(
        {
            "password": "walrus",
            "new password": "yellow",
            "wrong password": "pepper",
            "reset password": "marble",
            "api key": "thimble",
            "second key": "gravel",
            "third key": "saddle",
            "bulk key": "turnip",
            "header": "violet",
            "second header": "copper",
            "passphrase": "mitten",
        }.items(),
        1001,
    )
}


def dump(desk: Desk) -> str:
    """All of the table, as text."""
    with desk.services.database.unit_of_work() as session:
        return "\n".join(map(str, session.execute(sa.text("SELECT * FROM audit_rows"))))


def accounts(desk: Desk) -> None:
    by, made = desk.services.accounts, CANARIES
    token = by.set_up(by.setup_token() or "", made["password"], "127.0.0.1")
    with contextlib.suppress(WrongPassword):
        by.login(made["wrong password"], "127.0.0.1")
    for _ in range(2):
        by.login(made["password"], "127.0.0.1", "browser")
    by.revoke(next(each.id for each in by.sessions(token) if not each.current), ME)
    by.revoke_all(ME, keep=token)
    by.change_password(made["password"], made["new password"], "127.0.0.1", keep=token)
    by.logout(token)
    by.reset_password(made["reset password"], ME)


def upstreams(desk: Desk) -> str:
    """Returns the id of a node that stays, with a connection."""
    services, made = desk.services, CANARIES
    given = {"prefix": "team", "type": "anthropic-compatible", "base_url": "http://127.0.0.1:9"}
    headers = {"X-Token": made["header"], "Authorization": made["header"], "X-Team": "blue"}
    node = services.nodes.create({"name": "Team", "custom_headers": headers, **given}, ME).id
    services.nodes.update(node, {"custom_headers": headers | {"X-Token": made["second header"]}, "name": "Other"}, ME)
    first = services.connections.create({"provider": node, "api_key": made["api key"], "name": "first"}, ME)
    services.connections.update(first.id, {"api_key": made["second key"]}, ME)
    services.connections.create_many(node, [made["bulk key"]], ME)
    services.connections.mark(first.id, "error", "It said no.", ME)
    services.connections.reorder(node, [row.id for row in services.connections.list(node)][::-1], ME)
    services.connections.delete(services.connections.create({"provider": node, "api_key": made["third key"]}, ME).id, ME)
    services.resilience.reset({}, ME)
    services.resilience.change_settings({"breaker_failures": 7}, ME)
    models = services.models
    models.add(node, ["a", "b"], "custom", ME)
    models.refresh(node, ["c"], ME)
    models.hide(node, "a", ME)
    models.show(node, "a", ME)
    models.hide_many(node, ["a", "b"], True, ME)
    models.hide_many(node, ["a", "b"], False, ME)
    models.delete(node, "a", ME)
    services.prices.put(node, "b", {"input": 1}, ME)
    services.prices.delete(node, "b", ME)
    services.nodes.delete(services.nodes.create({"name": "N", **given, "prefix": "n", "custom_headers": headers}, ME).id, ME)
    return node


def names(desk: Desk) -> list[str]:
    """Combos, aliases, keys, budgets, preferences. Returns the keys in full, which nobody may see again."""
    services = desk.services
    combos = [services.combos.create({"name": name, "steps": ["team/b"]}, ME).id for name in ("one", "two")]
    services.combos.update(combos[0], {"enabled": False}, ME)
    services.combos.reorder(combos[::-1], ME)
    services.combos.delete(combos[1], ME)
    services.aliases.put("x", "one", 0, ME)
    services.aliases.delete("x", ME)
    services.aliases.replace([{"pattern": "y", "model": "one"}], ME)
    key, plain = services.keys.create({"name": "CI"}, ME)
    _, rotated = services.keys.rotate(key.id, ME)
    services.keys.update(key.id, {"is_active": False}, ME)
    for limit in (1, 2):
        services.budgets.put({"api_key_id": key.id, "period": "day", "limit_usd": limit}, ME)
    services.budgets.delete(services.budgets.list()[0].id, ME)
    services.preferences.update({"theme": "dark", "require_api_key": "always"}, ME)
    gone, third = services.keys.create({"name": "gone"}, ME)
    services.keys.delete(gone.id, ME)
    return [plain, rotated, third]


def secrets_of_all(desk: Desk) -> None:
    services, made = desk.services, CANARIES
    with contextlib.suppress(WrongPassword):
        services.backup.export_with_secrets(ME, made["wrong password"])
    file = services.backup.export_with_secrets(ME, made["reset password"], made["passphrase"])
    services.nodes.delete(services.nodes.list()[0].id, ME)  # so that something comes, changes and goes
    services.preferences.update({"theme": "light"}, ME)
    services.aliases.put("z", "one", 0, ME)
    services.backup.restore(services.backup.read(file.raw, made["passphrase"]), "replace", ME)
    vault = Vault(services.settings.storage_encryption_keys)
    rotate_storage_key(services.configuration, vault, services.clock, ME)


def test_no_canary_is_in_the_audit(desk: Desk) -> None:
    accounts(desk)
    upstreams(desk)
    keys = names(desk)
    secrets_of_all(desk)
    told = dump(desk)
    for secret in (*CANARIES.values(), *keys, *desk.services.settings.storage_encryption_keys, desk.services.settings.secret_key):
        # A key's last four characters are told, so that an exchange of it is seen; nothing more of it is.
        for part in (secret, secret[:-4], secret[4:16]):
            assert part not in told, f"{part!r} is in the audit"
    with desk.services.database.unit_of_work() as session:
        actions = set(session.scalars(sa.text("SELECT action FROM audit_rows")))
    assert actions == recorded().keys(), "an operation that is audited is not tried here"


@pytest.mark.parametrize("name", ["password", "api key", "header", "passphrase"])
def test_a_canary_would_be_found(desk: Desk, name: str, open_desk: Callable[..., Desk]) -> None:
    """It is nothing that redaction knows by its looks."""
    desk.services.combos.create({"name": "x", "steps": [], "tags": [CANARIES[name]]}, ME)
    assert CANARIES[name] in dump(desk)
