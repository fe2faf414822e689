"""Asking the relay from the dashboard: all client formats, over real upstreams of several formats, whole and streamed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from flask import g

from omniroute.dashboard.asking import ENDPOINTS, Begun, Done, Failed, Happening, Text, Thinking, Tool, ask_of, exchange, whole
from omniroute.errors import Forbidden, Unauthorized
from omniroute.formats import FORMATS, ir
from omniroute.relay.client_line import ClientLine
from omniroute.relay.witness import ROOM, Kept
from omniroute.routing.configuration import ClientKey
from tests.dashboard.conftest import Desk
from tests.upstream.client import Upstream

KEY = "sk-good-0123456789abcd"
NODES: dict[str, dict[str, str]] = {
    "chat": {"type": "openai-compatible"},
    "messages": {"type": "anthropic-compatible"},
    "responses": {"type": "openai-compatible", "api_type": "responses"},
}
WEATHER = ir.Tool("get_weather", schema={"type": "object", "properties": {"city": {"type": "string"}}})


@pytest.fixture
def asking(desk: Desk, upstream: Upstream) -> Asking:
    for prefix, fields in NODES.items():
        base_url = upstream.url if prefix == "messages" else upstream.v1
        node = desk.services.nodes.create({"name": prefix, "prefix": prefix, "base_url": base_url, **fields}, desk.by)
        desk.connection(node.id)
    return Asking(desk)


class Asking:
    def __init__(self, desk: Desk) -> None:
        self.desk, self.services = desk, desk.services

    def __call__(self, format: str, model: str, text: str = "hello", *, key: ClientKey | None = None, **more: Any) -> Any:
        request = ir.Request(model=model, messages=(ir.Message("user", (ir.Text(text),)),), max_tokens=2048, **more)
        document, _ = FORMATS[format].render_request(request)
        with self.desk.app.test_request_context("/dashboard/playground/ask"):
            g.request_id = self.services.clock.new_id()
            return ask_of(self.services, format=format, document=document, model=model, stream=request.stream, key=key)

    def run(self, ask: Any) -> list[Happening]:
        return list(exchange(self.services, ask, ClientLine(None)))

    def log_row(self, id: str) -> Any:
        self.services.ledger.drain()
        return self.services.logs.get(id)


def texts(happenings: list[Happening], kind: type[Text] | type[Thinking] = Text) -> str:
    return "".join(each.text for each in happenings if isinstance(each, kind))


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("upstream_format", NODES)
@pytest.mark.parametrize("format", ENDPOINTS)
def test_each_format_over_each_upstream(
    asking: Asking, upstream: Upstream, format: str, upstream_format: str, stream: bool
) -> None:
    upstream.queue({"name": "thinking-tool", "text": "Let me see.", "tool_input": {"city": "Rome"}})
    ask = asking(format, f"{upstream_format}/m", stream=stream, tools=(WEATHER,))
    happenings = asking.run(ask)
    begun, done = happenings[0], happenings[-1]
    assert isinstance(begun, Begun) and begun.headers["X-OmniRoute-Provider"] == upstream_format
    assert texts(happenings) == "Let me see."
    assert texts(happenings, Thinking)
    [tool] = [each for each in happenings if isinstance(each, Tool)]
    assert (tool.name, orjson.loads(tool.arguments)) == ("get_weather", {"city": "Rome"})
    assert isinstance(done, Done) and not [each for each in happenings if isinstance(each, Failed)]
    row = asking.log_row(ask.request_id)
    assert (row.key_name, row.key_id, row.format, row.endpoint) == ("Playground", None, format, ENDPOINTS[format])
    assert row == done.row
    assert (row.input_tokens, row.output_tokens, row.kind) == (19, 17, "ok")
    assert tool in (Tool(part.id, part.name, part.arguments) for part in done.parts if isinstance(part, ir.ToolCall))
