"""The headers of an upstream request: the gateway's, the wire profile's, the few of the caller's that may pass, the credential.

Each name goes out once, whatever the spellings. An allow-list decides what passes, so a caller's gateway key, cookies,
`X-Forwarded-*` and hop-by-hop headers have no way through. Who wins, last to first:

1. the operator's own headers of a node (`custom_headers`); only `anthropic-beta`, a list, is still joined with the caller's;
2. the wire headers of a caller that is Claude Code itself: they are true, and stay current when the profile's have aged;
3. the wire profile; any other caller's `anthropic-beta` is appended to the profile's;
4. the caller's own, where its format is the upstream's;
5. the gateway's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from omniroute import __version__
from omniroute.errors import BadRequest
from omniroute.providers.auth import AUTH
from omniroute.providers.headers import NEVER_SET, TIMEOUT, value_problem
from omniroute.providers.values import Provider, WireProfile

USER_AGENT = f"OmniRoute/{__version__}"
CLAUDE_CODE = "claude-cli/"  # how its User-Agent begins; measured with 2.1.197, 2026-11-22
MESSAGES = "anthropic_messages"

# 2026-10-21, the default of newer SDKs, makes temperature, top_p and top_k an error; a body that was translated may hold them.
ANTHROPIC_VERSION = "2023-06-01"

# What http.py decodes. A stream is asked for plainly where no wire profile says otherwise: compressed events arrive late.
DECODED = "gzip, deflate"

# What of a caller may pass, by the upstream's format: names, and beginnings of names. Nothing is passed on to other formats.
# An organisation or project is not: it would belong to the caller's account, and the credential is the connection's.
_OPENAI = (
    frozenset({"idempotency-key", "openai-beta", "session-id", "thread-id", "x-client-request-id"}),
    ("x-codex-",),
)
PASSING: dict[str, tuple[frozenset[str], tuple[str, ...]]] = {
    MESSAGES: (frozenset({"idempotency-key", "user-agent", "x-app"}), ("anthropic-", "x-stainless-", "x-claude-code-")),
    "openai_chat": _OPENAI,
    "openai_responses": _OPENAI,
}

# All names that security/redaction.py seals (held by a test: nothing here may import it), and what else may hold a secret: of a
# header on its way rather one too many is masked than one too few.
_SECRET_NAME = re.compile(r"auth|cookie|credential|digest|key|passwd|password|sealed|secret|token", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Outline:
    """What is the same in every request to one provider: by lower-case name, the name as it is sent, and the value."""

    headers: Mapping[str, tuple[str, str]]
    edited: frozenset[str]  # the operator's, final whoever calls
    removed: frozenset[str]
    timed: tuple[str, ...]  # those that wait for the timeout


def upstream_headers(
    provider: Provider,
    wires: Mapping[str, WireProfile],
    credential: str | None,
    caller: Mapping[str, str],
    *,
    stream: bool,
    timeout: float,
    caller_format: str,
    content: tuple[tuple[str, str], ...] = (),
) -> list[tuple[str, str]]:
    """The whole header set of one request; only Host and Content-Length are left to the transport.

    `content` is what this one body and answer need (the boundary of a form), and wins over everything.

    `caller` are the client's headers, `timeout` is in seconds. Raises BadRequest that names a header of the caller with a
    line break or control character in it, ValueError if the credential can't be sent.
    """
    profile = wires[provider.wire] if provider.wire else None
    outline = _outline(provider.format, profile, provider.custom_headers, stream)
    headers = _signed(provider.auth, credential)
    headers.update(outline.headers)
    own = _passing(caller, provider.format)
    if own and provider.format == MESSAGES and not _is_claude_code(own, caller_format):
        own = _of_other_caller(own, outline, profile, caller_format)
    _add(headers, own, outline)
    for name in outline.removed:
        headers.pop(name, None)
    for lower in outline.timed:
        if headers[lower][1] == TIMEOUT:
            headers[lower] = (headers[lower][0], str(max(1, round(timeout))))
    headers.update({name.lower(): (name, value) for name, value in content})
    return list(headers.values())


def masked(headers: Iterable[tuple[str, str]], credential: str | None) -> list[tuple[str, str]]:
    """The same headers for people to see: the credential, and whatever else stands where credentials do, as "sk-...1234"."""
    shown = []
    for name, value in headers:
        if credential and credential in value:
            value = value.replace(credential, _hidden(credential))
        elif hides(name):
            scheme = "Bearer " if value.startswith("Bearer ") else ""
            value = scheme + _hidden(value.removeprefix(scheme))
        shown.append((name, value))
    return shown


def hides(name: str) -> bool:
    """Whether people see the value of a header of this name masked."""
    return _SECRET_NAME.search(name) is not None


@lru_cache(maxsize=512)
def _outline(
    upstream: str, profile: WireProfile | None, custom_headers: tuple[tuple[str, str | None], ...], stream: bool
) -> Outline:
    headers = {
        "content-type": ("Content-Type", "application/json"),
        "accept": ("Accept", "text/event-stream" if stream else "application/json"),
        "accept-encoding": ("Accept-Encoding", "identity" if stream and profile is None else DECODED),
        "user-agent": ("User-Agent", USER_AGENT),
    }
    if upstream == MESSAGES:
        headers["anthropic-version"] = ("anthropic-version", ANTHROPIC_VERSION)
    if profile:
        headers.update({name.lower(): (name, value) for name, value in profile.headers})
    own = {name.lower(): (name, value) for name, value in custom_headers if name.lower() not in NEVER_SET}
    removed = {lower for lower, (_, value) in own.items() if value is None}
    headers.update({lower: (name, value) for lower, (name, value) in own.items() if value is not None})
    if "user-agent" in removed:  # there has to be one: many firewalls refuse a request without
        removed.discard("user-agent")
        headers["user-agent"] = ("User-Agent", USER_AGENT)
    timed = tuple(lower for lower, (_, value) in headers.items() if value == TIMEOUT and lower not in removed)
    return Outline(
        headers={lower: header for lower, header in headers.items() if lower not in removed},
        edited=frozenset(own) - ({"anthropic-beta"} - removed),
        removed=frozenset(removed),
        timed=timed,
    )


def _signed(auth: str, credential: str | None) -> dict[str, tuple[str, str]]:
    if not credential:
        return {}
    if problem := value_problem(credential):
        raise ValueError(f"the credential {problem}")
    return {name.lower(): (name, value) for name, value in AUTH[auth](credential)}


def _passing(caller: Mapping[str, str], upstream: str) -> dict[str, tuple[str, str]]:
    """What of the caller's is on the list, once each. A name in two spellings counts as one list or one value."""
    names, beginnings = PASSING.get(upstream, (frozenset(), ()))
    found: dict[str, tuple[str, str]] = {}
    for name, value in caller.items():
        lower = name.lower()
        if lower not in names and not lower.startswith(beginnings):
            continue
        value = value.strip()
        if lower in found and lower == "anthropic-beta":
            found[lower] = (name, f"{found[lower][1]},{value}")
        elif lower not in found and value:
            found[lower] = (name, value)
    if "anthropic-version" in found:  # sent twice, a server joins it to "v, v", which is a 400 upstream
        name, value = found["anthropic-version"]
        found["anthropic-version"] = (name, value.partition(",")[0].rstrip())
    return found


