"""Secrets that a test can be recognised by, and the search for them in all that a gateway leaves behind.

Every secret that a shared fixture gives a gateway carries a mark, twice, so that either half of it still has one; keys of
upstreams begin with one of the words that the scripted upstreams know keys by. Client keys need none: their own beginning
marks them. So nothing has to be kept of what a test made up: whatever holds a mark has a secret in it.

    API_KEY = marked("an upstream's key")
    look_through("the log", folder.joinpath("gateway.log").read_bytes())       # raises Leaked, naming place and offset

A mark is found as it is, in hexadecimal, and in base64 wherever it stands in what was encoded. Its letters are the same in
an address, in a form, in JSON and in HTML. Nothing here ever prints a secret.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

MARK = "c4naryQ"
# What keys of upstreams begin with in tests: the relay of tests/upstream lets in "sk-good" alone, and shows others the door.
KEYS = ("sk-good", "sk-bad", "sk-test")
# "sk-or-" and 43 characters, of which ten and the last four may be seen (client_keys.shown).
CLIENT_KEY = re.compile(rb"sk-or-[A-Za-z0-9_-]{16}")
CLIENT_KEY_START = "sk-or-"
SHORTEST = 16  # characters of a secret without a mark that are looked for


class Leaked(AssertionError):
    """A secret where none may be. Says where, and what kind of secret it is."""


@dataclass(frozen=True, slots=True)
class Needle:
    """`form` is how it is written: plain, hexadecimal, base64."""

    name: str
    form: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Found:
    place: str
    offset: int
    name: str
    form: str

    def __str__(self) -> str:
        return f"{self.place}, byte {self.offset}: {self.name}, {self.form}"


# Making them --------------------------------------------------------------------------------------------


def marked(name: str, end: str = "end") -> str:
    """A secret of this name. `end` is what it ends with: its last four characters may be shown."""
    return f"{MARK}-{name.replace(' ', '-')}-{MARK}-{end}"


def marked_storage_key() -> str:
    """A new Fernet key whose text carries the marks."""
    made = Fernet.generate_key().decode()
    return f"{made[:4]}{MARK}{made[4 + len(MARK) : 30]}{MARK}{made[30 + len(MARK) :]}"


SECRET_KEY = marked("signs the forms of tests")


# Finding them -------------------------------------------------------------------------------------------


def forms(name: str, text: str) -> list[Needle]:
    """How `text` may be written. In base64 it depends on where it begins: the outer characters are left off."""
    raw = text.encode()
    found = [Needle(name, "plain", raw), Needle(name, "hexadecimal", raw.hex().encode())]
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + raw)
        inner = coded[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6]
        found += [Needle(name, "base64", each) for each in sorted({inner, inner.translate(bytes.maketrans(b"+/", b"-_"))})]
    return found


STANDING = tuple(
    needle
    for name, text in (
        ("a marked secret", MARK),
        *((f"an upstream's key ({text}...)", text) for text in KEYS),
        ("a client key", CLIENT_KEY_START),
    )
    for needle in forms(name, text)
    if text != CLIENT_KEY_START or needle.form == "base64"
)


def needles(secrets: Iterable[tuple[str, str]]) -> list[Needle]:
    """For secrets, by name, that a gateway has made for itself: their beginnings."""
    return [needle for name, text in secrets if len(text) >= SHORTEST for needle in forms(name, text[:SHORTEST])]


def find(place: str, data: bytes, more: Iterable[Needle] = (), *, client_keys: bool = True) -> Iterator[Found]:
    """The first of each kind. `client_keys=False`: those may be here."""
    for needle in (*STANDING, *more):
        if (needle.name != "a client key" or client_keys) and (at := data.find(needle.text)) >= 0:
            yield Found(place, at, needle.name, needle.form)
    if client_keys and (key := CLIENT_KEY.search(data)):
        yield Found(place, key.start(), "a client key", "plain")


def look_through(place: str, data: bytes, more: Iterable[Needle] = (), *, client_keys: bool = True) -> None:
    """Raises Leaked."""
    refuse(find(place, data, more, client_keys=client_keys))


def look_through_files(paths: Iterable[Path], more: Iterable[Needle] = ()) -> None:
    """Raises Leaked. Files that are gone by now held nothing that stays."""
    more, found = tuple(more), list[Found]()
    for path in paths:
        try:
            data = path.read_bytes().rstrip(b"\0")  # a file of counters is half a megabyte of nothing
        except FileNotFoundError:
            continue
        found += find(str(path), data, more)
    refuse(found)


def refuse(found: Iterable[Found]) -> None:
    """Raises Leaked if there is any."""
    if told := [str(each) for each in found]:
        raise Leaked("\n".join(["a secret is where none may be:", *told]))
