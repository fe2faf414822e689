"""What holds for every page: nothing inline, everything labelled, names stay text, no change without the form's token."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from omniroute.limits.upstream import Learned
from omniroute.state.shared import Part
from omniroute.usage.bodies import Bodies
from tests.dashboard.browsing import ORIGIN, Browser, Page
from tests.dashboard.conftest import Desk
from tests.upstream.relay import Relay

HOSTILE = "<img src=x onerror=alert(1)>\"'`${7*7}{{7*7}}"
EMPTY = [
    "/",
    "/login",
    "/dashboard/providers",
    "/dashboard/providers/add",
    "/dashboard/keys",
    "/dashboard/limits",
    "/dashboard/logs",
    "/dashboard/usage",
    "/dashboard/usage?range=custom",
]
FILTERS = ("model", "key_id", "combo", "provider", "connection_id", "status", "outcome", "kind", "range", "since", "request_id")


@pytest.fixture
def full(desk: Desk, relay: Relay) -> Iterator[tuple[Desk, list[str]]]:
    """A gateway whose every name is hostile, and the addresses of all its pages."""
    node = desk.node(relay, "team", name=HOSTILE, custom_headers={"X-Name": HOSTILE})
    row = desk.connection(node, name=HOSTILE)
    desk.services.models.add(node, ["<script>alert(1)</script>"], "custom", desk.by)
    desk.services.prices.put(node, "<script>alert(1)</script>", {"input": 1}, desk.by)
    key, _ = desk.services.keys.create({"name": HOSTILE, "allowed_models": [HOSTILE], "max_concurrent": 1}, desk.by)
    budget = desk.services.budgets.put({"api_key_id": key.id, "period": "day", "limit_tokens": 1}, desk.by)
    desk.services.shared.spend([Part(f"key:{key.id}:tokens per day", 2 * 10**9, 1, 3e9)])  # an alert with its name
    now = desk.services.clock.now()
    desk.services.board.told(row, [Learned(HOSTILE, 5, 5, 1.0, None, now, 60)])
    attempt = {
        "target": HOSTILE,
        "connection": HOSTILE,
        "status": 500,
        "class": HOSTILE,
        "message": HOSTILE,
        "detail": HOSTILE,
        "ms": 1,
    }
    named = (
        "requested_model",
        "message",
        "remedy",
        "key_name",
        "connection_name",
        "client",
        "decision",
        "combo",
        "upstream_model",
    )
    told = dict.fromkeys(named, HOSTILE) | {"provider_id": "gone", "provider_prefix": HOSTILE, "key_id": HOSTILE}
    desk.log_row("row-1", status=500, kind=HOSTILE[:64], attempts=[attempt], dropped=[HOSTILE], **told)
    desk.log_row("row-2", **told | {"at": desk.services.clock.now(), "status": 200, "kind": "ok"})
    body = HOSTILE.encode()
    bodies = Bodies("row-1", 1_800_000_000.0, body, len(body), body, 2 * len(body))
    desk.services.database.write(desk.services.books.bodies.sealed([bodies]))
    yield (
        desk,
        [
            *EMPTY,
            "/setup?token=x",
            "/dashboard/providers/add/agentrouter",
            *(f"/dashboard/nodes/add/{slug}" for slug in ("openai-compatible", "anthropic-compatible", "claude-code-compatible")),
            f"/dashboard/providers/{node}",
            f"/dashboard/nodes/{node}/edit",
            f"/dashboard/nodes/{node}/delete",
            f"/dashboard/connections/{row}/edit",
            f"/dashboard/connections/{row}/delete",
            f"/dashboard/pricing?provider={node}&model=%3Cscript%3Ealert(1)%3C/script%3E",
            f"/dashboard/pricing/delete?provider={node}&model=%3Cscript%3Ealert(1)%3C/script%3E",
            "/dashboard/keys/add",
            f"/dashboard/keys/{key.id}/edit",
            f"/dashboard/keys/{key.id}/rotate",
            f"/dashboard/keys/{key.id}/delete",
            f"/dashboard/limits?budget={budget.id}&q=%3Cimg",
            f"/dashboard/limits/budgets/{budget.id}/delete",
            "/dashboard/logs/row-1",
            "/dashboard/logs/row-1/bodies",
            "/dashboard/usage?range=90d",
            *(f"/dashboard/usage?group={group}" for group in ("model", "key", "combo", "connection", "class")),
            *(f"/dashboard/{name}?{urlencode(dict.fromkeys(FILTERS, HOSTILE))}" for name in ("usage", "logs")),
            "/dashboard/settings",
            "/dashboard/nothing",
        ],
    )


def test_names_stay_text_and_nothing_is_inline(full: tuple[Desk, list[str]]) -> None:
    desk, paths = full
    admin = desk.admin()
    for path in paths:
        assert_clean(admin.open(path))
    assert_clean(admin.open("/dashboard/keys").follow(f"Rotate {HOSTILE}").press("Replace key"))


def test_a_gateway_without_anything_is_clean_too(admin: Browser) -> None:
    for path in EMPTY:
        assert_clean(admin.open(path))


def assert_clean(page: Page) -> None:
    """The strict content policy has nothing to refuse, and a screen reader finds its way."""
    assert page.status < 500, page.path
    for each in page.root.walk():
        where = f"{page.path}: <{each.tag} {each.attrs}>"
        assert each.tag not in ("style", "iframe", "object", "embed", "img") or each.attrs.get("src", "").startswith(
            "/static/"
        ), where
        assert not [name for name in each.attrs if name.startswith("on") or name in ("style", "srcdoc", "hx-on")], where
        assert each.tag != "script" or (each.attrs["src"].startswith("/static/") and not each.text), where
        for name in ("href", "src", "action", "formaction", "hx-get", "hx-post"):
            assert not re.match(r"\s*(javascript|data|vbscript):", each.attrs.get(name, ""), re.IGNORECASE), where
        if each.tag in ("input", "select", "textarea") and each.attrs.get("type") != "hidden":
            assert named(page, each), f"no label: {where}"
        if each.tag == "button" or (each.tag == "a" and "href" in each.attrs):
            assert each.label, f"no name: {where}"
        if each.tag == "form" and each.attrs.get("method") == "post":
            assert [one for one in each.all("input") if one.attrs.get("name") == "csrf_token"], f"no token: {where}"
    ids = [each.attrs["id"] for each in page.root.walk() if "id" in each.attrs]
    assert len(ids) == len(set(ids)), f"{page.path}: an id twice"
    assert len(page.root.all("main")) == 1
    assert len(page.root.all("h1")) <= 1


def named(page: Page, control: object) -> bool:
    attrs = control.attrs  # type: ignore[attr-defined]
    wrapped = control.within("label")  # type: ignore[attr-defined]
    return bool(
        attrs.get("aria-label") or wrapped or [one for one in page.root.all("label") if one.attrs.get("for") == attrs.get("id")]
    )


def test_no_page_changes_anything_without_its_token(full: tuple[Desk, list[str]]) -> None:
    desk, _ = full
    client = desk.admin().client
    before = (
        desk.services.nodes.list(),
        desk.services.connections.list(),
        desk.services.keys.list(),
        desk.services.budgets.list(),
    )
    posts = [
        rule
        for rule in desk.app.url_map.iter_rules()
        if rule.endpoint.startswith("dashboard.") and "POST" in (rule.methods or ())
    ]
    assert len(posts) >= 20
    values = {
        "provider_id": before[0][0].id,
        "node_id": before[0][0].id,
        "connection_id": before[1][0].id,
        "key_id": before[2][0].id,
        "budget_id": before[3][0].id,
    }
    for rule in posts:
        path = re.sub(
            r"<(?:any\((\w+)[^)]*\):)?(\w+)>", lambda found: found[1] or values.get(found[2], "openai-compatible"), rule.rule
        )
        answer = client.post(path, data={"name": "changed", "is_active": "false"}, headers=ORIGIN)
        assert answer.status_code in (400, 403) or rule.rule == "/setup", rule.rule
    assert (
        desk.services.nodes.list(),
        desk.services.connections.list(),
        desk.services.keys.list(),
        desk.services.budgets.list(),
    ) == before
