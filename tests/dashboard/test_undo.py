"""Taking a change back by the button of its toast, or of its entry in the audit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from omniroute.clock import Clock
from omniroute.dashboard.undo import FOR_A_WHILE, INVERSES, NOT_THIS, TOO_LATE, WITHIN
from omniroute.errors import Conflict
from omniroute.security.audit import CHANGED, DONE, Actor, AuditFilters
from tests.dashboard.browsing import Browser, Page
from tests.dashboard.conftest import Desk
from tests.upstream.relay import Relay


class Moved(Clock):
    """The real clock, set forward."""

    by = 0.0

    def now(self) -> float:
        return super().now() + self.by


def entries(desk: Desk, action: str) -> list[dict[str, object] | None]:
    return [row.after for row in desk.services.audit.page(AuditFilters(action=action)).rows]


def undone(page: Page, *, ends: str) -> Page:
    """Press the only Undo of the page, and see that it can't be pressed again."""
    assert page.buttons().count("Undo") == 1
    page = page.press("Undo")
    assert [toast.partition(":")[0] for toast in page.toasts] == ["Undone"], page.toasts
    assert page.toasts[0].endswith(ends), page.toasts
    assert "Undo" not in page.buttons()
    return page


def test_a_connection_is_switched_on_again(desk: Desk, admin: Browser) -> None:
    row = desk.connection("agentrouter", name="first")
    page = admin.open("/dashboard/providers/agentrouter").press("Disable first")
    assert not desk.services.connections.get(row).is_active
    undone(page, ends="switched the connection ‘first’ of AgentRouter off.")
    assert desk.services.connections.get(row).is_active
    newest, before = desk.services.audit.page(AuditFilters(action="connection.update")).rows
    assert newest.after == {"is_active": True, "undoes": before.id}
    assert (newest.actor_kind, newest.actor_name) == ("admin", "admin")


def test_the_order_of_connections_is_as_before(desk: Desk) -> None:
    me, services = Actor("admin", "admin"), desk.services
    rows = [desk.connection("agentrouter", name=name, api_key=f"sk-good-{name}-0123456789") for name in ("a", "b")]
    services.connections.reorder("agentrouter", rows[::-1], me)
    page = press(desk, desk.admin(), "connection.reorder")
    assert page.toasts == ["Undone: changed the order of the connections of AgentRouter."]
    assert [row.name for row in services.connections.list("agentrouter")] == ["a", "b"]


def test_many_models_are_shown_again(desk: Desk, relay: Relay) -> None:
    admin, models, node = desk.admin(), desk.services.models, desk.node(relay)
    models.add(node, ["a", "b", "c"], "custom", desk.by)
    models.hide(node, "c", desk.by)
    models.hide_many(node, ["a", "b", "c"], True, desk.by)
    assert press(desk, admin, "model.hide_many").toasts == ["Undone: hid 2 models of Team from clients."]
    assert {row.id: row.hidden for row in models.for_provider(node)} == {"a": False, "b": False, "c": True}
    models.hide_many(node, ["a"], True, desk.by)
    models.show(node, "a", desk.by)
    assert press(desk, admin, "model.hide_many").toasts == [CHANGED]


def test_a_key_is_switched_on_again(desk: Desk, admin: Browser) -> None:
    key, _ = desk.services.keys.create({"name": "CI"}, desk.by)
    undone(admin.open("/dashboard/keys").press("Disable CI"), ends="switched the key ‘CI’ off.")
    assert desk.services.keys.get(key.id).is_active


def test_models_are_hidden_shown_and_deleted_for_a_while(desk: Desk, relay: Relay, admin: Browser) -> None:
    node = desk.node(relay)
    desk.services.models.add(node, ["mine", "found"], "custom", desk.by)
    path = f"/dashboard/providers/{node}"

    def hidden() -> dict[str, bool]:
        return {row.id: row.hidden for row in desk.services.models.for_provider(node)}

    page = admin.open(path).press("Hide mine")
    assert page.toasts == ["mine is hidden from clients."] and hidden()["mine"]
    undone(page, ends="hid the model ‘mine’ of Team from clients.")
    assert not hidden()["mine"]
    page = admin.open(path).press("Hide mine").press("Show mine")
    undone(page, ends="showed the model ‘mine’ of Team to clients again.")
    assert hidden()["mine"]
    page = admin.open(path).press("Delete mine")
    assert "mine" not in hidden()
    undone(page, ends="deleted the model ‘mine’ of Team.")
    assert hidden() == {"mine": True, "found": False}


