"""A failed attempt as people may read it: an upstream may give back, in any part of its error, what it was sent as a secret."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from omniroute.errors import VaultError
from omniroute.providers.catalog import Provider
from omniroute.relay.witness import SHORTEST, secrets_of
from omniroute.routing.candidates import Candidate
from omniroute.routing.failures import Failure
from omniroute.security.redaction import redact, redact_values


def masked(failure: Failure, candidate: Candidate, credential: Callable[..., str]) -> Failure:
    """`failure` without the secrets of its attempt. `credential` opens the connection's key: once more, but failures are few."""
    try:
        key = credential(candidate.connection)
    except VaultError:  # then it wasn't sent either
        key = ""
    return hidden(failure, candidate.target.provider, key)


def hidden(failure: Failure, provider: Provider, credential: str) -> Failure:
    """The same, where no candidate was asked but `provider` with `credential`. `told.text` is gone: it was for matching."""
    secrets = [each for each in secrets_of(provider, credential) if not _stand_in(each)]
    told = failure.told
    return replace(
        failure,
        message=redact(failure.message, secrets),
        detail=redact(failure.detail, secrets),
        headers={name: redact(value, secrets) for name, value in (failure.headers or {}).items()},
        told=replace(
            told,
            message=redact(told.message, secrets),
            type=_name(told.type, secrets),
            code=_name(told.code, secrets),
            param=_name(told.param, secrets),
            details=redact_values(told.details, secrets),
            text="",
        ),
    )


def _name(given: Any, secrets: Collection[str]) -> Any:
    return redact(given, secrets) if isinstance(given, str) else given


def _stand_in(secret: str) -> bool:
    """A short word, as servers at home are given: `ollama` for a key is no secret, and masked it hides what is wrong."""
    return len(secret) < SHORTEST and secret.isalpha()
