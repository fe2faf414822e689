"""Health: who is held up, why and until when, and the ways to forget it."""

from __future__ import annotations

from tests.dashboard.browsing import Browser
from tests.dashboard.conftest import Desk
from tests.dashboard.trouble import answered, unreachable


def test_nothing_held_is_said(admin: Browser) -> None:
    page = admin.open("/dashboard/health")
    assert "Everything is fine" in page.text
    assert "Reset all" not in page.links()


def test_each_entry_has_whom_state_reason_remedy_and_time(desk: Desk, admin: Browser) -> None:
    row = desk.connection("openai", name="company")
    answered(desk, row, "gpt-5.5", 402, 90)
    answered(desk, row, "gpt-5.5", 529)
    desk.services.connections.mark(row, "banned", "The account is closed.", desk.by)
    page = admin.open("/dashboard/health")
    rows = [each.text for each in page.root.all("tr")][1:]
    assert len(rows) == 3
    assert "Banned" in rows[0]
    assert "The account is closed." in rows[0]
    assert "press Test" in rows[0]
    assert "you settle it" in rows[0]
    locked = next(each for each in rows if "Model locked" in each)
    assert "openai/gpt-5.5 through company" in locked
    cooling = next(each for each in rows if "Cooling" in each)
    assert "quota_exhausted" in cooling
    assert "top it up" in cooling
    assert "in 1 min 30 s" in cooling
    assert "as it said itself" in cooling


def test_one_entry_is_reset_and_the_others_stay(desk: Desk, admin: Browser) -> None:
    row = desk.connection("openai", name="company")
    answered(desk, row, "a", 529, 60)
    answered(desk, row, "b", 529, 60)
    page = admin.open("/dashboard/health").press("Reset openai/a: Model locked")
    assert "Reset." in page.toasts[0]
    assert [each.model for each in desk.services.resilience.overview().held] == ["b"]


def test_the_breaker_of_an_upstream_is_reset(desk: Desk, admin: Browser) -> None:
    unreachable(desk, desk.connection("openai", name="company"), "gpt-5.5")
    page = admin.open("/dashboard/health")
    assert "the upstream as a whole" in page.text
    page = page.press("Reset OpenAI: Breaker open")
    assert "Everything is fine" in page.text


def test_a_terminal_status_is_reset(desk: Desk, admin: Browser) -> None:
    row = desk.connection("openai", name="company")
    desk.services.connections.mark(row, "error", "Refused.", desk.by)
    admin.open("/dashboard/health").press("Reset company: Error")
    assert desk.services.connections.get(row).test_status == "untested"


def test_reset_all_asks_first(desk: Desk, admin: Browser) -> None:
    row = desk.connection("openai", name="company")
    answered(desk, row, "a", 529, 60)
    answered(desk, row, "b", 402, 60)
    page = admin.open("/dashboard/health").follow("Reset all")
    assert "2 entries are forgotten" in page.text
    assert len(desk.services.resilience.overview().held) == 2
    assert "Everything is fine" in page.press("Reset all").text


def test_the_list_renews_itself_alone(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/health")
    (poll,) = [each for each in page.root.walk() if each.attrs.get("hx-trigger") == "every 3s"]
    answered(desk, desk.connection("openai"), "a", 529, 60)
    part = admin.open(poll.attrs["hx-get"], **{"HX-Request": "true"})
    assert "Model locked" in part.text
    assert not part.root.all("main")


def test_a_reset_of_nothing_resets_nothing(desk: Desk, admin: Browser) -> None:
    answered(desk, desk.connection("openai"), "a", 529, 60)
    page = admin.open("/dashboard/health")
    token = next(each.attrs["value"] for each in page.root.all("input") if each.attrs.get("name") == "csrf_token")
    admin.send("/dashboard/health/reset", {"csrf_token": token})
    assert len(desk.services.resilience.overview().held) == 1
