"""The `contents` of a Gemini request -> ir.Message.

Calls and their results match by id where the client sends ids, else by name and order: the API itself did so before it had
ids. Source: https://ai.google.dev/api/caching#Content and google-genai 3.6.1 (read 2026-11-27).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import orjson

from omniroute.errors import BadRequest
from omniroute.formats import ir
from omniroute.formats.fields import missing
from omniroute.formats.gemini.members import Members
from omniroute.formats.gemini.signature import plain_base64, read_reasoning
from omniroute.formats.gemini.usage import NAME
from omniroute.formats.media import type_of_url

# "function" is what older SDKs called the turn that holds results.
_ROLES: dict[str, ir.Role] = {"user": "user", "model": "assistant", "function": "user"}
# Where a client of Google's has files that only Google can read.
_OWN_HOST = "generativelanguage.googleapis.com"
_AUDIO = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav"}
_SIGNATURE = "thoughtSignature"
_RESULT_KEYS = ("output", "result")


@dataclass(slots=True)
class Calls:
    """The calls so far: what a result may answer. `open` are (id, name) of those not yet answered, in order."""

    known: set[str] = field(default_factory=set)
    open: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0

    def add(self, call_id: str | None, name: str, path: str) -> str:
        """The id of a call; one without gets its name and its position in the conversation."""
        self.count += 1
        made = call_id or f"call_{self.count}_{name}"
        if any(made == other for other, _ in self.open):
            raise BadRequest(f"'{path}.id' repeats the id of another call of this turn.", param=f"{path}.id")
        self.known.add(made)
        self.open.append((made, name))
        return made

    def answered(self, call_id: str | None, name: str, path: str) -> str:
        """The id of the call that a result answers: the first open one of its name, if the id says nothing."""
        found = call_id if call_id in self.known else next((each for each, called in self.open if called == name), None)
        if found is None:
            raise BadRequest(f"'{path}' answers no functionCall of an earlier model turn.", param=path)
        self.open = [each for each in self.open if each[0] != found]
        return found


def read_contents(body: Members) -> tuple[ir.Message, ...]:
    """Raises BadRequest for a body without contents and for a part that can't stand where it does."""
    calls = Calls()
    entries = body.many("contents")
    if not entries:
        raise missing("contents") if body.get("contents") is None else _empty("contents")
    messages: list[ir.Message] = []
    for entry in entries:
        message = _message(entry, calls, messages[-1].role if messages else "user")
        if message.role == "assistant":
            before = messages.pop() if messages and messages[-1].role == "assistant" else replace(message, parts=())
            message = replace(before, parts=_joined(before.parts, message.parts))
        messages.append(message)
    if not any(message.parts for message in messages):
        raise _empty("contents")
    return tuple(messages)


def read_system(body: Members) -> tuple[ir.Message, ...]:
    """`systemInstruction`: a Content whose role says nothing, or a text."""
    found = body.many("systemInstruction")
    parts: list[ir.AnyPart] = []
    for entry in found:
        entry.get("role")
        parts += _parts(entry, "system", Calls())
        entry.done()
    return (ir.Message("system", tuple(parts), path="systemInstruction"),) if parts else ()


def _empty(path: str) -> BadRequest:
    return BadRequest(f"'{path}' must hold at least one content with a part.", param=path)


def _joined(before: tuple[ir.AnyPart, ...], parts: tuple[ir.AnyPart, ...]) -> tuple[ir.AnyPart, ...]:
    """A model's turn as one. The SDKs' chats keep a streamed answer as it came: a content for each chunk, the last one empty."""
    made = list(before)
    for part in parts:
        last = made[-1] if made else None
        if part.unknown:
            made.append(part)
        elif isinstance(part, ir.Text) and isinstance(last, ir.Text) and not last.unknown:
            made[-1] = replace(last, text=last.text + part.text)
        elif isinstance(part, ir.Reasoning) and isinstance(last, ir.Reasoning) and _goes_on(last, part):
            made[-1] = replace(part, text=last.text + part.text, path=last.path)
        elif not isinstance(part, ir.Text) or part.text:
            made.append(part)
    return tuple(made)


def _goes_on(thought: ir.Reasoning, part: ir.Reasoning) -> bool:
    """A thought goes on until it is signed; the signature of a text, and sealed data, stand by themselves."""
    signed = thought.signature is not None or thought.data is not None or thought.unknown
    return not signed and part.data is None and not part.path.endswith(_SIGNATURE)


def _message(entry: Members, calls: Calls, last_role: str) -> ir.Message:
    role = entry.text("role") or "user"
    if role not in _ROLES:
        raise BadRequest(f"'{entry.at('role')}' must be user or model.", param=entry.at("role"))
    if _ROLES[role] == "assistant" and last_role == "user":
        calls.open.clear()  # what a turn left unanswered is answered no more
    parts = _parts(entry, _ROLES[role], calls)
    if not parts and _ROLES[role] == "user":
        raise missing(entry.at("parts"))
    entry.done()
    return ir.Message(_ROLES[role], tuple(parts), path=entry.path)


