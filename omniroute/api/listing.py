"""`GET /v1/models` in both shapes: OpenAI's list, and Anthropic's pages for callers that send `anthropic-version`.

First what users have named themselves, combos and aliases, then `auto` and its like, then every model in blocks by provider.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Request, Response

from omniroute.errors import BadRequest, ModelNotFound, RequestError
from omniroute.prices.price import Price, usd
from omniroute.providers.catalog import Model
from omniroute.routing.combos import AUTO, NO_CONVERSATION, combo_route
from omniroute.routing.configuration import ClientKey, Combo, Configuration
from omniroute.routing.cost import price_at
from omniroute.routing.listed import usable_models
from omniroute.routing.resolve import Resolution, may_ask, nearest, resolve
from omniroute.routing.route import Route, Target

PAGE = 20  # Anthropic's default
MOST = 1000
SINCE = 1735689600  # 2025-01-01: neither list knows when a model was made, and clients want a number


@dataclass(frozen=True, slots=True)
class Listed:
    """A name that may be asked. `owner` is a provider's prefix, "combo" or "alias"; window and output are in tokens, None where
    they are not known. `model` has the rest of what the catalogue knows of a single model; `target` is who is asked for it.
    """

    id: str
    owner: str
    name: str
    window: int | None = None
    output: int | None = None
    model: Model | None = None
    target: Target | None = None


def models(request: Request, configuration: Configuration, key: ClientKey | None, at: float) -> Response:
    """Every name that the caller may ask, with the prices of that moment (epoch seconds)."""
    names = listed(configuration, key)
    if "anthropic-version" in request.headers:
        return _json(_page(names, request))
    return _json({"object": "list", "data": [_openai(each, configuration, at) for each in names]})


def model(request: Request, configuration: Configuration, key: ClientKey | None, at: float, model_id: str) -> Response:
    """One model by the name that would be asked. Raises ModelNotFound, NoConnection."""
    found = find(configuration, key, model_id)
    return _json(_anthropic(found) if "anthropic-version" in request.headers else _openai(found, configuration, at))


def listed(configuration: Configuration, key: ClientKey | None) -> list[Listed]:
    """What the caller may ask, each name once."""
    names: dict[str, Listed] = {}
    for each in (*_own_names(configuration), *map(_target, usable_models(configuration))):
        names.setdefault(each.id, each)
    return [each for each in names.values() if allowed(key, each.id)]


def find(configuration: Configuration, key: ClientKey | None, model_id: str) -> Listed:
    """Who answers to the name, if it is listed. Raises ModelNotFound, NoConnection."""
    if not allowed(key, model_id):
        raise ModelNotFound(f"No model '{model_id[:200]}'.", param="model")
    own = next((each for each in _own_names(configuration) if each.id == model_id), None)
    if own is not None:
        return own
    resolution = resolve(model_id, configuration)
    if resolution.route.combo:
        return _of(resolution, resolution.route.combo, "combo")
    target = resolution.targets[0]
    if not any(each.canonical == target.canonical for each in usable_models(configuration)):
        near = nearest(model_id, configuration)
        raise ModelNotFound(f"No model '{model_id[:200]}' is listed." + (f" The nearest: {', '.join(near)}." if near else ""))
    return _target(target)


def _own_names(configuration: Configuration) -> Iterator[Listed]:
    """Combos that are switched on, aliases that are no globs and lead somewhere, and `auto` when it has anything to choose."""
    for combo in configuration.combos.values():
        if combo.enabled:
            yield _combo(combo, configuration)
    for alias in configuration.aliases:
        if alias.pattern in configuration.combos or any(each in alias.pattern for each in "*?["):
            continue
        try:
            yield _of(resolve(alias.pattern, configuration), alias.pattern, "alias")
        except RequestError:  # it leads nowhere now
            continue
    if any(not NO_CONVERSATION.search(target.model) for target in usable_models(configuration)):
        for name in AUTO:
            yield Listed(name, "combo", name)


def _combo(combo: Combo, configuration: Configuration) -> Listed:
    return _of(Resolution(combo_route(combo, configuration), ""), combo.name, "combo")


def _of(resolution: Resolution, name: str, owner: str) -> Listed:
    """A name for one model has all that is known of it; one for several may be sent what the smallest of them holds."""
    route: Route = resolution.route
    if route.combo in AUTO:
        return Listed(name, owner, name)
    targets = list(route.targets())
    if not route.combo and targets:
        return replace(_target(targets[0]), id=name, owner=owner)
    known = [each for target in targets if (each := target.provider.model(target.model)) is not None]
    return Listed(
        name, owner, name, _smallest(each.context_window for each in known), _smallest(each.max_output for each in known)
    )


def _smallest(sizes: Iterable[int | None]) -> int | None:
    return min((size for size in sizes if size is not None), default=None)


def _target(target: Target) -> Listed:
    known = target.provider.model(target.model)
    if known is None:
        return Listed(target.shown, target.provider.prefix, target.model, target=target)
    name = known.name or target.model
    return Listed(target.shown, target.provider.prefix, name, known.context_window, known.max_output, known, target)


def _page(names: list[Listed], request: Request) -> dict[str, Any]:
    """`limit`, `after_id` and `before_id` as Anthropic has them. A cursor that is not in the list gives an empty page."""
    limit = _limit(request.args.get("limit"))
    ids = [each.id for each in names]
    after, before = request.args.get("after_id"), request.args.get("before_id")
    if after is not None:
        names = names[ids.index(after) + 1 :] if after in ids else []
        more = len(names) > limit
        names = names[:limit]
    elif before is not None:
        names = names[: ids.index(before)] if before in ids else []
        more = len(names) > limit
        names = names[-limit:]
    else:
        more = len(names) > limit
        names = names[:limit]
    shown = [_anthropic(each) for each in names]
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


def _openai(each: Listed, configuration: Configuration, at: float) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": each.id, "object": "model", "created": SINCE, "owned_by": each.owner}
    facts = {
        "name": each.name if each.model is not None else None,
        "context_window": each.window,
        "max_output_tokens": each.output,
        "pricing": None if each.target is None else _pricing(price_at(configuration, each.target, at)),
    }
    return entry | {name: value for name, value in facts.items() if value is not None}


def _anthropic(each: Listed) -> dict[str, Any]:
    return {
        "type": "model",
        "id": each.id,
        "display_name": each.name,
        "created_at": datetime.fromtimestamp(SINCE, UTC).isoformat().replace("+00:00", "Z"),
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": None,
        "max_input_tokens": each.window,
        "max_tokens": each.output,
        "capabilities": None,
    }


def _pricing(price: Price | None) -> dict[str, str] | None:
    """USD per million tokens, and for each request, as text, so that no digit is lost. A step for long prompts isn't told."""
    if price is None:
        return None
    rates = {**asdict(price.rates), "request": price.request or None}
    return {name: format(dollars, "f") for name, rate in rates.items() if (dollars := usd(rate)) is not None} or None


def allowed(key: ClientKey | None, name: str) -> bool:
    return key is None or may_ask(key, name)


def _json(document: dict[str, Any]) -> Response:
    return Response(orjson.dumps(document), mimetype="application/json")
