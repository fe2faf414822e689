"""Many keys at once, as people paste them: one a line, each by itself or with a name before it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from omniroute.connections.shown import ConnectionView
from omniroute.security.redaction import redact

MOST = 1000  # keys at once
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One line that was read. `number` counts from 1 over all lines, blank ones too. `wrong` says why it can't be taken, "" if it
    can; it never repeats what the line held.
    """

    number: int
    name: str = ""
    api_key: str = field(default="", repr=False)
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    line: int
    connection: ConnectionView


@dataclass(frozen=True, slots=True)
class Refusal:
    """`line` counts from 1. The message never repeats what the line held."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Bulk:
    made: tuple[Made, ...]
    refused: tuple[Refusal, ...]

    @property
    def created(self) -> tuple[ConnectionView, ...]:
        return tuple(each.connection for each in self.made)


def read_lines(text: str) -> tuple[Line, ...]:
    """The lines of `text` that are not blank: `key`, `name, key` or `name key`, with a comma or tab before names with spaces."""
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return tuple(_marked([_read(number, line) for number, line in lines if line]))


def _read(number: int, line: str) -> Line:
    for mark in (",", "\t", ";", None):  # None: any blank space
        name, found, key = _parted(line, mark)
        if found:
            break
    key, name = _bare(key), _bare(name)
    if not key:
        return Line(number, wrong="It has no key after the comma.")
    if _secret(name):  # it would stand on the page, and in the audit
        if _secret(key):
            return Line(number, wrong="It looks like two keys: put each on a line of its own.")
        return Line(number, wrong="The name looks like a key: put the name first, then the key.")
    if len(name) > LONGEST_NAME:
        return Line(number, wrong=f"The name may have at most {LONGEST_NAME} characters.")
    return Line(number, name, key)


def _parted(line: str, mark: str | None) -> tuple[str, bool, str]:
    """What stands before and after the last `mark`; without one the whole line comes last."""
    parts = line.rsplit(mark, 1)
    return (parts[0], True, parts[1]) if len(parts) == 2 else ("", False, line)


def _bare(text: str) -> str:
    """Without the spaces and quotes around it."""
    return text.strip().strip("\"'").strip()


def _secret(text: str) -> bool:
    """Whether it looks like a key: by what such begin with, or long, one word, letters and digits mixed."""
    mixed = any(each.isdigit() for each in text) and any(each.isalpha() for each in text)
    return redact(text) != text or (len(text) >= 24 and " " not in text and mixed)


def _marked(lines: Iterable[Line]) -> Iterable[Line]:
    """A key that comes again is taken once."""
    first: dict[str, int] = {}
    for line in lines:
        if line.api_key and line.api_key in first:
            yield Line(line.number, line.name, wrong=f"The same key as in line {first[line.api_key]}.")
        else:
            first.setdefault(line.api_key, line.number)
            yield line
