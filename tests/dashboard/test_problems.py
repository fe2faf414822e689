"""Errors as pages."""

from __future__ import annotations

from tests.dashboard.browsing import Browser
from tests.dashboard.conftest import Desk


def test_a_page_that_is_not_there(admin: Browser) -> None:
    page = admin.open("/dashboard/nothing-here")
    assert page.status == 404
    assert page.answer.headers["X-Request-Id"] in page.text
    assert "Providers" in page.links()
    assert "docs/api.md" not in page.text
    assert page.follow("Go to Home").path == "/"


def test_a_stranger_sees_no_navigation(desk: Desk) -> None:
    page = desk.visitor().open("/nothing-here")
    assert page.status == 404
    assert "Providers" not in page.links()


def test_htmx_gets_a_piece(admin: Browser) -> None:
    assert "<html" not in admin.open("/dashboard/keys/none/edit", **{"HX-Request": "true"}).html


def test_a_form_without_its_token_is_refused_as_a_page(admin: Browser) -> None:
    page = admin.send("/dashboard/keys/add", {"name": "x"})
    assert page.status in (400, 403)
    assert "Go to Home" in page.links()
