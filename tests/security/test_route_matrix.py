"""Each route, with each of its methods, asked in every way in which a request may lack, borrow or forge its right.

tests/edge/test_tiers.py has what each credential is answered; here are the ways round: without the token of the form, from a
stranger's page, from another machine, through a proxy, in another place than usual, and by other spellings of the path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from omniroute.edge.tiers import Tier, tier_of
from tests.edge.conftest import House, Open, opened
from tests.edge.test_tiers import LOGIN, THROUGH, UNSAFE, asked, stand_in

__all__ = ["opened", "stand_in"]

OURS = {"Origin": "http://localhost"}
FOREIGN = {"Origin": "https://evil.example"}
ELSEWHERE = {"REMOTE_ADDR": "203.0.113.7"}  # documentation's own addresses


@dataclass(frozen=True)
class Way:
    """`safe` and `unsafe` are what each tier answers to reading and to changing; what isn't named lets in, SETUP never does."""

    safe: dict[Tier, int] = field(default_factory=dict)
    unsafe: dict[Tier, int] = field(default_factory=dict)
    session: bool = False
    token: bool = False  # the form's
    key: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    @property
    def foreign(self) -> bool:
        """A browser says that this comes from a page that is not ours."""
        return self.headers.get("Origin", OURS["Origin"]) != OURS["Origin"] or "Sec-Fetch-Site" in self.headers

    def expects(self, tier: Tier, method: str, path: str) -> int:
        if tier is Tier.PUBLIC and path.startswith("/api/"):  # the login by JSON: needs no right, but no stranger's page sends it
            return 403 if method in UNSAFE and self.foreign else THROUGH
        if tier is Tier.SETUP:
            return LOGIN
        return (self.unsafe if method in UNSAFE else self.safe).get(tier, THROUGH)


NOT_FROM_HERE = {Tier.CLIENT: 401, Tier.LOOPBACK: 401}
STRANGER = {**NOT_FROM_HERE, Tier.MANAGE: 401, Tier.PAGE: LOGIN}
FORGED = {Tier.MANAGE: 403, Tier.PAGE: 403, Tier.PUBLIC: 403, Tier.CLIENT: 401}
NO_TOKEN = {Tier.PAGE: 400, Tier.PUBLIC: 400}
RELAY = {Tier.MANAGE: 403, Tier.LOOPBACK: 403, Tier.PAGE: LOGIN}
MANAGE = {Tier.CLIENT: 403, Tier.PAGE: LOGIN}

WAYS: dict[str, Way] = {
    "session, without the token": Way({}, NO_TOKEN, session=True, headers=OURS),
    "session, without token and origin": Way({}, NO_TOKEN | {Tier.MANAGE: 403}, session=True),
    "session, a stranger's page": Way(NOT_FROM_HERE, FORGED, session=True, token=True, headers=FOREIGN),
    "session, a page without origin": Way(NOT_FROM_HERE, FORGED, session=True, token=True, headers={"Origin": "null"}),
    "session, another site": Way(NOT_FROM_HERE, FORGED, session=True, token=True, headers={"Sec-Fetch-Site": "cross-site"}),
    "session, another port": Way(NOT_FROM_HERE, FORGED, session=True, token=True, headers={"Origin": "http://localhost:3000"}),
    "session, a body that forms can send": Way(
        {}, {Tier.MANAGE: 403, Tier.CLIENT: 401}, session=True, token=True, headers=OURS, content_type="text/plain"
    ),
    "nothing, from elsewhere": Way(STRANGER, STRANGER | NO_TOKEN | {Tier.PAGE: LOGIN}, environ=ELSEWHERE),
    "nothing, through a proxy": Way(
        STRANGER, STRANGER | NO_TOKEN | {Tier.PAGE: LOGIN}, headers={"X-Forwarded-For": "203.0.113.7"}
    ),
    "nothing, by a proxy's word from here": Way(
        STRANGER, STRANGER | NO_TOKEN | {Tier.PAGE: LOGIN}, headers={"X-Forwarded-For": "127.0.0.1"}, environ=ELSEWHERE
    ),
    "session, from elsewhere": Way(NOT_FROM_HERE, NOT_FROM_HERE, session=True, token=True, headers=OURS, environ=ELSEWHERE),
    "relay key, from elsewhere": Way(RELAY, RELAY | NO_TOKEN | {Tier.PAGE: LOGIN}, key="relay", environ=ELSEWHERE),
    "manage key, from elsewhere": Way(MANAGE, MANAGE | NO_TOKEN | {Tier.PAGE: LOGIN}, key="manage", environ=ELSEWHERE),
    "manage key, a stranger's page": Way(MANAGE, MANAGE | {Tier.PUBLIC: 403, Tier.PAGE: LOGIN}, key="manage", headers=FOREIGN),
}


@dataclass
class Keys:
    """The key of each scope, and the ways in which one is sent: (address, headers)."""

    house: House
    relay: str
    manage: str

    def sent(self, key: str) -> Iterator[tuple[str, dict[str, str]]]:
        yield "", {"Authorization": f"Bearer {key}"}
        yield "", {"x-api-key": key}
        yield "", {"x-goog-api-key": key}
        yield f"?key={key}", {}


