"""Secrets in a document: encrypted under a key that only a passphrase makes, so that the file alone opens nothing.

argon2id makes the key, as it guards the dashboard's password; the file says with which costs and salt. AES-256-GCM encrypts, and
notices any change. What is encrypted names for each secret where it may go, and has the digest of the configuration around it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw
from argon2.profiles import RFC_9106_LOW_MEMORY
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from omniroute.errors import Invalid
from omniroute.threads import off_loop

# Who has the file can try as long as he likes, so it costs more than a login: RFC 9106, section 4, the second recommended option
# (3 passes over 64 MiB in 4 lanes; read 2026-11-27).
COSTS = {"passes": RFC_9106_LOW_MEMORY.time_cost, "memoryKiB": RFC_9106_LOW_MEMORY.memory_cost, "lanes": 4}
# What a file may ask of this machine, which may be a small one. Below the least it was not made by us.
LEAST = {"passes": 1, "memoryKiB": 19 * 1024, "lanes": 1}
MOST = {"passes": 6, "memoryKiB": 128 * 1024, "lanes": 8}
NAMES = {"derivation": "argon2id", "cipher": "AES-256-GCM"}
SALT, NONCE = 16, 12  # bytes

_turn = threading.Lock()  # one derivation at a time in each worker: each takes its 64 MiB

Destination = list[Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """The secrets of one connection or node, and the destination that they were stored for (keeping.py). `values` are by name:
    "apiKey" and "fields.<name>" of a connection, the header's name in lower case of a node.
    """

    to: Destination
    values: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Secrets:
    """By id. `digest` is that of the configuration that they were stored beside."""

    connections: Mapping[str, Kept]
    nodes: Mapping[str, Kept]
    digest: str = ""


NONE = Secrets({}, {})


def digest_of(configuration: Mapping[str, Any]) -> str:
    """The same however the file is laid out."""
    return hashlib.sha256(orjson.dumps(configuration, option=orjson.OPT_SORT_KEYS)).hexdigest()


def seal(kept: Secrets, passphrase: str) -> dict[str, Any]:
    """The member `secrets` of a document. The costly part runs off the event loop."""
    salt, nonce = secrets.token_bytes(SALT), secrets.token_bytes(NONCE)
    sealed = AESGCM(_key(passphrase, salt, COSTS)).encrypt(nonce, orjson.dumps(as_json(kept)), None)
    texts = {name: base64.b64encode(value).decode() for name, value in (("salt", salt), ("nonce", nonce), ("sealed", sealed))}
    return {**NAMES, **COSTS, **texts}


def unseal(sealed: Mapping[str, Any], passphrase: str) -> Secrets:
    """Raises Invalid: for a wrong passphrase, and for what `seal` can't have made."""
    if sealed.keys() != {*NAMES, *COSTS, "salt", "nonce", "sealed"} or any(sealed[name] != NAMES[name] for name in NAMES):
        raise _unreadable(f"they are not sealed with {NAMES['derivation']} and {NAMES['cipher']}")
    costs = {name: sealed[name] for name in COSTS}
    if not all(type(costs[name]) is int and LEAST[name] <= costs[name] <= MOST[name] for name in costs):
        raise _unreadable("they ask for more memory or time than this program gives, or for too little")
    salt, nonce, token = (_bytes(sealed[name]) for name in ("salt", "nonce", "sealed"))
    if len(salt) != SALT or len(nonce) != NONCE:
        raise _unreadable("salt or nonce is not of the right length")
    try:
        opened = AESGCM(_key(passphrase, salt, costs)).decrypt(nonce, token, None)
    except InvalidTag:
        told = "This passphrase does not open the keys in the file. Leave it blank to restore everything but the keys."
        raise Invalid(told, {"passphrase": told}) from None
    try:
        return of_json(orjson.loads(opened))
    except orjson.JSONDecodeError:
        raise _unreadable("what is sealed in it was not written by this program") from None


def as_json(kept: Secrets) -> dict[str, Any]:
    return {
        "connections": {each: {"to": one.to, "values": one.values} for each, one in kept.connections.items()},
        "nodes": {each: {"to": one.to, "values": one.values} for each, one in kept.nodes.items()},
        "digest": kept.digest,
    }


def of_json(given: Any) -> Secrets:
    """What `as_json` gave. Raises Invalid: who knows a passphrase can seal anything under it."""
    try:
        connections, nodes = (
            {str(each): Kept(list(one["to"]), _texts(one["values"])) for each, one in given[name].items()}
            for name in ("connections", "nodes")
        )
        return Secrets(connections, nodes, str(given["digest"]))
    except (AttributeError, KeyError, TypeError) as exc:
        raise _unreadable("what is sealed is not what a backup seals") from exc


def _key(passphrase: str, salt: bytes, costs: Mapping[str, int]) -> bytes:
    def derive() -> bytes:
        return hash_secret_raw(
            passphrase.encode("utf-8", "surrogatepass"),
            salt,
            time_cost=costs["passes"],
            memory_cost=costs["memoryKiB"],
            parallelism=costs["lanes"],
            hash_len=32,
            type=Type.ID,
        )

    try:
        with _turn:
            return off_loop(derive)
    except HashingError as exc:
        raise _unreadable("this machine has not enough memory to open them") from exc


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as exc:
        raise _unreadable("they are no base64") from exc


def _texts(given: Mapping[str, Any]) -> dict[str, str]:
    if not all(isinstance(value, str) for value in given.values()):
        raise TypeError
    return dict(given)


def _unreadable(why: str) -> Invalid:
    told = f"The keys in this file can't be read: {why}. The rest can be restored: leave the passphrase blank."
    return Invalid(told, {"secrets": told})
