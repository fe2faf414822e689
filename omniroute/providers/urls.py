"""Addresses of an upstream: base and path joined without doubling, and what a user may put in as either.

`https://host`, `https://host/`, `https://host/v1` and `https://host/v1/messages?beta=true` all reach the same endpoint: people
paste whichever of them their relay's page shows.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, urlsplit

from omniroute.providers.values import ENDPOINTS, Provider

# The path of a format's main endpoint where neither data nor user gives one.
CHAT_PATHS = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "anthropic_messages": "/v1/messages",
    "gemini": "/v1beta/models/{model}:generateContent",
}
# Gemini's paths, https://ai.google.dev/api/generate-content (read 2026-11-27). A stream of events has to be asked for.
MODEL, WHOLE, STREAMED, COUNTED = "{model}", ":generateContent", ":streamGenerateContent?alt=sse", ":countTokens"
CC_CHAT_PATH = "/v1/messages?beta=true"
MODELS_PATH = "/v1/models"

# What the main endpoint ends in, for the formats whose upstreams have others beside it.
_BESIDE = {"openai_chat": "/chat/completions", "openai_responses": "/responses"}

# What a base URL may end in when somebody pastes a whole endpoint. "/models" is not here: Azure's base ends so.
_ENDPOINTS = (("chat", "completions"), ("messages", "count_tokens"), ("messages",), ("responses",))
_VERSION = re.compile(r"v\d+(?:(?:alpha|beta)\d*)?")
_UNSENDABLE = re.compile(r"[\x00-\x20\x7f-\U0010ffff\\]")


def chat_url(provider: Provider, model: str, *, stream: bool = False) -> str:
    """Where a chat, message or response is posted to. Gemini's address names the model, and whether it streams."""
    url = _joined(provider.base_url, provider.chat_path)
    if MODEL not in url:
        return url
    url = url.replace(MODEL, quote(model.removeprefix("models/")))
    return url.replace(WHOLE, STREAMED) if stream else url


def models_url(provider: Provider) -> str:
    """Where the upstream lists its models."""
    return _joined(_root(provider.base_url, provider.chat_path), provider.models_path)


def count_tokens_url(provider: Provider, model: str) -> str | None:
    """Where an upstream counts tokens: for Messages below its chat path, with the same query. None for OpenAI's formats."""
    if provider.format == "gemini":
        return chat_url(provider, model).replace(WHOLE, COUNTED)
    if provider.count_tokens_path:
        return _joined(_root(provider.base_url, provider.chat_path), provider.count_tokens_path)
    if provider.format != "anthropic_messages":
        return None
    path, mark, query = chat_url(provider, model).partition("?")
    return f"{path}/count_tokens{mark}{query}"


def endpoint_url(provider: Provider, name: str) -> str | None:
    """Where the upstream has the endpoint `name` (of values.ENDPOINTS); None if it has none.

    Its data says which it has. Where nobody said, an upstream that speaks as OpenAI does is taken to have all but the legacy
    completions, each beside the main one.
    """
    if provider.endpoints is not None:
        path = dict(provider.endpoints).get(name)
        return None if path is None else _joined(_root(provider.base_url, provider.chat_path), path)
    main = _BESIDE.get(provider.format)
    if main is None or name == "completions":
        return None
    url, mark, query = _joined(provider.base_url, provider.chat_path).partition("?")
    if url.endswith(main):
        return f"{url.removesuffix(main)}/{ENDPOINTS[name]}{mark}{query}"
    return _joined(_root(provider.base_url, provider.chat_path), f"/v1/{ENDPOINTS[name]}")


