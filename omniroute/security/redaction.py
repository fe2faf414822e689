"""Masking secrets in any text that is kept or shown: log rows, error messages, audit rows, the log stream.

Patterns find what looks like a secret; `secrets` takes out those that are known to be one, whatever they look like.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

MASK = "***"

# What follows a secret's name. Six characters or more, so that "API key: not found" still says so.
_SECRET = r"[^\s\"',;&<>\\]{6,}"
_GIVEN = r"[\\\"']{0,4}\s{0,3}[:=]\s{0,3}[\\\"']{0,4}"  # : or =, with the quotes and backslashes of JSON within JSON

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # user:password@ in an address
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,30}://)[^\s/@\"'<>]{1,512}@"), rf"\1{MASK}@"),
    # ?key=... in an address
    (
        re.compile(r"(?i)([?&](?:(?:api|access|auth)[-_]?)?(?:key|token|auth|password|secret|signature|sig)=)[^\s\"'&<>#\\]+"),
        rf"\1{MASK}",
    ),
    # headers and members by name
    (re.compile(rf"(?i)((?<![a-z0-9])authorization{_GIVEN})(?:(?:basic|bearer|token)\s{{1,3}})?{_SECRET}"), rf"\1{MASK}"),
    (
        re.compile(
            r"(?i)((?<![a-z0-9])(?:x-api-key|x-goog-api-key|api[-_ ]?key|secret[-_]?key|client[-_]?secret|access[-_]?token|"
            rf"refresh[-_]?token|password|passwd){_GIVEN}){_SECRET}"
        ),
        rf"\1{MASK}",
    ),
    (re.compile(rf"(?i)((?<![a-z0-9])(?:set-)?cookie{_GIVEN})[^\r\n\"']+"), rf"\1{MASK}"),
    (re.compile(rf"(?i)\b(bearer\s{{1,3}}){_SECRET}"), rf"\1{MASK}"),
    # what keys look like: OpenAI, Anthropic, OpenRouter, our own and most relays; Groq, xAI, Hugging Face, Google
    (re.compile(r"\b(sk-(?:or-|ant-|proj-)?+)[A-Za-z0-9_*.-]{6,}"), rf"\1{MASK}"),
    (re.compile(r"\b(gsk_|xai-|hf_|AIza|pk-|rk-)[A-Za-z0-9_-]{12,}"), rf"\1{MASK}"),
    # signed tokens (JWT, Fernet)
    (re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"), MASK),
    (re.compile(r"\bgAAAA[A-Za-z0-9_=-]{40,}"), MASK),
)
_SECRET_NAME = re.compile(
    r"(?i)(^|[-_])(api[-_]?key|key|token|secret|password|passwd|authorization|cookie|credential|sealed|digest)s?$"
)

_NONE = frozenset({"require_api_key"})  # a preference: it says who needs one


def redact(text: str, secrets: Collection[str] = ()) -> str:
    """`text` with everything that is or looks like a secret masked. Linear in its length."""
    text = without(text, secrets)
    for pattern, put in _PATTERNS:
        text = pattern.sub(put, text)
    return text


def without(text: str, secrets: Collection[str]) -> str:
    """`text` with these secrets alone masked, the longest first: one may be a piece of another."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 4:
            text = text.replace(secret, MASK)
    return text


def redact_values(given: Any, secrets: Collection[str] = ()) -> Any:
    """The same for what JSON can hold: texts are redacted, and the value of a member with a secret's name is masked."""
    if isinstance(given, str):
        return redact(given, secrets)
    if isinstance(given, Mapping):
        return {without(str(name), secrets): _member(str(name), value, secrets) for name, value in given.items()}
    if isinstance(given, list | tuple):
        return [redact_values(value, secrets) for value in given]
    return given


def secret_name(name: str) -> bool:
    """Whether a header or member of this name holds a secret."""
    return name not in _NONE and _SECRET_NAME.search(name) is not None


def _member(name: str, value: Any, secrets: Collection[str]) -> Any:
    if secret_name(name) and value and isinstance(value, str):
        return MASK
    return redact_values(value, secrets)
