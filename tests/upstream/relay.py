"""An AgentRouter-style relay: the scripted upstream behind a gate that admits Claude Code's wire image and nothing else.

The gate checks each header of the wire profile exactly and writes down every one that was wrong. A client of another
kind gets 403, a key that does not begin with `sk-good` gets 401, a model outside the plan (if one is set) is refused as
such relays do. Everything that such a relay is known to answer can be had on demand: by a script's name from ERRORS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.upstream.client import Upstream
from tests.upstream.connection import Request
from tests.upstream.script import NAMES, PAGE, Script
from tests.upstream.sending import Record

MODELS = ("claude-opus-4-6", "claude-haiku-4-5-20251001", "glm-5.1", "deepseek-v3.2")
BETAS = "claude-code-20250219,interleaved-thinking-2025-05-14,effort-2025-11-24,redact-thinking-2026-02-12"
USER_AGENT = "claude-cli/2.1.158 (external, sdk-cli)"

# Header -> what its value must match as a whole. Exactly one of each must come.
PROFILE = {
    "Authorization": r"Bearer sk-\S+",
    "User-Agent": re.escape(USER_AGENT),
    "anthropic-version": "2023-06-01",
    "anthropic-beta": re.escape(BETAS) + r"(,[\w.-]+)*",  # a caller's own betas may follow
    "anthropic-dangerous-direct-browser-access": "true",
    "x-app": "cli",
    "X-Stainless-Lang": "js",
    "X-Stainless-Package-Version": r"0\.94\.0",
    "X-Stainless-OS": "MacOS",
    "X-Stainless-Arch": "arm64",
    "X-Stainless-Runtime": "node",
    "X-Stainless-Runtime-Version": r"v24\.3\.0",
    "X-Stainless-Retry-Count": "0",
    "X-Stainless-Timeout": r"\d+",
    "Accept-Encoding": r"(identity|gzip|deflate)(, ?(identity|gzip|deflate))*",  # what the relay might really use
}
# A caller that is Claude Code keeps its own, newer values: then only what marks it as such is fixed.
CLAUDE_CODE = {
    "User-Agent": r"claude-cli/\d+\.\d+\.\d+ \(external, [\w-]+\)",
    "anthropic-version": r"\d{4}-\d\d-\d\d",
    "anthropic-beta": r".*claude-code-20250219.*",
    "anthropic-dangerous-direct-browser-access": "true",
    "x-app": "cli",
    "X-Stainless-Lang": "js",
    "X-Stainless-Package-Version": r"[\d.]+",
    "X-Stainless-OS": r"\w+",
    "X-Stainless-Arch": r"\w+",
    "X-Stainless-Runtime": r"\w+",
    "X-Stainless-Runtime-Version": r"v[\d.]+",
    "X-Stainless-Retry-Count": r"\d+",
    "X-Stainless-Timeout": r"\d+",
    "Authorization": PROFILE["Authorization"],
    "Accept-Encoding": PROFILE["Accept-Encoding"],
}
# What never belongs to a caller's request as the relay sees it.
FOREIGN = re.compile(
    r"cookie|x-api-key|x-goog-api-key|(x-)?forwarded(-.*)?|x-real-ip|via|origin|referer|x-omniroute-.*", re.IGNORECASE
)


def error(status: int, type: str, message: str | None, code: str | None = None, retry_after: str | None = None) -> Script:
    """As these relays word it: an `error` member and nothing round it."""
    told = {"message": message, "type": type, "code": code}
    body = {"error": {name: value for name, value in told.items() if value is not None}}
    headers = {"Retry-After": retry_after} if retry_after else {}
    return Script(status=status, raw=json.dumps(body, ensure_ascii=False), headers=headers)


UNAUTHORIZED_CLIENT = error(403, "unauthorized_client_error", "unauthorized client detected, contact support for assistance")
INVALID_TOKEN = error(401, "new_api_error", "无效的令牌")
NOT_IN_PLAN = error(403, "unauthorized_client_error", "this model is not part of the plan")

ERRORS: dict[str, Script] = {
    "unauthorized-client": UNAUTHORIZED_CLIENT,
    "invalid-token": INVALID_TOKEN,
    "invalid-token-english": error(401, "new_api_error", "invalid token"),
    "content-blocked": error(400, "agent_router_api_error", None, "content-blocked"),
    "not-in-plan": NOT_IN_PLAN,
    "no-access": error(403, "new_api_error", "该令牌无权访问模型 claude-opus-4-6"),
    "quota": error(403, "new_api_error", "用户额度不足, 剩余额度: ＄0.000000", "insufficient_user_quota"),
    "quota-400": error(400, "new_api_error", "预扣费额度失败, 用户额度不足"),
    "quota-402": error(402, "new_api_error", "额度不足"),
    "waf-page": Script(status=200, raw=PAGE, content_type="text/html; charset=utf-8"),
    "limited": error(429, "new_api_error", "请求过于频繁, 请稍后再试", retry_after="7"),
    "unavailable": error(503, "new_api_error", "当前分组下对于该模型无可用渠道"),
    "broken": error(500, "new_api_error", "bad response status code 500"),
    "gateway-timeout": Script(status=504, raw=PAGE, content_type="text/html; charset=utf-8"),
}
NAMES.update(ERRORS)


def gate(request: Request, record: Record, settings: Mapping[str, Any]) -> Script | None:
    """The refusal, or None for a request that may pass. What was wrong goes into the record's note, under `wrong`."""
    agent = request.header("user-agent") or ""
    own = agent != USER_AGENT and re.fullmatch(CLAUDE_CODE["User-Agent"], agent) is not None
    wrong = mismatches(request, CLAUDE_CODE if own else PROFILE)
    record.note |= {"wire": "claude code" if own else "profile", "wrong": wrong}
    if wrong:
        return UNAUTHORIZED_CLIENT
    if not (record.key or "").startswith("sk-good"):
        return INVALID_TOKEN
    plan: Sequence[str] | None = settings.get("plan")
    if plan is not None and request.method == "POST" and request.json().get("model") not in plan:
        return NOT_IN_PLAN
    return None


def mismatches(request: Request, profile: Mapping[str, str]) -> dict[str, str]:
    """Header -> what is wrong with it."""
    expected = dict(profile)
    if request.method == "POST":
        streamed = request.json().get("stream") is True
        # Claude Code itself asks for JSON even when it streams, so both are true of it.
        either = r"application/json|text/event-stream" if profile is CLAUDE_CODE else r"text/event-stream"
        expected |= {"Content-Type": "application/json", "Accept": either if streamed else "application/json"}
    found = {}
    for name, pattern in expected.items():
        values = [value for each, value in request.headers if each.lower() == name.lower()]
        if len(values) != 1:
            found[name] = f"sent {len(values)} times" if values else "missing"
        elif not re.fullmatch(pattern, values[0]):
            found[name] = values[0]
    return found | {name: value for name, value in request.headers if FOREIGN.fullmatch(name)}


class Relay(Upstream):
    """The same hand on the relay's process."""

    options = ("--relay",)

    def plan(self, *models: str) -> None:
        """From now on only these models are covered."""
        self._control("settings", {"plan": models})
