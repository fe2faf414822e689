"""What an error's message says in every format, how a part is refused, and what goes in a list of dropped fields."""

from __future__ import annotations

import re

from omniroute.errors import BadRequest, Problem, UnsupportedField
from omniroute.formats import ir


def message_of(problem: Problem) -> str:
    """The message word for word, then the remedy in brackets.

    Clients act on how a message begins ("prompt is too long: 5 tokens > 4 maximum"), so nothing ever stands before it.
    """
    message, remedy = problem.message.strip(), problem.remedy.strip()
    if not message:
        return remedy or f"The request failed ({problem.kind})."
    if not remedy or remedy in message:
        return message
    return f"{message} ({remedy})"


def type_of(problem: Problem) -> str | None:
    """The upstream's type where OpenAI or Anthropic could have said it; Google's (NOT_FOUND) tell their clients nothing."""
    return None if problem.type is None or problem.type.isupper() else problem.type


def no_place(part: ir.Part, upstream: str) -> UnsupportedField:
    """The refusal of a part. `upstream` is what can't hold it, with its article ("a Messages")."""
    kind = type(part).__name__.lower()
    if isinstance(part, ir.Opaque):
        kind = part.document.get("type") or next(iter(part.document), "opaque")
    return UnsupportedField(f"'{part.path}': {upstream} upstream has no place for this {kind} part.", param=part.path)


def unmet_choice(request: ir.Request) -> UnsupportedField:
    """The refusal of a tool choice that no tool meets."""
    name = request.name_of("tool_choice")
    return UnsupportedField(f"'{name}' asks for a tool that is not among those this upstream knows.", param=name)


def no_text(request: ir.Request) -> BadRequest:
    """The refusal of a conversation in which nothing is said."""
    name = request.name_of("messages")
    return BadRequest(f"'{name}' holds no text.", param=name)


class Dropped:
    """The names of what a renderer could not carry over, each once, in order.

    A name alone was left out. A name with a remark in brackets was carried approximately: "temperature (1 at most)".
    Names are the client's; they end in a header, so whatever is not plain ASCII in them becomes "?".
    """

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str, remark: str = "") -> None:
        plain = re.sub(r"[^A-Za-z0-9_.$@-]", "?", name)[:120]
        self._names[f"{plain} ({remark})" if remark else plain] = None

    def names(self) -> tuple[str, ...]:
        return tuple(self._names)
