"""How a credential travels: each scheme turns it into headers, or, for `query`, into a part of the address."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

Headers = tuple[tuple[str, str], ...]


def bearer(credential: str) -> Headers:
    return (("Authorization", f"Bearer {credential}"),)


def x_api_key(credential: str) -> Headers:
    return (("x-api-key", credential),)


def x_goog_api_key(credential: str) -> Headers:
    return (("x-goog-api-key", credential),)


def no_header(credential: str) -> Headers:
    return ()


AUTH: dict[str, Callable[[str], Headers]] = {
    "bearer": bearer,
    "x-api-key": x_api_key,
    "x-goog-api-key": x_goog_api_key,
    "query": no_header,
    "none": no_header,
}


def signed_url(auth: str, url: str, credential: str | None) -> str:
    """`url` as it is sent: with `key=` in it for the scheme `query`, else unchanged. Such an address is never logged."""
    if auth != "query" or not credential:
        return url
    return f"{url}{'&' if '?' in url else '?'}key={quote(credential, safe='')}"
