"""Finding the trouble that a failure is, by its class or by words of its message, and what can be behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from omniroute.providers.values import Provider
from omniroute.routing.failures import ROWS
from omniroute.routing.trouble import WHEN, Cause, Trouble
from omniroute.routing.troubles import NAMED, TROUBLES


def trouble(type: str) -> Trouble | None:
    """That of a failure class or diagnosis type; None for what is none, such as "ok"."""
    return TROUBLES.get(NAMED.get(type, type))


def causes(found: Trouble, provider: Provider | None) -> tuple[Cause, ...]:
    """Those that can be so for this provider; all when it is not known which."""
    return tuple(each for each in found.causes if provider is None or WHEN[each.when](provider))


def search(text: str) -> tuple[Trouble, ...]:
    """The troubles that `text` is about: those whose words stand in it, as in a pasted error, the longest first; where there is
    none, those that have all words of it. All for an empty text.
    """
    wanted = text.strip().casefold()
    if not wanted:
        return tuple(TROUBLES.values())
    return told_in(wanted) or tuple(each for each in TROUBLES.values() if all(word in _words(each) for word in wanted.split()))


def told_in(text: str) -> tuple[Trouble, ...]:
    """Those whose words stand in `text`, the longest first."""
    measured = sorted(((_longest(each, text.casefold()), each) for each in TROUBLES.values()), key=lambda pair: -pair[0])
    return tuple(each for length, each in measured if length)


def names(found: Trouble) -> tuple[str, ...]:
    """All classes and types that it stands for, its own first."""
    return (found.type, *(name for name, type in NAMED.items() if type == found.type))


def _longest(found: Trouble, text: str) -> int:
    """The length of the longest of its words in `text`. A status counts as a whole number only."""
    told = (word for kind, _, types, texts in ROWS if kind in names(found) for word in (*types, *texts) if word != "model")
    return max((len(word) for word in (*names(found), *found.seen, *told) if _stands(word.casefold(), text)), default=0)


def _stands(word: str, text: str) -> bool:
    if word.isdigit():
        return re.search(rf"(?<!\w){word}(?!\w)", text) is not None
    return word in text


def _words(found: Trouble) -> str:
    return " ".join(_texts(found)).casefold()


def _texts(found: Trouble) -> Iterator[str]:
    yield from (found.title, *names(found), *found.seen)
    for cause in found.causes:
        yield from (cause.title, *cause.steps)