def test_a_part_brings_its_toast_along(desk: Desk, relay: Relay) -> None:
    """With scripts only the list comes back: the toast is put to those on the page, and said."""
    node = desk.node(relay)
    desk.services.models.add(node, ["mine"], "custom", desk.by)
    page = desk.admin().open(f"/dashboard/providers/{node}").press("Hide mine", **{"HX-Request": "true"})
    (toasts,) = [each for each in page.root.walk() if each.attrs.get("id") == "toasts"]
    assert toasts.attrs["hx-swap-oob"] == "beforeend"
    assert [each.text for each in toasts.walk() if "data-say" in each.attrs] == ["mine is hidden from clients."]
    undone(page, ends="hid the model ‘mine’ of Team from clients.")
    assert "hx-swap-oob" not in desk.admin().open("/").html


def test_a_combo_comes_back_as_it_was(desk: Desk, relay: Relay, admin: Browser) -> None:
    combos, node = desk.services.combos, desk.node(relay)
    connection = desk.connection(node)
    combos.create({"name": "one", "steps": []}, desk.by)
    steps = [{"model": "team/a", "weight": 3, "connection_id": connection, "tags": ["eu"], "label": "x"}, {"combo": "one"}]
    given = {"name": "two", "strategy": "weighted", "steps": steps, "tags": ["t"], "config": {"retry_same": 2}, "enabled": False}
    two = combos.create(given, desk.by)
    combos.create({"name": "three", "steps": ["team/b"]}, desk.by)
    page = admin.open("/dashboard/combos").follow("Delete two").press("Delete combo")
    assert [row.name for row in combos.list()] == ["one", "three"]
    undone(page, ends="deleted the combo ‘two’.")
    assert [row.name for row in combos.list()] == ["one", "two", "three"]
    back = combos.get(two.id)
    assert replace(back, created_at=0, updated_at=0) == replace(two, created_at=0, updated_at=0)


def test_the_switch_and_the_order_of_combos(desk: Desk, relay: Relay, admin: Browser) -> None:
    combos = desk.services.combos
    desk.node(relay)
    for name in ("one", "two"):
        combos.create({"name": name, "steps": ["team/a"]}, desk.by)
    undone(admin.open("/dashboard/combos").press("one is on"), ends="switched the combo ‘one’ off.")
    assert combos.list()[0].enabled
    page = admin.open("/dashboard/combos").press("Move two up")
    assert [row.name for row in combos.list()] == ["two", "one"]
    undone(page, ends="changed the order of the combos.")
    assert [row.name for row in combos.list()] == ["one", "two"]
    page = admin.open("/dashboard/combos").press("Move one up")  # it is the first already
    assert "Undo" not in page.buttons()


def test_an_alias_a_price_and_a_budget_come_back(desk: Desk, relay: Relay, admin: Browser) -> None:
    services, node = desk.services, desk.node(relay)
    long = "a-long-name-" * 20 + "*"
    services.aliases.put(long, "team/a", 7, desk.by)
    before = services.aliases.list()
    page = admin.open("/dashboard/aliases").follow(f"Delete {long}").press("Delete alias")
    assert services.aliases.list() == ()
    undone(page, ends="’.")
    assert services.aliases.list() == before

    model = "vendor/" + "m" * 200
    given = {"input": "1.5", "cache_read": 0, "request": "0.01", "tiers": [{"above": 9, "output": 5}, {"above": 99, "input": 7}]}
    services.prices.put(node, model, given, desk.by)
    prices = services.prices.list()
    page = admin.open(f"/dashboard/pricing/delete?provider={node}&model={model}").press("Delete price")
    assert services.prices.list() == ()
    undone(page, ends=f"deleted the price of ‘{model}’ at Team.")
    assert [replace(row, updated_at=0) for row in services.prices.list()] == [replace(row, updated_at=0) for row in prices]

    key, _ = services.keys.create({"name": "CI"}, desk.by)
    for period, limit in (("day", {"limit_usd": "2.5"}), ("week", {"limit_tokens": 1000})):
        made = services.budgets.put({"api_key_id": key.id, "period": period, "warn_at": 0.5, **limit}, desk.by)
        page = admin.open(f"/dashboard/limits/budgets/{made.id}/delete").press("Delete budget")
        assert services.budgets.list() == ()
        undone(page, ends=f"deleted the budget of the key ‘CI’ for each {period}.")
        (back,) = services.budgets.list()
        assert back.value == made.value
        services.budgets.delete(back.id, desk.by)


