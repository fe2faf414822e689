from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from omniroute.errors import Conflict, Invalid, Missing, VaultError
from omniroute.routing.verdict import Diagnosis, Verdict
from omniroute.security.audit import SYSTEM
from tests.parts import ADMIN, START, Parts

KEY = "sk-test-0123456789abcdef"
NATIVE = {"provider": "agentrouter", "api_key": KEY}
LOCAL = {"name": "Local", "prefix": "local", "type": "openai-compatible", "base_url": "http://127.0.0.1:9000/v1"}


def verdict(valid: bool, kind: str, status: int | None = 200, warning: str | None = None) -> Verdict:
    return Verdict(
        valid, Diagnosis(kind, "upstream", "It said so.", "Do this."), "message", 12, status, warning=warning, models=("a",)
    )


def test_create(parts: Parts) -> None:
    made = parts.connections.create(NATIVE, ADMIN)
    assert (made.provider_id, made.provider_name, made.prefix) == ("agentrouter", "AgentRouter", "agentrouter")
    assert (made.name, made.key_hint, made.has_key) == ("AgentRouter", "sk-...cdef", True)
    assert (made.priority, made.max_concurrent, made.is_active) == (0, None, True)
    assert (made.test_status, made.status_reason, made.succeeded, made.last_test) == ("untested", None, False, None)
    assert made.created_at == made.updated_at == START
    assert parts.connections.get(made.id) == made
    assert parts.connections.list() == parts.connections.list("agentrouter") == (made,)
    assert parts.connections.list("openai") == ()


def test_the_key_is_sealed_and_comes_back_only_for_the_call(parts: Parts) -> None:
    made = parts.connections.create(NATIVE, ADMIN)
    stored = parts.store.current().connection(made.id)
    assert stored is not None and KEY not in stored.sealed
    assert parts.connections.credential(stored) == KEY
    assert KEY not in parts.dump() and KEY not in repr(made)
    stranger = parts.another(storage_encryption_keys=("A" * 43 + "=",))
    with pytest.raises(VaultError, match="STORAGE_ENCRYPTION_KEY"):
        stranger.connections.credential(stored)
    stranger.database.close()


def test_names_are_made_up_when_none_is_given(parts: Parts) -> None:
    made = [parts.connections.create(NATIVE | {"api_key": f"{KEY}{n}"}, ADMIN) for n in range(3)]
    assert [one.name for one in made] == ["AgentRouter", "AgentRouter 2", "AgentRouter 3"]
    parts.connections.delete(made[1].id, ADMIN)
    assert parts.connections.create(NATIVE, ADMIN).name == "AgentRouter 2"
    assert parts.connections.create(NATIVE | {"api_key": "sk-x", "name": " Mine "}, ADMIN).name == "Mine"


