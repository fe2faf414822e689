from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest

from omniroute.errors import Invalid, Missing, NotAllowed
from omniroute.limits.limit import KeyLimits
from omniroute.routing.resolve import may_ask
from omniroute.security.audit import Actor
from tests.parts import ADMIN, START, Parts


def test_a_new_key_is_shown_once(parts: Parts) -> None:
    view, key = parts.keys.create({"name": "Laptop"}, ADMIN)
    assert re.fullmatch(r"sk-or-[A-Za-z0-9_-]{43}", key)
    assert view.hint == f"{key[:10]}...{key[-4:]}" and view.prefix == key[:10] and view.last4 == key[-4:]
    assert (view.scopes, view.expires_at, view.expired, view.is_active) == (("relay",), None, False, True)
    assert (view.allowed_models, view.allowed_endpoints, view.no_log, view.last_used_at) == ((), (), False, None)
    assert parts.keys.get(view.id) == view and parts.keys.list() == (view,)
    assert key not in parts.dump() and key not in repr(view)
    known = parts.store.current().keys[hashlib.sha256(key.encode()).hexdigest()]
    assert (known.id, known.name, known.scopes) == (view.id, "Laptop", frozenset({"relay"}))


def test_everything_that_can_be_given(parts: Parts) -> None:
    given = {
        "name": "All",
        "scopes": ["manage", "relay"],
        "expires_at": START + 60,
        "allowed_models": ["agentrouter/*", "gpt-*", "agentrouter/*"],
        "allowed_endpoints": ["/v1/messages"],
        "requests_per_minute": 60,
        "tokens_per_minute": 1_000_000_000,
        "max_concurrent": 4,
        "no_log": True,
        "is_active": False,
    }
    view, _ = parts.keys.create(given, ADMIN)
    assert (view.requests_per_minute, view.tokens_per_minute, view.max_concurrent) == (60, 1_000_000_000, 4)
    assert view.scopes == ("relay", "manage") and view.allowed_models == ("agentrouter/*", "gpt-*")
    assert view.allowed_endpoints == ("/v1/messages",) and view.no_log and not view.is_active
    assert view.expires_at == START + 60 and not view.expired
    parts.clock.move(60)
    assert parts.keys.get(view.id).expired
    assert parts.keys.update(view.id, {"name": "Still", "expires_at": START + 60}, ADMIN).name == "Still"


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2028-01-31T12:00:00Z", 1832932800.0),
        ("2028-01-31T13:00:00+01:00", 1832932800.0),
        ("2028-01-31T12:00", 1832932800.0),
        ("2028-01-31", 1832889600.0),
        (1832932800, 1832932800.0),
        ("", None),
        (None, None),
    ],
)
def test_expiry_in_several_forms(parts: Parts, value: Any, at: float | None) -> None:
    assert parts.keys.create({"name": "K", "expires_at": value}, ADMIN)[0].expires_at == at


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": None}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"scopes": "relay"}, "scopes"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": START}, "expires_at"),
        ({"expires_at": True}, "expires_at"),
        ({"expires_at": 1e15}, "expires_at"),
        ({"allowed_models": "gpt-*"}, "allowed_models"),
        ({"allowed_models": ["a\nb"]}, "allowed_models"),
        ({"allowed_models": ["x"] * 0 + [f"m{n}" for n in range(201)]}, "allowed_models"),
        ({"allowed_endpoints": ["v1/messages"]}, "allowed_endpoints"),
        ({"no_log": 1}, "no_log"),
        ({"log_bodies": None}, "log_bodies"),
        ({"no_log": True, "log_bodies": True}, "log_bodies"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"requests_per_minute": 1_000_001}, "requests_per_minute"),
        ({"tokens_per_minute": 1.5}, "tokens_per_minute"),
        ({"tokens_per_minute": "many"}, "tokens_per_minute"),
        ({"max_concurrent": True}, "max_concurrent"),
        ({"max_concurrent": -1}, "max_concurrent"),
        ({"limit": 3}, "limit"),
    ],
)
def test_what_is_wrong_is_told_by_field(parts: Parts, given: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parts.keys.create({"name": "K"} | given, ADMIN)
    assert set(caught.value.fields) == {field}
    view, _ = parts.keys.create({"name": "K"}, ADMIN)
    with pytest.raises(Invalid):
        parts.keys.update(view.id, given, ADMIN)
    assert parts.keys.get(view.id) == view


def test_update_changes_what_is_given(parts: Parts) -> None:
    view, key = parts.keys.create({"name": "K", "allowed_models": ["a"], "expires_at": START + 60}, ADMIN)
    digest = hashlib.sha256(key.encode()).hexdigest()
    parts.clock.move(1)
    changed = parts.keys.update(view.id, {"is_active": False, "expires_at": None}, ADMIN)
    assert (changed.is_active, changed.expires_at, changed.allowed_models) == (False, None, ("a",))
    assert changed.updated_at == START + 1
    assert parts.store.current().keys[digest].is_active is False


def test_limits_reach_the_configuration_and_are_lifted_by_null(parts: Parts) -> None:
    view, key = parts.keys.create({"name": "K", "max_concurrent": 2, "log_bodies": True}, ADMIN)
    digest = hashlib.sha256(key.encode()).hexdigest()
    known = parts.store.current().keys[digest]
    assert (known.limits, known.log_bodies) == (KeyLimits(max_concurrent=2), True)
    assert parts.keys.update(view.id, {"name": "Other"}, ADMIN).max_concurrent == 2  # what is not given stays
    with pytest.raises(Invalid) as caught:
        parts.keys.update(view.id, {"no_log": True}, ADMIN)
    assert set(caught.value.fields) == {"log_bodies"}
    parts.clock.move(1)
    parts.keys.update(view.id, {"no_log": True, "log_bodies": False, "max_concurrent": None}, ADMIN)
    known = parts.store.current().keys[digest]
    assert (known.limits, known.no_log, known.log_bodies) == (None, True, False)
    change, _ = parts.audited("key.update")
    assert change.before == {"max_concurrent": 2, "no_log": False, "log_bodies": True}
    assert change.after == {"max_concurrent": None, "no_log": True, "log_bodies": False}


@pytest.mark.parametrize(
    ("allowed", "asked", "may"),
    [
        ("fast", "fast", True),  # a combo
        ("fast", "combo/fast", False),  # another name of the same: it has to be allowed, too
        ("combo/*", "combo/fast", True),
        ("my-alias", "my-alias", True),
        ("fast", "agentrouter/claude", False),  # a step of the combo, asked by itself
        ("auto*", "auto/cheap", True),
    ],
)
def test_names_of_combos_and_aliases_can_be_allowed(parts: Parts, allowed: str, asked: str, may: bool) -> None:
    _, key = parts.keys.create({"name": "K", "allowed_models": [allowed]}, ADMIN)
    assert may_ask(parts.store.current().keys[hashlib.sha256(key.encode()).hexdigest()], asked) is may


def test_rotate_keeps_all_but_the_key(parts: Parts) -> None:
    view, old = parts.keys.create({"name": "K", "allowed_models": ["a"]}, ADMIN)
    rotated, new = parts.keys.rotate(view.id, ADMIN)
    assert new != old and rotated.id == view.id and rotated.allowed_models == ("a",)
    digests = set(parts.store.current().keys)
    assert digests == {hashlib.sha256(new.encode()).hexdigest()}


def test_delete(parts: Parts) -> None:
    view, _ = parts.keys.create({"name": "K"}, ADMIN)
    parts.keys.delete(view.id, ADMIN)
    assert parts.keys.list() == () and parts.store.current().keys == {}
    for verb in (
        lambda: parts.keys.get(view.id),
        lambda: parts.keys.delete(view.id, ADMIN),
        lambda: parts.keys.rotate(view.id, ADMIN),
        lambda: parts.keys.update(view.id, {}, ADMIN),
    ):
        with pytest.raises(Missing):
            verb()


def test_nobody_hands_on_more_than_he_has(parts: Parts) -> None:
    manager = Actor("key", "manager", scopes=frozenset({"manage"}))
    relay, _ = parts.keys.create({"name": "relay"}, ADMIN)
    own, _ = parts.keys.create({"name": "manage", "scopes": ["manage"]}, manager)
    for verb in (
        lambda: parts.keys.create({"name": "more", "scopes": ["relay"]}, manager),
        lambda: parts.keys.update(own.id, {"scopes": ["relay", "manage"]}, manager),
        lambda: parts.keys.update(relay.id, {"name": "mine now"}, manager),
        lambda: parts.keys.rotate(relay.id, manager),
        lambda: parts.keys.delete(relay.id, manager),
    ):
        with pytest.raises(NotAllowed) as caught:
            verb()
        assert caught.value.status == 403
    assert {view.name for view in parts.keys.list()} == {"relay", "manage"}


def test_record_use_never_goes_back(parts: Parts) -> None:
    view, _ = parts.keys.create({"name": "K"}, ADMIN)
    version = parts.store.current().version
    parts.keys.record_use({view.id: START + 5, "gone": START})
    parts.keys.record_use({view.id: START + 2})
    parts.keys.record_use({})
    assert parts.keys.get(view.id).last_used_at == START + 5
    assert parts.store.refresh().version == version


def test_each_change_is_audited_without_the_key(parts: Parts) -> None:
    view, first = parts.keys.create({"name": "K"}, ADMIN)
    parts.clock.move(1)
    parts.keys.update(view.id, {"name": "L"}, ADMIN)
    parts.clock.move(1)
    _, second = parts.keys.rotate(view.id, ADMIN)
    parts.clock.move(1)
    parts.keys.delete(view.id, ADMIN)
    assert parts.actions() == ["key.create", "key.update", "key.rotate", "key.delete"]
    dump = parts.dump()
    assert first not in dump and second not in dump