def _is_claude_code(own: dict[str, tuple[str, str]], caller_format: str) -> bool:
    """Whether the caller is Claude Code itself, asking in its own format."""
    return caller_format == MESSAGES and "user-agent" in own and own["user-agent"][1].startswith(CLAUDE_CODE)


def _of_other_caller(
    own: dict[str, tuple[str, str]], outline: Outline, profile: WireProfile | None, caller_format: str
) -> dict[str, tuple[str, str]]:
    """What passes from a caller that is not Claude Code to a Messages upstream."""
    passed = {}
    for lower, header in own.items():
        if lower == "anthropic-beta":
            before = outline.headers.get(lower)
            passed[lower] = (header[0], _joined(before[1], header[1])) if before else header
        elif lower.startswith("anthropic-"):
            if caller_format == MESSAGES and not (profile and lower in outline.headers):
                passed[lower] = header
        elif lower == "idempotency-key" and not profile:
            passed[lower] = header
    return passed


def _add(headers: dict[str, tuple[str, str]], own: dict[str, tuple[str, str]], outline: Outline) -> None:
    """The caller's values, under the names as they are known here. Raises BadRequest for a value that can't be sent."""
    for lower, header in own.items():
        if lower not in outline.edited:
            known = headers.get(lower)
            headers[lower] = (known[0], header[1]) if known else header
    if value_problem(" ".join([value for _, value in own.values()])):  # one look at all; seldom a second one
        for lower, (name, value) in own.items():
            if lower not in outline.edited and (problem := value_problem(value)):
                raise BadRequest(f"The header {name} {problem}.", param=name)


def _joined(first: str, second: str) -> str:
    """Two lists of beta names as one: the first as it stands, then what the second has beyond it."""
    taken = [token.strip() for token in first.split(",")]
    more = [token for token in dict.fromkeys(part.strip() for part in second.split(",")) if token and token not in taken]
    return ",".join([first, *more])


def _hidden(secret: str) -> str:
    """First three and last four characters of a secret that is long enough to keep the rest."""
    return f"{secret[:3]}...{secret[-4:]}" if len(secret) >= 16 else "..."