def test_order_is_by_priority_then_age(parts: Parts) -> None:
    for number, priority in enumerate((5, 1, 5)):
        parts.clock.move(1)
        parts.connections.create(NATIVE | {"api_key": f"k{number}", "name": f"n{number}", "priority": priority}, ADMIN)
    assert [one.name for one in parts.connections.list()] == ["n1", "n0", "n2"]
    assert [one.name for one in parts.store.current().connections["agentrouter"]] == ["n1", "n0", "n2"]


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"api_key": ""}, "api_key", "is needed"),
        ({"api_key": None}, "api_key", "is needed"),
        ({"api_key": 7}, "api_key", "must be text"),
        ({"api_key": f"Bearer {KEY}"}, "api_key", "without the word Bearer"),
        ({"api_key": f"{KEY} {KEY}"}, "api_key", "one word"),
        ({"api_key": "sk-\nx"}, "api_key", "one word"),
        ({"api_key": "sk-kлюч"}, "api_key", "one word"),
        ({"api_key": "x" * 8193}, "api_key", "at most 8192"),
        ({"name": "x" * 101}, "name", "at most 100"),
        ({"priority": -1}, "priority", "whole number from 0"),
        ({"priority": "1"}, "priority", "whole number"),
        ({"priority": True}, "priority", "whole number"),
        ({"max_concurrent": 0}, "max_concurrent", "whole number from 1"),
        ({"is_active": "yes"}, "is_active", "true or false"),
        ({"fields": {"region": "eu"}}, "fields.region", "not a field of this provider"),
        ({"fields": ["region"]}, "fields", "texts by name"),
        ({"key": "x"}, "key", "is not a field here"),
    ],
)
def test_what_is_wrong_is_told_by_field(parts: Parts, given: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        parts.connections.create(NATIVE | given, ADMIN)
    assert words in caught.value.fields[field]
    assert KEY not in caught.value.message
    assert parts.connections.list() == ()


def test_a_key_is_asked_for_only_where_it_is_needed(parts: Parts) -> None:
    node = parts.nodes.create(LOCAL, ADMIN)
    made = parts.connections.create({"provider": node.id}, ADMIN)
    assert (made.has_key, made.key_hint, made.name, made.prefix) == (False, "", "Local", "local")
    stored = parts.store.current().connection(made.id)
    assert stored is not None and parts.connections.credential(stored) == ""
    assert parts.connections.create({"provider": node.id}, ADMIN).name == "Local 2"


def test_a_provider_by_id_or_alias_and_a_node_by_id_only(parts: Parts) -> None:
    node = parts.nodes.create(LOCAL, ADMIN)
    aliased = next(one for one in parts.catalog.all() if one.aliases and not one.fields)
    assert parts.connections.create({"provider": aliased.aliases[0].upper(), "api_key": KEY}, ADMIN).provider_id == aliased.id
    for name in ("nobody", node.prefix, ""):
        with pytest.raises((Missing, Invalid)) as caught:
            parts.connections.create({"provider": name, "api_key": KEY}, ADMIN)
        assert set(caught.value.fields) == {"provider"}


def test_the_same_key_twice_at_one_provider(parts: Parts) -> None:
    parts.connections.create(NATIVE | {"name": "First"}, ADMIN)
    other = parts.connections.create(NATIVE | {"api_key": "sk-other-0001"}, ADMIN)
    for verb in (
        lambda: parts.connections.create(NATIVE | {"api_key": f" {KEY} "}, ADMIN),
        lambda: parts.connections.update(other.id, {"api_key": KEY}, ADMIN),
    ):
        with pytest.raises(Conflict) as caught:
            verb()
        assert "'First'" in caught.value.fields["api_key"] and KEY not in caught.value.message
    parts.connections.create({"provider": "openai", "api_key": KEY}, ADMIN)


def test_update_keeps_what_is_left_blank(parts: Parts) -> None:
    made = parts.connections.create(NATIVE, ADMIN)
    parts.connections.record_test(made.id, verdict(True, "ok"))
    before = parts.store.current().connection(made.id)
    parts.clock.move(5)
    changed = parts.connections.update(
        made.id, {"api_key": "", "name": "Mine", "priority": 3, "max_concurrent": 2, "is_active": False}, ADMIN
    )
    after = parts.store.current().connection(made.id)
    assert before is not None and after is not None and before.sealed == after.sealed
    assert (changed.name, changed.priority, changed.max_concurrent, changed.is_active) == ("Mine", 3, 2, False)
    assert changed.test_status == "active" and changed.succeeded and changed.updated_at == START + 5
    assert parts.connections.update(made.id, {"is_active": False}, ADMIN).max_concurrent == 2  # what is not given stays
    assert parts.connections.update(made.id, {"max_concurrent": None, "name": ""}, ADMIN).max_concurrent is None
    assert parts.connections.get(made.id).name == "Mine"


def test_the_same_key_again_is_no_change(parts: Parts) -> None:
    made = parts.connections.create(NATIVE, ADMIN)
    parts.connections.mark(made.id, "active", None)
    assert parts.connections.update(made.id, {"api_key": KEY}, ADMIN).test_status == "active"


def test_a_new_key_starts_over(parts: Parts) -> None:
    made = parts.connections.create(NATIVE, ADMIN)
    parts.connections.record_test(made.id, verdict(True, "ok"))
    parts.connections.mark(made.id, "error", "refused")
    changed = parts.connections.update(made.id, {"api_key": "sk-test-the-second-one"}, ADMIN)
    assert (changed.test_status, changed.status_reason, changed.succeeded, changed.last_test) == ("untested", None, False, None)
    assert changed.key_hint == "sk-...-one"
    stored = parts.store.current().connection(made.id)
    assert stored is not None and parts.connections.credential(stored) == "sk-test-the-second-one"


def test_the_provider_stays(parts: Parts) -> None:
    made = parts.connections.create(NATIVE, ADMIN)
    with pytest.raises(Invalid) as caught:
        parts.connections.update(made.id, {"provider": "openai"}, ADMIN)
    assert "can't be changed" in caught.value.fields["provider"]
    assert parts.connections.update(made.id, {"provider": "agentrouter"}, ADMIN).provider_id == "agentrouter"


@pytest.mark.parametrize(
    ("given", "status", "reason", "succeeded"),
    [
        (verdict(True, "ok"), "active", None, True),
        (verdict(True, "upstream_rate_limited", 429, "limited"), "untested", None, False),
        (verdict(True, "content_blocked", 400, "blocked"), "active", None, False),
        (verdict(False, "upstream_auth_error", 401), "error", "It said so. Do this.", False),
        (verdict(False, "relay_client_rejected", 403), "error", "It said so. Do this.", False),
        (verdict(False, "account_banned", 403), "banned", "It said so. Do this.", False),
        (verdict(False, "upstream_unavailable", 503), "untested", None, False),
        (verdict(False, "network_error", None), "untested", None, False),
        (verdict(False, "upstream_not_json", 200), "untested", None, False),
    ],
)
def test_what_a_test_does(parts: Parts, given: Verdict, status: str, reason: str | None, succeeded: bool) -> None:
    made = parts.connections.create(NATIVE, ADMIN)
    parts.clock.move(5)
    told = parts.connections.record_test(made.id, given, ADMIN)
    assert (told.test_status, told.status_reason, told.succeeded) == (status, reason, succeeded)
    assert told.last_tested_at == START + 5
    assert told.last_test is not None and told.last_test["diagnosis"]["type"] == given.diagnosis.type
    assert "models" not in told.last_test
    assert parts.connections.get(made.id) == told
    now = parts.store.current().connection(made.id)
    assert now is not None and (now.test_status, now.succeeded) == (status, succeeded)


def test_trouble_heals_nothing_and_a_success_does(parts: Parts) -> None:
    made = parts.connections.create(NATIVE, ADMIN)
    parts.connections.record_test(made.id, verdict(False, "upstream_auth_error", 401))
    told = parts.connections.record_test(made.id, verdict(False, "network_error", None))
    assert (told.test_status, told.status_reason) == ("error", "It said so. Do this.")
    told = parts.connections.record_test(made.id, verdict(True, "ok"))
    assert (told.test_status, told.status_reason, told.succeeded) == ("active", None, True)
    assert parts.connections.record_test(made.id, verdict(False, "upstream_auth_error", 401)).succeeded


def test_the_test_of_an_old_key_says_nothing_about_the_new_one(parts: Parts) -> None:
    made = parts.connections.create(NATIVE, ADMIN)
    before = parts.store.current().connection(made.id)
    assert before is not None
    parts.connections.update(made.id, {"api_key": "sk-test-new"}, ADMIN)
    told = parts.connections.record_test(made.id, verdict(False, "upstream_auth_error", 401), tested=before.sealed)
    assert (told.test_status, told.last_test) == ("untested", None)
    with pytest.raises(Missing):
        parts.connections.record_test("gone", verdict(True, "ok"))


def test_success_in_traffic_is_noted_once(parts: Parts) -> None:
    made = parts.connections.create(NATIVE, ADMIN)
    parts.connections.record_success(made.id)
    told = parts.connections.get(made.id)
    assert (told.succeeded, told.test_status) == (True, "active")
    version = parts.store.current().version
    parts.connections.record_success(made.id)
    parts.connections.record_success("gone")
    assert parts.store.current().version == version
    parts.connections.mark(made.id, "banned", "suspended", SYSTEM)
    parts.connections.record_success(made.id)
    assert parts.connections.get(made.id).test_status == "banned"


def test_mark(parts: Parts) -> None:
    made = parts.connections.create(NATIVE, ADMIN)
    told = parts.connections.mark(made.id, "error", f"refused {KEY}")
    assert (told.test_status, told.status_at) == ("error", START)
    assert KEY not in str(told.status_reason)
    with pytest.raises(Invalid):
        parts.connections.mark(made.id, "broken", None)
    with pytest.raises(Missing):
        parts.connections.mark("gone", "active", None)


def test_many_at_once(parts: Parts) -> None:
    done = parts.connections.create_many("agentrouter", ["sk-a-1", "", "two words", "  sk-b-2  ", "sk-a-1"], ADMIN)
    assert [view.name for view in done.created] == ["AgentRouter", "AgentRouter 2"]
    assert [refusal.line for refusal in done.refused] == [3, 5]
    assert "two words" not in done.refused[0].message and "AgentRouter" in done.refused[1].message
    with pytest.raises(Missing):
        parts.connections.create_many("nobody", ["sk-a-1"], ADMIN)
    with pytest.raises(Invalid):
        parts.connections.create_many("agentrouter", ["x"] * 1001, ADMIN)


def test_many_at_once_where_a_node_owns_the_name(parts: Parts) -> None:
    parts.nodes.create(LOCAL | {"prefix": "agentrouter"}, ADMIN)
    with pytest.raises(Conflict, match="'Local'"):
        parts.connections.create_many("agentrouter", ["sk-a-1", "sk-a-2"], ADMIN)


def test_delete(parts: Parts) -> None:
    made = parts.connections.create(NATIVE, ADMIN)
    parts.connections.delete(made.id, ADMIN)
    assert parts.connections.list() == ()
    for verb in (
        lambda: parts.connections.get(made.id),
        lambda: parts.connections.delete(made.id, ADMIN),
        lambda: parts.connections.update(made.id, {}, ADMIN),
    ):
        with pytest.raises(Missing):
            verb()


def test_each_change_is_audited_without_the_key(parts: Parts) -> None:
    made = parts.connections.create(NATIVE, ADMIN)
    for verb in (
        lambda: parts.connections.update(made.id, {"api_key": "sk-test-new-key-00009999"}, ADMIN),
        lambda: parts.connections.mark(made.id, "error", "refused"),
        lambda: parts.connections.delete(made.id, ADMIN),
    ):
        parts.clock.move(1)
        verb()
    assert parts.actions() == ["connection.create", "connection.update", "connection.status", "connection.delete"]
    changed = parts.audited("connection.update")[0]
    assert (changed.before, changed.after) == ({"ends_in": "cdef"}, {"ends_in": "9999"})
    assert KEY not in parts.dump()


AZURE = {"provider": "azure-openai", "api_key": KEY, "fields": {"resource": "east"}}


def test_the_fields_of_the_address_decide_where_requests_go(parts: Parts) -> None:
    east = parts.connections.create(AZURE, ADMIN)
    assert east.base_url == "https://east.openai.azure.com/openai/v1"
    assert east.fields == {"resource": "east"}
    known = parts.store.current().connection(east.id)
    assert known is not None and known.base_url == east.base_url
    assert parts.connections.create(NATIVE, ADMIN).base_url == "https://agentrouter.org"
    plain = parts.store.current().connections["agentrouter"][0]
    assert plain.base_url == "" and plain.at(parts.catalog.providers["agentrouter"]) is parts.catalog.providers["agentrouter"]


def test_one_key_may_serve_two_addresses(parts: Parts) -> None:
    parts.connections.create(AZURE, ADMIN)
    west = parts.connections.create(AZURE | {"fields": {"resource": "west"}}, ADMIN)
    with pytest.raises(Conflict, match="has this key already"):
        parts.connections.create(AZURE, ADMIN)
    with pytest.raises(Conflict, match="has this key already"):
        parts.connections.update(west.id, {"fields": {"resource": "east"}}, ADMIN)


def test_another_address_has_to_be_tested_again(parts: Parts) -> None:
    made = parts.connections.create(AZURE, ADMIN)
    parts.connections.record_test(made.id, verdict(True, "ok"))
    assert parts.connections.update(made.id, {"name": "Mine"}, ADMIN).test_status == "active"
    moved = parts.connections.update(made.id, {"fields": {"resource": "west"}}, ADMIN)
    assert (moved.test_status, moved.succeeded, moved.last_test) == ("untested", False, None)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "is needed"),
        ({"resource": ""}, "is needed"),
        ({"resource": "evil.example/"}, "one part of a host name"),
        ({"resource": "a@b"}, "one part of a host name"),
        ({"resource": {"sealed": "x"}}, "texts by name"),
    ],
)
def test_an_address_that_can_not_be(parts: Parts, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid) as caught:
        parts.connections.create(AZURE | {"fields": fields}, ADMIN)
    assert words in caught.value.message
    assert parts.connections.list() == ()


