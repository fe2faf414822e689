"""Client keys: shown once, limited, replaced, switched off."""

from __future__ import annotations

import re
import time

import pytest

from omniroute.dashboard.keys import ENDPOINTS
from omniroute.edge.callers import covers
from tests.dashboard.browsing import Browser, Page
from tests.dashboard.conftest import Desk

KEEPS_LITTLE = (
    "Keep as little as possible in the log Its log rows keep tokens and cost, so that money adds up, "
    "but neither bodies nor the client program's name."
)


def shown_key(page: Page) -> str:
    return next(each.text for each in page.root.walk() if each.attrs.get("id") == "new-key")


def test_a_key_is_shown_once(desk: Desk, admin: Browser) -> None:
    desk.connection("agentrouter")
    page = admin.open("/dashboard/keys").follow("Create key").fill({"Name": "laptop"}).press("Create key")
    key = shown_key(page)
    assert re.fullmatch(r"sk-or-[\w-]{40,}", key)
    assert f"ANTHROPIC_AUTH_TOKEN={key}" in page.text
    assert page.answer.headers["Cache-Control"] == "no-store"
    listed = page.follow("Done")
    assert key not in listed.html
    assert "laptop" in listed.text
    (row,) = desk.services.keys.list()
    assert row.scopes == ("relay",)


def test_limits_reach_the_key(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/keys/add").fill(
        {
            "Name": "CI",
            "Expires": "In 30 days",
            "Allowed models": "agentrouter/*\n\n openai/gpt-* ",
            "Messages": "on",
            "Change providers, keys and settings through /api": "on",
            KEEPS_LITTLE: "on",
        }
    )
    page.press("Create key")
    (row,) = desk.services.keys.list()
    assert row.allowed_models == ("agentrouter/*", "openai/gpt-*")
    assert row.allowed_endpoints == ("/v1/messages",)
    assert set(row.scopes) == {"relay", "manage"}
    assert row.no_log
    assert row.expires_at is not None
    assert 29 * 86_400 < row.expires_at - time.time() < 31 * 86_400


def test_a_day_is_asked_for_when_one_is_to_be_chosen(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/keys/add").fill({"Name": "x", "Expires": "On a day"}).press("Create key")
    assert page.status == 400
    assert "Choose the day" in page.text
    page = page.fill({"Last day (UTC)": "2031-05-17"}).press("Create key")
    assert page.status == 200
    assert desk.services.keys.list()[0].expires_at == 1_936_828_799.0


def test_a_day_that_is_over_is_refused(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/keys/add").fill({"Name": "x", "Expires": "On a day", "Last day (UTC)": "2020-01-01"})
    page = page.press("Create key")
    assert page.status == 400
    assert "must be in the future" in page.text
    assert desk.services.keys.list() == ()


@pytest.mark.parametrize(("label", "value"), [("Name", ""), ("Send requests to models", "off")])
def test_what_is_needed_is_asked_for(desk: Desk, admin: Browser, label: str, value: str) -> None:
    page = admin.open("/dashboard/keys/add").fill({"Name": "x"} | {label: value}).press("Create key")
    assert page.status == 400
    assert desk.services.keys.list() == ()


def test_editing_shows_and_keeps_what_is_stored(desk: Desk, admin: Browser) -> None:
    ends = 1_936_800_000.0
    given = {"name": "CI", "allowed_models": ["agentrouter/*"], "scopes": ["relay", "manage"], "expires_at": ends}
    row, _ = desk.services.keys.create(given, desk.by)
    admin.open("/dashboard/keys").follow("Edit CI").fill({"Name": "CI 2"}).press("Save")
    after = desk.services.keys.get(row.id)
    assert (after.name, after.allowed_models, after.scopes, after.expires_at) == ("CI 2", row.allowed_models, row.scopes, ends)


def test_saving_keeps_endpoints_that_the_form_does_not_name(desk: Desk, admin: Browser) -> None:
    given = {"name": "CI", "allowed_endpoints": ["/v1/messages/count_tokens", "/v1/audio"]}
    row, _ = desk.services.keys.create(given, desk.by)
    page = admin.open("/dashboard/keys").follow("Edit CI")
    page.fill({"Rerank": "on"}).press("Save")
    assert set(desk.services.keys.get(row.id).allowed_endpoints) == {*row.allowed_endpoints, "/v1/rerank"}


def test_each_client_endpoint_can_be_chosen(desk: Desk) -> None:
    offered = [choice.value for choice in ENDPOINTS]
    rules = [rule.rule for rule in desk.app.url_map.iter_rules() if rule.rule.startswith(("/v1/", "/v1beta/"))]
    assert len(rules) > 3
    assert [rule for rule in rules if not covers(offered, rule)] == []
    assert [one for one in offered if not any(covers([one], rule) for rule in rules)] == []


def test_rotating_asks_and_shows_a_new_key(desk: Desk, admin: Browser) -> None:
    _, old = desk.services.keys.create({"name": "CI"}, desk.by)
    page = admin.open("/dashboard/keys").follow("Rotate CI")
    assert "stops working at once" in page.text
    assert shown_key(page.press("Replace key")) != old


def test_off_on_and_deleted(desk: Desk, admin: Browser) -> None:
    desk.services.keys.create({"name": "CI"}, desk.by)
    page = admin.open("/dashboard/keys").press("Disable CI")
    assert desk.services.keys.list()[0].is_active is False
    page = page.press("Enable CI")
    assert desk.services.keys.list()[0].is_active is True
    page = page.follow("Delete CI").press("Delete key")
    assert desk.services.keys.list() == ()
    assert "No key yet" in page.text


def test_numbers_are_limits_and_nothing_is_none(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/keys/add")
    page = page.fill({"Name": "CI", "Requests per minute": "60", "Tokens per minute": "100000", "At most at once": "4"})
    page.press("Create key")
    (row,) = desk.services.keys.list()
    assert (row.requests_per_minute, row.tokens_per_minute, row.max_concurrent) == (60, 100_000, 4)
    page = admin.open("/dashboard/keys")
    assert "60 requests/min · 100k tokens/min · 4 at once" in page.text
    page.follow("Edit CI").fill({"Requests per minute": "", "At most at once": "5"}).press("Save")
    (row,) = desk.services.keys.list()
    assert (row.requests_per_minute, row.tokens_per_minute, row.max_concurrent) == (None, 100_000, 5)
    page = admin.open("/dashboard/keys").follow("Edit CI").fill({"At most at once": "0"}).press("Save")
    assert page.status == 400
    assert page.control("At most at once").attrs["aria-invalid"] == "true"


def test_no_log_and_bodies_do_not_go_together(desk: Desk, admin: Browser) -> None:
    bodies = (
        "Keep what is asked and answered Encrypted, beside the row in the log. Not for a key that keeps as little as possible."
    )
    nothing = KEEPS_LITTLE
    page = admin.open("/dashboard/keys/add").fill({"Name": "CI", bodies: "on", nothing: "on"}).press("Create key")
    assert page.status == 400
    assert "can't be on for a key that keeps as little as possible" in page.text
    page.fill({nothing: "off"}).press("Create key")
    (row,) = desk.services.keys.list()
    assert (row.log_bodies, row.no_log) == (True, False)