@pytest.fixture
def keys(stand_in: House) -> Keys:
    stand_in.browser()  # there is an admin
    return Keys(stand_in, stand_in.key("relay"), stand_in.key("manage"))


def every(house: House) -> Iterator[tuple[Tier, str, str]]:
    for rule in house.app.url_map.iter_rules():
        tier = tier_of(rule.rule, rule.methods)
        assert tier is not None
        for method, path in asked(rule):
            yield tier, method, path


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_each_route_asked_this_way(keys: Keys, way: Way) -> None:
    house = keys.house
    browser = house.browser()
    token = browser.get("/").text
    headers = dict(way.headers)
    if way.token:
        headers["X-CSRFToken"] = token
    if way.key:
        headers["Authorization"] = f"Bearer {keys.relay if way.key == 'relay' else keys.manage}"
    client = browser if way.session else house.client
    wrong = []
    for tier, method, path in every(house):
        body: dict[str, Any] = {"data": "{}", "content_type": way.content_type} if method in UNSAFE else {}
        answer = client.open(path, method=method, headers=headers, environ_overrides=way.environ, **body)
        expected = way.expects(tier, method, path)
        if answer.status_code != expected:
            wrong.append((method, path, tier.value, answer.status_code, expected))
    assert wrong == []


@pytest.mark.parametrize("scope", ["relay", "manage"])
def test_a_key_is_the_same_key_wherever_it_stands(keys: Keys, scope: str) -> None:
    refused = RELAY if scope == "relay" else MANAGE
    wrong = []
    for tier, method, path in every(keys.house):
        if tier in (Tier.PUBLIC, Tier.SETUP, Tier.PAGE):
            continue
        for query, headers in keys.sent(getattr(keys, scope)):
            if query and path == "/api/resolve":
                continue  # its `key` is a parameter
            answer = keys.house.client.open(path + query, method=method, headers=headers, json={} if method in UNSAFE else None)
            if answer.status_code != refused.get(tier, THROUGH):
                wrong.append((method, path, tier.value, headers, answer.status_code))
    assert wrong == []


def test_no_other_method_gets_anywhere(keys: Keys) -> None:
    """Also not one that a header asks for in place of the method: nobody here reads those."""
    served = {path: set() for _, _, path in every(keys.house)}
    for _, method, path in every(keys.house):
        served[path].add(method)
    overrides = {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE", "X-HTTP-Method": "DELETE"}
    for path, methods in served.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "KEY"} - methods:
            answer = keys.house.client.open(path, method=method, headers=overrides)
            assert answer.status_code in (400, 401, 303, 403, 404, 405), (method, path, answer.status_code)


SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda path: f"/{path}",
    lambda path: f"{path}/",
    lambda path: f"/.{path}",
    lambda path: f"/healthz/..{path}",
    lambda path: f"/static/..{path}",
    lambda path: f"/static/..%2f{path[1:]}",
    lambda path: f"/v1/..{path}",
    lambda path: f"/v1{path}",
    lambda path: f"{path};/healthz",
    lambda path: f"{path}%00",
    lambda path: f"{path}%20",
    lambda path: path.upper(),
    lambda path: path.replace("a", "%61", 1),
    lambda path: path.replace("/", "%2F"),
    lambda path: path.replace("/", "\\"),
    lambda path: f"http://localhost{path}",
)


def test_no_spelling_of_a_path_is_another_tier(keys: Keys) -> None:
    """The right hangs on the route that was matched. Whatever a spelling leads to is asked for the right of where it leads."""
    for tier, method, path in every(keys.house):
        if tier not in (Tier.MANAGE, Tier.PAGE) or path == "/":
            continue
        for spell in SPELLINGS:
            for headers in ({}, {"X-Original-URL": path, "X-Rewrite-URL": path, "X-Forwarded-Prefix": path}):
                answer = keys.house.client.open(spell(path), method=method, headers=headers, environ_overrides=ELSEWHERE)
                if spell(path).startswith("/static/") and answer.status_code == THROUGH:
                    continue  # what the files below static/ are asked for; see the next test
                assert answer.status_code in (303, 308, 400, 401, 403, 404, 405), (method, spell(path), answer.status_code)


def test_no_file_but_those_below_static_is_given_out(opened: Open) -> None:
    house = opened()
    names = [each.name for each in house.services.settings.data_dir.iterdir()]
    assert "omniroute.db" in names
    for name in (*names, "app.py", "requirements.txt", "omniroute/edge/tiers.py", "etc/passwd"):
        for up in ("../", "..%2f", "%2e%2e/", "%252e%252e/", "..\\", "./../", "vendor/../../", "/", "//", "..;/", "\0../"):
            for depth in (1, 4):
                answer = house.client.get(f"/static/{up * depth}{name}")
                assert answer.status_code in (308, 400, 404), (up, name, answer.status_code)
    assert house.client.get(f"/static/{house.services.settings.data_dir / 'omniroute.db'}").status_code in (308, 404)


def test_bound_to_the_world_nobody_is_from_here_without_a_key(opened: Open) -> None:
    house = opened(host="0.0.0.0")
    for path in ("/v1/models", "/api/keys"):
        assert house.client.get(path).status_code == 401
        assert house.client.get(path, headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401
