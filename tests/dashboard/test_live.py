"""Home's live parts: the same in the page and in the stream, sent when they have changed, and held by nothing of the request."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from omniroute.dashboard.live import HELD, PARTS, PROVIDERS, bars, live
from omniroute.dashboard.watchers import LASTS, QUIET
from omniroute.usage.pulse import FRESH
from tests.dashboard.browsing import Page
from tests.dashboard.conftest import Desk
from tests.dashboard.trouble import answered
from tests.parts import START, HandClock

HOSTILE = "<img src=x onerror=alert(1)>\n\ndata: x"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def desk(open_desk: Callable[..., Desk], clock: HandClock) -> Desk:
    return open_desk(clock=clock)


def write(desk: Desk, id: str = "row-1", **columns: Any) -> None:
    given = {"at": desk.services.clock.now(), "kind": "ok", "status": 200, "provider_id": "openai", "provider_prefix": "openai"}
    desk.log_row(id, **given | columns)


@pytest.fixture
def stream(desk: Desk) -> Iterator[Iterator[bytes]]:
    """One that has begun, and whose request is over: nothing of it may be asked for any more."""
    with desk.app.test_request_context("/dashboard/live", headers={"Host": "localhost"}):
        response = live(desk.services)
    parts = iter(response.response)  # type: ignore[union-attr]  # it is a whole Response
    assert next(parts) == b"retry: 1000\n\n"
    yield parts
    response.close()  # type: ignore[union-attr]


def told(event: bytes) -> dict[str, str]:
    """The parts of an event by name."""
    lines = event.decode().splitlines()
    assert lines[0] == "event: parts" and all(line.startswith("data:") for line in lines[1:] if line)
    html = "\n".join(line.removeprefix("data:").removeprefix(" ") for line in lines[1:] if line)
    names = "|".join(PARTS)
    return dict(re.findall(rf'<div id="live-(\w+)">(.*?)</div>(?=\s*(?:<div id="live-(?:{names})">|$))', html, re.S))


def text(page: Page, id: str) -> str:
    (found,) = [each for each in page.root.walk() if each.attrs.get("id") == id]
    return found.text


# The page ------------------------------------------------------------------------------------------


def test_the_figures_are_there_without_scripts(desk: Desk) -> None:
    desk.connection("openai")
    for number in range(8):
        write(desk, f"row-{number}", first_ms=450, cost=10_000, input_tokens=900, output_tokens=100)
    write(desk, "bad", kind="timeout", status=504, message="Nothing came.", requested_model="openai/slow")
    write(desk, "left", kind="client_gone", status=499)
    page = desk.admin().open("/")
    figures = text(page, "live-figures")
    assert "Requests a minute 10 none under way now" in figures
    assert "Spend today $0.08 10 requests, 8,000 tokens since midnight, UTC · last 24 hours" in figures
    assert page.links()["last 24 hours"] == "/dashboard/usage?range=24h"
    assert "Error rate 10 % 1 of 10 failed last 15 minutes" in figures
    assert "First content 450 ms half of all; 95 % within 459 ms last 15 minutes" in figures
    assert "OpenAI openai/ Not tested 10 10 % 450 ms / 459 ms" in text(page, "live-providers")
    assert "openai/slow" in text(page, "live-failures") and "Nothing came." in text(page, "live-failures")
    assert page.links()["openai/slow"] == "/dashboard/logs/bad"
    assert "As of 2027-01-15 08:00:00 UTC" in page.text


def test_pictures_have_a_sentence_for_a_name(desk: Desk) -> None:
    desk.connection("openai")
    write(desk)
    write(desk, "row-2", at=START - 600, kind="timeout", status=504)
    names = [each.attrs["aria-label"] for each in desk.admin().open("/").root.all("svg") if each.attrs.get("role") == "img"]
    assert "Requests in each of the last 60 minutes: 2 in all, at most 1 in one minute; 1 failed." in names
    assert "Requests of OpenAI in each of the last 60 minutes: 2 in all, at most 1 in one minute." in names


def test_the_day_is_the_operators(desk: Desk) -> None:
    desk.services.preferences.update({"time_zone": "America/New_York"}, desk.by)
    desk.connection("openai")
    write(desk, at=START - 4 * 3600, cost=10_000)  # yesterday there, today in UTC
    write(desk, "row-2", cost=20_000)
    assert "Spend today $0.02 1 request, 0 tokens since midnight, America/New York" in text(
        desk.admin().open("/"), "live-figures"
    )


def test_what_has_no_known_price_is_not_free(desk: Desk) -> None:
    desk.connection("openai")
    write(desk, cost=None)
    page = desk.admin().open("/")
    assert "Spend today unknown" in text(page, "live-figures")
    assert page.links()["1 without a known price"] == "/dashboard/pricing?source=unknown"


def test_a_gateway_without_traffic_says_what_to_do(desk: Desk) -> None:
    desk.connection("openai")
    page = desk.admin().open("/")
    assert "No request in the last 60 minutes. Connect a client to send one." in text(page, "live-providers")
    assert page.links()["Connect a client"] == "#connect"
    assert "Nothing is held up" in text(page, "live-held")
    assert "No request has failed" in text(page, "live-failures")


def test_what_is_cooling_counts_down(desk: Desk) -> None:
    row = desk.connection("openai", name="company")
    answered(desk, row, "gpt-5.5", 402, 90)
    answered(desk, row, "gpt-5.5", 529)
    held = text(desk.admin().open("/"), "live-held")
    assert "company cooling · OpenAI · quota_exhausted 1 min 30 s" in held
    assert "openai/gpt-5.5 model locked · company · overloaded" in held


def test_many_are_not_all_shown(desk: Desk) -> None:
    for number in range(HELD + 2):
        answered(desk, desk.connection("openai", f"sk-good-{number}-0123456789", name=f"c{number}"), "m", 402, 90)
    for number in range(PROVIDERS + 3):
        write(desk, f"row-{number}", provider_id=f"gone-{number}")
    page = desk.admin().open("/")
    assert "2 more on the page Health." in text(page, "live-held")
    assert "4 more with less to do." in text(page, "live-providers")


def test_bars() -> None:
    assert bars([0, 5, 0, 10], 10, 20) == "M4 20v-10h3V20zM12 20v-20h3V20z"
    assert bars([1, 0], 1, 20) == "M0 20v-5h3V20z"  # one request is no peak
    assert bars([1, 1000], 1000, 20).startswith("M0 20v-1.5h3")  # and is seen


# The stream ----------------------------------------------------------------------------------------


def test_the_stream_begins_with_what_the_page_has(desk: Desk, stream: Iterator[bytes]) -> None:
    row = desk.connection("openai", name="company")
    desk.services.connections.mark(desk.connection("anthropic"), "banned", "The account is closed.", desk.by)
    answered(desk, row, "gpt-5.5", 402, 90)
    write(desk, kind="timeout", status=504, requested_model=HOSTILE, message=HOSTILE)
    page, parts = desk.admin().open("/").html, told(next(stream))
    assert list(parts) == list(PARTS)
    for name, html in parts.items():
        assert html.strip() and f'id="live-{name}">{html}</div>' in page, name
    assert "&lt;img src=x" in parts["failures"] and "<img" not in parts["failures"]


def test_only_what_has_changed_is_sent_again(desk: Desk, clock: HandClock, stream: Iterator[bytes]) -> None:
    row = desk.connection("openai")
    answered(desk, row, "gpt-5.5", 402, 90)
    next(stream)
    clock.move(FRESH)
    write(desk)
    assert list(told(next(stream))) == ["figures", "providers"]  # the countdown goes on by itself
    clock.move(FRESH)
    desk.services.resilience.reset({}, desk.by)
    assert list(told(next(stream))) == ["providers", "held"]
    answered(desk, row, "gpt-5.5", 402, 5)
    clock.move(FRESH)
    assert list(told(next(stream))) == ["providers", "held"]
    clock.move(5)
    assert list(told(next(stream))) == ["providers", "held"]  # gone by itself
    clock.move(QUIET)
    assert next(stream) == b"event: same\ndata: -\n\n"


def test_a_database_that_is_away_ends_nothing(desk: Desk, clock: HandClock, stream: Iterator[bytes]) -> None:
    file = Path(desk.services.database.url.removeprefix("sqlite:///"))
    desk.services.database.close()
    file.rename(file.with_suffix(".away"))
    clock.move(LASTS / 2)

    def back() -> bytes:
        desk.services.database.close()
        file.unlink(missing_ok=True)
        file.with_suffix(".away").rename(file)
        return next(stream)

    assert list(told(back())) == list(PARTS)


def test_it_ends_after_a_while_so_that_an_ended_session_sees_no_more(clock: HandClock, stream: Iterator[bytes]) -> None:
    clock.move(LASTS)
    assert list(stream) == []


def test_it_takes_a_seat_among_those_who_watch(desk: Desk, stream: Iterator[bytes]) -> None:
    assert desk.services.relay.live.tails == 1


def test_it_is_for_the_session(desk: Desk) -> None:
    answer = desk.visitor().client.get("/dashboard/live")
    assert answer.status_code == 303 and "/login" in answer.headers["Location"]
