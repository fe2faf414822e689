"""The conversation of the Playground: turns as they stand in its form, as messages of a request, and as an answer leaves them.

Each turn has a number that its fields' names carry, `turns-3-text`; numbers only have to differ, what counts is the order in
which they stand on the page. A tool's result is typed into the turn that has the call, so no result can be left without one.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import orjson
from markupsafe import Markup
from werkzeug.datastructures import FileStorage, MultiDict
from wtforms.widgets import html_params

from omniroute.errors import BadRequest
from omniroute.formats import ir

# What the vendors' APIs all take. Anthropic: these kinds, 5 MB each; OpenAI: the same kinds, and larger (looked up 2026-11-27).
KINDS: Mapping[bytes, str] = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"RIFF": "image/webp",
}
MEGABYTE = 1024 * 1024
MOST_EACH = 5 * MEGABYTE  # bytes of one image
MOST_TOGETHER = 15 * MEGABYTE  # bytes of all images of a conversation
OUR_FIELDS = "The conversation can't be read back. Reload the page and begin again."

_FIELD = re.compile(r"turns-(\d{1,9})-(role|text|calls|thoughts|image|result-\d{1,4})")
_FILES = re.compile(r"turns-(\d{1,9})-files")
_DATA_URL = re.compile(r"data:(image/[a-z]+);base64,([A-Za-z0-9+/=]*)")

Role = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True)
class Image:
    """One that goes along. `data` is base64, `size` is of the picture itself in bytes."""

    media_type: str
    data: str
    size: int

    @property
    def url(self) -> str:
        return f"data:{self.media_type};base64,{self.data}"

    @property
    def kind(self) -> str:
        return {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF"}.get(self.media_type, "WebP")


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that the model calls, and what its user has typed in as the tool's result. `wrong` is what is wrong with that."""

    call: ir.ToolCall
    result: str = ""
    wrong: str = ""

    @property
    def arguments(self) -> str:
        """For reading: JSON with its lines broken."""
        try:
            return orjson.dumps(orjson.loads(self.call.arguments), option=orjson.OPT_INDENT_2).decode()
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # the latter: nested deeper than can be written
            return self.call.arguments


@dataclass(frozen=True, slots=True)
class Turn:
    """`thoughts` and the signatures in `calls` go back as they came: some upstreams refuse a turn without them."""

    number: int
    role: Role = "user"
    text: str = ""
    images: tuple[Image, ...] = ()
    calls: tuple[Call, ...] = ()
    thoughts: tuple[ir.Reasoning, ...] = ()
    wrong: str = ""

    @property
    def empty(self) -> bool:
        return not (self.text.strip() or self.images or self.calls)

    @property
    def thinking(self) -> str:
        return "\n\n".join(each.text for each in self.thoughts if each.text)

    @property
    def kept_calls(self) -> str:
        """What a hidden field holds of them."""
        names = ("id", "name", "arguments", "custom", "signature", "origin")
        return _plain([{name: getattr(each.call, name) for name in names} for each in self.calls])

    @property
    def kept_thoughts(self) -> str:
        names = ("text", "signature", "data", "origin")
        return _plain([{name: getattr(each, name) for name in names} for each in self.thoughts])


def _plain(value: list[dict[str, Any]]) -> str:
    """JSON that no page changes on its way: of letters that are seen (see dashboard/unseen.py)."""
    return json.dumps(value).replace("\x7f", "\\u007f")


def area(name: str, text: str, **attributes: Any) -> Markup:
    """A field to write in that holds exactly this text. A browser takes the first line end away."""
    return Markup("<textarea {}>\n{}</textarea>").format(Markup(html_params(id=name, name=name, **attributes)), text)


# From the form ---------------------------------------------------------------------------------


def read_turns(fields: MultiDict[str, str], files: MultiDict[str, FileStorage]) -> tuple[Turn, ...]:
    """The turns in the order in which they stand. A picture that can't be taken is left out, and `wrong` says why.

    Raises BadRequest for hidden fields that this page has not made.
    """
    found: dict[int, dict[str, list[str]]] = {}
    for name in fields:
        if (field := _FIELD.fullmatch(name)) is not None:
            found.setdefault(int(field[1]), {})[field[2]] = fields.getlist(name)
    sent = {int(field[1]): files.getlist(name) for name in files if (field := _FILES.fullmatch(name)) is not None}
    turns, room = [], MOST_TOGETHER
    for number, values in found.items():
        turn = _turn(number, values)
        turn, room = _with_images(turn, values.get("image", ()), sent.get(number, ()), room)
        turns.append(turn)
    return tuple(turns)


def _turn(number: int, values: Mapping[str, list[str]]) -> Turn:
    text = "".join(values.get("text", ())).replace("\r\n", "\n")
    if values.get("role") != ["assistant"]:
        return Turn(number, "user", text)
    calls = [
        Call(
            ir.ToolCall(
                **_texts(each, ("id", "name", "arguments")),
                **_texts(each, ("signature", "origin"), None),
                custom=bool(each.get("custom")),
            )
        )
        for each in _listed(values.get("calls"))
    ]
    results = ["".join(values.get(f"result-{at}", ())).replace("\r\n", "\n") for at in range(len(calls))]
    thoughts = [
        ir.Reasoning(**_texts(each, ("text",)), **_texts(each, ("signature", "data", "origin"), None), path="reasoning")
        for each in _listed(values.get("thoughts"))
    ]
    typed = tuple(replace(each, result=result) for each, result in zip(calls, results, strict=True))
    return Turn(number, "assistant", text, calls=typed, thoughts=tuple(thoughts))


