"""A gateway with something on every page, and the addresses of all its pages.

    with furnished(folder, relay, upstream) as house:
        house.gateway, house.pages            # addresses below the root, one for each page that a browser may open

A page that is added to the dashboard and not to `PLACES` or `NO_PAGES` fails tests/browser/test_product.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniroute.dashboard import PAGES
from tests.browser.test_combos import ask
from tests.gateway import Gateway, running_gateway
from tests.upstream.client import Upstream
from tests.upstream.relay import Relay

GOOD, BAD = "sk-good-0123456789abcd", "sk-bad-0123456789wxyz"

# Answers that are no page of their own: files, parts of pages, streams, downloads.
NO_PAGES = (
    "/static/<path:filename>",
    "/manifest.webmanifest",
    "/service-worker.js",
    "/dashboard/providers/<provider_id>/models",
    "/dashboard/combos/live",
    "/dashboard/combos/export",
    "/dashboard/combos/choices",
    "/dashboard/combos/<combo_id>/now",
    "/dashboard/usage/series",
    "/dashboard/logs/tail",
    "/dashboard/live",
    "/dashboard/palette",
    "/dashboard/start/progress",
    "/dashboard/start/heard",
)
# Pages that send on who is signed in.
BEFORE = ("/setup", "/login")


@dataclass(frozen=True, slots=True)
class House:
    gateway: Gateway
    key: str
    ids: dict[str, str]

    @property
    def pages(self) -> list[str]:
        """Every address, the ids filled in. Raises KeyError for a page whose ids nobody knows."""
        rules = [route.rule for module in PAGES for route in module.ROUTES if "GET" in route.methods]
        pages = [rule for rule in rules if rule not in NO_PAGES and rule not in BEFORE]
        return [OTHER.get(rule) or re.sub(r"<(?:\w+:)?(\w+)>", lambda found: self.ids[found[1]], rule) for rule in pages]


# Pages that have something to show only when they are asked for something, or by another id than the others of that name.
OTHER: dict[str, str] = {
    "/dashboard/start/providers/<provider_id>": "/dashboard/start/providers/agentrouter",
    "/dashboard/search": "/dashboard/search?q=team",
    "/dashboard/providers/add/<provider_id>": "/dashboard/providers/add/agentrouter",
    "/dashboard/aliases/delete": "/dashboard/aliases/delete?pattern=fast",
    "/dashboard/pricing/delete": "/dashboard/pricing/delete?provider=agentrouter&model=glm-5.1",
    "/dashboard/resolve": "/dashboard/resolve?model=everyday",
    "/dashboard/settings/about/<name>": "/dashboard/settings/about/settings",
}


@contextmanager
def furnished(folder: Path, relay: Relay, upstream: Upstream) -> Iterator[House]:
    with running_gateway(folder, ENABLE_CC_COMPATIBLE_PROVIDER="true", PROVIDER_BASE_URLS=f"agentrouter={relay.url}") as here:
        yield furnish(here, relay, upstream)


def furnish(here: Gateway, relay: Relay, upstream: Upstream) -> House:
    """Providers that work and fail, a combo of combos, limits that are near, requests of every outcome."""
    here.api("PUT", "/api/settings", {"logBodies": "on"})
    native = here.add_connection("agentrouter", GOOD, "work account")
    node = here.add_node("team", relay.url, "anthropic-compatible", compatMode="cc")
    here.add_connection(node, GOOD, "first")
    bad = here.add_connection(node, BAD, "second")
    chat = here.add_upstream("chat", upstream.v1)
    here.api("POST", "/api/provider-models", {"provider": node, "modelIds": ["claude-opus-4-6", "glm-5.1", "deepseek-v3.2"]})
    here.api("POST", "/api/provider-models", {"provider": chat, "modelIds": ["small", "large"]})
    for connection in (native, bad):
        here.api("POST", f"/api/providers/{connection}/test")
    here.add_combo("cheap", "chat/small", "team/glm-5.1")
    combo = here.add_combo("everyday", "agentrouter/claude-opus-4-6", "combo/cheap")
    here.api("PUT", "/api/models/alias", {"aliases": [{"pattern": "fast", "model": "combo/cheap"}]})
    priced = [(each, "*") for each in (node, chat)] + [("agentrouter", "glm-5.1"), ("agentrouter", "claude-*")]
    prices = [{"provider": provider, "model": model, "input": 3, "output": 15} for provider, model in priced]
    here.api("PUT", "/api/pricing", {"prices": prices})
    key = here.add_key("laptop", requestsPerMinute=1000)
    made: dict[str, Any] = here.api("GET", "/api/keys")["keys"][0]
    budget = here.api("POST", "/api/usage/budget", {"apiKeyId": made["id"], "period": "month", "limit_usd": 25})["budget"]
    for model in ("everyday", "chat/small", "team/glm-5.1", "team/none-such", "nobody/model"):
        ask(here, key, model)
    rows = here.log_rows(4)
    return House(
        here,
        key,
        {
            "slug": "openai-compatible",
            "provider_id": node,
            "node_id": node,
            "connection_id": bad,
            "combo_id": combo,
            "key_id": made["id"],
            "budget_id": budget["id"],
            "log_id": rows[-1]["id"],
        },
    )