def _parts(entry: Members, role: str, calls: Calls) -> list[ir.AnyPart]:
    """The `parts`; an entry that is itself a part counts as a content of that one."""
    entries = entry.many("parts")
    if not entries and isinstance(entry.document.get("text"), str):
        entry.get("text")
        return [ir.Text(entry.document["text"], path=entry.path)]
    return [made for part in entries for made in _part(part, role, calls)]


def _part(part: Members, role: str, calls: Calls) -> list[ir.AnyPart]:
    """One part; a text with a signature gives a second one, which holds the signature."""
    signature = part.text(_SIGNATURE) or ""
    thought = part.flag("thought") or False
    made: ir.AnyPart
    if part.get("functionCall") is not None:
        _only(part, role, "assistant", "functionCall")
        made = _call(part, calls, signature)
    elif part.get("functionResponse") is not None:
        _only(part, role, "user", "functionResponse")
        made = _result(part, calls)
    elif role == "assistant" and _is_media(part):
        return [ir.Opaque(NAME, part.document, path=part.path)]  # made by the model, with a signature perhaps
    elif (media := read_media(part)) is not None:
        made = media
    elif thought or (signature and not part.get("text")):
        _only(part, role, "assistant", "thought")
        path = part.path if thought else part.at(_SIGNATURE)
        made = replace(read_reasoning(part.text("text") or "", signature), path=path)
    elif (text := part.text("text")) is not None:
        made = ir.Text(text, path=part.path)
    elif any(isinstance(value, dict) for value in part.document.values()):
        return [ir.Opaque(NAME, part.document, path=part.path)]
    else:
        raise BadRequest(f"'{part.path}' must hold a text, data, a function call or a function response.", param=part.path)
    unknown = {} if isinstance(made, ir.Opaque) else part.rest()
    made = replace(made, unknown=unknown) if unknown else made
    if isinstance(made, ir.Text) and signature and role == "assistant":
        return [made, replace(read_reasoning("", signature), path=part.at(_SIGNATURE))]
    return [made]


def _only(part: Members, role: str, wanted: str, kind: str) -> None:
    if role != wanted:
        turns = "model" if wanted == "assistant" else "user"
        raise BadRequest(f"'{part.path}': a {kind} stands in {turns} turns only.", param=part.path)


def _call(part: Members, calls: Calls, signature: str) -> ir.ToolCall:
    call = part.needed_inner("functionCall")
    name = call.needed_text("name")
    arguments = orjson.dumps(call.mapping("args") or {}).decode()
    made = ir.ToolCall(
        calls.add(call.text("id"), name, call.path),
        name,
        arguments,
        signature=signature or None,
        origin=NAME if signature else None,
        path=part.path,
    )
    call.done()
    return made


def _result(part: Members, calls: Calls) -> ir.ToolResult:
    """`response` has "output" or "error" by convention, else all of it is the output. Media stands in `parts`."""
    result = part.needed_inner("functionResponse")
    call_id = calls.answered(result.text("id"), result.needed_text("name"), result.path)
    response = result.mapping("response") or {}
    parts: list[ir.AnyPart] = []
    is_error = response.keys() == {"error"}
    told = response.get("error") if is_error else response
    if not is_error and len(response) == 1 and isinstance(said := next(iter(response.values())), str):
        told = said if next(iter(response)) in _RESULT_KEYS else response
    if told != {}:
        text = told if isinstance(told, str) else orjson.dumps(told).decode()
        parts.append(ir.Text(text, path=result.at("response")))
    for item in result.many("parts"):
        media = read_media(item)
        if media is None:
            raise BadRequest(f"'{item.path}' must hold inlineData or fileData.", param=item.path)
        parts.append(media)
        item.done()
    result.done()
    return ir.ToolResult(call_id, tuple(parts), is_error=is_error, path=part.path)


def _is_media(part: Members) -> bool:
    return part.get("inlineData") is not None or part.get("fileData") is not None


def read_media(part: Members) -> ir.AnyPart | None:
    """What `inlineData` or `fileData` holds, None without either. Video is for Gemini alone."""
    inline, file = part.inner("inlineData"), part.inner("fileData")
    if inline is not None:
        media_type = inline.needed_text("mimeType").lower()
        source = ir.Source("base64", plain_base64(inline.needed_text("data")), media_type)
    elif file is not None:
        source = _file_source(file)
        media_type = file.text("mimeType") or type_of_url(source.data) or ""
    else:
        return None
    title = (inline or file or part).text("displayName")
    (inline or file or part).done()
    kind, _, subtype = media_type.partition("/")
    if kind == "image":
        return ir.Image(source, path=part.path)
    if kind == "audio" and source.kind == "base64":
        return ir.Audio(source.data, _AUDIO.get(subtype, subtype), path=part.path)
    if kind in ("audio", "video"):
        return ir.Opaque(NAME, part.document, path=part.path)
    return ir.Document(source, title=title, path=part.path)


def _file_source(file: Members) -> ir.Source:
    """A public URL; or a file that Google keeps, which means nothing elsewhere."""
    uri, media_type = file.needed_text("fileUri"), file.text("mimeType")
    try:
        parts: Any = urlsplit(uri)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme in ("http", "https") and parts.hostname != _OWN_HOST:
        return ir.Source("url", uri, None if media_type == type_of_url(uri) else media_type)
    return ir.Source("file", uri, media_type)
