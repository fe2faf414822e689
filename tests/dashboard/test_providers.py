"""The list of providers."""

from __future__ import annotations

from collections.abc import Callable

from tests.dashboard.browsing import Browser
from tests.dashboard.conftest import Desk
from tests.upstream.relay import Relay


def test_an_empty_list_leads_to_the_catalogue(admin: Browser) -> None:
    page = admin.open("/").follow("Providers")
    assert "No provider yet" in page.text
    assert page.follow("Add Provider").path == "/dashboard/providers/add"


def test_native_ones_and_nodes_stand_side_by_side(desk: Desk, admin: Browser, relay: Relay) -> None:
    desk.connection("openai")
    desk.node(relay, "agentrouter")
    page = admin.open("/dashboard/providers")
    assert "Claude Code compatible" in page.text
    assert "No connection" in page.text
    assert page.follow("OpenAI").path == "/dashboard/providers/openai"


def test_a_node_whose_flag_went_off_says_why_it_is_refused(open_desk: Callable[..., Desk], relay: Relay) -> None:
    node = open_desk().node(relay)
    page = open_desk(enable_cc_compatible_provider=False).admin().open("/dashboard/providers")
    assert "Switched off" in page.text
    assert "ENABLE_CC_COMPATIBLE_PROVIDER" in page.follow("Team").text
    assert page.links()["Team"].endswith(node)
