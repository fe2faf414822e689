"""The headers of each surface, and the same on every route that answers."""

from __future__ import annotations

import pytest

from omniroute.edge.headers import CONTENT_SECURITY_POLICY
from tests.edge.conftest import House

PAGES = ["/", "/login", "/dashboard/providers", "/nothing-here", "/healthz"]


@pytest.mark.parametrize("path", PAGES)
def test_whatever_a_browser_may_show_is_locked_down(house: House, path: str) -> None:
    headers = house.browser().get(path).headers
    assert headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert "camera=()" in headers["Permissions-Policy"]
    assert "no-store" in headers["Cache-Control"]
    assert "Strict-Transport-Security" not in headers


def test_the_policy_allows_nothing_inline() -> None:
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'")
    for part in ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "script-src 'self'", "style-src 'self'"):
        assert part in CONTENT_SECURITY_POLICY.split("; ")


def test_https_is_remembered_only_over_https(house: House) -> None:
    assert "max-age=" in house.client.get("/login", base_url="https://localhost").headers["Strict-Transport-Security"]


@pytest.mark.parametrize("path", ["/api/keys", "/api/nothing", "/v1/models"])
def test_programs_get_few(house: House, path: str) -> None:
    headers = house.browser().get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert ("Content-Security-Policy" in headers) is (path == "/api/nothing")


def test_no_answer_opens_itself_to_other_origins(house: House) -> None:
    for path in ("/v1/models", "/api/keys", "/login"):
        headers = (
            house.browser()
            .options(path, headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"})
            .headers
        )
        assert not [name for name, _ in headers if name.lower().startswith("access-control")]


def test_every_answer_has_an_id_of_ours(house: House) -> None:
    mine = {"X-Request-Id": "chosen-by-the-caller"}
    seen = {
        house.client.get(path, headers=mine).headers["X-Request-Id"] for path in ("/v1/models", "/api/keys", "/login", "/nothing")
    }
    assert len(seen) == 4 and "chosen-by-the-caller" not in seen
    answer = house.client.get("/v1/models")
    assert answer.headers["request-id"] == answer.headers["X-Request-Id"]


def test_a_refusal_names_the_scheme(house: House) -> None:
    assert house.client.get("/api/keys").headers["WWW-Authenticate"] == "Bearer"
