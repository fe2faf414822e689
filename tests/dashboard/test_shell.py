"""What every page has: banners where something is wrong, and words for values."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from omniroute.dashboard.shell import initials, money, percent, price, tokens, took, window
from tests.dashboard.conftest import Desk


def test_an_open_gateway_shouts(open_desk: Callable[..., Desk]) -> None:
    page = open_desk(host="0.0.0.0", require_api_key="false").admin().open("/dashboard/keys")
    assert "Anyone who reaches this server can spend your credit." in page.text


def test_it_is_quiet_once_everybody_is_asked_for_a_key(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(host="0.0.0.0", require_api_key="false")
    admin = desk.admin()
    desk.services.preferences.update({"require_api_key": "always"}, desk.by)
    assert "Anyone who reaches this server" not in admin.open("/dashboard/keys").text
    desk.services.preferences.update({"require_api_key": "as started"}, desk.by)
    assert "Anyone who reaches this server" in admin.open("/dashboard/keys").text


def test_plain_http_from_elsewhere_is_told(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(host="0.0.0.0")
    page = desk.visitor().open("/login", Host="gateway.example.com")
    assert "This page came over plain http." in page.text
    assert "plain http" not in desk.visitor().open("/login").text


def test_a_redis_that_is_away_is_said(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(redis_url="redis://127.0.0.1:1/0")
    admin = desk.admin()
    title = "Workers can't tell each other how upstreams are doing."
    assert title not in admin.open("/dashboard/keys").text
    desk.services.board.tick()
    assert title in admin.open("/dashboard/keys").text
    desk.services.board.close()


def test_pages_with_answers_for_one_session_are_kept_nowhere(desk: Desk) -> None:
    answer = desk.admin().open("/").answer
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("count", "shown"), [(None, "–"), (0, "0"), (9_999, "9,999"), (110_234, "110.2k"), (2_000_000, "2M")])
def test_tokens(count: int | None, shown: str) -> None:
    assert tokens(count) == shown


@pytest.mark.parametrize(
    ("count", "shown"), [(None, "–"), (200_000, "200k"), (1_000_000, "1M"), (1_050_000, "1.1M"), (512, "512")]
)
def test_window(count: int | None, shown: str) -> None:
    assert window(count) == shown


@pytest.mark.parametrize(
    ("ms", "shown"), [(None, "–"), (0.0, "0 ms"), (0.8, "0.8 ms"), (431.4, "431 ms"), (2410.0, "2.4 s"), (185_000.0, "3 min 5 s")]
)
def test_took(ms: float | None, shown: str) -> None:
    assert took(ms) == shown


@pytest.mark.parametrize(
    ("usd", "shown"), [(None, "–"), (Decimal("0"), "free"), (Decimal("2.50"), "$2.5"), (Decimal("15"), "$15")]
)
def test_unknown_is_not_free(usd: Decimal | None, shown: str) -> None:
    assert price(usd) == shown


@pytest.mark.parametrize(
    ("micro_dollars", "shown"),
    [
        (None, "unknown"),
        (0, "$0"),
        (1, "$0.000001"),
        (123, "$0.00012"),
        (12_345, "$0.012"),
        (99_999, "$0.10"),
        (104_999, "$0.10"),
        (105_000, "$0.11"),
        (995_000, "$1.00"),
        (1_234_567_890_123, "$1,234,567.89"),
    ],
)
def test_money(micro_dollars: int | None, shown: str) -> None:
    assert money(micro_dollars) == shown


@pytest.mark.parametrize(
    ("share", "shown"), [(None, "–"), (0.0, "0 %"), (0.00001, "< 0.1 %"), (0.0213, "2.1 %"), (0.5, "50 %"), (1.0, "100 %")]
)
def test_percent(share: float | None, shown: str) -> None:
    assert percent(share) == shown


@pytest.mark.parametrize(("name", "shown"), [("AgentRouter", "Ag"), ("Google Gemini", "GG"), ("-", "-"), ("", "?")])
def test_initials(name: str, shown: str) -> None:
    assert initials(name) == shown
