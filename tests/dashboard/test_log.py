"""One request: its attempts on a line of time, what was counted and why, and its bodies where they were kept."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.dashboard.log import decision, lines
from omniroute.dashboard.unseen import shown
from omniroute.usage.bodies import Bodies
from tests.dashboard.browsing import Browser, Element, Page
from tests.dashboard.conftest import Desk
from tests.dashboard.test_pages import assert_clean

ATTEMPT: dict[str, Any] = {"target": "team/one", "connection": "first", "status": 200, "class": "ok", "message": "", "detail": ""}
ANSWERED: dict[str, Any] = {
    "status": 200,
    "kind": "ok",
    "requested_model": "always-on",
    "provider_id": "node-1",
    "provider_prefix": "team",
    "upstream_model": "one",
    "combo": "always-on",
    "step_id": "step-1",
    "decision": "strategy=weighted; reason=alias fast -> combo always-on; attempts=2",
    "first_ms": 800,
    "total_ms": 2000,
    "input_tokens": 10,
    "output_tokens": 0,
    "usage_source": "reported",
    "attempts": [
        ATTEMPT | {"target": "team/two", "status": 529, "class": "overloaded", "at_ms": 0, "ms": 500},
        ATTEMPT | {"at_ms": 500, "ms": 1500},
    ],
}
BODIES = (b'{"model": "a", "messages": [{"content": "<b>2 + 2</b>"}]}', b'data: {"a": 1}\n\ndata: [DONE]\n\n')


def facts(page: Page) -> dict[str, str]:
    return {
        each.all("dt")[0].text: each.all("dd")[0].text for box in page.root.all("dl") for each in box.all("div") if each.all("dt")
    }


def keep(desk: Desk, request: bytes | None, response: bytes | None, sizes: tuple[int, int] | None = None) -> None:
    """The bodies of row-1, as the relay would have kept them."""
    first, second = sizes or (len(request or b""), len(response or b""))
    row = Bodies("row-1", desk.services.clock.now(), request, first, response, second)
    desk.services.database.write(desk.services.books.bodies.sealed([row]))


def bars(page: Page) -> list[list[Element]]:
    return [each.all("rect") for each in page.root.all("svg") if each.attrs.get("class") == "lane"]


def test_the_attempts_stand_on_one_line_of_time(desk: Desk, admin: Browser) -> None:
    desk.log_row(**ANSWERED)
    page = admin.open("/dashboard/logs/row-1")
    drawn = [[(each.attrs["class"], each.attrs["x"], each.attrs["width"]) for each in bar[1:]] for bar in bars(page)]
    assert drawn == [[("lane-part", "0", "250")], [("lane-part", "250", "750"), ("lane-first", "400", "3")]]
    assert "2 in 2.0 s; first content after 800 ms" in page.text
    assert "began after 500 ms" in page.text
    assert_clean(page)


def test_a_bar_is_never_outside_and_never_too_thin(desk: Desk) -> None:
    desk.log_row(**ANSWERED | {"total_ms": 1, "attempts": [ATTEMPT | {"at_ms": 0, "ms": 0}, ATTEMPT | {"at_ms": 9000, "ms": 0}]})
    first, last = lines(desk.services.logs.get("row-1"))
    assert (first.left, first.width) == (0, 6)
    assert last.left == 994 and last.left + last.width <= 1000


def test_rows_of_an_older_version_have_no_bars(desk: Desk, admin: Browser) -> None:
    desk.log_row(**ANSWERED | {"attempts": [ATTEMPT | {"ms": 700}]})
    page = admin.open("/dashboard/logs/row-1")
    assert bars(page) == [] and "first · 700 ms" in page.text


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("strategy=priority; reason=prefix team; attempts=1", ("priority", "prefix team")),
        (
            "strategy=p2c; reason=alias a; reason=b -> combo c; attempts=1; attempts=12",
            ("p2c", "alias a; reason=b -> combo c; attempts=1"),
        ),
        ("strategy=none-of-ours; reason=; attempts=0", ("none-of-ours", "")),
    ],
)
def test_a_decision_is_read(text: str, read: tuple[str, str]) -> None:
    found = decision(text)
    assert found is not None and (found.strategy, found.reason) == read


def test_a_decision_of_another_shape_is_shown_as_it_is(desk: Desk, admin: Browser) -> None:
    assert decision("because") is None
    desk.log_row(**ANSWERED | {"decision": "because"})
    told = facts(admin.open("/dashboard/logs/row-1"))
    assert told["Decision"] == "because" and "Why there" not in told


def test_why_it_went_there(desk: Desk, admin: Browser) -> None:
    desk.log_row(**ANSWERED)
    told = facts(admin.open("/dashboard/logs/row-1"))
    assert told["Why there"].startswith("By its name: alias fast -> combo always-on. weighted: One step is drawn by weight")
    assert (told["Combo"], told["Step"]) == ("always-on", "step-1")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("reported", "The upstream told these counts."),
        ("partial", "The answer broke off"),
        ("estimated", "they are estimated"),
        ("absent", "nothing was there to estimate them by"),
    ],
)
def test_where_the_counts_are_from(desk: Desk, admin: Browser, source: str, said: str) -> None:
    desk.log_row(**ANSWERED | {"usage_source": source})
    page = admin.open("/dashboard/logs/row-1")
    assert said in page.text
    assert (facts(page)["In"], facts(page)["Out"], facts(page)["of these reasoning"]) == ("10", "0", "–")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"cost": 1500, "price_source": "operator"}, "$0.0015 by your own price"),
        ({"cost": 1500, "price_source": "provider"}, "$0.0015 by the price in the provider's file"),
        ({"cost": 0, "price_source": "genai-prices"}, "$0 by the price list of genai-prices"),
        ({}, "unknown no price is known for this model: set one"),
        ({"input_tokens": None, "output_tokens": None}, "unknown without counts there is nothing to price"),
        ({"status": 529, "kind": "overloaded"}, "–"),
    ],
)
def test_the_cost_and_whose_price_it_is(desk: Desk, admin: Browser, columns: dict[str, Any], said: str) -> None:
    desk.log_row(**ANSWERED | columns)
    assert facts(admin.open("/dashboard/logs/row-1"))["Cost"] == said


def test_a_price_is_set_from_here(desk: Desk, admin: Browser) -> None:
    desk.log_row(**ANSWERED | {"provider_id": "openai", "upstream_model": "new/one"})
    page = admin.open("/dashboard/logs/row-1").follow("set one")
    assert page.path == "/dashboard/pricing"
    assert page.control("Model").attrs["value"] == "new/one"


def test_bodies_that_are_not_kept_and_how_they_would_be(desk: Desk, admin: Browser) -> None:
    key, _ = desk.services.keys.create({"name": "laptop"}, desk.by)
    desk.log_row(**ANSWERED | {"key_id": key.id, "key_name": "laptop"})
    page = admin.open("/dashboard/logs/row-1")
    assert "Not kept." in page.text and "Show" not in page.links()
    assert page.follow("laptop").path == f"/dashboard/keys/{key.id}/edit"
    assert admin.open("/dashboard/logs/row-1/bodies").status == 404


def test_bodies_that_were_not_kept_although_all_are(desk: Desk, admin: Browser) -> None:
    desk.services.preferences.update({"log_bodies": "on"}, desk.by)
    desk.log_row(**ANSWERED)
    assert "it is too old, or its client or key asked for no log" in admin.open("/dashboard/logs/row-1").text


def test_bodies_are_shown_when_they_are_asked_for(desk: Desk, admin: Browser) -> None:
    desk.log_row(**ANSWERED)
    keep(desk, *BODIES)
    page = admin.open("/dashboard/logs/row-1")
    assert "2 + 2" not in page.html
    page = page.follow("Show")
    request, response = (each.children[0] for each in page.root.all("pre"))
    assert request == '{\n  "model": "a",\n  "messages": [\n    {\n      "content": "<b>2 + 2</b>"\n    }\n  ]\n}'
    assert response == BODIES[1].decode()
    assert_clean(page)


@pytest.mark.parametrize("body", ['{"a": "\\ud83d"}', "[" * 100_000, "1" * 5000, "NaN", "\x00", '"\x1b[31m"', "<!doctype html>"])
def test_a_body_that_is_no_good_json_is_shown_all_the_same(desk: Desk, admin: Browser, body: str) -> None:
    desk.log_row(**ANSWERED)
    keep(desk, body.encode(), None)
    page = admin.open("/dashboard/logs/row-1/bodies")
    assert page.status == 200 and page.root.all("pre")[0].children[0] == shown(body)  # what nobody sees as its code


def test_bodies_come_into_the_page_alone(desk: Desk, admin: Browser) -> None:
    desk.log_row(**ANSWERED)
    keep(desk, *BODIES)
    page = admin.open("/dashboard/logs/row-1")
    (link,) = [each for each in page.root.all("a") if each.text == "Show"]
    part = admin.open(link.attrs["hx-get"], **{"HX-Request": "true"})
    assert not part.root.all("main") and len(part.root.all("pre")) == 2
    assert [each for each in page.root.walk() if f"#{each.attrs.get('id')}" == link.attrs["hx-target"]]


def test_what_was_cut_is_told(desk: Desk, admin: Browser) -> None:
    desk.log_row(**ANSWERED)
    keep(desk, b'{"model": "a", "mes', None, (150_000, 0))
    page = admin.open("/dashboard/logs/row-1/bodies")
    assert "150.0 kB; the first 19 Bytes are kept" in page.text
    assert "Nothing came back." in page.text


def test_a_form_with_a_file_is_not_kept(desk: Desk, admin: Browser) -> None:
    desk.log_row(**ANSWERED)
    keep(desk, None, b"{}")
    assert "Not kept: a form with a file." in admin.open("/dashboard/logs/row-1/bodies").text
