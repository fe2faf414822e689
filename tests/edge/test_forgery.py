"""A foreign page can't act with the user's cookie: not by form, not by JSON, not with another login's token."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.edge.conftest import ORIGIN, PASSWORD, House


def token_on(client: FlaskClient, path: str, **headers: str) -> str:
    """The CSRF token of the form on a page."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(path, headers=headers).text)
    assert found is not None
    return found[1]


def test_a_form_needs_its_token(house: House) -> None:
    browser = house.browser()
    assert browser.post("/logout", headers=ORIGIN).status_code == 400
    assert browser.post("/logout", headers=ORIGIN, data={"csrf_token": "made up"}).status_code == 400
    token = token_on(browser, "/")
    assert browser.post("/logout", headers=ORIGIN, data={"csrf_token": token}).status_code == 303


def test_htmx_sends_the_token_in_a_header(house: House) -> None:
    browser = house.browser()
    token = token_on(browser, "/")
    assert browser.post("/logout", headers=ORIGIN | {"X-CSRFToken": token}).status_code == 303


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_foreign_page_is_refused_with_a_good_token(house: House, headers: dict[str, str]) -> None:
    browser = house.browser()
    token = token_on(browser, "/")
    assert browser.post("/logout", headers=headers, data={"csrf_token": token}).status_code == 403


def test_the_login_form_needs_a_token_too(house: House) -> None:
    house.browser()
    client = house.client
    assert client.post("/login", headers=ORIGIN, data={"password": PASSWORD}).status_code == 400
    token = token_on(client, "/login")
    assert client.post("/login", headers=ORIGIN, data={"password": PASSWORD, "csrf_token": token}).status_code == 303


def test_the_token_from_before_the_login_is_worth_nothing_after_it(house: House) -> None:
    house.browser()
    client = house.client
    before = token_on(client, "/login")
    client.post("/login", headers=ORIGIN, data={"password": PASSWORD, "csrf_token": before})
    assert client.post("/logout", headers=ORIGIN, data={"csrf_token": before}).status_code == 400
    assert client.post("/logout", headers=ORIGIN, data={"csrf_token": token_on(client, "/")}).status_code == 303


def test_the_token_of_one_login_is_worth_nothing_in_another(house: House) -> None:
    mine, yours = house.browser(), house.app.test_client()
    other = house.services.accounts.login(PASSWORD, "127.0.0.1")
    yours.set_cookie("omniroute_session", other)
    token = token_on(mine, "/")
    form_cookie = mine.get_cookie("omniroute_form")
    assert form_cookie is not None
    yours.set_cookie("omniroute_form", form_cookie.value)  # planted, token and cookie together
    assert yours.post("/logout", headers=ORIGIN, data={"csrf_token": token}).status_code == 400


# /api with the cookie -------------------------------------------------------------------

MADE = {"name": "k"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (ORIGIN, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({}, 403),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_a_change_by_cookie_must_come_from_our_page(house: House, headers: dict[str, str], status: int) -> None:
    assert house.browser().post("/api/keys", json=MADE, headers=headers).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        {"data": '{"name": "k"}', "content_type": "text/plain"},
        {"data": '{"name": "k"}', "content_type": "application/x-www-form-urlencoded"},
        {"data": '{"name": "k"}', "content_type": "multipart/form-data; boundary=x"},
    ],
)
def test_a_change_by_cookie_must_be_json(house: House, body: dict[str, Any]) -> None:
    assert house.browser().post("/api/keys", headers=ORIGIN, **body).status_code == 403


def test_a_key_needs_no_origin_and_no_token(house: House) -> None:
    headers = {"Authorization": f"Bearer {house.key('manage', 'relay')}"}
    assert house.client.post("/api/keys", json=MADE, headers=headers).status_code == 201
    assert house.browser().post("/api/keys", json=MADE, headers=headers).status_code == 201


def test_a_wrong_key_is_not_made_good_by_a_cookie(house: House) -> None:
    assert house.browser().get("/api/keys", headers={"Authorization": "Bearer sk-or-wrong"}).status_code == 401


def test_signing_in_by_json_from_a_foreign_page_is_refused(house: House) -> None:
    house.browser()
    login = {"password": PASSWORD}
    assert house.client.post("/api/auth/login", json=login, headers={"Origin": "http://evil.example"}).status_code == 403
    assert house.client.post("/api/auth/login", json=login).status_code == 200
    plain = house.client.post("/api/auth/login", data='{"password": "x"}', content_type="text/plain")
    assert plain.status_code == 415
