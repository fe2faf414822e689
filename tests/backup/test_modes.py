"""Replace and merge: what comes, changes and goes, shown before and done exactly so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
import pytest

from omniroute.backup.operations import TRIES, OutOfDate
from omniroute.errors import Conflict, Invalid, VaultError
from omniroute.limits.limit import budget_limit
from omniroute.security.audit import AuditView
from omniroute.usage.logs import insert_rows
from tests.backup.conftest import PASSPHRASE, Place
from tests.parts import ADMIN, START

NODE = {"name": "Mine", "prefix": "mine", "type": "openai-compatible", "base_url": "https://mine.example.com/v1"}


def preview(place: Place, document: dict[str, Any], passphrase: str = "", mode: str = "replace") -> Any:
    return place.backup.preview(place.backup.read(orjson.dumps(document), passphrase), mode, ADMIN)


def change_things(place: Place) -> None:
    """One thing added, one changed and one removed, of several kinds."""
    node = place.nodes.create(NODE, ADMIN).id
    place.connections.create({"provider": node, "api_key": "sk-mine-0123456789abcdef", "name": "Mine one"}, ADMIN)
    place.combos.create({"name": "mine", "steps": ["mine/m"]}, ADMIN)
    outer = next(combo for combo in place.combos.list() if combo.name == "outer")
    place.combos.update(outer.id, {"strategy": "random", "tags": []}, ADMIN)
    ci = next(key for key in place.keys.list() if key.name == "CI")
    place.keys.update(ci.id, {"name": "CI 2", "requests_per_minute": None}, ADMIN)
    place.aliases.delete("fast", ADMIN)
    place.preferences.update({"log_days": 9}, ADMIN)


def test_replace_makes_all_as_in_the_file(here: Place) -> None:
    document = here.exported(PASSPHRASE)
    change_things(here)
    shown = preview(here, document, PASSPHRASE)
    assert here.changes(shown.plan) == [
        ("removed", "nodes", "Mine"),
        ("removed", "connections", "Mine: Mine one"),
        ("changed", "combos", "outer"),
        ("removed", "combos", "mine"),
        ("added", "aliases", "fast for outer"),
        ("changed", "keys", "CI (" + next(key.hint for key in here.keys.list() if key.name == "CI 2") + ")"),
        ("changed", "settings", "Days that the log is kept"),
    ]
    members = {each.kind: each.members for each in shown.plan.changes if each.verb == "changed"}
    assert (members["combos"], members["keys"]) == (("strategy", "tags"), ("name", "requestsPerMinute"))
    assert here.exported()["configuration"] != document["configuration"]  # so far it was only looked at

    done = here.backup.restore_shown(shown.carried, ADMIN)
    assert done.plan.changes == shown.plan.changes
    assert here.exported()["configuration"] == document["configuration"]
    assert here.audited("settings.import")[0].after == {
        "mode": "replace",
        "made_at": document["madeAt"],
        "to_type_in": 0,
        "added": {"aliases": 1},
        "changed": {"combos": 1, "keys": 1, "settings": 1},
        "removed": {"nodes": 1, "connections": 1, "combos": 1},
    }


def test_merge_adds_and_changes_and_removes_nothing(here: Place, there: Place) -> None:
    document = here.exported(PASSPHRASE)
    there.nodes.create(NODE, ADMIN)
    there.connections.create(
        {"provider": there.nodes.list()[0].id, "api_key": "sk-mine-0123456789abcdef", "name": "Mine one"}, ADMIN
    )
    there.combos.create({"name": "mine", "steps": ["mine/m"]}, ADMIN)
    there.aliases.put("fast", "mine/m", 0, ADMIN)
    there.aliases.put("slow", "mine", 0, ADMIN)
    there.keys.create({"name": "CI"}, ADMIN)
    there.preferences.update({"log_days": 9, "body_days": 3}, ADMIN)
    before = there.exported()["configuration"]
    plan = there.restored(document, PASSPHRASE, "merge")
    assert {each.verb for each in plan.changes} == {"added", "changed"}
    after = there.exported()["configuration"]
    for kind, rows in before.items():
        if kind != "settings":
            gone = [row for row in rows if row not in after[kind]]
            assert [row.get("pattern") for row in gone] == (["fast"] if kind == "aliases" else [])
            assert [row for row in document["configuration"][kind] if row not in after[kind]] == []
    assert (after["settings"]["logDays"], after["settings"]["bodyDays"]) == (5, 3)
    assert there.keys_by_connection()["Mine one"] == "sk-mine-0123456789abcdef"
    assert there.changes(there.restored(document, PASSPHRASE, "merge")) == []


def test_merge_tells_what_stands_in_its_way(here: Place, there: Place) -> None:
    there.nodes.create({**NODE, "name": "Another", "prefix": "local"}, ADMIN)
    there.nodes.create({**NODE, "name": "Third", "prefix": "third"}, ADMIN)
    there.combos.create({"name": "INNER", "steps": ["third/m"]}, ADMIN)
    before = there.dump()
    with pytest.raises(Invalid) as caught:
        there.restored(here.exported(), mode="merge")
    assert "another with the same prefix, 'Another', here already" in caught.value.message
    assert there.dump() == before


def test_merge_turns_off_what_would_send_its_key_to_another_address(here: Place) -> None:
    local = next(node for node in here.nodes.list() if node.name == "Local")
    document = here.exported()
    here.connections.create({"provider": local.id, "api_key": "sk-late-0123456789abcdef", "name": "Late"}, ADMIN)
    document["configuration"]["nodes"][0]["baseUrl"] = "https://elsewhere.example.com/v1"
    plan = here.restored(document, mode="merge")
    rows = {row.name: row for row in here.connections.list(local.id)}
    assert not rows["Late"].is_active and "another address" in (rows["Late"].status_reason or "")
    assert here.keys_by_connection()["Late"] == "sk-late-0123456789abcdef"  # kept, for the operator to decide
    assert here.keys_by_connection()["Local one"] == "" and not rows["Local one"].is_active
    assert ("changed", "connections", "Local: Late") in here.changes(plan)


def test_what_is_no_configuration_stays_with_what_stays(here: Place) -> None:
    document = here.exported(PASSPHRASE)
    rows = {row.name: row for row in here.connections.list()}
    for row in rows.values():
        here.connections.record_success(row.id)
    ci = next(key for key in here.keys.list() if key.name == "CI")
    here.keys.record_use({ci.id: START})
    here.keys.update(ci.id, {"name": "Renamed"}, ADMIN)
    here.connections.update(rows["Native"].id, {"priority": 9}, ADMIN)
    here.restored(document, PASSPHRASE)
    assert {row.test_status for row in here.connections.list()} == {"active"}
    assert here.keys.get(ci.id).last_used_at == START
    assert len(here.budgets.list(ci.id)) == 2

    # But of another address nothing is known.
    document["configuration"]["nodes"][0]["chatPath"] = "/v2/chat/completions"
    here.restored(document, PASSPHRASE)
    assert {row.name: row.test_status for row in here.connections.list()} == {
        "Local one": "untested",
        "Native": "active",
        "Azure": "active",
    }


def test_names_that_only_one_may_have_can_be_exchanged(here: Place) -> None:
    document = here.exported()
    nodes, combos = document["configuration"]["nodes"], document["configuration"]["combos"]
    nodes[0]["prefix"], nodes[1]["prefix"] = nodes[1]["prefix"], nodes[0]["prefix"]
    combos[0]["name"], combos[1]["name"] = combos[1]["name"], combos[0]["name"]
    combos[0]["steps"], combos[1]["steps"] = combos[1]["steps"], combos[0]["steps"]
    here.restored(document)
    assert here.exported()["configuration"] == document["configuration"]


def test_what_was_shown_is_done_or_nothing(here: Place) -> None:
    document = here.exported(PASSPHRASE)
    change_things(here)
    shown = preview(here, document, PASSPHRASE)
    here.keys.create({"name": "Made meanwhile"}, ADMIN)
    before = here.dump()
    with pytest.raises(OutOfDate) as caught:
        here.backup.restore_shown(shown.carried, ADMIN)
    assert here.dump() == before
    anew = caught.value.preview
    assert any(name.startswith("Made meanwhile") for _, _, name in here.changes(anew.plan))
    here.backup.restore_shown(anew.carried, ADMIN)
    assert here.exported()["configuration"] == document["configuration"]


def test_what_would_be_written_over_is_what_was_shown(here: Place) -> None:
    """The same thing and the same member, but another value than the one that was there when it was shown."""
    document = here.exported(PASSPHRASE)
    native = next(row for row in here.connections.list() if row.name == "Native")
    here.connections.update(native.id, {"priority": 5}, ADMIN)
    shown = preview(here, document, PASSPHRASE)
    here.connections.update(native.id, {"priority": 77}, ADMIN)
    with pytest.raises(OutOfDate):
        here.backup.restore_shown(shown.carried, ADMIN)
    assert here.connections.get(native.id).priority == 77


def test_each_thing_that_a_restore_changes_has_its_place_in_the_audit(here: Place) -> None:
    document = here.exported(PASSPHRASE)
    node = next(node for node in here.nodes.list() if node.name == "Local")
    gone = here.combos.create({"name": "mine", "steps": ["agentrouter/x"]}, ADMIN)
    document["configuration"]["nodes"][0]["baseUrl"] = "https://elsewhere.example.com/v1"
    key = {**document["configuration"]["keys"][0], "id": "made-by-hand", "name": "Sneaked in", "sha256": "f" * 64}
    document["configuration"]["keys"].append({**key, "scopes": ["relay", "manage"]})
    here.restored(document, PASSPHRASE)

    def told(action: str, subject: str) -> AuditView:
        (entry,) = [each for each in here.audited(action) if each.subject == subject]
        return entry

    moved = told("restore.changed", f"node:{node.id}")
    assert (moved.before or {})["baseUrl"] == node.base_url
    assert (moved.after or {})["baseUrl"] == "https://elsewhere.example.com/v1"
    added = told("restore.added", "key:made-by-hand")
    assert added.before is None and (added.after or {})["scopes"] == ["relay", "manage"]
    assert "f" * 64 not in str(added)
    removed = told("restore.removed", f"combo:{gone.id}")
    assert removed.after is None and (removed.before or {})["name"] == "mine"


def test_a_change_that_makes_no_difference_to_the_list_is_no_hindrance(here: Place) -> None:
    document = here.exported(PASSPHRASE)
    change_things(here)
    shown = preview(here, document, PASSPHRASE)
    native = next(row for row in here.connections.list() if row.name == "Native")
    here.connections.mark(native.id, "banned", "closed", ADMIN)  # moves the version on, and is no configuration
    here.backup.restore_shown(shown.carried, ADMIN)
    assert here.exported()["configuration"] == document["configuration"]


@pytest.mark.parametrize("carried", ["", "x", "00000000:gAAAA", "sk-or-abc"])
def test_what_this_gateway_has_not_sealed_is_not_restored(here: Place, carried: str) -> None:
    with pytest.raises(Invalid, match="Choose the file again"):
        here.backup.restore_shown(carried, ADMIN)


def test_another_text_that_it_has_sealed_is_not_restored_either(here: Place, there: Place) -> None:
    with pytest.raises(Invalid, match="Choose the file again"):
        here.backup.restore_shown(here.vault.seal("sk-key"), ADMIN)
    with pytest.raises(Invalid, match="Choose the file again"):
        there.backup.restore_shown(preview(here, here.exported()).carried, ADMIN)


def test_a_list_is_good_for_an_hour(here: Place) -> None:
    shown = preview(here, here.exported())
    here.clock.move(3601)
    with pytest.raises(Invalid, match="more than an hour old"):
        here.backup.restore_shown(shown.carried, ADMIN)


def test_somebody_changes_something_in_the_middle(here: Place) -> None:
    """The plan is made anew for what is there then; if that goes on for ever, it is given up."""
    document, seen = here.exported(PASSPHRASE), []

    def meddle(settings: Mapping[str, Any]) -> None:
        seen.append(settings["theme"])
        if len(seen) == 1:
            here.keys.create({"name": "Made in the middle"}, ADMIN)

    upload = here.backup.read(orjson.dumps(document), PASSPHRASE)
    here.backup.restore(upload, "replace", ADMIN, meddle)
    assert seen == ["dark", "dark"]
    assert here.exported()["configuration"] == document["configuration"]

    def always(settings: Mapping[str, Any]) -> None:
        here.keys.create({"name": "Again"}, ADMIN)

    with pytest.raises(Conflict, match="all the time"):
        here.backup.restore(upload, "replace", ADMIN, always)
    assert len([key for key in here.keys.list() if key.name == "Again"]) == TRIES


def test_settings_that_are_not_accepted_are_not_restored(here: Place, there: Place) -> None:
    def refuse(settings: Mapping[str, Any]) -> None:
        raise Invalid(f"not with {settings['allowed_hosts']}")

    before = there.dump()
    with pytest.raises(Invalid, match=r"gw\.example\.com"):
        there.backup.restore(there.backup.read(orjson.dumps(here.exported())), "replace", ADMIN, refuse)
    assert there.dump() == before


def test_a_configuration_that_can_t_be_read_is_rolled_back(
    here: Place, make_place: Callable[..., Place], document: dict[str, Any]
) -> None:
    """A node that stays has a header under a storage key that is not at hand: with it nothing could be loaded any more."""
    blind = make_place(here.database.url)
    configuration = {**{kind: [] for kind in document["configuration"]}, "settings": {"theme": "light"}}
    mine = {**document, "configuration": configuration}
    before = here.dump()
    with pytest.raises(VaultError):
        blind.restored(mine, mode="merge")
    assert here.dump() == before


def test_a_limit_that_comes_back_counts_what_the_log_has(here: Place) -> None:
    document = here.exported()
    (ci,) = (key for key in here.keys.list() if key.name == "CI")
    rows = [
        {"id": f"row-{n}", "at": here.clock.now(), "key_id": ci.id, "cost": 3, "input_tokens": 10, "output_tokens": 5}
        for n in (1, 2)
    ]
    here.database.write(lambda session: insert_rows(session, rows))
    limits = {budget.period: budget_limit(ci.id, budget.value) for budget in here.budgets.list(ci.id)}
    for budget in here.budgets.list(ci.id):
        here.budgets.delete(budget.id, ADMIN)
    assert [counted(here, limit) for limit in limits.values()] == [0, 0]
    here.restored(document)
    assert {period: counted(here, limit) for period, limit in limits.items()} == {"day": 30, "month": 6}


def counted(place: Place, limit: Any) -> int:
    span = limit.window.span(place.clock.now())
    return place.shared.counted([(limit.counter, span.since)])[limit.counter][0]


def test_a_mode_that_is_none(here: Place, document: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="replace, merge"):
        here.restored(document, mode="wipe")