def _listed(values: Sequence[str] | None) -> list[dict[str, Any]]:
    try:
        found = orjson.loads("".join(values or ()) or "[]")
    except orjson.JSONDecodeError as exc:
        raise BadRequest(OUR_FIELDS) from exc
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise BadRequest(OUR_FIELDS)
    return found


def _texts(given: Mapping[str, Any], names: Iterable[str], otherwise: str | None = "") -> dict[str, Any]:
    values = {name: given.get(name) for name in names}
    if not all(value is None or isinstance(value, str) for value in values.values()):
        raise BadRequest(OUR_FIELDS)
    return {name: otherwise if value is None else value for name, value in values.items()}


def _with_images(turn: Turn, kept: Iterable[str], sent: Iterable[FileStorage], room: int) -> tuple[Turn, int]:
    """With those that there is room for, and the room that is left."""
    images: list[Image] = []
    wrong: list[str] = []
    read = [*(_kept_image(url) for url in kept), *(_sent_image(file) for file in sent if file.filename)]
    for image in read:
        if isinstance(image, str):
            wrong.append(image)
        elif image.size > room:
            wrong.append(f"Together the images are larger than {MOST_TOGETHER // MEGABYTE} MB: leave one out.")
        else:
            images.append(image)
            room -= image.size
    return replace(turn, images=tuple(images), wrong=" ".join(dict.fromkeys(wrong))), room


def _kept_image(url: str) -> Image | str:
    found = _DATA_URL.fullmatch(url)
    try:
        content = base64.b64decode(found[2], validate=True) if found else b""
    except binascii.Error:
        content = b""
    return _image(content, "An image")


def _sent_image(file: FileStorage) -> Image | str:
    return _image(file.stream.read(MOST_EACH + 1), (file.filename or "")[:80])


def _image(content: bytes, name: str) -> Image | str:
    """What it is by its first bytes, whatever its name says; or why it can't go along."""
    kind = next((kind for beginning, kind in KINDS.items() if content.startswith(beginning)), None)
    if kind is None or (kind == "image/webp" and content[8:12] != b"WEBP"):
        return f"{name} is no PNG, JPEG, GIF or WebP; models take these."
    if len(content) > MOST_EACH:
        return f"{name} is larger than {MOST_EACH // MEGABYTE} MB, which is the most that every provider takes: make it smaller."
    return Image(kind, base64.b64encode(content).decode(), len(content))


# As its buttons change it -----------------------------------------------------------------------


def changed(turns: tuple[Turn, ...], do: str) -> tuple[Turn, ...]:
    """After `delete:3`, or `again:3`, which takes out turn 3 and all that follow; anything else changes nothing."""
    verb, _, number = do.partition(":")
    at = next((index for index, turn in enumerate(turns) if str(turn.number) == number), None)
    if at is None or verb not in ("delete", "again"):
        return turns
    return turns[:at] if verb == "again" else (*turns[:at], *turns[at + 1 :])


def open_ended(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """With a place to type the next message in, unless results of tools are waited for."""
    if turns and (turns[-1].role == "user" or turns[-1].calls):
        return turns
    return (*turns, Turn(next_number(turns)))


def next_number(turns: Iterable[Turn]) -> int:
    return max((turn.number for turn in turns), default=-1) + 1


def answered(parts: Iterable[ir.AnyPart], number: int) -> Turn:
    """The turn that an answer is."""
    listed = tuple(parts)
    return Turn(
        number,
        "assistant",
        "\n\n".join(part.text for part in listed if isinstance(part, ir.Text | ir.Refusal) and part.text),
        calls=tuple(Call(part) for part in listed if isinstance(part, ir.ToolCall)),
        thoughts=tuple(part for part in listed if isinstance(part, ir.Reasoning)),
    )


# As a request -------------------------------------------------------------------------------------


def checked(turns: tuple[Turn, ...]) -> tuple[tuple[Turn, ...], str]:
    """The turns, each with what is wrong with it, and what is wrong with all of them: "" where nothing is."""
    marked = [
        replace(turn, calls=tuple(replace(each, wrong="" if each.result.strip() else _NO_RESULT) for each in turn.calls))
        for turn in turns
    ]
    said = [turn for turn in marked if not turn.empty]
    if not said or (said[-1].role == "assistant" and not said[-1].calls):
        return tuple(marked), "There is nothing to answer yet: write a message."
    wrong = any(turn.wrong or any(each.wrong for each in turn.calls) for turn in marked)
    return tuple(marked), "Something in the conversation is not right yet." if wrong else ""


_NO_RESULT = "Type in what it gives back; the model waits for it."


def messages(system: str, turns: Iterable[Turn]) -> tuple[ir.Message, ...]:
    """What is said, empty turns left out. Results of tools go first in the user's turn after their calls."""
    found = [ir.Message("system", (ir.Text(system),))] if system.strip() else []
    for turn in turns:
        if turn.empty:
            continue
        if turn.role == "user":
            _say(found, tuple(map(_image_part, turn.images)) + _text_part(turn))
            continue
        found.append(ir.Message("assistant", (*turn.thoughts, *_text_part(turn), *(each.call for each in turn.calls))))
        if turn.calls:
            results = [ir.ToolResult(each.call.id, (ir.Text(each.result),)) for each in turn.calls]
            found.append(ir.Message("user", tuple(results)))
    return tuple(found)


def _say(found: list[ir.Message], parts: tuple[ir.AnyPart, ...]) -> None:
    if found and found[-1].role == "user":
        parts = (*found.pop().parts, *parts)
    found.append(ir.Message("user", parts))


def _image_part(image: Image) -> ir.Image:
    return ir.Image(ir.Source("base64", image.data, image.media_type))


def _text_part(turn: Turn) -> tuple[ir.Text, ...]:
    return (ir.Text(turn.text),) if turn.text.strip() else ()
