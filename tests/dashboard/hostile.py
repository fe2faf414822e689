"""A gateway whose every name, log field, body and audit row is hostile; and the addresses of all its pages.

    ids = settle(services, CLI, relay.url)
    for path in pages(ids): ...

A page that is added to the dashboard is walked by itself. One whose address has a part that `settle` makes no id for raises
KeyError here, until it is made or the page stands in `ADDRESSES`.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from omniroute.dashboard import PAGES
from omniroute.limits.upstream import Learned
from omniroute.security.audit import Actor, record
from omniroute.services import Services
from omniroute.state.shared import Part
from omniroute.usage.bodies import Bodies
from omniroute.usage.logs import insert_rows
from tests.browser.furnished import NO_PAGES

# What it would do, if it were taken for more than text: run a script, break out of an attribute, be worked out by a template.
HOSTILE = '<img src=x onerror="window.__pwned=1">\'`${1234567*9}{{1234567*9}}'
WORKED_OUT = "11111103"
TURNED = "live\u202eyek"  # reads as "livekey" backwards from where it turns
SCRIPT = "<script>window.__pwned=1</script>"
LINK = "javascript:window.__pwned=1"
DATA = "data:text/html,<script>window.__pwned=1</script>"
FORMULAS = ("=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1")
NAME = f"{TURNED} {HOSTILE}"
MODELS = (SCRIPT, LINK, DATA, HOSTILE.replace(" ", "/"), "=1+1")
LONG = f"{NAME} {SCRIPT} {LINK} {DATA} </textarea></title></style>--> \0"
FILTERS = ("model", "key_id", "combo", "provider", "connection_id", "status", "outcome", "kind", "range", "since", "request_id")


def settle(services: Services, by: Actor, base_url: str) -> dict[str, str]:
    """Fill it. Returns an id for each variable of the addresses, and some more."""
    node = services.nodes.create(
        {
            "name": NAME,
            "prefix": "team",
            "base_url": base_url,
            "type": "anthropic-compatible",
            "compat_mode": "cc",
            "custom_headers": {"X-Name": HOSTILE},
        },
        by,
    ).id
    row = services.connections.create({"provider": node, "api_key": "sk-good-0123456789abcd", "name": NAME}, by).id
    other = services.connections.create({"provider": node, "api_key": "sk-good-0123456789wxyz", "name": LINK}, by).id
    services.connections.mark(other, "error", LONG.replace("\0", ""), by)
    services.models.add(node, MODELS, "custom", by)
    services.models.add(node, [f"{SCRIPT}2"], "discovered", by)
    services.prices.put(node, SCRIPT, {"input": 1}, by)
    steps = [
        {"model": f"team/{model}", "label": NAME[:100], "tags": [HOSTILE[:50]], "connection_id": row} for model in MODELS[:4]
    ]
    combo = services.combos.create({"name": "team-of-all", "steps": steps, "tags": [TURNED, SCRIPT]}, by).id
    services.aliases.put(f"{SCRIPT}*", "team-of-all", 1, by)
    services.aliases.put(LINK, f"team/{DATA}", 1, by)
    given = {"name": NAME, "allowed_models": [HOSTILE, TURNED, LINK], "max_concurrent": 1}
    key = services.keys.create(given, by)[0].id
    services.keys.create({"name": "=1+1", "scopes": ["manage"]}, by)
    budget = services.budgets.put({"api_key_id": key, "period": "day", "limit_tokens": 1}, by).id
    ids = {"node_id": node, "provider_id": node, "connection_id": row, "combo_id": combo, "key_id": key, "budget_id": budget}
    _limits(services, ids)
    _requests(services)
    _audit(services, ids)
    return ids | {"log_id": "row-0", "slug": "openai-compatible"}


def _limits(services: Services, ids: dict[str, str]) -> None:
    """An alert with the key's name, and a limit that the upstream is said to have."""
    services.shared.spend([Part(f"key:{ids['key_id']}:tokens per day", int(services.clock.now()), 1, 3e9)])
    services.board.told(ids["connection_id"], [Learned(HOSTILE, 5, 5, 1.0, None, services.clock.now(), 60)])


