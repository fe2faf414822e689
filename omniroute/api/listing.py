"""`GET /v1/models` in both shapes: OpenAI's list, and Anthropic's pages for callers that send `anthropic-version`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Request, Response

from omniroute.errors import BadRequest, ModelNotFound
from omniroute.providers.catalog import Model
from omniroute.routing.configuration import ClientKey, Configuration
from omniroute.routing.listed import usable_models
from omniroute.routing.resolve import may_ask, nearest, resolve
from omniroute.routing.route import Target

PAGE = 20  # Anthropic's default
MOST = 1000
SINCE = 1735689600  # 2025-01-01: neither list knows when a model was made, and clients want a number


def models(request: Request, configuration: Configuration, key: ClientKey | None) -> Response:
    """Every model that the caller may ask, in blocks by provider."""
    targets = [target for target in usable_models(configuration) if allowed(key, target.shown)]
    if "anthropic-version" in request.headers:
        return _json(_page(targets, request))
    return _json({"object": "list", "data": [_openai(target) for target in targets]})


def model(request: Request, configuration: Configuration, key: ClientKey | None, model_id: str) -> Response:
    """One model by the name that would be asked. Raises ModelNotFound, NoConnection."""
    target = find(configuration, key, model_id)
    return _json(_anthropic(target) if "anthropic-version" in request.headers else _openai(target))


def find(configuration: Configuration, key: ClientKey | None, model_id: str) -> Target:
    """Who answers to the name, if it is listed. Raises ModelNotFound, NoConnection."""
    if not allowed(key, model_id):
        raise ModelNotFound(f"No model '{model_id[:200]}'.", param="model")
    target = resolve(model_id, configuration).targets[0]
    known = any(each.canonical == target.canonical for each in usable_models(configuration))
    if not known:
        near = nearest(model_id, configuration)
        raise ModelNotFound(f"No model '{model_id[:200]}' is listed." + (f" The nearest: {', '.join(near)}." if near else ""))
    return target


def _page(targets: list[Target], request: Request) -> dict[str, Any]:
    """`limit`, `after_id` and `before_id` as Anthropic has them. A cursor that is not in the list gives an empty page."""
    limit = _limit(request.args.get("limit"))
    ids = [target.shown for target in targets]
    after, before = request.args.get("after_id"), request.args.get("before_id")
    if after is not None:
        targets = targets[ids.index(after) + 1 :] if after in ids else []
        more = len(targets) > limit
        targets = targets[:limit]
    elif before is not None:
        targets = targets[: ids.index(before)] if before in ids else []
        more = len(targets) > limit
        targets = targets[-limit:]
    else:
        more = len(targets) > limit
        targets = targets[:limit]
    shown = [_anthropic(target) for target in targets]
    return {
        "data": shown,
        "has_more": more,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
    }


def _limit(text: str | None) -> int:
    if text is None:
        return PAGE
    if not text.isdigit() or not 1 <= int(text) <= MOST:
        raise BadRequest(f"'limit' must be a whole number from 1 to {MOST}.", param="limit")
    return int(text)


def _openai(target: Target) -> dict[str, Any]:
    known = target.provider.model(target.model)
    entry: dict[str, Any] = {"id": target.shown, "object": "model", "created": SINCE, "owned_by": target.provider.prefix}
    return entry | (_facts(known) if known is not None else {})


def _anthropic(target: Target) -> dict[str, Any]:
    known = target.provider.model(target.model)
    return {
        "type": "model",
        "id": target.shown,
        "display_name": known.name if known is not None and known.name else target.model,
        "created_at": datetime.fromtimestamp(SINCE, UTC).isoformat().replace("+00:00", "Z"),
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": None,
        "max_input_tokens": known.context_window if known is not None else None,
        "max_tokens": known.max_output if known is not None else None,
        "capabilities": None,
    }


def _facts(model: Model) -> dict[str, Any]:
    """What is known of a model, prices in USD per million tokens as text, so that no digit is lost."""
    prices = {
        "input": model.input_price,
        "output": model.output_price,
        "cache_read": model.cache_read_price,
        "cache_write": model.cache_write_price,
    }
    facts = {
        "name": model.name,
        "context_window": model.context_window,
        "max_output_tokens": model.max_output,
        "pricing": {name: str(price) for name, price in prices.items() if price is not None} or None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def allowed(key: ClientKey | None, name: str) -> bool:
    return key is None or may_ask(key, name)


def _json(document: dict[str, Any]) -> Response:
    return Response(orjson.dumps(document), mimetype="application/json")
