"""What can be found by name, in which order, and the page that shows it without scripts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omniroute.dashboard import palette
from omniroute.dashboard.palette import MODELS, Entry, find, rank
from tests.dashboard.conftest import KEY, Desk
from tests.dashboard.test_pages import HOSTILE, assert_clean
from tests.upstream.relay import Relay


@pytest.fixture
def furnished(desk: Desk, relay: Relay) -> Desk:
    """A node with a connection, one without, a combo that is off, a key."""
    node = desk.node(relay, "team", name="Team relay")
    desk.connection(node, name="work account")
    desk.services.models.add(node, ["glm-5.1"], "custom", desk.by)
    desk.node(relay, "spare")
    desk.services.combos.create({"name": "everyday", "steps": ["team/glm-5.1"], "enabled": False}, desk.by)
    desk.services.keys.create({"name": "laptop"}, desk.by)
    return desk


@pytest.mark.parametrize(
    ("wanted", "place"),
    [
        ("every", 0),
        ("EVERY-day", 0),
        ("models", 1),
        ("day mod", 1),
        ("ery d", 2),
        ("combo every", 3),
        ("priority", 3),
        ("fallback", 3),
        ("edm", 4),
        ("mdl", 4),
        ("vry", None),
        ("lme", None),
        ("every nothing", None),
    ],
)
def test_the_better_it_fits_the_higher_it_stands(wanted: str, place: int | None) -> None:
    entry = Entry("Combo", "Every_day models", "route", hint="priority", words="fallback")
    assert rank(entry, palette.plain(wanted)) == place


def test_of_equal_fits_the_order_stays() -> None:
    named = [Entry("Key", label, "key") for label in ("my day", "day two", "holiday", "day one")]
    assert [entry.label for entry in find(named, "day")] == ["day two", "day one", "my day", "holiday"]
    assert find(named, " ") == named


def test_pages_actions_and_everything_with_a_name_are_there(furnished: Desk) -> None:
    told = furnished.admin().open("/dashboard/palette").answer
    assert told.headers["Cache-Control"] == "no-store"
    assert KEY not in told.get_data(as_text=True)
    there = {(each["kind"], each["label"]): each for each in told.json["entries"]}
    for kind, label in (
        ("Page", "Logs"),
        ("Page", "Security"),
        ("Page", "Troubleshooting"),
        ("Action", "Add Provider"),
        ("Action", "Add Claude Code Compatible"),
        ("Action", "Connect AgentRouter"),
        ("Provider", "Team relay"),
        ("Provider", "Spare"),
        ("Connection", "work account"),
        ("Key", "laptop"),
        ("Model", "team/glm-5.1"),
    ):
        assert (kind, label) in there
    assert there["Combo", "everyday"]["hint"] == "off"
    assert there["Action", "Sign out"]["post"] is True
    assert told.json["more"] is False


def test_every_address_leads_somewhere(furnished: Desk) -> None:
    admin = furnished.admin()
    for each in admin.open("/dashboard/palette").answer.json["entries"]:
        if "post" not in each and "address" in each:
            assert admin.client.get(each["address"]).status_code == 200, each


def test_what_the_server_does_not_offer_is_not_found(open_desk: Callable[..., Desk]) -> None:
    page = open_desk(enable_cc_compatible_provider=False).admin().open("/dashboard/search?q=add")
    assert "Add OpenAI Compatible" in page.links()
    assert "Claude Code" not in page.text


def test_a_browser_is_given_some_models_and_the_page_knows_them_all(furnished: Desk) -> None:
    (node,) = (each.id for each in furnished.services.nodes.list() if each.prefix == "team")
    furnished.services.models.add(node, [f"model-{number}" for number in range(MODELS)], "custom", furnished.by)
    admin = furnished.admin()
    told = admin.open("/dashboard/palette").answer.json
    assert len([each for each in told["entries"] if each["kind"] == "Model"]) == MODELS
    assert told["more"] is True
    assert f"team/model-{MODELS - 1}" in admin.open(f"/dashboard/search?q=model-{MODELS - 1}").links()


def test_without_scripts_the_button_on_top_leads_to_the_same_finds(furnished: Desk) -> None:
    admin = furnished.admin()
    page = admin.open("/").press("Find anything")
    assert page.path == "/dashboard/search"
    page = admin.open("/dashboard/search?q=sign+out")
    assert page.press("Sign out").path == "/login"


def test_a_backup_is_downloaded_from_the_finds(furnished: Desk) -> None:
    file = furnished.admin().open("/dashboard/search?q=download+backup").press("Download backup without keys").answer
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert KEY not in file.get_data(as_text=True)


def test_names_stay_text_and_what_is_not_there_is_said(furnished: Desk) -> None:
    furnished.services.keys.create({"name": HOSTILE}, furnished.by)
    admin = furnished.admin()
    page = admin.open("/dashboard/search?q=onerror")
    assert HOSTILE in page.links()
    assert_clean(page)
    page = admin.open("/dashboard/search?q=%3Cscript%3E")
    assert "Nothing is called “<script>”" in page.text
    assert_clean(page)
    assert_clean(page.follow("Show all"))


def test_nobody_else_is_told_any_name(furnished: Desk) -> None:
    visitor = furnished.visitor()
    for path in ("/dashboard/palette", "/dashboard/search?q=team"):
        assert visitor.open(path).path == "/login"
