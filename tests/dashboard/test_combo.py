"""The builder without scripts: steps added, moved and removed by submitting, nothing typed lost, Test and dry run."""

from __future__ import annotations

import pytest

from omniroute.routing.strategies import STRATEGIES
from tests.dashboard.browsing import Browser, Page
from tests.dashboard.conftest import Desk
from tests.dashboard.test_pages import assert_clean
from tests.dashboard.trouble import answered
from tests.upstream.relay import Relay


@pytest.fixture
def key(desk: Desk) -> str:
    return desk.connection("openai", name="company")


def models(page: Page) -> list[str]:
    return [each.attrs.get("value", "") for each in page.root.all("input") if each.attrs.get("name", "").endswith("-model")][:-1]


def test_every_strategy_is_explained_on_the_page(admin: Browser) -> None:
    page = admin.open("/dashboard/combos/new")
    for name, strategy in STRATEGIES.items():
        assert name in page.text
        assert strategy.help in page.text


def test_a_combo_is_built_step_by_step(desk: Desk, admin: Browser, key: str) -> None:
    page = admin.open("/dashboard/combos/new").fill({"Name": "always-on", "Strategy": "weighted", "Add a step": "gpt-5.5"})
    page = page.press("Search")
    page = page.press(next(each for each in page.buttons() if each.startswith("Add openai/gpt-5.5 ")))
    page = page.fill({"Add a step": "openai/mine"}).press("Search").press("openai/mine as typed")
    page = page.fill({"Weight 1": "70", "Label 2": "own", "Tags 2": "vision, cheap", "Tags of the combo": "team"})
    page = page.press("Move step 2 up")
    assert models(page) == ["openai/mine", "openai/gpt-5.5"]
    assert page.control("Label 1").attrs["value"] == "own"
    page = page.fill({"Through connection, step 1": "company"}).press("Create combo")
    (row,) = desk.services.combos.list()
    assert (row.name, row.strategy, row.tags) == ("always-on", "weighted", ("team",))
    assert [(step.model, step.weight, step.label, step.tags, step.connection_id) for step in row.steps] == [
        ("openai/mine", 1, "own", ("vision", "cheap"), key),
        ("openai/gpt-5.5", 70, "", (), None),
    ]
    assert page.path == f"/dashboard/combos/{row.id}"
    assert "always-on saved" in page.toasts[0]
    assert_clean(page)


def test_saving_unchanged_changes_nothing(desk: Desk, admin: Browser, key: str) -> None:
    steps = [
        {"model": "openai/gpt-5.5", "connection_id": key, "weight": 0, "tags": ["a"]},
        {"model": "openai/x", "enabled": False},
    ]
    given = {"name": "c", "strategy": "lkgp", "steps": steps, "config": {"retry_same": 2}, "tags": ["t"], "enabled": False}
    row = desk.services.combos.create(given, desk.by)
    admin.open(f"/dashboard/combos/{row.id}").press("Save")
    assert desk.services.combos.get(row.id) == row


def test_an_emptied_limit_is_the_default_again(desk: Desk, admin: Browser, key: str) -> None:
    row = desk.services.combos.create({"name": "c", "steps": ["openai/x"], "config": {"retry_same": 2}}, desk.by)
    page = admin.open(f"/dashboard/combos/{row.id}")
    field = page.control("Waiting for a cooldown in ms")
    assert field.attrs["placeholder"] == "0"
    page.fill({"Repeats of the last target": ""}).press("Save")
    assert desk.services.combos.get(row.id).config.retry_same == 1


def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(desk: Desk, admin: Browser, key: str) -> None:
    page = admin.open("/dashboard/combos/new").fill({"Name": "a b", "Add a step": "nobody/x"}).press("Search")
    page = page.press("nobody/x as typed").fill({"Label 1": "mine", "Deadline in ms": "5000"}).press("Create combo")
    assert page.status == 400
    field = page.control("Model 1")
    assert field.attrs["value"] == "nobody/x"
    assert field.attrs["aria-invalid"] == "true"
    wrong = next(each for each in page.root.walk() if each.attrs.get("id") == field.attrs["aria-describedby"].split()[-1])
    assert "nobody" in wrong.text
    assert "letters, digits" in page.text
    assert (page.control("Label 1").attrs["value"], page.control("Deadline in ms").attrs["value"]) == ("mine", "5000")
    assert desk.services.combos.list() == ()
    assert_clean(page)


@pytest.mark.parametrize(
    ("label", "value"), [("Weight 1", "101"), ("Weight 1", "many"), ("Model 1", ""), ("Attempts at most", "99")]
)
def test_the_form_itself_refuses_what_can_not_be(desk: Desk, admin: Browser, key: str, label: str, value: str) -> None:
    row = desk.services.combos.create({"name": "c", "steps": ["openai/x"]}, desk.by)
    page = admin.open(f"/dashboard/combos/{row.id}").fill({label: value}).press("Save")
    assert page.status == 400
    assert page.control(label).attrs["aria-invalid"] == "true"
    assert page.control(label).attrs["value"] == value
    assert desk.services.combos.get(row.id) == row