def test_settings_are_as_before(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/settings").fill({"Time zone": "Europe/Berlin"}).press("Save")
    assert desk.services.preferences.all()["time_zone"] == "Europe/Berlin"
    undone(page, ends="changed the settings.")
    assert desk.services.preferences.all()["time_zone"] == "UTC"
    page = admin.open("/dashboard/settings").press("Save")  # nothing is another
    assert page.toasts == ["Saved."] and "Undo" not in page.buttons()


def test_who_needs_a_key_is_as_before(desk: Desk) -> None:
    me, preferences = Actor("admin", "admin"), desk.services.preferences
    preferences.update({"require_api_key": "always"}, me)
    page = press(desk, desk.admin(), "preferences.update")
    assert page.toasts == ["Undone: changed the settings."] and page.path == "/dashboard/settings/security"
    assert preferences.all()["require_api_key"] == "as started"


def test_the_name_that_one_came_by_stays(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(host="0.0.0.0", trusted_hosts=("gateway.example.com",))
    desk.services.preferences.update({"allowed_hosts": ["localhost"]}, desk.by)
    page = press(desk, desk.admin(), "preferences.update")
    assert "without it you would be locked out" in page.toasts[0]
    assert desk.services.preferences.all()["allowed_hosts"] == ["localhost"]


def test_resilience_settings_are_as_before(desk: Desk) -> None:
    admin, me = desk.admin(), Actor("admin", "admin")
    desk.services.resilience.change_settings({"breaker_failures": 9}, me)
    press(desk, admin, "resilience.update")
    assert desk.services.resilience.settings().breaker_failures == 5


def press(desk: Desk, admin: Browser, action: str, entry_id: str = "") -> Page:
    """Send what the button of the newest entry of that action sends, or of that one, whether there is a button or not."""
    entry_id = entry_id or desk.services.audit.page(AuditFilters(action=action)).rows[0].id
    form = next(each for each in admin.open("/dashboard/settings").root.all("form") if each.attrs.get("method") == "post")
    token = next(each.attrs["value"] for each in form.all("input") if each.attrs["name"] == "csrf_token")
    return admin.send(f"/dashboard/undo/{entry_id}", {"csrf_token": token})


def test_what_changed_again_is_left_alone(desk: Desk) -> None:
    admin, row = desk.admin(), desk.connection("agentrouter", name="first")
    page = admin.open("/dashboard/providers/agentrouter").press("Disable first")
    desk.services.connections.update(row, {"is_active": True}, desk.by)
    page = page.press("Undo")
    assert page.toasts == [CHANGED]
    assert desk.services.connections.get(row).is_active
    page = admin.open("/dashboard/providers/agentrouter").press("Disable first")
    desk.services.connections.delete(row, desk.by)
    page = page.press("Undo")
    assert "There is no connection" in page.toasts[0] and page.path == "/dashboard/providers"


def test_a_connection_is_switched_on_again_only_if_nothing_else_of_it_changed(desk: Desk, relay: Relay) -> None:
    """A restore, say, may have given it another address since, and switched it off for that itself."""
    admin, services = desk.admin(), desk.services
    node = desk.node(relay)
    for change in (
        lambda row: services.connections.update(row, {"api_key": "sk-good-another-0123456789"}, desk.by),
        lambda row: services.connections.mark(row, "error", "Its provider has another address.", desk.by),
        lambda row: services.nodes.update(node, {"base_url": "https://other.example.com"}, desk.by),
    ):
        row = desk.connection(node, name="first")
        services.connections.update(row, {"is_active": False}, desk.by)
        change(row)
        assert press(desk, admin, "connection.update", latest(desk, row)).toasts == [CHANGED]
        assert not services.connections.get(row).is_active
        services.connections.delete(row, desk.by)


def latest(desk: Desk, row: str) -> str:
    """The entry that switched it off."""
    rows = desk.services.audit.page(AuditFilters(action="connection.update", subject=f"connection:{row}")).rows
    return next(entry.id for entry in rows if entry.after == {"is_active": False})


def test_a_name_that_is_taken_again_is_left_alone(desk: Desk, relay: Relay) -> None:
    admin, services = desk.admin(), desk.services
    node = desk.node(relay)
    combo = services.combos.create({"name": "one", "steps": ["team/a"]}, desk.by)
    page = admin.open(f"/dashboard/combos/{combo.id}/delete").press("Delete combo")
    services.combos.create({"name": "One", "steps": ["team/b"]}, desk.by)
    assert page.press("Undo").toasts == ["There is a combo one again."]
    services.aliases.put("x", "team/a", 0, desk.by)
    page = admin.open("/dashboard/aliases/delete?pattern=x").press("Delete alias")
    services.aliases.put("x", "team/b", 0, desk.by)
    assert page.press("Undo").toasts == [CHANGED] and services.aliases.list()[0].model == "team/b"
    services.prices.put(node, "m", {"input": 1}, desk.by)
    page = admin.open(f"/dashboard/pricing/delete?provider={node}&model=m").press("Delete price")
    services.prices.put(node, "m", {"input": 2}, desk.by)
    assert page.press("Undo").toasts == [CHANGED] and services.prices.list()[0].input == 2


def test_once_is_enough(desk: Desk) -> None:
    admin, row = desk.admin(), desk.connection("agentrouter", name="first")
    page = admin.open("/dashboard/providers/agentrouter").press("Disable first")
    page.press("Undo")
    desk.services.connections.update(row, {"is_active": False}, desk.by)  # as the entry left it
    assert page.press("Undo").toasts == [DONE]
    assert not desk.services.connections.get(row).is_active
    press(desk, admin, "connection.update")


def test_it_can_be_undone_in_the_audit_as_long_as_the_questions_say(open_desk: Callable[..., Desk]) -> None:
    clock = Moved()
    desk = open_desk(clock)
    admin, row = desk.admin(), desk.connection("agentrouter", name="first")
    key, _ = desk.services.keys.create({"name": "CI"}, desk.by)
    toast = admin.open("/dashboard/providers/agentrouter").press("Disable first")
    desk.services.keys.update(key.id, {"is_active": False}, desk.by)
    first, second = "Undo: Switched the connection ‘first’ of AgentRouter off", "Undo: Switched the key ‘CI’ off"

    def offered(page: Page) -> list[str]:
        return [label for label in page.buttons() if label.startswith("Undo")]

    entry = desk.services.audit.page(AuditFilters(action="connection.update")).rows[0].id
    assert toast.links()["In the audit"] == f"/dashboard/audit#entry-{entry}"
    page = toast.follow("In the audit")
    assert offered(page) == [second, first]  # what made them, and the setup, can't be undone
    page = page.press(first)
    assert page.toasts == ["Undone: switched the connection ‘first’ of AgentRouter off."] and "In the audit" not in page.links()
    assert desk.services.connections.get(row).is_active
    page = admin.open("/dashboard/audit")
    assert offered(page) == [second]
    clock.by = WITHIN + 1
    assert offered(admin.open("/dashboard/audit")) == []
    assert page.press(second).toasts == [TOO_LATE]
    assert press(desk, admin, "connection.update", entry).toasts == [TOO_LATE]  # asked first: no need to look for who undid it
    assert "under Audit" in FOR_A_WHILE


def test_two_at_once_take_it_back_once(desk: Desk) -> None:
    """Both have seen that nobody did yet; then one is faster."""
    keys, audit = desk.services.keys, desk.services.audit
    key, _ = keys.create({"name": "CI"}, desk.by)
    keys.update(key.id, {"is_active": False}, desk.by)
    (entry,) = audit.page(AuditFilters(action="key.update")).rows
    by = replace(desk.by, undoes=entry.id)
    INVERSES["key.update"].apply(desk.services, entry, by)
    keys.update(key.id, {"is_active": False}, desk.by)
    with pytest.raises(Conflict, match=DONE):
        INVERSES["key.update"].apply(desk.services, entry, by)
    assert not keys.get(key.id).is_active
    assert entries(desk, "key.update").count({"is_active": True, "undoes": entry.id}) == 1


def test_what_is_long_ago_is_left_alone(open_desk: Callable[..., Desk]) -> None:
    clock = Moved()
    desk = open_desk(clock)
    admin, row = desk.admin(), desk.connection("agentrouter", name="first")
    page = admin.open("/dashboard/providers/agentrouter").press("Disable first")
    clock.by = WITHIN + 1
    assert page.press("Undo").toasts == [TOO_LATE]
    assert not desk.services.connections.get(row).is_active


def test_what_went_with_a_secret_is_gone_and_the_question_says_so(desk: Desk, relay: Relay) -> None:
    admin, services = desk.admin(), desk.services
    node = desk.node(relay, custom_headers={"X-Token": "secret-value"})
    row, (key, _) = desk.connection(node, name="first"), services.keys.create({"name": "CI"}, desk.by)
    for path, button, action in (
        (f"/dashboard/connections/{row}/delete", "Delete connection", "connection.delete"),
        (f"/dashboard/nodes/{node}/delete", "Delete provider", "node.delete"),
        (f"/dashboard/keys/{key.id}/delete", "Delete key", "key.delete"),
    ):
        page = admin.open(path)
        assert NOT_THIS in page.text, path
        page = page.press(button)
        assert "Undo" not in page.buttons(), path
        assert press(desk, admin, action).toasts == [NOT_THIS]


@pytest.mark.parametrize(
    "given", [{"api_key": "sk-good-another-0123456789"}, {"quota": {"unit": "usd", "limit": 5, "window": "day"}}]
)
def test_only_what_is_offered_can_be_taken_back(desk: Desk, given: dict[str, object]) -> None:
    admin, row = desk.admin(), desk.connection("agentrouter")
    desk.services.connections.update(row, given, desk.by)
    assert press(desk, admin, "connection.update").toasts == [NOT_THIS]
    assert press(desk, admin, "setup").toasts == [NOT_THIS]
    assert admin.client.get("/dashboard/undo/nobody").status_code == 405


def test_every_way_back_is_of_a_kind_that_is_recorded() -> None:
    from tests.dashboard.test_audit_words import recorded

    assert INVERSES.keys() <= recorded().keys()
