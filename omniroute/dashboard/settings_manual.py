"""The manual that comes with the program, as pages: our own Markdown, as far as it uses Markdown, taken apart for a template.

The template puts it together again and escapes every piece, so nothing in a text can become markup.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Link = Callable[[str], str | None]  # an address in the text -> where it leads from here; None: nowhere


@dataclass(frozen=True, slots=True)
class Piece:
    """`kind` is text, code, strong, em or link; `address` is a link's."""

    kind: str
    text: str
    address: str = ""


Line = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """`kind` is heading, text, list, numbered, table or code. A table's first row is its head, `code` a text as it stands."""

    kind: str
    level: int = 0
    lines: tuple[Line, ...] = ()
    rows: tuple[tuple[Line, ...], ...] = ()
    code: str = ""


_ITEM = re.compile(r"([-*]|\d+\.) +(.*)")
_INLINE = re.compile(
    r"(?P<ticks>`+)(?P<code>.+?)(?P=ticks)|\*\*(?P<strong>.+?)\*\*|(?<![\w*])\*(?P<em>[^*\s][^*]*)\*(?![\w*])"
    r"|!?\[(?P<label>[^\]]*)\]\((?P<address>[^)\s]+)\)"
)


def blocks(text: str, link: Link) -> Iterator[Block]:
    """The blocks of a text, without its title."""
    lines = text.splitlines()
    at = 1 if lines and lines[0].startswith("# ") else 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
            continue
        read = next(reader for begins, reader in _READERS if begins(line))
        block, at = read(lines, at, link)
        yield block


def inline(text: str, link: Link) -> Line:
    """A line's pieces. A link that leads nowhere is its label."""
    pieces, done = [], 0
    for found in _INLINE.finditer(text):
        if found.start() > done:
            pieces.append(Piece("text", text[done : found.start()]))
        done = found.end()
        kind = next(name for name in ("code", "strong", "em", "address") if found[name] is not None)
        if kind != "address":
            pieces.append(Piece(kind, found[kind]))
        elif (address := link(found["address"])) is not None:
            pieces.append(Piece("link", found["label"].strip("`"), address))
        else:
            pieces.append(Piece("text", found["label"].strip("`")))
    if done < len(text):
        pieces.append(Piece("text", text[done:]))
    return tuple(pieces)


# Each reads one block that begins at lines[at], and says where the next begins ---------------------------------------


def _heading(lines: list[str], at: int, link: Link) -> tuple[Block, int]:
    marks, _, title = lines[at].partition(" ")
    return Block("heading", len(marks), (inline(title, link),)), at + 1


def _fenced(lines: list[str], at: int, link: Link) -> tuple[Block, int]:
    end = next((n for n in range(at + 1, len(lines)) if lines[n].startswith("```")), len(lines))
    return Block("code", code="\n".join(lines[at + 1 : end])), end + 1


def _indented(lines: list[str], at: int, link: Link) -> tuple[Block, int]:
    end = at
    while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
        end += 1
    return Block("code", code="\n".join(line[4:] for line in lines[at:end]).rstrip()), end


def _table(lines: list[str], at: int, link: Link) -> tuple[Block, int]:
    end = at
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    cells = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in lines[at:end] if not re.fullmatch(r"[|\s:-]+", line)]
    return Block("table", rows=tuple(tuple(inline(cell.strip().replace("\\|", "|"), link) for cell in row) for row in cells)), end


def _list(lines: list[str], at: int, link: Link) -> tuple[Block, int]:
    """Lines that are indented, or simply go on, belong to the item before them."""
    items: list[str] = []
    kind = "list" if lines[at][0] in "-*" else "numbered"
    while at < len(lines) and lines[at].strip():
        item = _ITEM.match(lines[at])
        if item is not None:
            items.append(item[2])
        else:
            items[-1] += f" {lines[at].strip()}"
        at += 1
    return Block(kind, lines=tuple(inline(item, link) for item in items)), at


def _text(lines: list[str], at: int, link: Link) -> tuple[Block, int]:
    end = at
    while end < len(lines) and lines[end].strip() and (end == at or not any(b(lines[end]) for b, _ in _READERS[:-1])):
        end += 1
    return Block("text", lines=(inline(" ".join(line.strip() for line in lines[at:end]), link),)), end


_READERS: tuple[tuple[Callable[[str], bool], Callable[[list[str], int, Link], tuple[Block, int]]], ...] = (
    (lambda line: line.startswith("#"), _heading),
    (lambda line: line.startswith("```"), _fenced),
    (lambda line: line.startswith("    "), _indented),
    (lambda line: line.startswith("|"), _table),
    (lambda line: _ITEM.match(line) is not None, _list),
    (lambda line: True, _text),
)
