"""Where a client's lines lead, what they are made of, and how a text is quoted for whoever reads it.

Names come from outside (a relay may list any), so a text that could leave its quotes, or that a tool would take for one of its
own placeholders, is written so that it can't.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import groupby
from shlex import quote
from typing import Any

from omniroute.providers.values import Model
from omniroute.routing.configuration import Configuration

KEY_PLACE = "YOUR_KEY"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the lines lead. `root` has no trailing slash and no /v1; `key` is None where none is needed.

    `known` is what the catalogue knows of the model: its window, its longest answer, whether it sees pictures, what it costs.
    """

    root: str
    model: str
    key: str | None
    known: Model | None = None

    @property
    def v1(self) -> str:
        """What OpenAI's clients call the base URL."""
        return f"{self.root}/v1"

    @property
    def sdk_key(self) -> str:
        """SDKs always send a key, and one that is sent is always checked: so they need a real one."""
        return self.key or KEY_PLACE

    @property
    def window(self) -> int | None:
        return None if self.known is None else self.known.context_window

    @property
    def longest(self) -> int | None:
        """The longest answer in tokens."""
        return None if self.known is None else self.known.max_output


@dataclass(frozen=True, slots=True)
class Block:
    """Lines to paste. `where` is a shell or a file's path, `windows` its path there, `note` what to do with it."""

    language: str  # sh, powershell, python, js, json, toml, yaml
    where: str
    text: str
    windows: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a client's settings window, and what to enter. `exact` is False where it is to be chosen or ticked."""

    field: str
    value: str
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Lines:
    """All that one client needs. `entries` come first, under the words of `opening`, then the blocks in their order."""

    blocks: tuple[Block, ...] = ()
    opening: str = ""
    entries: tuple[Entry, ...] = ()


def known_model(configuration: Configuration, name: str) -> Model | None:
    """What the catalogue knows of `prefix/model`, None for any other name."""
    prefix, _, model = name.partition("/")
    provider = configuration.providers.get(configuration.prefixes.get(prefix.lower(), ""))
    return None if provider is None else provider.model(model)


def literal(value: str, *more: str) -> str:
    """A string literal that Python, JavaScript, JSON, TOML and YAML read alike. The characters in `more` are escaped as well."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(_escaped(each) if _odd(each) or each in more else each for each in text)


def shell(value: str) -> str:
    """One word for bash and zsh. What can't be seen is spelt out: pasted as it is, a terminal may act on it."""
    if not any(_odd(each) for each in value):
        return quote(value)
    plain = value.replace("\\", r"\\").replace("'", r"\'")
    return "$'" + "".join(_escaped(each) if _odd(each) else each for each in plain) + "'"


def powershell(value: str) -> str:
    """A string for PowerShell, which reads every kind of single quote as one; what can't be seen is put in by its number."""
    pieces = []
    for odd, run in groupby(value, _odd):
        if odd:
            pieces += [f"[char]0x{ord(each):x}" for each in run]
        else:
            pieces.append("'" + re.sub(r"(['\u2018-\u201b])", r"\1\1", "".join(run)) + "'")
    if any(map(_odd, value)):
        return "(" + " + ".join(["''", *pieces]) + ")"
    return "".join(pieces) or "''"


def document(value: Any) -> str:
    """A JSON file's text, its strings escaped like those of `literal`."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return "".join(_escaped(each) if _odd(each) and each != "\n" else each for each in text)


def _odd(character: str) -> bool:
    """What can't be seen, turns the direction of the text or ends a line for some reader. Beyond U+FFFF all of them take it."""
    return not character.isprintable() and ord(character) <= 0xFFFF


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}"
