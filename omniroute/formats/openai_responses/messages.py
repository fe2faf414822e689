"""ir.Message -> the `instructions` and `input` of a Responses body."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from omniroute.formats import ir, media
from omniroute.formats.openai_responses.items import write_annotation, write_blob
from omniroute.formats.openai_responses.tools import spaces_of
from omniroute.formats.openai_responses.usage import NAME
from omniroute.formats.reasoning import seal_call
from omniroute.formats.wording import Dropped, no_place, no_text


def write_input(request: ir.Request, dropped: Dropped) -> tuple[str | None, list[dict[str, Any]]]:
    """(instructions, items). Raises UnsupportedField for a part that Responses has no place for.

    System messages at the start are the instructions: some upstreams of the format refuse a request without any. A caller
    of this format has them where they were.
    """
    writer = _Items(request, dropped)
    start = 0
    if request.origin == NAME:
        start = int(bool(request.messages) and request.messages[0].path == "instructions")
    else:
        while start < len(request.messages) and request.messages[start].role == "system":
            start += 1
    instructions = "\n\n".join(text for message in request.messages[:start] for text in writer.system(message))
    for message in request.messages[start:]:
        writer.add(message)
    if not writer.items and instructions:  # a Chat request may be instructions and nothing else; here it needs an input
        dropped.add(f"{request.messages[0].path}.role", "as a user turn")
        return None, [{"role": "user", "content": instructions}]
    if not writer.items:
        raise no_text(request)
    return instructions or None, writer.items


class _Items:
    """Writes ir messages one after another into `items`."""

    def __init__(self, request: ir.Request, dropped: Dropped) -> None:
        self.items: list[dict[str, Any]] = []
        self._dropped = dropped
        self._own = request.origin == NAME
        self._marks = self._own or request.target.cache_marks
        self._spaces = spaces_of(request.own) if self._own else {}
        self._custom: set[str] = set()  # ids of calls of custom tools

    def system(self, message: ir.Message) -> list[str]:
        self._unnamed(message)
        for part in message.parts:
            if not isinstance(part, ir.Text):
                raise no_place(part, "a Responses")
            self._extras({}, part, marks=False)
        return [part.text for part in message.parts if isinstance(part, ir.Text) and part.text]

    def add(self, message: ir.Message) -> None:
        self._unnamed(message)
        for whole, run in groupby(message.parts, key=_is_item):
            if whole:
                for part in run:
                    self._item(message.role, part)
            elif parts := [part for part in run if self._own or not (isinstance(part, ir.Text) and not part.text)]:
                self._message(message.role, parts)
        if not message.parts and message.role != "assistant" and self._own:
            self.items.append({"role": message.role, "content": []})

    def _unnamed(self, message: ir.Message) -> None:
        if message.name is not None:
            self._dropped.add(f"{message.path}.name")

    # Items

    def _item(self, role: str, part: ir.AnyPart) -> None:
        match part:
            case ir.Reasoning():
                self._reasoning(part)
            case ir.ToolCall():
                self._call(part)
            case ir.ToolResult():
                self._result(part)
            case ir.Opaque() if part.origin == NAME:
                self.items.append(dict(part.document))
            case ir.Opaque() if role == "assistant":
                self._dropped.add(part.path)  # what another upstream's own tools did in an earlier turn
            case _:
                raise no_place(part, "a Responses")

    def _reasoning(self, part: ir.Reasoning) -> None:
        """Whole or not at all. Without a blob OpenAI looks for the item in its store, where it is not: a 404."""
        if not self._own and (part.origin != NAME or not write_blob(part)):
            self._dropped.add(part.path)
            return
        item: dict[str, Any] = {"type": "reasoning", "summary": []}
        if part.text:
            item["summary"] = [{"type": "summary_text", "text": part.text}]
        if blob := write_blob(part):
            item["encrypted_content"] = blob
        if self._own:
            if "content" in part.unknown:  # then it says how the text is cut into parts
                item["summary"] = []
            item |= part.unknown
        self.items.append(item)

    def _call(self, part: ir.ToolCall) -> None:
        if part.signature is not None and self._own:
            self.items.append({"type": "reasoning", "summary": [], "encrypted_content": seal_call(part.signature, part.origin)})
        elif part.signature is not None:
            self._dropped.add(f"{part.path}.signature")
        item: dict[str, Any] = {"call_id": part.id, "name": part.name}
        if part.custom:
            self._custom.add(part.id)
            item |= {"type": "custom_tool_call", "input": part.arguments}
        else:
            item |= {"type": "function_call", "arguments": part.arguments or "{}"}
            if part.name in self._spaces:
                item["namespace"] = self._spaces[part.name]
        self.items.append(self._extras(item, part, marks=False))

    def _result(self, part: ir.ToolResult) -> None:
        output = [self._part("user", inner) for inner in part.parts]
        if part.is_error and not (output and str(output[0].get("text", "")).lower().startswith("error")):
            said = output.pop(0) if output and output[0].keys() == {"type", "text"} else {"type": "input_text", "text": ""}
            output.insert(0, said | {"text": f"Error: {said['text']}"})
            self._dropped.add(f"{part.path}.is_error", "said in the text")
        kind = "custom_tool_call_output" if part.call_id in self._custom else "function_call_output"
        item = {"type": kind, "call_id": part.call_id, "output": _short(output) if output else ""}
        self.items.append(self._extras(item, part, marks=False))

    def _message(self, role: str, parts: list[ir.AnyPart]) -> None:
        """One item for parts of one phase; only texts of a model have phases."""
        for phase, run in groupby(parts, key=lambda part: part.unknown.get("phase") if self._own else None):
            content = [self._part(role, part) for part in run]
            item = {"role": role, "content": _short(content)} | ({} if phase is None else {"phase": phase})
            self.items.append(item)

    # Parts

    def _part(self, role: str, part: ir.AnyPart) -> dict[str, Any]:
        match part:
            case ir.Text():
                written = {"type": "output_text" if role == "assistant" else "input_text", "text": part.text}
                annotations = self._annotations(part)
                return self._extras(written | ({"annotations": annotations} if annotations else {}), part)
            case ir.Refusal() if role == "assistant":
                return self._extras({"type": "refusal", "refusal": part.text}, part)
            case ir.Image():
                return self._image(part)
            case ir.Document():
                return self._document(part)
            case ir.Audio():
                audio = {"data": part.data, "format": part.format}
                return self._extras({"type": "input_audio", "input_audio": audio}, part)
            case ir.Opaque() if part.origin == NAME:
                return dict(part.document)
        raise no_place(part, "a Responses")

    def _annotations(self, part: ir.Text) -> list[dict[str, Any]]:
        """An earlier answer's own; those of another format only if they have a URL."""
        written = [made for citation in part.citations if (made := write_annotation(citation, 0, len(part.text)))]
        if len(written) < len(part.citations):
            self._dropped.add(f"{part.path}.citations")
        elif any(citation.origin != NAME for citation in part.citations):
            self._dropped.add(f"{part.path}.citations", "by their URLs")
        return written

    def _image(self, part: ir.Image) -> dict[str, Any]:
        written: dict[str, Any] = {"type": "input_image", "detail": part.detail or "auto"}  # some servers need it
        if part.source.kind == "file":
            written["file_id"] = self._own_file(part, part.source)
        else:
            given = part.source
            written["image_url"] = given.data if given.kind == "url" else media.data_url(given, "image/png")
        return self._extras(written, part)

    def _document(self, part: ir.Document) -> dict[str, Any]:
        """Plain text goes as text with its title."""
        source = part.source
        if part.citations is not None:
            self._dropped.add(f"{part.path}.citations")
        if source.kind == "text":
            text = "\n\n".join(piece for piece in (part.title, part.context, source.data) if piece)
            self._dropped.add(part.path, "as text")
            return self._extras({"type": "input_text", "text": text}, part)
        if part.context is not None:
            self._dropped.add(f"{part.path}.context")
        written: dict[str, Any] = {"type": "input_file"}
        if source.kind == "url":
            written["file_url"] = source.data
        elif source.kind == "file":
            written["file_id"] = self._own_file(part, source)
        else:
            written |= {"filename": part.title or media.file_name(source), "file_data": media.data_url(source, "application/pdf")}
        if part.title is not None:
            written["filename"] = part.title
        return self._extras(written, part)

    def _own_file(self, part: ir.Part, source: ir.Source) -> str:
        if not self._own:
            raise no_place(part, "a Responses")
        return source.data

    def _extras(self, written: dict[str, Any], part: ir.Part, *, marks: bool = True) -> dict[str, Any]:
        """What the part's own format knows beside the ir, and where a cache may end."""
        if self._own:
            written |= {name: value for name, value in part.unknown.items() if name != "phase"}
        else:
            for name in part.unknown:
                self._dropped.add(f"{part.path}.{name}")
        if part.cache is not None and marks and self._marks:
            ttl = {"ttl": part.cache.ttl} if part.cache.ttl and self._own else {}
            written["prompt_cache_breakpoint"] = {"mode": "explicit", **ttl}
        elif part.cache is not None:
            self._dropped.add(f"{part.path}.cache_control")
        return written


def _is_item(part: ir.AnyPart) -> bool:
    """Whether the part is an item by itself; the others are the content of a message."""
    if isinstance(part, ir.Opaque):
        kind = part.document.get("type")
        return not (isinstance(kind, str) and kind.startswith(("input_", "output_")))
    return isinstance(part, ir.Reasoning | ir.ToolCall | ir.ToolResult)


def _short(content: list[dict[str, Any]]) -> Any:
    """A text alone stands by itself: that is what every server of the format reads."""
    if len(content) == 1 and content[0].keys() == {"type", "text"}:
        return content[0]["text"]
    return content
