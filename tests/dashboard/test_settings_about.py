"""About: how the gateway is, the text for a bug report, the manual and the licences."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from omniroute import __version__
from omniroute.about import about
from omniroute.dashboard.assets import FOLDER
from omniroute.dashboard.settings_about import _long, documents, report, vendored
from omniroute.models.schema import HEAD
from tests.dashboard.browsing import Browser
from tests.dashboard.conftest import Desk
from tests.dashboard.test_pages import assert_clean

ABOUT = "/dashboard/settings/about"


def test_how_the_gateway_is(desk: Desk, admin: Browser) -> None:
    page = admin.open(ABOUT)
    for text in (f"OmniRoute {__version__}", f"Tables {HEAD} Current", "SQLite 3.", "Reachable", "Redis Not used", "free of"):
        assert text in page.text, text
    assert str(desk.services.settings.data_dir) in page.text


def test_what_is_away_says_what_to_do(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(redis_url="redis://127.0.0.1:1/0")
    page = desk.admin().open(ABOUT)
    assert "Redis Away Look whether it runs, and at the log." in page.text
    desk.services.board.close()


def test_the_text_for_a_bug_report_tells_no_place_and_no_secret(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(public_url="https://canary.example.com", trusted_hosts=("localhost", "canary.lan"), max_body_mb=9)
    text = report(about(desk.services), desk.services.settings)
    assert text.startswith(f"OmniRoute {__version__}, schema {HEAD} of {HEAD}\nPython 3.")
    assert "MAX_BODY_MB=9" in text and "PUBLIC_URL is set" in text and "flask " in text
    assert "canary" not in text and str(desk.services.settings.data_dir) not in text
    copied = [each.attrs["data-copy"] for each in desk.admin().open(ABOUT).root.all("button") if "data-copy" in each.attrs]
    assert any("MAX_BODY_MB=9" in each for each in copied)


def test_every_document_is_there_and_opens(admin: Browser) -> None:
    for name, each in documents().items():
        page = admin.open(f"{ABOUT}/{name}")
        assert page.status == 200 and len(page.root.all("h1")) == 1, name
        assert each.label in page.text
        assert_clean(page)
    assert admin.open(f"{ABOUT}/../../../README.md").status == 404
    assert admin.open(f"{ABOUT}/secrets").status == 404


def test_the_manual_leads_from_page_to_page(admin: Browser) -> None:
    page = admin.open(f"{ABOUT}/settings")
    assert page.follow("api.md").path == f"{ABOUT}/api"
    assert "Without STORAGE_ENCRYPTION_KEY" in page.text and "| --- |" not in page.text


def test_whose_work_it_stands_on_is_named_with_its_licence(admin: Browser) -> None:
    listed = {each["name"] for each in json.loads((FOLDER / "vendor" / "vendor.json").read_text())["files"]}
    assert {each.name for each in vendored()} == listed
    page = admin.open(ABOUT)
    for each in vendored():
        assert each.licence is not None and len(each.licence.path.read_text()) > 300
        assert page.follow(f"Read it: licence of {each.name}").status == 200
    assert "MIT License" in page.links()


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_700, "1 h 1 min"), (90_000, "1 day 1 h"), (200_000, "2 days 7 h")],
)
def test_how_long(seconds: float, shown: str) -> None:
    assert _long(seconds) == shown
