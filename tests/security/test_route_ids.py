"""An id in an address is whatever somebody writes there: unknown, another thing's, another key's, hostile. Refused, cleanly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from omniroute.edge.tiers import Tier, tier_of
from omniroute.responses.operations import KeptResponse
from omniroute.security.audit import CLI, AuditFilters
from tests.dashboard.hostile import settle
from tests.edge.conftest import ORIGIN, House, Open, house, opened
from tests.edge.test_forgery import token_on
from tests.edge.test_tiers import UNSAFE

__all__ = ["house", "opened"]

SCRIPT = "<script>alert(1)</script>"
HOSTILE = [
    "unknown",
    "-1",
    "99999999999999999999999999999999",
    "*",
    "' OR '1'='1",
    "1; DROP TABLE keys--",
    "a" * 5000,
    "{{1234567*9}}${1234567*9}",
    SCRIPT,
    "\u202elive\u0000\u2028",
    "key\r\nX-Injected: yes",
    "grüße 世界 \U0001f469",
    "\ud800",  # sent as bytes that are no UTF-8
]
# What no answer may tell: of the program, of the machine, of the database.
TELLTALES = re.compile(r"Traceback|sqlalchemy|sqlite3|psycopg|\bSELECT \w|site-packages|/omniroute/|\.py\b|omniroute\.db")


@dataclass
class Settled:
    house: House
    ids: dict[str, str]

    def routes(self, *tiers: Tier) -> Iterator[tuple[Rule, str, str]]:
        """Each rule of these tiers with an id in it, each of its methods and each of its variables."""
        for rule in self.house.app.url_map.iter_rules():
            if tier_of(rule.rule, rule.methods) in tiers and not rule.rule.startswith("/static/") and not rule.websocket:
                for method in sorted(set(rule.methods or ()) - {"OPTIONS", "HEAD"}):
                    yield from ((rule, method, name) for name in sorted(rule.arguments) if name != "verb")

    def path(self, rule: Rule, name: str, text: str) -> str:
        """The rule's path with `text` for this variable, and what there is for the others."""
        known = {**self.ids, "entry_id": "1", "session_id": "1", "step_id": "1", "name": "x", "call": "x:generateContent"}
        path = re.sub(r"<any\((\w+).*?\):\w+>", r"\1", rule.rule)

        def put(found: re.Match[str]) -> str:
            value = text if found[1] == name else known.get(found[1], "x")
            return quote(value.encode("utf-8", "surrogatepass"), safe="")

        return re.sub(r"<(?:\w+:)?(\w+)>", put, path)


@pytest.fixture
def settled(opened: Open) -> Settled:
    house = opened(enable_cc_compatible_provider=True)
    house.browser()
    return Settled(house, settle(house.services, CLI, "http://127.0.0.1:9"))


def done(house: House) -> list[str]:
    """All that was changed, as the audit has it."""
    return [f"{row.action} {row.subject}" for row in house.services.audit.page(AuditFilters(), limit=500).rows]


def wrong(answer: TestResponse) -> str:
    """What is not clean about this refusal, "" if nothing is. A form's may lead back to a page of the dashboard that tells it."""
    back = answer.status_code == 303 and re.match(r"/dashboard/\w", answer.location or "") is not None
    if answer.status_code not in (400, 403, 404, 405, 409, 413, 414, 422) and not back:
        return f"answered {answer.status_code}: {answer.location}"
    if found := TELLTALES.search(answer.text):
        return f"tells {found[0]!r}"
    if (answer.mimetype == "text/html" and SCRIPT in answer.text) or "11111103" in answer.text:
        return "gives back what was written as more than text"
    return "injected" if "X-Injected" in answer.headers else ""


def asked(client: FlaskClient, method: str, path: str, token: str) -> TestResponse:
    if method not in UNSAFE:
        return client.open(path, method=method)
    if path.startswith(("/api/", "/v1")):
        return client.open(path, method=method, json={}, headers=ORIGIN)
    return client.open(path, method=method, data={"csrf_token": token}, headers=ORIGIN)


