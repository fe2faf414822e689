"""Our own Markdown, taken apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from omniroute.dashboard.settings_manual import Block, Piece, blocks, inline

TEXT = """# Title

A first line
that goes on, with `code`, **weight** and [a link](docs/api.md#there).

## Part

- one
  goes on
- two

1. first
2. second

| Name | Meaning |
| --- | --- |
| `A` | this \\| that |

    make run

```yaml
key: *value*
```
"""


def leads(address: str) -> str | None:
    return f"/manual/{address}" if address.endswith(("md", "there")) else None


def text(content: str) -> tuple[Piece, ...]:
    return (Piece("text", content),)


def test_blocks() -> None:
    link = Piece("link", "a link", "/manual/docs/api.md#there")
    first = ("A first line that goes on, with ", " and ")
    assert list(blocks(TEXT, leads)) == [
        Block(
            "text",
            lines=(
                (
                    Piece("text", first[0]),
                    Piece("code", "code"),
                    Piece("text", ", "),
                    Piece("strong", "weight"),
                    Piece("text", first[1]),
                    link,
                    Piece("text", "."),
                ),
            ),
        ),
        Block("heading", 2, (text("Part"),)),
        Block("list", lines=(text("one goes on"), text("two"))),
        Block("numbered", lines=(text("first"), text("second"))),
        Block("table", rows=((text("Name"), text("Meaning")), ((Piece("code", "A"),), text("this | that")))),
        Block("code", code="make run"),
        Block("code", code="key: *value*"),
    ]


@pytest.mark.parametrize(
    ("line", "pieces"),
    [
        ("plain", [("text", "plain")]),
        ("`a` and ``b`c``", [("code", "a"), ("text", " and "), ("code", "b`c")]),
        ("*soft* 2*3*4", [("em", "soft"), ("text", " 2*3*4")]),
        ("![a picture](docs/images/home.png)", [("text", "a picture")]),
        ("[gone](nowhere)", [("text", "gone")]),
        ("[x](javascript:alert(1))", [("text", "x"), ("text", ")")]),
        ("<script>", [("text", "<script>")]),
        ("", []),
    ],
)
def test_pieces(line: str, pieces: list[tuple[str, str]]) -> None:
    assert [(each.kind, each.text) for each in inline(line, leads)] == pieces


def test_all_our_texts_can_be_taken_apart() -> None:
    root = Path(__file__).parent.parent.parent
    for path in (root / "README.md", root / "CHANGELOG.md", *sorted((root / "docs").glob("*.md"))):
        made = list(blocks(path.read_text(), leads))
        assert made and not [each for each in made if each.kind == "table" and len({len(row) for row in each.rows}) > 1], (
            path.name
        )
