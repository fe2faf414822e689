"""The list of combos: what each is, how its steps stand, and all that can be done with it."""

from __future__ import annotations

import io
import json

import pytest

from tests.dashboard.browsing import Browser, Page
from tests.dashboard.conftest import Desk
from tests.dashboard.test_pages import HOSTILE, assert_clean
from tests.dashboard.trouble import answered
from tests.upstream.relay import Relay


def combo(desk: Desk, name: str = "fast", *steps: object, **more: object) -> str:
    given = {"name": name, "steps": list(steps or ("openai/gpt-5.5",))} | more
    return desk.services.combos.create(given, desk.by).id


def chain(page: Page, combo_id: str) -> str:
    return next(each.text for each in page.root.walk() if each.attrs.get("id") == f"chain-{combo_id}")


@pytest.fixture
def key(desk: Desk) -> str:
    return desk.connection("openai", name="company")


def test_an_empty_list_says_what_a_combo_is_and_leads_on(admin: Browser) -> None:
    page = admin.open("/dashboard/combos")
    assert "A combo is a name of your own that stands for several models" in page.text
    assert page.follow("New combo").path == "/dashboard/combos/new"


def test_a_combo_is_shown_with_its_steps_and_what_is_odd(desk: Desk, admin: Browser, key: str) -> None:
    desk.services.combos.create({"name": "inner", "steps": ["openai/gpt-5.5"]}, desk.by)
    steps = (
        {"model": "openai/gpt-5.5", "weight": 30, "label": "usual", "connection_id": key},
        {"combo": "inner", "weight": 10},
        {"model": "openai/other", "enabled": False},
    )
    made = combo(desk, "mix", *steps, strategy="weighted", tags=["team"])
    page = admin.open("/dashboard/combos")
    shown = chain(page, made)
    assert shown == "openai/gpt-5.5 usual through company 75 % fine combo/inner 25 % fine openai/other off"
    assert "weighted" in page.text
    assert "This combo can never fall back" in page.text
    copied = [each.attrs["data-copy"] for each in page.root.all("button") if "data-copy" in each.attrs]
    assert copied == ["inner", "mix"]


def test_lights_come_alone_each_to_its_own_place(desk: Desk, admin: Browser, key: str) -> None:
    made = combo(desk)
    page = admin.open("/dashboard/combos")
    (poll,) = [each for each in page.root.walk() if each.attrs.get("hx-trigger") == "every 3s"]
    answered(desk, key, "gpt-5.5", 402, 90)
    part = admin.open(poll.attrs["hx-get"], **{"HX-Request": "true"})
    assert "cooling for 1 min 30 s" in chain(part, made)
    assert {each.attrs["hx-swap-oob"] for each in part.root.all("ol")} == {"true"}
    assert not part.root.all("main")


def test_switched_off_and_on(desk: Desk, admin: Browser, key: str) -> None:
    made = combo(desk)
    page = admin.open("/dashboard/combos").press("fast is on")
    assert desk.services.combos.get(made).enabled is False
    (switch,) = [each for each in page.root.all("button") if each.attrs.get("role") == "switch"]
    assert switch.attrs["aria-checked"] == "false"
    part = page.press("fast is on", **{"HX-Request": "true"})
    assert desk.services.combos.get(made).enabled is True
    assert not part.root.all("main")


def test_their_order_can_be_changed(desk: Desk, admin: Browser, key: str) -> None:
    for name in ("one", "two", "three"):
        combo(desk, name)
    page = admin.open("/dashboard/combos").press("Move three up")
    assert [row.name for row in desk.services.combos.list()] == ["one", "three", "two"]
    page = page.press("Move one down").press("Move three up")
    assert [row.name for row in desk.services.combos.list()] == ["three", "one", "two"]


def test_a_copy_is_made_and_opened(desk: Desk, admin: Browser, key: str) -> None:
    combo(desk)
    page = admin.open("/dashboard/combos").press("Duplicate fast")
    assert page.control("Name").attrs["value"] == "fast-copy"
    assert [row.name for row in desk.services.combos.list()] == ["fast", "fast-copy"]


def test_deleting_names_what_is_lost(desk: Desk, admin: Browser, key: str) -> None:
    combo(desk, "fast", "openai/gpt-5.5", "openai/other")
    desk.services.aliases.put("gpt-4o", "fast", 0, desk.by)
    page = admin.open("/dashboard/combos").follow("Delete fast")
    assert "its 2 steps and their order" in page.text
    assert "gpt-4o" in page.text
    page = page.press("Delete combo")
    assert desk.services.combos.list() == ()
    assert "No combo yet" in page.text