def test_enter_in_the_search_looks_and_elsewhere_saves(desk: Desk, admin: Browser, key: str) -> None:
    page = admin.open("/dashboard/combos/new").fill({"Name": "c", "Add a step": "openai/mine"}).press("Save")  # the first button
    assert desk.services.combos.list() == ()
    page = page.press("openai/mine as typed").fill({"Add a step": ""}).press("Save")
    assert [row.name for row in desk.services.combos.list()] == ["c"]


def test_a_step_can_be_removed(desk: Desk, admin: Browser, key: str) -> None:
    row = desk.services.combos.create({"name": "c", "steps": ["openai/x", "openai/y", "openai/z"]}, desk.by)
    page = admin.open(f"/dashboard/combos/{row.id}").press("Remove step 2").press("Save")
    assert page.status == 200
    assert [(step.id, step.model) for step in desk.services.combos.get(row.id).steps] == [
        (row.steps[0].id, "openai/x"),
        (row.steps[2].id, "openai/z"),
    ]


def test_a_connection_that_is_gone_is_shown_as_such_and_kept(desk: Desk, admin: Browser, key: str) -> None:
    row = desk.services.combos.create({"name": "c", "steps": [{"model": "openai/x", "connection_id": key}]}, desk.by)
    desk.connection("openai", "sk-good-another-one")
    desk.services.connections.delete(key, desk.by)
    page = admin.open(f"/dashboard/combos/{row.id}")
    assert "One that is gone" in page.control("Through connection, step 1").text
    page.press("Save")
    assert desk.services.combos.get(row.id).steps[0].connection_id == key


def test_choices_come_alone_for_the_search(desk: Desk, admin: Browser, key: str) -> None:
    part = admin.open("/dashboard/combos/choices?find=gpt-5.5", **{"HX-Request": "true"})
    assert not part.root.all("main")
    assert "openai/gpt-5.5" in [each.attrs["data-value"] for each in part.root.all("button")]
    assert "Nothing is called so" in admin.open("/dashboard/combos/choices?find=nothing+at+all").text


def test_the_dry_run_beside_it_follows_what_happens(desk: Desk, admin: Browser, key: str) -> None:
    row = desk.services.combos.create({"name": "c", "steps": ["openai/x", "openai/y"]}, desk.by)
    page = admin.open(f"/dashboard/combos/{row.id}")
    (poll,) = [each for each in page.root.walk() if each.attrs.get("hx-trigger") == "every 3s"]
    assert poll.text.index("openai/x") < poll.text.index("openai/y")
    answered(desk, key, "x", 529)
    told = admin.open(poll.attrs["hx-get"], **{"HX-Request": "true"}).text
    assert told.index("openai/y") < told.index("openai/x")
    assert "model locked" in told
    assert "Asked after the others" in told


def test_without_scripts_a_test_shows_all_verdicts_at_once(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay, "team")
    desk.connection(node)
    desk.services.combos.create({"name": "inner", "steps": ["team/claude-opus-4-6"]}, desk.by)
    row = desk.services.combos.create({"name": "c", "steps": ["team/glm-5.1", "team/deepseek-v3.2", {"combo": "inner"}]}, desk.by)
    relay.always("quota-402", model="deepseek-v3.2")
    page = admin.open(f"/dashboard/combos/{row.id}").press("Test")
    lines = [each.text for each in page.root.all("li") if each.attrs.get("class") == "verdict-line"]
    assert lines[0].startswith("team/glm-5.1 Answers Connected")
    assert "team/deepseek-v3.2 With a warning" in lines[1]
    assert "top it up" in lines[1]
    assert lines[2].startswith("combo/inner → team/claude-opus-4-6 Answers")
    assert {seen.model for seen in relay.requests("/messages")} == {"glm-5.1", "deepseek-v3.2", "claude-opus-4-6"}


def test_one_step_is_tested_by_itself(desk: Desk, admin: Browser, relay: Relay) -> None:
    desk.connection(desk.node(relay, "team"))
    row = desk.services.combos.create({"name": "c", "steps": ["team/glm-5.1", "team/deepseek-v3.2"]}, desk.by)
    waiting = admin.open(f"/dashboard/combos/{row.id}").press("Test", **{"HX-Request": "true"})
    address = [each.attrs["hx-post"] for each in waiting.root.all("li")][1]
    token = next(each.attrs["hx-headers"] for each in waiting.root.all("ol"))
    assert '"X-CSRFToken": "' in token
    part = admin.send(address, {}, **{"HX-Request": "true", "X-CSRFToken": token.split('"')[3]})
    assert part.text.startswith("team/deepseek-v3.2 Answers")
    assert [seen.model for seen in relay.requests("/messages")] == ["deepseek-v3.2"]
