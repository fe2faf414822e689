"""Routes: each view gets the services, and every page that the navigation names is there."""

from __future__ import annotations

from omniroute.dashboard import PAGES
from omniroute.dashboard.shell import NAVIGATION
from tests.dashboard.browsing import Browser
from tests.dashboard.conftest import Desk


def test_names_and_rules_are_unique() -> None:
    routes = [route for page in PAGES for route in page.ROUTES]
    assert len({route.name for route in routes}) == len(routes)
    assert len({(route.rule, method) for route in routes for method in route.methods.split()}) == sum(
        len(route.methods.split()) for route in routes
    )


def test_the_navigation_leads_everywhere_and_says_where_one_is(desk: Desk, admin: Browser) -> None:
    page = admin.open("/")
    for _, items in NAVIGATION:
        for item in items:
            there = page.follow(item.label)
            assert there.status == 200
            current = [each.text for each in there.root.all("a") if each.attrs.get("aria-current") == "page"]
            assert current == [item.label]