def test_every_route_refuses_a_hostile_id(settled: Settled) -> None:
    browser = settled.house.browser()
    token = token_on(browser, "/")
    before = done(settled.house)
    found = [
        f"{method} {rule.rule}, {name} = {text[:60]!r}: {problem}"
        for rule, method, name in settled.routes(Tier.MANAGE, Tier.PAGE, Tier.CLIENT)
        for text in HOSTILE
        if (problem := wrong(asked(browser, method, settled.path(rule, name, text), token)))
    ]
    assert found == [], "\n".join(found)
    assert done(settled.house) == before


def test_an_id_of_another_kind_is_no_id(settled: Settled) -> None:
    """A key's id where a connection's belongs, and so on: nothing is found by it, nothing is changed."""
    browser = settled.house.browser()
    token = token_on(browser, "/")
    before = done(settled.house)
    kinds = {name: value for name, value in settled.ids.items() if name.endswith("_id")}
    found = [
        f"{method} {rule.rule}, {name} = a {other}: {problem}"
        for rule, method, name in settled.routes(Tier.MANAGE, Tier.PAGE)
        for other, value in kinds.items()
        if value != settled.ids.get(name)
        if (problem := wrong(asked(browser, method, settled.path(rule, name, value), token)))
    ]
    assert found == [], "\n".join(found)
    assert done(settled.house) == before


# Objects of clients ------------------------------------------------------------------------------------

RESPONSES = [("GET", ""), ("GET", "/input_items"), ("DELETE", ""), ("POST", "/cancel")]


def test_what_is_kept_for_one_key_is_not_there_for_any_other(house: House) -> None:
    """The answer is byte for byte that for an id that nobody has, but for the id in it."""
    ours, theirs = house.key("relay", name="ours"), house.key("relay", name="theirs")
    key_id = next(each.id for each in house.services.keys.list() if each.name == "ours")
    node = {
        "name": "Node",
        "prefix": "node",
        "type": "openai-compatible",
        "api_type": "responses",
        "base_url": "http://127.0.0.1:9",
    }
    node_id = house.services.nodes.create(node, CLI).id
    connection = house.services.connections.create({"provider": node_id, "api_key": "sk-good-1", "name": "c"}, CLI).id
    keep = house.services.retrieval.conversation.responses.keep
    here = {"id": "resp_here", "object": "response", "output": []}
    keep(KeptResponse("resp_here", node_id, connection, [{"role": "user", "content": "hi"}], here), key_id)
    keep(KeptResponse("resp_there", node_id, connection), key_id)
    strangers = {"another key": {"x-api-key": theirs}, "nobody": {}}

    def ask(method: str, path: str, headers: dict[str, str], **body: object) -> tuple[int, str]:
        answer = house.client.open(path, method=method, headers=headers, **({"json": body} if body else {}))
        return answer.status_code, re.sub(r"resp_\w+", "resp_X", answer.text)

    def without_id(told: tuple[int, str]) -> tuple[int, str]:
        return told[0], re.sub(r'"request_id":"[^"]*"', "", told[1])

    for headers in strangers.values():
        for method, below in RESPONSES:
            nothing = without_id(ask(method, f"/v1/responses/resp_nobody{below}", headers))
            assert nothing[0] == (400 if below == "/cancel" else 404)
            for kept in ("resp_here", "resp_there"):
                assert without_id(ask(method, f"/v1/responses/{kept}{below}", headers)) == nothing, (method, below, kept)
        going_on = {"model": "node/m", "input": "and now?"}
        nothing = without_id(ask("POST", "/v1/responses", headers, previous_response_id="resp_nobody", **going_on))
        assert nothing[0] in (400, 404)
        for kept in ("resp_here", "resp_there"):
            told = ask("POST", "/v1/responses", headers, previous_response_id=kept, **going_on)
            assert without_id(told) == nothing, (kept, told)
    assert ask("GET", "/v1/responses/resp_here", {"x-api-key": ours})[0] == 200
    manager = {"x-api-key": house.key("manage")}
    assert ask("GET", "/v1/responses/resp_here", manager)[0] == 403
    assert house.browser().get("/v1/responses/resp_here").status_code == 404  # a session is nobody on /v1
    assert ask("GET", "/v1/responses/resp_there", {"x-api-key": ours})[0] == 502  # its upstream was asked, and is away
