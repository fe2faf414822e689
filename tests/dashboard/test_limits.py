"""Limits: how keys and connections stand, budgets added, changed and deleted where they are shown."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.dashboard.limits import SHOWN
from omniroute.limits.upstream import Learned
from omniroute.state.shared import Part
from tests.dashboard.browsing import Browser, Page
from tests.dashboard.conftest import Desk


def key(desk: Desk, name: str = "CI", **limits: Any) -> str:
    return desk.services.keys.create({"name": name} | limits, desk.by)[0].id


def budget(desk: Desk, key_id: str, **more: Any) -> str:
    given = {"api_key_id": key_id, "period": "month", "limit_usd": 10} | more
    return desk.services.budgets.put(given, desk.by).id


def spend(desk: Desk, counter: str, amount: int) -> None:
    desk.services.shared.spend([Part(counter, int(desk.services.clock.now()), amount, 3e9)])


def rows(page: Page) -> list[str]:
    return [each.text for each in page.root.all("tr")]


def test_what_to_do_while_there_is_nothing(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/limits")
    assert "No key to limit yet" in page.text
    assert "Nothing is known of any quota" in page.text
    assert "Save budget" not in page.buttons()
    key(desk)
    page = admin.open("/dashboard/limits")
    assert "No key has a limit" in page.text
    assert page.links()["Add budget"] == "#budget"


def test_each_limit_has_a_bar_numbers_and_its_reset(desk: Desk, admin: Browser) -> None:
    mine = key(desk, requests_per_minute=60, max_concurrent=4)
    budget(desk, mine, timezone="Europe/Berlin")
    spend(desk, f"key:{mine}:USD per month", 8_500_000)
    page = admin.open("/dashboard/limits")
    concurrent, rate, month = rows(page)[2:5]
    assert concurrent == "Concurrent requests 0 of 4 now when one ends Room"
    assert rate == "Requests per minute 0 of 60 bit by bit Room"
    assert "USD per month Europe/Berlin $8.50 of $10.00" in month
    assert "Low" in month
    bar = next(each for each in page.root.all("svg") if "gauge-warn" in each.attrs.get("class", ""))
    assert bar.attrs["aria-label"] == "85 % used, 0 % reserved"
    assert [each.attrs["width"] for each in bar.all("rect")] == ["85.0", "0.0"]
    left = [each for each in page.root.all("time") if "data-left" in each.attrs]
    assert len(left) == 1
    assert left[0].text.startswith("in ")


def test_a_bar_is_never_longer_than_its_place(desk: Desk, admin: Browser) -> None:
    mine = key(desk)
    budget(desk, mine)
    spend(desk, f"key:{mine}:USD per month", 25_000_000)
    page = admin.open("/dashboard/limits")
    assert "$25.00 of $10.00" in page.text
    assert "Used up" in page.text
    bar = next(each for each in page.root.all("svg") if "gauge-out" in each.attrs.get("class", ""))
    assert [each.attrs["width"] for each in bar.all("rect")] == ["100", "0.0"]


def test_a_budget_is_added_changed_and_deleted(desk: Desk, admin: Browser) -> None:
    key(desk)
    page = admin.open("/dashboard/limits").fill({"Limit": "1,200.5", "For": "A week, from Monday", "Time zone": "Europe/Berlin"})
    page = page.press("Save budget")
    assert "The budget of CI is saved." in page.toasts[0]
    (made,) = desk.services.budgets.list()
    assert (made.period, made.value.limit, made.warn_at, made.timezone) == ("week", 1_200_500_000, 0.8, "Europe/Berlin")
    page = page.follow("Change USD per week of CI")
    assert "Change the budget of CI" in page.text
    assert page.control("Limit").attrs["value"] == "1200.5"
    page = page.fill({"Limit": "5000", "Counted in": "Tokens, input and output", "Warn at": "50"}).press("Save budget")
    (after,) = desk.services.budgets.list()
    assert (after.id, after.limit_tokens, after.limit_usd, after.warn_at) == (made.id, 5000, None, 0.5)
    page = page.follow("Delete tokens per week of CI")
    assert "may then spend as much as it likes in a week" in page.text
    page = page.press("Delete budget")
    assert desk.services.budgets.list() == ()
    assert "No key has a limit" in page.text


def test_a_share_that_is_no_whole_percent_stays(desk: Desk, admin: Browser) -> None:
    budget(desk, key(desk), warn_at=0.855)
    page = admin.open("/dashboard/limits").follow("Change USD per month of CI")
    page.fill({"Limit": "20"}).press("Save budget")
    (after,) = desk.services.budgets.list()
    assert (after.value.limit, after.warn_at) == (20_000_000, 0.855)


@pytest.mark.parametrize(
    ("label", "value", "said"),
    [
        ("Limit", "", "Say how much."),
        ("Limit", "ten", "Limit in USD must be an amount in dollars"),
        ("Limit", "0.0000001", "at most six decimal places"),
        ("Warn at", "0", "between 1 and 100"),
        ("Time zone", "Mars/Base", "must be a time zone such as"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(desk: Desk, admin: Browser, label: str, value: str, said: str) -> None:
    key(desk)
    page = admin.open("/dashboard/limits").fill({"Limit": "10"} | {label: value}).press("Save budget")
    assert page.status == 400
    field = page.control(label)
    assert field.attrs.get("aria-invalid") == "true"
    assert said in next(each.text for each in page.root.walk() if each.attrs.get("id") == f"{field.attrs['id']}-wrong")
    assert desk.services.budgets.list() == ()


def test_tokens_that_are_no_whole_number_are_told_at_the_limit(desk: Desk, admin: Browser) -> None:
    key(desk)
    page = admin.open("/dashboard/limits").fill({"Limit": "1.5", "Counted in": "Tokens, input and output"}).press("Save budget")
    assert page.status == 400
    assert "Limit in tokens must be a whole number" in page.text


def test_a_key_leads_to_its_budget(desk: Desk, admin: Browser) -> None:
    key(desk, "A")
    key(desk, "B")
    page = admin.open("/dashboard/keys").follow("Edit B")
    addresses = [each.attrs["href"] for each in page.root.all("a") if "key=" in each.attrs.get("href", "")]
    page = admin.open(addresses[0].partition("#")[0])
    chosen = [each.text for each in page.control("Key").all("option") if "selected" in each.attrs]
    assert chosen == ["B"]


def test_quotas_of_connections_own_and_told(desk: Desk, admin: Browser) -> None:
    own = desk.connection(
        "openai", name="company", quota={"unit": "tokens", "limit": 1_000_000, "window": "5h", "mode": "rolling"}
    )
    told = desk.connection("anthropic", name="plan")
    now = desk.services.clock.now()
    windows = [
        Learned("5h", None, None, 0.04, now + 4000, now, 18_000),
        Learned("7d", None, None, 0.5, now + 4 * 86_400 + 1800, now, 604_800),
        Learned("requests", 50, 40, 0.8, None, now, 60),
    ]
    desk.services.board.told(told, windows)
    spend(desk, f"connection:{own}", 250_000)
    page = admin.open("/dashboard/limits")
    text = " | ".join(rows(page))
    assert "company OpenAI Change quota" in text
    assert "Tokens per 5h as you set it 250k of 1M bit by bit Room" in text
    assert "plan Anthropic Set quota" in text
    assert "5h as its upstream says" in text
    assert "4 % left" in text
    assert "in 1 h 6 min Low" in text
    assert "in 4 d 0 h Room" in text
    assert "80 % left 40 of 50 it doesn't say Room" in text
    assert page.links()["Change quota of company"] == f"/dashboard/connections/{own}/edit#quota"


def test_many_keys_are_found_by_name_and_those_that_ask_for_something_come_first(desk: Desk, admin: Browser) -> None:
    for number in range(SHOWN + 2):
        key(desk, f"key {number:02}", max_concurrent=1)
    last = key(desk, "the last")
    budget(desk, last)
    spend(desk, f"key:{last}:USD per month", 10_000_000)
    page = admin.open("/dashboard/limits")
    assert f"{SHOWN} of {SHOWN + 3} with limits" in page.text
    assert "3 more: find them by name." in page.text
    assert rows(page)[1].startswith("the last")
    page = admin.open("/dashboard/limits?q=KEY+21")
    assert "1 with limits" in page.text
    assert rows(page)[1].startswith("key 21")
    assert "No key is called so" in admin.open("/dashboard/limits?q=nobody").text


def test_the_list_renews_itself_alone(desk: Desk, admin: Browser) -> None:
    mine = key(desk)
    budget(desk, mine)
    page = admin.open("/dashboard/limits")
    (poll,) = [each for each in page.root.walk() if each.attrs.get("hx-trigger") == "every 5s"]
    spend(desk, f"key:{mine}:USD per month", 10_000_000)
    part = admin.open(poll.attrs["hx-get"], **{"HX-Request": "true"})
    assert "Used up" in part.text
    assert not part.root.all("main")
    assert "Save budget" not in part.buttons()


def test_it_stands_also_while_the_counters_are_away(open_desk: Any) -> None:
    away = open_desk(redis_url="redis://127.0.0.1:1/0")
    key(away, max_concurrent=4)
    page = away.admin().open("/dashboard/limits")
    assert page.status == 200
    assert "What is used can't be looked up now." in page.text
    assert "4; what is used is not known now" in page.text
    page = page.fill({"Limit": "10"}).press("Save budget")
    assert page.status == 503
    assert away.services.budgets.list() == ()