def base_url_problem(text: str) -> str | None:
    """What is wrong with a base URL that somebody typed, as one sentence; None if nothing is."""
    if not text.strip():
        return "A base URL is needed, such as https://relay.example.com."
    if problem := _unsendable(text):
        return problem
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "This is not a URL: host or port can't be read."
    if parts.scheme not in ("http", "https"):
        return "It must begin with https:// (or http:// for a machine of your own)."
    if not host:
        return "The host name is missing."
    if "@" in parts.netloc:
        return "User name and password don't belong in it: save the key as a connection."
    if "#" in text:
        return "It must not have a part after '#'."
    if ".." in parts.path.split("/"):
        return "It must not contain '..'."
    return None


def path_problem(text: str) -> str | None:
    """What is wrong with a chat or models path, as one sentence; None if nothing is."""
    if problem := _unsendable(text):
        return problem
    if not text.startswith("/") or text.startswith("//"):
        return "It must begin with one slash, such as /v1/messages; the host belongs in the base URL."
    if "#" in text:
        return "It must not have a part after '#'."
    if ".." in text.partition("?")[0].split("/"):
        return "It must not contain '..'."
    return None


@lru_cache(maxsize=1024)
def _joined(base_url: str, path: str) -> str:
    origin, base, base_query = _split(base_url)
    tail, query = _segments(path)
    if base[-len(tail) :] == tail or not tail:  # the base already is the endpoint
        return _url(origin, base, _merged(base_query, query))
    base, base_query = _without_endpoint(base, base_query)
    overlap = next((size for size in range(min(len(base), len(tail)), 0, -1) if base[-size:] == tail[:size]), 0)
    if not overlap and _replaces_version(base, path):
        overlap = 1
    return _url(origin, base + tail[overlap:], _merged(base_query, query))


def _root(base_url: str, chat_path: str) -> str:
    """The base without an endpoint that was pasted along with it; then the query was that endpoint's and goes too."""
    origin, base, query = _split(base_url)
    tail, _ = _segments(chat_path)
    if tail and base[-len(tail) :] == tail:
        keep = 1 if _VERSION.fullmatch(tail[0]) else 0
        return _url(origin, base[: len(base) - len(tail) + keep], "")
    base, query = _without_endpoint(base, query)
    return _url(origin, base, query)


def _replaces_version(base: tuple[str, ...], path: str) -> bool:
    """Whether the base brings another version than the usual path's /v1: .../paas/v4, .../v1beta/openai.

    Only for the usual paths: one that somebody typed is meant as it stands.
    """
    if path.partition("?")[0] not in {*CHAT_PATHS.values(), MODELS_PATH} or not base:
        return False
    last = base[-2] if base[-1] == "openai" and len(base) > 1 else base[-1]
    return _VERSION.fullmatch(last) is not None


def _without_endpoint(base: tuple[str, ...], query: str) -> tuple[tuple[str, ...], str]:
    for endpoint in _ENDPOINTS:
        if base[-len(endpoint) :] == endpoint:
            return base[: -len(endpoint)], ""
    return base, query


def _split(url: str) -> tuple[str, tuple[str, ...], str]:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", tuple(filter(None, parts.path.split("/"))), parts.query


def _segments(path: str) -> tuple[tuple[str, ...], str]:
    plain, _, query = path.partition("?")
    return tuple(filter(None, plain.split("/"))), query


def _merged(base: str, own: str) -> str:
    """Both queries as one, no parameter twice; the path's own values win."""
    taken = {part.partition("=")[0] for part in own.split("&")}
    kept = [part for part in base.split("&") if part and part.partition("=")[0] not in taken]
    return "&".join([*kept, *filter(None, own.split("&"))])


def _url(origin: str, segments: tuple[str, ...], query: str) -> str:
    return f"{origin}/{'/'.join(segments)}".rstrip("/") + (f"?{query}" if query else "")


def _unsendable(text: str) -> str | None:
    found = _UNSENDABLE.search(text)
    if found is None:
        return None
    if found.group() == " ":
        return "It must not contain spaces."
    if found.group() == "\\":
        return "It must not contain a backslash."
    if found.group() < " " or found.group() == "\x7f":
        return "It must not contain control characters."
    return "It may hold ASCII characters only; write other names in their xn-- or percent form."
