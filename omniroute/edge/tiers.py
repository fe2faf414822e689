"""Who may use which route: one table, read by the gate before every request and walked by a test.

The decision is made on the matched rule, never on the path's text: a path can be spelt in many ways, a rule in one.
A route that isn't in the table is refused, so a new route is closed until its line is written here.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class Tier(StrEnum):
    PUBLIC = "public"  # anybody, and nothing of ours is told
    CLIENT = "client"  # a key with scope `relay`, or none where api.md allows it
    MANAGE = "manage"  # the dashboard's session, or a key with scope `manage`
    PAGE = "page"  # the dashboard's session; without one the browser is sent to /login
    SETUP = "setup"  # only until there is an admin; the view checks the one-time token
    LOOPBACK = "loopback"  # this machine without a key, anybody else with scope `manage`


# A line may name a method ("HEAD /"); it is for a route that serves this method alone.
TIERS: dict[str, Tier] = {
    "HEAD /": Tier.PUBLIC,  # Claude Code's first request; it wants any answer at once
    "/static/<path:filename>": Tier.PUBLIC,
    "/healthz": Tier.PUBLIC,
    "/readyz": Tier.PUBLIC,
    "/metrics": Tier.LOOPBACK,
    "/login": Tier.PUBLIC,
    "/manifest.webmanifest": Tier.PUBLIC,
    "/service-worker.js": Tier.PUBLIC,
    "/offline": Tier.PUBLIC,
    "/setup": Tier.SETUP,
    # Client endpoints
    "/v1/chat/completions": Tier.CLIENT,
    "/v1/messages": Tier.CLIENT,
    "/v1/messages/count_tokens": Tier.CLIENT,
    "/v1/responses": Tier.CLIENT,
    "/v1/responses/<response_id>": Tier.CLIENT,
    "/v1/responses/<response_id>/input_items": Tier.CLIENT,
    "/v1/responses/<response_id>/cancel": Tier.CLIENT,
    "/v1beta/models": Tier.CLIENT,
    "/v1beta/models/<path:call>": Tier.CLIENT,
    "/v1beta/models/<path:model_id>": Tier.CLIENT,
    "/v1/completions": Tier.CLIENT,
    "/v1/embeddings": Tier.CLIENT,
    "/v1/images/generations": Tier.CLIENT,
    "/v1/audio/speech": Tier.CLIENT,
    "/v1/audio/transcriptions": Tier.CLIENT,
    "/v1/audio/translations": Tier.CLIENT,
    "/v1/moderations": Tier.CLIENT,
    "/v1/rerank": Tier.CLIENT,
    "/v1/models": Tier.CLIENT,
    "/v1/models/<path:model_id>": Tier.CLIENT,
    # Management endpoints
    "/api/auth/login": Tier.PUBLIC,
    "/api/auth/status": Tier.PUBLIC,
    "/api/auth/logout": Tier.MANAGE,
    "/api/provider-nodes": Tier.MANAGE,
    "/api/provider-nodes/validate": Tier.MANAGE,
    "/api/provider-nodes/<node_id>": Tier.MANAGE,
    "/api/providers": Tier.MANAGE,
    "/api/providers/bulk": Tier.MANAGE,
    "/api/providers/test-all": Tier.MANAGE,
    "/api/providers/<connection_id>": Tier.MANAGE,
    "/api/providers/<connection_id>/test": Tier.MANAGE,
    "/api/providers/<connection_id>/models/refresh": Tier.MANAGE,
    "/api/provider-catalog": Tier.MANAGE,
    "/api/provider-models": Tier.MANAGE,
    "/api/pricing": Tier.MANAGE,
    "/api/combos": Tier.MANAGE,
    "/api/combos/reorder": Tier.MANAGE,
    "/api/combos/test": Tier.MANAGE,
    "/api/combos/export": Tier.MANAGE,
    "/api/combos/import": Tier.MANAGE,
    "/api/combos/<combo_id>": Tier.MANAGE,
    "/api/combos/<combo_id>/duplicate": Tier.MANAGE,
    "/api/models/alias": Tier.MANAGE,
    "/api/resilience": Tier.MANAGE,
    "/api/resilience/reset": Tier.MANAGE,
    "/api/keys": Tier.MANAGE,
    "/api/keys/<key_id>": Tier.MANAGE,
    "/api/keys/<key_id>/rotate": Tier.MANAGE,
    "/api/resolve": Tier.MANAGE,
    "/api/quota": Tier.MANAGE,
    "/api/alerts": Tier.MANAGE,
    "/api/usage/budget": Tier.MANAGE,
    "/api/usage/logs": Tier.MANAGE,
    "/api/usage/logs/<log_id>": Tier.MANAGE,
    "/api/usage/logs/<log_id>/bodies": Tier.MANAGE,
    "/api/usage/summary": Tier.MANAGE,
    "/api/usage/pulse": Tier.MANAGE,
    "/api/usage/export.csv": Tier.MANAGE,
    "/api/usage/export.jsonl": Tier.MANAGE,
    "/api/settings": Tier.MANAGE,
    "/api/audit": Tier.MANAGE,
    "/api/openapi.json": Tier.MANAGE,
    "/api/about": Tier.MANAGE,
    # Dashboard
    "/api/audit/export.csv": Tier.MANAGE,
    "/api/audit/export.jsonl": Tier.MANAGE,
    "/": Tier.PAGE,
    "/logout": Tier.PAGE,
    "/dashboard/live": Tier.PAGE,
    "/dashboard/palette": Tier.PAGE,
    "/dashboard/search": Tier.PAGE,
    "/dashboard/start": Tier.PAGE,
    "/dashboard/start/providers/<provider_id>": Tier.PAGE,
    "/dashboard/start/providers/<provider_id>/check": Tier.PAGE,
    "/dashboard/start/key": Tier.PAGE,
    "/dashboard/start/message": Tier.PAGE,
    "/dashboard/start/lines": Tier.PAGE,
    "/dashboard/start/progress": Tier.PAGE,
    "/dashboard/start/heard": Tier.PAGE,
    "/dashboard/providers": Tier.PAGE,
    "/dashboard/providers/add": Tier.PAGE,
    "/dashboard/providers/add/<provider_id>": Tier.PAGE,
    "/dashboard/providers/add/<provider_id>/check": Tier.PAGE,
    "/dashboard/providers/<provider_id>": Tier.PAGE,
    "/dashboard/providers/<provider_id>/connections": Tier.PAGE,
    "/dashboard/providers/<provider_id>/models": Tier.PAGE,
    "/dashboard/providers/<provider_id>/models/discover": Tier.PAGE,
    "/dashboard/providers/<provider_id>/models/<any(hide, show, delete):verb>": Tier.PAGE,
    "/dashboard/nodes/add/<slug>": Tier.PAGE,
    "/dashboard/nodes/add/<slug>/check": Tier.PAGE,
    "/dashboard/nodes/<node_id>/check": Tier.PAGE,
    "/dashboard/nodes/<node_id>/edit": Tier.PAGE,
    "/dashboard/nodes/<node_id>/delete": Tier.PAGE,
    "/dashboard/connections/<connection_id>/edit": Tier.PAGE,
    "/dashboard/connections/<connection_id>/delete": Tier.PAGE,
    "/dashboard/connections/<connection_id>/test": Tier.PAGE,
    "/dashboard/connections/<connection_id>/toggle": Tier.PAGE,
    "/dashboard/combos": Tier.PAGE,
    "/dashboard/combos/live": Tier.PAGE,
    "/dashboard/combos/export": Tier.PAGE,
    "/dashboard/combos/import": Tier.PAGE,
    "/dashboard/combos/choices": Tier.PAGE,
    "/dashboard/combos/new": Tier.PAGE,
    "/dashboard/combos/<combo_id>": Tier.PAGE,
    "/dashboard/combos/<combo_id>/now": Tier.PAGE,
    "/dashboard/combos/<combo_id>/toggle": Tier.PAGE,
    "/dashboard/combos/<combo_id>/move": Tier.PAGE,
    "/dashboard/combos/<combo_id>/duplicate": Tier.PAGE,
    "/dashboard/combos/<combo_id>/delete": Tier.PAGE,
    "/dashboard/combos/<combo_id>/test": Tier.PAGE,
    "/dashboard/combos/<combo_id>/test/<step_id>": Tier.PAGE,
    "/dashboard/aliases": Tier.PAGE,
    "/dashboard/aliases/delete": Tier.PAGE,
    "/dashboard/pricing": Tier.PAGE,
    "/dashboard/pricing/delete": Tier.PAGE,
    "/dashboard/keys": Tier.PAGE,
    "/dashboard/keys/add": Tier.PAGE,
    "/dashboard/keys/<key_id>/edit": Tier.PAGE,
    "/dashboard/keys/<key_id>/delete": Tier.PAGE,
    "/dashboard/keys/<key_id>/rotate": Tier.PAGE,
    "/dashboard/keys/<key_id>/toggle": Tier.PAGE,
    "/dashboard/limits": Tier.PAGE,
    "/dashboard/limits/budgets/<budget_id>/delete": Tier.PAGE,
    "/dashboard/usage": Tier.PAGE,
    "/dashboard/usage/series": Tier.PAGE,
    "/dashboard/logs": Tier.PAGE,
    "/dashboard/logs/tail": Tier.PAGE,
    "/dashboard/logs/<log_id>": Tier.PAGE,
    "/dashboard/logs/<log_id>/bodies": Tier.PAGE,
    "/dashboard/health": Tier.PAGE,
    "/dashboard/health/reset": Tier.PAGE,
    "/dashboard/health/reset-all": Tier.PAGE,
    "/dashboard/playground": Tier.PAGE,
    "/dashboard/playground/ask": Tier.PAGE,
    "/dashboard/resolve": Tier.PAGE,
    "/dashboard/settings": Tier.PAGE,
    "/dashboard/settings/security": Tier.PAGE,
    "/dashboard/settings/logs": Tier.PAGE,
    "/dashboard/settings/features": Tier.PAGE,
    "/dashboard/settings/password": Tier.PAGE,
    "/dashboard/undo/<entry_id>": Tier.PAGE,
    "/dashboard/settings/log": Tier.PAGE,
    "/dashboard/settings/sessions/<session_id>/revoke": Tier.PAGE,
    "/dashboard/settings/sessions/revoke-others": Tier.PAGE,
}

    "/dashboard/audit": Tier.PAGE,

def tier_of(rule: str, methods: Collection[str] | None) -> Tier | None:
    """The tier of a matched rule; None means that nobody classified it, and then nobody may use it.

    `methods` are those of the rule, not the request's: a page that also answers HEAD is not the route "HEAD /".
    """
    own = set(methods or ()) - {"OPTIONS"}
    if len(own) == 1 and (named := TIERS.get(f"{min(own)} {rule}")):
        return named
    return TIERS.get(rule)
