"""What every page has: its place, banners where something is wrong, a next step where nothing is yet, and words for values."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from omniroute.dashboard.assets import FOLDER
from omniroute.dashboard.shell import NAVIGATION, initials, money, percent, price, tokens, took, window
from omniroute.usage.bodies import Bodies
from tests.dashboard.browsing import Element, Page
from tests.dashboard.conftest import Desk
from tests.upstream.relay import Relay

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
ITEMS = [item for _, items in NAVIGATION for item in items]


def trail(page: Page) -> list[str]:
    (crumbs,) = (each for each in page.root.all("nav") if each.attrs.get("aria-label") == "You are here")
    return [each.text for each in crumbs.all("li")]


def current(page: Page) -> list[str]:
    (main,) = (each for each in page.root.all("nav") if each.attrs.get("aria-label") == "Main")
    return [each.text for each in main.all("a") if "aria-current" in each.attrs]


def empty_states(page: Page) -> list[Element]:
    return [each for each in page.root.walk() if "empty-state" in each.attrs.get("class", "").split()]


def test_an_open_gateway_shouts(open_desk: Callable[..., Desk]) -> None:
    page = open_desk(host="0.0.0.0", require_api_key="false").admin().open("/dashboard/keys")
    assert "Anyone who reaches this server can spend your credit." in page.text


def test_it_is_quiet_once_everybody_is_asked_for_a_key(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(host="0.0.0.0", require_api_key="false")
    admin = desk.admin()
    desk.services.preferences.update({"require_api_key": "always"}, desk.by)
    assert "Anyone who reaches this server" not in admin.open("/dashboard/keys").text
    desk.services.preferences.update({"require_api_key": "as started"}, desk.by)
    assert "Anyone who reaches this server" in admin.open("/dashboard/keys").text


def test_plain_http_from_elsewhere_is_told(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(host="0.0.0.0")
    page = desk.visitor().open("/login", Host="gateway.example.com")
    assert "This page came over plain http." in page.text
    assert "plain http" not in desk.visitor().open("/login").text


def test_a_redis_that_is_away_is_said(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(redis_url="redis://127.0.0.1:1/0")
    admin = desk.admin()
    title = "Workers can't tell each other how upstreams are doing."
    assert title not in admin.open("/dashboard/keys").text
    desk.services.board.tick()
    assert title in admin.open("/dashboard/keys").text
    desk.services.board.close()


def test_every_page_of_the_navigation_has_a_letter_and_stands_at_the_top(desk: Desk) -> None:
    letters = [item.key for item in ITEMS]
    assert len(set(letters)) == len(letters)
    assert all(len(letter) == 1 for letter in letters)
    admin = desk.admin()
    for item in ITEMS:
        page = admin.open(admin.open("/").links()[item.label])
        assert current(page) == [item.label]
        assert trail(page)[0] == item.label


def test_a_page_further_down_leads_back_to_each_one_above(desk: Desk, relay: Relay) -> None:
    node = desk.node(relay, "team", name="Team")
    row = desk.connection(node, name="first")
    desk.connection("agentrouter")
    combo = desk.services.combos.create({"name": "everyday", "steps": ["team/glm-5.1"]}, desk.by)
    key, _ = desk.services.keys.create({"name": "laptop"}, desk.by)
    desk.log_row("row-1", requested_model="team/glm-5.1", status=200, kind="ok")
    bodies = Bodies("row-1", 1_800_000_000.0, b"{}", 2, b"{}", 2)
    desk.services.database.write(desk.services.books.bodies.sealed([bodies]))
    admin = desk.admin()
    for path, expected in (
        (f"/dashboard/providers/{node}", ["Providers", "Team"]),
        ("/dashboard/providers/add", ["Providers", "Add Provider"]),
        ("/dashboard/providers/add/openai", ["Providers", "Add Provider", "Connect OpenAI"]),
        ("/dashboard/nodes/add/openai-compatible", ["Providers", "Add Provider", "Add OpenAI Compatible"]),
        (f"/dashboard/nodes/{node}/edit", ["Providers", "Team", "Edit Team"]),
        (f"/dashboard/nodes/{node}/delete", ["Providers", "Team", "Delete provider"]),
        (f"/dashboard/connections/{row}/edit", ["Providers", "Team", "Edit first"]),
        (f"/dashboard/connections/{row}/delete", ["Providers", "Team", "Delete connection"]),
        (f"/dashboard/combos/{combo.id}", ["Combos", "everyday"]),
        (f"/dashboard/combos/{combo.id}/delete", ["Combos", "Delete combo"]),
        (f"/dashboard/keys/{key.id}/edit", ["Keys", "Edit laptop"]),
        ("/dashboard/logs/row-1", ["Logs", "team/glm-5.1"]),
        ("/dashboard/logs/row-1/bodies", ["Logs", "Request", "Bodies"]),
        ("/dashboard/health/reset-all", ["Health", "Reset all"]),
        ("/dashboard/settings/security", ["Settings", "Security"]),
    ):
        page = admin.open(path)
        assert trail(page) == expected
        assert current(page) == expected[:1]
        for label in expected[:-1]:
            assert page.follow(label).status == 200, (path, label)


def test_a_trail_is_given_by_the_view_alone() -> None:
    assert not [path.name for path in TEMPLATES.rglob("*.html") if "block crumbs" in path.read_text()]


def test_a_page_without_anything_says_what_to_do_next(desk: Desk) -> None:
    admin = desk.admin()
    seen = 0
    for path in (
        *(admin.open("/").links()[item.label] for item in ITEMS),
        "/dashboard/logs?model=none",
        "/dashboard/usage?model=none",
        "/dashboard/providers/add?q=none-such",
        "/dashboard/search?q=none-such",
        "/dashboard/nothing",
    ):
        page = admin.open(path)
        for state in empty_states(page):
            seen += 1
            assert state.all("a", "button"), f"{path}: {state.text}"
    assert seen >= 12


def test_the_colours_of_the_settings_hold_where_a_browser_has_chosen_none(desk: Desk) -> None:
    admin = desk.admin()
    assert "data-bs-theme" not in admin.open("/").root.all("html")[0].attrs
    desk.services.preferences.update({"theme": "dark"}, desk.by)
    for page in (admin.open("/"), desk.visitor().open("/login"), admin.open("/dashboard/nothing")):
        assert page.root.all("html")[0].attrs["data-bs-theme"] == "dark"


def test_the_scripts_of_every_page_stay_small() -> None:
    sizes = {name: len(gzip.compress((FOLDER / name).read_bytes(), 9)) for name in ("theme.js", "app.js", "palette.js")}
    assert sum(sizes.values()) <= 12_500, sizes


def test_pages_with_answers_for_one_session_are_kept_nowhere(desk: Desk) -> None:
    answer = desk.admin().open("/").answer
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("count", "shown"), [(None, "–"), (0, "0"), (9_999, "9,999"), (110_234, "110.2k"), (2_000_000, "2M")])
def test_tokens(count: int | None, shown: str) -> None:
    assert tokens(count) == shown


@pytest.mark.parametrize(
    ("count", "shown"), [(None, "–"), (200_000, "200k"), (1_000_000, "1M"), (1_050_000, "1.1M"), (512, "512")]
)
def test_window(count: int | None, shown: str) -> None:
    assert window(count) == shown


@pytest.mark.parametrize(
    ("ms", "shown"), [(None, "–"), (0.0, "0 ms"), (0.8, "0.8 ms"), (431.4, "431 ms"), (2410.0, "2.4 s"), (185_000.0, "3 min 5 s")]
)
def test_took(ms: float | None, shown: str) -> None:
    assert took(ms) == shown


@pytest.mark.parametrize(
    ("usd", "shown"), [(None, "–"), (Decimal("0"), "free"), (Decimal("2.50"), "$2.5"), (Decimal("15"), "$15")]
)
def test_unknown_is_not_free(usd: Decimal | None, shown: str) -> None:
    assert price(usd) == shown


@pytest.mark.parametrize(
    ("micro_dollars", "shown"),
    [
        (None, "unknown"),
        (0, "$0"),
        (1, "$0.000001"),
        (123, "$0.00012"),
        (12_345, "$0.012"),
        (99_999, "$0.10"),
        (104_999, "$0.10"),
        (105_000, "$0.11"),
        (995_000, "$1.00"),
        (1_234_567_890_123, "$1,234,567.89"),
    ],
)
def test_money(micro_dollars: int | None, shown: str) -> None:
    assert money(micro_dollars) == shown


@pytest.mark.parametrize(
    ("share", "shown"), [(None, "–"), (0.0, "0 %"), (0.00001, "< 0.1 %"), (0.0213, "2.1 %"), (0.5, "50 %"), (1.0, "100 %")]
)
def test_percent(share: float | None, shown: str) -> None:
    assert percent(share) == shown


@pytest.mark.parametrize(("name", "shown"), [("AgentRouter", "Ag"), ("Google Gemini", "GG"), ("-", "-"), ("", "?")])
def test_initials(name: str, shown: str) -> None:
    assert initials(name) == shown
