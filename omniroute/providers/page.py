"""docs/providers.md, made from the data: one section a provider, with the sources that its file names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from omniroute.providers.values import Catalog, Field, Model, Provider

HEAD = """\
# Providers

The native providers: what each is, where it is asked, what it lists. The page is made from `omniroute/providers/data/` by
`make docs`; nothing is edited here. How to add one: [Adding a provider](adding-a-provider.md). Any other upstream that speaks one
of the formats is added by its address, as a node.

A model is asked for as `id/model`, or by another name of the provider before the slash. Models that aren't listed are passed
through. Prices are in USD per million tokens, without discounts for batches or off-peak hours; "-" is what no source states.
"""

MODELS = (
    "| Model | Window | Longest answer | Input | Output | Cached input | Takes |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)


def sources(folder: Path | None = None) -> dict[str, str]:
    """The comment at the top of each provider's file, by provider id, without its signs."""
    files = (folder or Path(__file__).parent / "data").glob("*.toml")
    return {path.stem: _comment(path.read_text(encoding="utf-8")) for path in files}


def page(catalog: Catalog, told: Mapping[str, str]) -> str:
    """The whole page. `told` are the sources by provider id."""
    overview = "\n".join(
        f"| [{one.name}](#{one.id}) | `{one.id}` | {one.format} | {_priced(one)} | {'yes' if one.free_note else '-'} |"
        for one in catalog.all()
    )
    table = f"| Provider | Id | Format | Listed models | Free tier |\n| --- | --- | --- | --- | --- |\n{overview}\n"
    return "\n".join([HEAD, table, *(_section(one, told[one.id]) for one in catalog.all())])


def _section(one: Provider, told: str) -> str:
    facts = [
        ("Id", ", ".join(f"`{name}`" for name in dict.fromkeys((one.id, one.prefix, *one.aliases)))),
        ("Format", f"`{one.format}`"),
        ("Base URL", f"`{one.base_url}`"),
        ("Key", _key(one)),
        *((field.label, _field(field)) for field in one.fields),
        ("Beside chat", ", ".join(name for name, _ in one.endpoints or ())),
        ("Free tier", one.free_note),
        ("Notes", one.notes),
        ("More", f"[website]({one.website}), [documentation]({one.docs_url})"),
    ]
    rows = "\n".join(f"| {name} | {_cell(text)} |" for name, text in facts if text)
    parts = [f'<a id="{one.id}"></a>\n\n## {one.name}\n', f"| | |\n| --- | --- |\n{rows}\n"]
    if one.models:
        parts.append("\n".join([*MODELS, *(_model(model) for model in one.models)]) + "\n")
    parts.append(f"Sources:\n\n```text\n{told}\n```\n")
    return "\n".join(parts)


def _key(one: Provider) -> str:
    if one.key_field is None:
        return "none"
    where = f", made at {one.key_url}" if one.key_url else ""
    return f"{one.key_field.label}{'' if one.key_required else ' (may be left out)'}, sent as `{one.auth}`{where}"


def _field(field: Field) -> str:
    use = f"fills `{{{field.name}}}` in the base URL" if field.fills in ("label", "segment") else ""
    if field.fills == "address":
        use = "is asked instead of the base URL"
    needed = "needed" if field.required else f"`{field.default}` if left blank" if field.default else "may be left blank"
    return "; ".join(part for part in (use, needed, field.help) if part)


def _model(model: Model) -> str:
    takes = [*model.modalities, *(["tools"] if model.tools else []), *(["reasoning"] if model.traits.reasoning else [])]
    cells = [
        f"`{model.id}`",
        _count(model.context_window),
        _count(model.max_output),
        "free" if model.free else _money(model.input_price),
        "free" if model.free else _money(model.output_price),
        _money(model.cache_read_price),
        ", ".join(takes),
    ]
    return f"| {' | '.join(cells)} |"


def _priced(one: Provider) -> str:
    return str(len(one.models)) if one.models else "those of the server" if one.local else "yours"


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _money(amount: Decimal | None) -> str:
    return "-" if amount is None else format(amount.normalize(), "f")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _comment(text: str) -> str:
    lines = text.partition("\n\n")[0].splitlines()
    return "\n".join(line.removeprefix("#").strip() for line in lines if line.startswith("#"))
