"""The admin's password: argon2id, computed on another OS thread so that streams keep flowing meanwhile."""

from __future__ import annotations

import re
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from omniroute.errors import Invalid
from omniroute.threads import off_loop

SHORTEST, LONGEST = 10, 1024

# 32 MiB, three passes, one lane: above OWASP's floor for argon2id (19 MiB, two passes; Password Storage Cheat Sheet,
# read 2026-11), and little enough for a machine of 512 MB.
_hasher = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)

# What people type when they mean "none". Compared without case, digits and signs at the end, and the usual swaps.
OBVIOUS = frozenset(
    {
        "admin",
        "adminadmin",
        "administrator",
        "adminpassword",
        "agentrouter",
        "asdfghjkl",
        "changeme",
        "changemenow",
        "changethis",
        "default",
        "gateway",
        "iloveyou",
        "initialpassword",
        "letmein",
        "mypassword",
        "omniroute",
        "openrouter",
        "passphrase",
        "password",
        "passwordpassword",
        "passwort",
        "qwerty",
        "qwertyuiop",
        "qwertz",
        "qwertzuiop",
        "root",
        "secret",
        "test",
        "testtest",
        "welcome",
    }
)
SWAPS = str.maketrans({"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "$": "s", "@": "a"})


def hash_password(password: str) -> str:
    return off_loop(lambda: _hasher.hash(_bytes(password)))


def verify_password(stored: str, password: str) -> bool:
    """Whether `password` is the one behind the hash `stored`."""

    def verify() -> bool:
        try:
            return _hasher.verify(stored, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False

    return off_loop(verify)


def outdated(stored: str) -> bool:
    """Whether a hash was made with other costs than today's; then the next login makes a new one."""
    return _hasher.check_needs_rehash(stored)


def check_policy(password: str, field: str = "password") -> None:
    """Raises Invalid naming `field` for a password that is too short, too long or among the first to be tried."""
    if problem := password_problem(password):
        raise Invalid(problem, {field: problem})


def password_problem(password: str) -> str | None:
    """What is wrong with a new password, as one sentence; None if nothing is."""
    if len(password) < SHORTEST:
        return f"The password needs at least {SHORTEST} characters."
    if len(password) > LONGEST:
        return f"The password may have at most {LONGEST} characters."
    plain = password.lower()
    core = re.sub(r"[\W\d_]+$", "", plain)
    if len(set(plain)) < 4 or _walks(plain) or _letters(core) in OBVIOUS or _letters(core.translate(SWAPS)) in OBVIOUS:
        return "This password is among the first that are tried; choose another one."
    return None


def _bytes(password: str) -> bytes:
    """JSON may hold half a surrogate pair; that is a wrong password, not a crash."""
    return password.encode("utf-8", "surrogatepass")


def _letters(text: str) -> str:
    return re.sub(r"[\W\d_]+", "", text)


def _walks(text: str) -> bool:
    """abcdefghij, 1234567890, 9876543210: every step is the same."""
    places = [int(sign) if sign.isdecimal() else ord(sign) for sign in text]
    ring = 10 if text.isdecimal() else 0x110000
    steps = {(after - before) % ring for before, after in pairwise(places)}
    return len(steps) == 1
