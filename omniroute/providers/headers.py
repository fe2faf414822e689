"""Header hygiene: what may be a header's name and value, and which names nobody but the gateway sets."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Filled in at sending: the request's timeout in whole seconds.
TIMEOUT = "{timeout}"

# RFC 9110 section 7.6.1, and what older proxies read as such.
HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# What describes this very request and its body, or what the gateway can decode.
OWN = frozenset({"accept-encoding", "content-encoding", "content-length", "expect", "host"})
NEVER_SET = HOP_BY_HOP | OWN

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token, RFC 9110 section 5.6.2
_BAD_VALUE = re.compile(r"[\x00-\x1f\x7f]|[^\x00-\xff]")


def value_problem(value: str) -> str | None:
    """What keeps this text from being a header's value, in words that don't repeat it; None if nothing does."""
    found = _BAD_VALUE.search(value)
    if found is None:
        return None
    return "holds a line break or control character" if found.group() < "\x80" else "holds a character that no header can carry"


def check_custom_headers(pairs: Iterable[tuple[str, str | None]]) -> tuple[tuple[str, str | None], ...]:
    """An operator's own headers, trimmed and in order; a value of None takes the header out.

    Raises ValueError that names the header: not a header name, given twice, not theirs to set, or an unusable value.
    """
    checked: list[tuple[str, str | None]] = []
    seen: set[str] = set()
    for given, content in pairs:
        name, value = given.strip(), content if content is None else content.strip()
        lower = name.lower()
        if not _NAME.fullmatch(name):
            raise ValueError(f"{_shown(given)} is not a header name: letters, digits and hyphens only")
        if lower in NEVER_SET:
            raise ValueError(f"{name} is set by the gateway alone")
        if lower in seen:
            raise ValueError(f"{name} is given twice")
        if value is not None and (problem := value_problem(value)):
            raise ValueError(f"the value of {name} {problem}")
        seen.add(lower)
        checked.append((name, value))
    return tuple(checked)


def _shown(name: str) -> str:
    return repr(name if len(name) <= 40 else name[:37] + "...")
