"""docs/conformance.md, made of what was observed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from omniroute.formats import CLIENT_FORMATS, FORMATS
from tests.formats.conformance import results
from tests.formats.conformance.table import Feature, Table, load

NAMES = {
    "openai_chat": "Chat Completions",
    "anthropic_messages": "Messages",
    "openai_responses": "Responses",
    "gemini": "Gemini",
    "openai_completions": "Completions (legacy)",
}

_TOP = """# Conformance

What becomes of each feature of a request on its way from a client's format to an upstream's, and of each feature of an answer on
its way back. `make docs` makes this page: it sends the smallest request or answer that uses the feature through both formats,
reads back what came out, and writes down what it saw. Nothing is edited here. The same command's test,
`.venv/bin/python -m pytest tests/formats/test_conformance.py`, holds what is seen against the table
`omniroute/formats/carried.toml`, in which a change is agreed on first.

| Word | Meaning |
| --- | --- |
| carried | it arrives as the same thing, perhaps by another name |
| ~ how | approximated: it arrives as something near; `X-OmniRoute-Dropped` names the field with this remark |
| dropped | it does not arrive; `X-OmniRoute-Dropped` names the field; with `X-OmniRoute-Strict: true` it is a 400 |
| refused | the request is a 400 that names the field: without it, another request would be answered |
| left out | of an answer: the client's format has no place for it |
| - | the format on whose side it would be has no such thing |

Where client and upstream speak one format, a body goes through the native lane, untouched: its column here is what happens where
provider data keeps a model from that lane. A row that begins with "..." goes on from the one above it; rows "to a model that ..."
need a trait in provider data ([Adding a provider](adding-a-provider.md)), all others are seen with the cautious defaults. What
the gateway itself sees to is not here: `stream`, `previous_response_id` and the keeping of responses ([API](api.md)).
"""


def page(table: Table | None = None) -> str:
    table = table or load()
    requests = [(feature, results.of_request(feature)) for feature in table.requests]
    answers = [(feature, results.of_answer(feature)) for feature in table.answers]
    lines = [_TOP, *_summary(requests)]
    for client in CLIENT_FORMATS:
        lines += ["", f"## From {NAMES[client]}"]
        for title, rows in (("Requests", requests), ("Answers", answers)):
            lines += ["", f"### {NAMES[client]}: {title.lower()}", *_matrix(table, client, rows)]
    return "\n".join(lines) + "\n"


def _summary(requests: list[tuple[Feature, results.Observed]]) -> Iterator[str]:
    """How many of a client format's request features are what, per upstream format."""
    yield "## In short"
    yield ""
    yield "Features of requests: carried / approximated / dropped / refused."
    yield ""
    yield _row("From", *(f"to {NAMES[upstream]}" for upstream in FORMATS))
    yield _row(*["---"] * (len(FORMATS) + 1))
    for client in CLIENT_FORMATS:
        cells = []
        for upstream in FORMATS:
            seen = [outcomes[client, upstream] for _, outcomes in requests if (client, upstream) in outcomes]
            kinds = [
                sum(outcome.startswith(kind) for outcome in seen) for kind in ("carried", "approximated", "dropped", "refused")
            ]
            cells.append(" / ".join(map(str, kinds)))
        yield _row(NAMES[client], *cells)


def _matrix(table: Table, client: str, rows: Iterable[tuple[Feature, results.Observed]]) -> Iterator[str]:
    """One table per group; features that no cell has are left out."""
    group = ""
    for feature, outcomes in rows:
        if not any((client, upstream) in outcomes for upstream in FORMATS):
            continue
        if feature.group != group:
            group = feature.group
            yield ""
            yield _row(table.titles[group], *(NAMES[upstream] for upstream in FORMATS))
            yield _row(*["---"] * (len(FORMATS) + 1))
        yield _row(_titled(feature), *(_cell(outcomes.get((client, upstream))) for upstream in FORMATS))


def _titled(feature: Feature) -> str:
    return feature.title.replace("|", "\\|")


def _cell(outcome: str | None) -> str:
    return "-" if outcome is None else outcome.replace("approximated: ", "~ ").replace("|", "\\|")


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