def _requests(services: Services) -> None:
    """One that failed and one that was answered, and one for each formula; the first with bodies."""
    attempt = dict.fromkeys(("target", "connection", "class", "message", "detail"), LONG) | {
        "status": 500,
        "ms": 1,
        "at_ms": 0,
    }
    texts = (
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
    more = ("canonical_model", "finish", "upstream_request_id", "format", "path", "endpoint", "step_id", "provider_prefix")
    told: dict[str, Any] = dict.fromkeys((*texts, *more), LONG) | {"provider_id": "gone", "key_id": HOSTILE}
    now = services.clock.now()
    failed = {"status": 500, "kind": HOSTILE[:64], "attempts": [attempt, attempt], "dropped": [LONG]}
    rows = [told | failed, told | {"status": 200, "kind": "ok", "price_source": LONG, "cost": 5}]
    rows += [dict.fromkeys(texts, formula) | {"status": 200, "kind": "ok", "dropped": [formula]} for formula in FORMULAS]
    whole = [{"id": f"row-{number}", "at": now - number, **row} for number, row in enumerate(rows)]
    services.database.write(lambda session: insert_rows(session, whole))
    body = b'{"text": "' + LONG.encode() + b'\xff"}'
    bodies = Bodies("row-0", now, body, len(body), LONG.encode(), 2 * len(LONG))
    services.database.write(services.books.bodies.sealed([bodies]))


def _audit(services: Services, ids: dict[str, str]) -> None:
    """Rows with hostile fields, values, actors, addresses and subjects."""
    told = {SCRIPT: LONG, "name": NAME, "fields": {LINK: DATA}, "list": [LONG, NAME], "steps": [{"weight": 1, "model": LONG}]}
    now = services.clock.now()

    def write(session: Any) -> None:
        for number, text in enumerate((NAME, SCRIPT, LINK, *FORMULAS)):
            by = Actor("key", text, text[:60])
            record(session, now - number, by, "key.update", f"key:{ids['key_id']}", told, {**told, "name": text, "list": [text]})
            record(session, now - number, by, "thing.made", f"thing:{text}", after=told)
            record(session, now - number, by, "alias.put", f"alias:{text}", after={"model": text})

    services.database.write(write)


# Rules that have something to show only when they are asked for something, or by another id than the others of that name.
ADDRESSES: dict[str, tuple[str, ...]] = {
    "/setup": ("/setup?token=x",),
    "/dashboard/providers/add": ("/dashboard/providers/add", f"/dashboard/providers/add?{urlencode({'q': HOSTILE})}"),
    "/dashboard/providers/add/<provider_id>": ("/dashboard/providers/add/agentrouter", "/dashboard/providers/add/azure-openai"),
    "/dashboard/start/providers/<provider_id>": ("/dashboard/start/providers/agentrouter",),
    "/dashboard/nodes/add/<slug>": tuple(
        f"/dashboard/nodes/add/{slug}" for slug in ("openai-compatible", "anthropic-compatible", "claude-code-compatible")
    ),
    "/dashboard/providers/<provider_id>": (
        "/dashboard/providers/{node_id}",
        "/dashboard/providers/{node_id}?" + urlencode({"q": "img"}),
        "/dashboard/providers/{node_id}?" + urlencode({"q": HOSTILE}),
    ),
    "/dashboard/aliases": ("/dashboard/aliases", f"/dashboard/aliases?{urlencode({'edit': LINK})}"),
    "/dashboard/aliases/delete": (f"/dashboard/aliases/delete?{urlencode({'pattern': LINK})}",),
    "/dashboard/pricing": (
        "/dashboard/pricing",
        "/dashboard/pricing?provider={node_id}&" + urlencode({"model": SCRIPT}),
        f"/dashboard/pricing?{urlencode({'q': HOSTILE, 'source': HOSTILE})}",
    ),
    "/dashboard/pricing/delete": ("/dashboard/pricing/delete?provider={node_id}&" + urlencode({"model": SCRIPT}),),
    "/dashboard/limits": ("/dashboard/limits", "/dashboard/limits?budget={budget_id}&q=%3Cimg"),
    "/dashboard/resolve": tuple(
        f"/dashboard/resolve?{urlencode({'model': model})}" for model in ("team-of-all", LINK, f"team/{SCRIPT}", LONG[:200])
    ),
    "/dashboard/playground": ("/dashboard/playground", f"/dashboard/playground?{urlencode({'model': f'team/{SCRIPT}'})}"),
    "/dashboard/search": (f"/dashboard/search?{urlencode({'q': 'img'})}", f"/dashboard/search?{urlencode({'q': HOSTILE})}"),
    "/dashboard/settings/about/<name>": ("/dashboard/settings/about/settings",),
    "/dashboard/logs/<log_id>": ("/dashboard/logs/row-0", "/dashboard/logs/row-1", "/dashboard/logs/nothing"),
    "/dashboard/logs": ("/dashboard/logs", f"/dashboard/logs?{urlencode(dict.fromkeys(FILTERS, HOSTILE))}"),
    "/dashboard/usage": (
        "/dashboard/usage",
        "/dashboard/usage?range=custom",
        *(f"/dashboard/usage?range=90d&group={group}" for group in ("model", "key", "combo", "connection", "class")),
        f"/dashboard/usage?{urlencode(dict.fromkeys(FILTERS, HOSTILE))}",
    ),
    "/dashboard/audit": (
        "/dashboard/audit",
        "/dashboard/audit?show=all&subject=key:{key_id}",
        f"/dashboard/audit?{urlencode(dict.fromkeys(('text', 'subject', 'kind', 'action', 'range'), HOSTILE))}",
        f"/dashboard/audit?{urlencode({'actor': f'key:{NAME}', 'since': HOSTILE})}",
    ),
}


def pages(ids: dict[str, str]) -> list[str]:
    """The addresses of every page that a browser may open, and of one that is not there."""
    rules = [route.rule for module in PAGES for route in module.ROUTES if "GET" in route.methods]
    found = [each for rule in rules if rule not in NO_PAGES for each in addresses(rule, ids)]
    return [*found, "/dashboard/nothing", f"/dashboard/{SCRIPT}"]


def parts(ids: dict[str, str]) -> list[str]:
    """The addresses of answers that are no page: pieces of pages, downloads, streams, what programs read."""
    return [each for rule in NO_PAGES if not rule.startswith("/static") for each in addresses(rule, ids)]


def addresses(rule: str, ids: dict[str, str]) -> list[str]:
    whole = [re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], each) for each in ADDRESSES.get(rule, ())]
    return whole or [re.sub(r"<(?:\w+:)?(\w+)>", lambda found: ids[found[1]], rule)]