def test_one_that_is_within_another_is_kept_and_said_so(desk: Desk, admin: Browser, key: str) -> None:
    combo(desk, "inner")
    combo(desk, "outer", {"combo": "inner"})
    page = admin.open("/dashboard/combos").follow("Delete inner")
    assert "It is a step of outer" in page.text
    page = page.press("Delete combo")
    assert ["Take it out there first" in toast for toast in page.toasts] == [True]
    assert len(desk.services.combos.list()) == 2


def test_a_test_on_the_list_asks_every_step(desk: Desk, admin: Browser, relay: Relay) -> None:
    desk.connection(desk.node(relay, "team"))
    made = combo(desk, "fast", "team/glm-5.1", "team/claude-opus-4-6", {"model": "team/x", "enabled": False})
    waiting = admin.open("/dashboard/combos").press("Test fast", **{"HX-Request": "true"})
    asking = [each.attrs["hx-post"] for each in waiting.root.all("li") if "hx-post" in each.attrs]
    assert len(asking) == 2
    assert relay.requests("/messages") == []  # each line asks for its own
    assert "off, so it is not asked" in waiting.text
    assert asking[0].startswith(f"/dashboard/combos/{made}/test/")


def test_out_and_in_as_a_file_and_as_text(desk: Desk, admin: Browser, key: str) -> None:
    combo(desk, "fast", {"model": "openai/gpt-5.5", "label": "usual"})
    page = admin.open("/dashboard/combos")
    answer = admin.client.get(page.links()["Export"])
    assert 'filename="combos.json"' in answer.headers["Content-Disposition"]
    document = answer.get_json()
    assert document["combos"][0]["name"] == "fast"
    document["combos"][0]["name"] = "slow"
    form = page.follow("Import")
    page = form.fill({"JSON": json.dumps(document)}).press("Import")
    assert "Imported: added slow." in page.toasts[0]
    document["combos"][0] |= {"name": "slow", "strategy": "random"}
    token = next(each.attrs["value"] for each in form.root.all("input") if each.attrs.get("name") == "csrf_token")
    file = (io.BytesIO(json.dumps(document).encode()), "combos.json")
    page = admin.send(form.path, {"csrf_token": token, "file": file, "replace": "y"})
    assert "Imported: replaced slow." in page.toasts[0]
    assert [(row.name, row.strategy) for row in desk.services.combos.list()] == [("fast", "priority"), ("slow", "random")]


def test_what_is_refused_of_an_import_is_named(desk: Desk, admin: Browser, key: str) -> None:
    combo(desk)
    document = json.dumps(desk.services.combos.export())
    page = admin.open("/dashboard/combos/import").fill({"JSON": document}).press("Import")
    assert "fast is not imported. There is a combo fast already." in page.toasts[0]


@pytest.mark.parametrize("text", ["", "not JSON", "[1]", '{"version": 99}'])
def test_what_is_no_export_is_refused_and_kept_in_the_field(admin: Browser, text: str) -> None:
    page = admin.open("/dashboard/combos/import").fill({"JSON": text}).press("Import")
    assert page.status == 400
    assert page.control("JSON").text == text
    assert [each for each in page.root.walk() if "note-bad" in each.attrs.get("class", "")]


def test_names_stay_text_and_nothing_is_inline(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay, "team", name=HOSTILE)
    row = desk.connection(node, name=HOSTILE)
    desk.services.models.add(node, ["<script>alert(1)</script>"], "custom", desk.by)
    step = {"model": "team/<script>alert(1)</script>", "connection_id": row, "label": HOSTILE[:100], "tags": [HOSTILE[:50]]}
    made = combo(desk, "mix", step, "team/x", tags=[HOSTILE[:50]])
    desk.services.aliases.put("<b>*", "<i>", 0, desk.by)
    answered(desk, row, "<script>alert(1)</script>", 529)
    desk.services.connections.mark(row, "error", HOSTILE, desk.by)
    for path in (
        "/dashboard/combos",
        "/dashboard/combos/new?find=%3Cscript%3E",
        "/dashboard/combos/import",
        f"/dashboard/combos/{made}",
        f"/dashboard/combos/{made}/delete",
        "/dashboard/aliases?edit=%3Cb%3E*",
        "/dashboard/aliases/delete?pattern=%3Cb%3E*",
        "/dashboard/health",
        "/dashboard/health/reset-all",
        "/dashboard/resolve?model=mix",
        "/dashboard/resolve?model=%3Cscript%3E",
    ):
        assert_clean(admin.open(path))
    assert_clean(admin.open(f"/dashboard/combos/{made}").press("Test"))


def test_a_gateway_without_anything_is_clean_too(admin: Browser) -> None:
    for path in ("/dashboard/combos", "/dashboard/combos/new", "/dashboard/aliases", "/dashboard/health", "/dashboard/resolve"):
        assert_clean(admin.open(path))
