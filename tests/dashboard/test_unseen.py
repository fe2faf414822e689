from __future__ import annotations

import pytest
from markupsafe import Markup

from omniroute.dashboard.unseen import shown
from tests.dashboard.conftest import Desk


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("live\u202eyek", "live\\u202eyek"),
        ("\u2066a\u2069\u202a\u202c", "\\u2066a\\u2069\\u202a\\u202c"),
        ("a\x00b\x1b[31m\x7f", "a\\u0000b\\u001b[31m\\u007f"),
        ("two\r\n\tlines", "two\r\n\tlines"),
        ("שלום عربى naïve ‏", "שלום عربى naïve ‏"),  # an honest right-to-left mark turns nothing round
    ],
)
def test_what_nobody_sees_is_shown_by_its_code(text: str, seen: str) -> None:
    assert shown(text) == seen


def test_what_a_form_is_filled_in_with_stays() -> None:
    for value in (5, None, ["\u202e"], Markup("<b>plain</b>")):
        assert shown(value) is value
    made = Markup('<input value="\u202e" placeholder="\u202e" data-value="\u202e"><textarea id="x">\u202e\n</textarea>\u202e')
    seen = '<input value="\u202e" placeholder="\\u202e" data-value="\\u202e"><textarea id="x">\u202e\n</textarea>\\u202e'
    assert shown(made) == seen and isinstance(shown(made), Markup)


def test_on_pages_but_not_in_what_a_form_is_filled_in_with(desk: Desk) -> None:
    name = "live\u202eyek"
    row = desk.connection("agentrouter", name=name)
    desk.log_row(requested_model=name)
    admin = desk.admin()
    for path in ("/dashboard/providers/agentrouter", "/dashboard/logs", "/dashboard/logs/row-1", "/dashboard/audit"):
        page = admin.open(path)
        assert "live\\u202eyek" in page.html and "\u202e" not in page.html, path
    assert admin.open(f"/dashboard/connections/{row}/edit").control("Name").attrs["value"] == name
