"""Every route is in a tier, and the tier decides: a matrix of each route and each credential."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask, request
from flask_wtf.csrf import generate_csrf
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from omniroute.edge.install import install
from omniroute.edge.tiers import TIERS, Tier, tier_of
from tests.edge.conftest import House, Open

THROUGH = 299  # what the stand-in views answer: the gate has let the request in


@pytest.fixture
def stand_in(opened: Open) -> House:
    """The same gate before the same rules, with views that do nothing: so each may be asked with every credential."""
    real = opened()
    app = Flask("stand-in", static_folder=None)
    install(app, real.services)

    def let_in(**_: str) -> tuple[str, int]:
        return generate_csrf() if request.path == "/" else "", THROUGH

    for number, rule in enumerate(real.app.url_map.iter_rules()):
        app.add_url_rule(rule.rule, f"view-{number}", let_in, methods=rule.methods, provide_automatic_options=False)
    return House(app, real.services, real.clock)


def asked(rule: Rule) -> Iterator[tuple[str, str]]:
    """Each method of a rule with a path that it matches."""
    path = re.sub(r"<any\((\w+).*?\):\w+>", r"\1", rule.rule)
    path = re.sub(r"<(?:\w+:)?\w+>", "some-id", path)
    methods = set(rule.methods or ()) - {"OPTIONS"}
    if rule.rule == "/" and "GET" in methods:
        methods.discard("HEAD")  # a route of its own answers it
    yield from ((method, path) for method in sorted(methods))


def test_no_route_is_unclassified(house: House) -> None:
    assert [rule.rule for rule in house.app.url_map.iter_rules() if tier_of(rule.rule, rule.methods) is None] == []


def test_no_line_of_the_table_is_left_over(house: House) -> None:
    served = {rule.rule for rule in house.app.url_map.iter_rules()}
    assert [line for line in TIERS if line.partition(" ")[2] not in served and line not in served] == []


def test_a_route_that_nobody_classified_is_refused(opened: Open) -> None:
    house = opened()
    app = Flask("stranger")
    install(app, house.services)
    app.add_url_rule("/api/new", "new", lambda: "told", methods=["GET"])
    answer = app.test_client().get("/api/new", headers={"Authorization": f"Bearer {house.key('manage', 'relay')}"})
    assert answer.status_code == 403
    assert "no tier" in answer.get_json()["error"]["message"]


def test_the_tier_of_a_page_is_not_lent_to_it_by_another_method() -> None:
    assert tier_of("/", {"HEAD"}) is Tier.PUBLIC
    assert tier_of("/", {"HEAD", "OPTIONS"}) is Tier.PUBLIC
    assert tier_of("/", {"GET", "HEAD", "OPTIONS"}) is Tier.PAGE


def test_head_of_the_root_never_reaches_a_page(house: House) -> None:
    adapter = house.app.url_map.bind("localhost")
    assert adapter.match("/", method="HEAD")[0] == "api.preflight"
    assert house.client.head("/").status_code == 200


# What each tier answers to each credential. "safe" is a request that changes nothing.
LOGIN = 303
OUTCOMES: dict[str, dict[Tier, int]] = {
    "none": {Tier.CLIENT: THROUGH, Tier.MANAGE: 401, Tier.PAGE: LOGIN, Tier.LOOPBACK: THROUGH},
    "wrong key": {Tier.CLIENT: 401, Tier.MANAGE: 401, Tier.PAGE: LOGIN, Tier.LOOPBACK: 401},
    "relay key": {Tier.CLIENT: THROUGH, Tier.MANAGE: 403, Tier.PAGE: LOGIN, Tier.LOOPBACK: 403},
    "manage key": {Tier.CLIENT: 403, Tier.MANAGE: THROUGH, Tier.PAGE: LOGIN, Tier.LOOPBACK: THROUGH},
    "expired key": {Tier.CLIENT: 401, Tier.MANAGE: 401, Tier.PAGE: LOGIN, Tier.LOOPBACK: 401},
    "disabled key": {Tier.CLIENT: 401, Tier.MANAGE: 401, Tier.PAGE: LOGIN, Tier.LOOPBACK: 401},
    "session": {Tier.CLIENT: THROUGH, Tier.MANAGE: THROUGH, Tier.PAGE: THROUGH, Tier.LOOPBACK: THROUGH},
    "ended session": {Tier.CLIENT: THROUGH, Tier.MANAGE: 401, Tier.PAGE: LOGIN, Tier.LOOPBACK: THROUGH},
}
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def test_each_route_answers_each_credential_as_its_tier_says(stand_in: House) -> None:
    house = stand_in
    browser = house.browser()
    token = browser.get("/").text
    keys = {
        "wrong key": "sk-or-nobody-has-ever-made-this-one",
        "relay key": house.key("relay"),
        "manage key": house.key("manage"),
        "expired key": house.key("relay", "manage", expires_at=house.clock.now() + 60),
        "disabled key": house.key("relay", "manage", is_active=False),
    }
    house.clock.move(61)
    ended = house.app.test_client()
    ended.set_cookie("omniroute_session", "a-token-of-no-session")
    wrong = []
    for rule in house.app.url_map.iter_rules():
        tier = tier_of(rule.rule, rule.methods)
        for method, path in asked(rule):
            for credential, outcomes in OUTCOMES.items():
                client = {"session": browser, "ended session": ended}.get(credential) or house.client
                headers = {"Origin": "http://localhost", "X-CSRFToken": token}
                if credential in keys:
                    headers["Authorization"] = f"Bearer {keys[credential]}"
                answer = client.open(path, method=method, headers=headers, json={} if method in UNSAFE else None)
                if tier in outcomes:
                    expected = outcomes[tier]
                elif tier is Tier.SETUP:
                    expected = LOGIN  # there is an admin
                elif method in UNSAFE and not path.startswith("/api/") and credential != "session":
                    expected = 400  # the login form without the CSRF token of this browser
                else:
                    expected = THROUGH
                if answer.status_code != expected:
                    wrong.append((credential, method, rule.rule, answer.status_code, expected))
    assert wrong == []


@pytest.mark.parametrize("required", ["true", "auto"])
def test_without_keyless_use_a_client_route_wants_a_key(opened: Open, required: str) -> None:
    house = opened(require_api_key=required, host="127.0.0.1" if required == "true" else "0.0.0.0")
    assert house.client.get("/v1/models").status_code == 401
    assert house.browser().get("/v1/models").status_code == 401
    assert house.client.get("/v1/models", headers={"x-api-key": house.key("relay")}).status_code == 200


def test_a_page_without_a_session_leads_to_the_login_and_back(house: House) -> None:
    def goes_to(answer: TestResponse) -> str:
        assert answer.status_code == 303
        return answer.headers["Location"]

    house.browser()
    assert goes_to(house.client.get("/")) == "/login"
    assert goes_to(house.client.get("/dashboard/logs?status=500")) == "/login?next=/dashboard/logs%3Fstatus%3D500"
    assert goes_to(house.client.post("/dashboard/settings/password")) == "/login"
    assert goes_to(house.client.get("/setup")) == "/login?setup=done"


def test_htmx_is_told_to_leave_the_page(house: House) -> None:
    answer = house.client.get("/dashboard/logs", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login")
