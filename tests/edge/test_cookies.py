from __future__ import annotations

import re

from flask.testing import FlaskClient

from tests.edge.conftest import ORIGIN, PASSWORD, House, Open

HTTPS = "https://localhost"


def sign_in(client: FlaskClient, base: str) -> list[str]:
    """The Set-Cookie lines of a login over `base`."""
    answer = client.post("/api/auth/login", json={"password": PASSWORD}, base_url=base)
    assert answer.status_code == 200
    return answer.headers.getlist("Set-Cookie")


def attributes(line: str) -> set[str]:
    return {
        part.strip().partition("=")[0].lower() + part.strip().partition("=")[1] + part.strip().partition("=")[2]
        for part in line.split(";")[1:]
    }


def test_over_http_the_cookie_is_as_tight_as_http_allows(house: House) -> None:
    house.browser()
    (line,) = sign_in(house.client, "http://localhost")
    assert line.startswith("omniroute_session=")
    assert {"httponly", "samesite=Lax", "path=/"} <= attributes(line)
    assert "secure" not in attributes(line) and not any(part.startswith("domain") for part in attributes(line))


def test_over_https_it_is_host_bound_and_secure(house: House) -> None:
    house.browser()
    (line,) = sign_in(house.client, HTTPS)
    assert line.startswith("__Host-omniroute=")
    assert {"httponly", "samesite=Lax", "path=/", "secure"} <= attributes(line)
    assert not any(part.startswith("domain") for part in attributes(line))


def test_over_https_the_plain_cookie_is_not_read(house: House) -> None:
    client = house.app.test_client()
    client.set_cookie("omniroute_session", house.browser() and house.session, secure=False)
    assert client.get("/api/auth/status").get_json()["authenticated"] is True
    assert client.get("/api/auth/status", base_url=HTTPS).get_json()["authenticated"] is False


def test_a_login_ends_the_session_that_came_along(house: House) -> None:
    house.browser()
    client = house.client
    sign_in(client, "http://localhost")
    first = client.get_cookie("omniroute_session")
    sign_in(client, "http://localhost")
    second = client.get_cookie("omniroute_session")
    assert first is not None and second is not None and first.value != second.value
    assert house.services.accounts.session(first.value) is None


def test_signing_out_ends_the_session_and_drops_the_cookie(house: House) -> None:
    browser = house.browser()
    answer = browser.post("/api/auth/logout", headers=ORIGIN)
    assert answer.status_code == 204
    assert re.match(r"omniroute_session=;.*Max-Age=0", answer.headers["Set-Cookie"])
    assert house.services.accounts.session(house.session) is None


def test_the_client_endpoints_set_and_read_no_cookie(house: House) -> None:
    browser = house.browser()
    answer = browser.get("/v1/models")
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers and "Vary" not in answer.headers
    assert browser.get("/v1/models", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_a_broken_form_cookie_is_as_none(house: House) -> None:
    browser = house.browser()
    browser.set_cookie("omniroute_form", "not.a.cookie")
    assert browser.get("/").status_code == 200


def test_behind_a_tunnel_the_public_url_says_that_it_is_https(opened: Open) -> None:
    house = opened(public_url="https://gateway.example.com")
    house.browser()
    (line,) = sign_in(house.client, "http://gateway.example.com")
    assert line.startswith("__Host-omniroute=") and "secure" in attributes(line)
    (line,) = sign_in(house.client, "http://localhost")
    assert line.startswith("omniroute_session=")