def test_a_server_elsewhere(parts: Parts) -> None:
    here = parts.connections.create({"provider": "vllm"}, ADMIN)
    there = parts.connections.create({"provider": "vllm", "fields": {"base_url": "https://gpu.example/v1"}}, ADMIN)
    assert (here.base_url, there.base_url) == ("http://localhost:8000/v1", "https://gpu.example/v1")
    with pytest.raises(Invalid, match="can't be used: it must begin with https://"):
        parts.connections.create({"provider": "vllm", "fields": {"base_url": "gpu.example"}}, ADMIN)


def test_reorder(parts: Parts) -> None:
    made = []
    for number in range(4):
        parts.clock.move(1)
        made.append(parts.connections.create(NATIVE | {"api_key": f"k{number}", "name": f"n{number}"}, ADMIN).id)
    other = parts.connections.create({"provider": "openai", "api_key": KEY}, ADMIN)
    told = parts.connections.reorder("agentrouter", [made[2], made[0]], ADMIN)
    assert [(row.name, row.priority) for row in told] == [("n2", 0), ("n0", 1), ("n1", 2), ("n3", 3)]
    assert [row.name for row in parts.store.current().connections["agentrouter"]] == ["n2", "n0", "n1", "n3"]
    (entry,) = parts.audited("connection.reorder")
    assert entry.subject == "provider:agentrouter"
    assert [each["name"] for each in (entry.after or {})["order"]] == ["n2", "n0", "n1", "n3"]
    parts.connections.reorder("agentrouter", [made[2]], ADMIN)  # as it is: nothing to tell
    assert parts.audited("connection.reorder") == [entry]
    for wrong in ([made[0], made[0]], [other.id], ["gone"]):
        with pytest.raises(Invalid):
            parts.connections.reorder("agentrouter", wrong, ADMIN)
    with pytest.raises(Missing):
        parts.connections.reorder("groq", made, ADMIN)


def test_a_new_one_goes_last_where_there_is_an_order(parts: Parts) -> None:
    made = [parts.connections.create(NATIVE | {"api_key": f"k{n}"}, ADMIN) for n in range(3)]
    assert [row.priority for row in made] == [0, 0, 0]  # no order: they share the requests
    parts.connections.reorder("agentrouter", [made[1].id], ADMIN)
    assert parts.connections.create(NATIVE, ADMIN).priority == 3
    assert parts.connections.create(NATIVE | {"api_key": "k-first", "priority": 0}, ADMIN).priority == 0


def test_an_order_goes_back_to_the_priorities_that_were(parts: Parts) -> None:
    made = [parts.connections.create(NATIVE | {"api_key": f"k{n}", "name": f"n{n}"}, ADMIN).id for n in range(2)]
    parts.connections.reorder("agentrouter", made[::-1], ADMIN)
    told = parts.connections.reorder("agentrouter", made, ADMIN, [0, 0])
    assert {row.id: row.priority for row in told} == dict.fromkeys(made, 0)


def test_what_is_off_or_waits_for_its_flag_is_not_tested(parts: Parts) -> None:
    cc = parts.nodes.create(
        {"name": "CC", "prefix": "cc", "type": "anthropic-compatible", "compat_mode": "cc", "base_url": "http://127.0.0.1:9"},
        ADMIN,
    )
    made = [parts.connections.create({"provider": each, "api_key": "sk-a-1"}, ADMIN).id for each in (cc.id, "agentrouter")]
    off = parts.connections.create({"provider": "openai", "api_key": "sk-a-1", "is_active": False}, ADMIN)
    assert {row.id for row in parts.connections.testable()} == set(made)
    assert parts.connections.testable("openai") == () and parts.connections.get(off.id)
    without = Parts(parts.database, replace(parts.settings, enable_cc_compatible_provider=False), parts.catalog)
    assert [row.id for row in without.connections.testable()] == made[1:]
    assert without.connections.testable(cc.id) == ()
