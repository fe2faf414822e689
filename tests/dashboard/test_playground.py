"""The Playground without scripts: conversations of several turns, tools, images, what is refused, and what "Raw" shows."""

from __future__ import annotations

import base64
import json
import re
import shlex
from io import BytesIO
from typing import Any

import pytest
from flask import g
from werkzeug.datastructures import MultiDict

from omniroute.dashboard.asking import ask_of
from omniroute.dashboard.playground import Prepared, Sheet, speed, stream
from omniroute.dashboard.playground_form import EXAMPLE, PlaygroundForm, draft, read_tools
from omniroute.dashboard.playground_turns import MEGABYTE, MOST_EACH, Turn, changed, messages, open_ended
from omniroute.errors import BadRequest
from omniroute.formats import ir
from omniroute.relay.client_line import ClientLine
from omniroute.usage.logs import view_of
from tests.dashboard.browsing import ORIGIN, Browser, Page
from tests.dashboard.conftest import KEY, Desk
from tests.dashboard.hostile import TURNED
from tests.dashboard.playing import playing, shared_desk
from tests.dashboard.test_pages import HOSTILE, assert_clean
from tests.upstream.client import Upstream

__all__ = ["playing", "shared_desk"]

PAGE = "/dashboard/playground"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
MESSAGE = "You (message {} )"


@pytest.fixture
def admin(playing: Desk) -> Browser:
    return playing.admin()


def said(page: Page) -> list[tuple[str, str]]:
    """(who, text) of each turn."""
    turns = [each for each in page.root.all("ol") if each.attrs.get("id") == "turns"]
    found = []
    for turn in (each for one in turns for each in one.all("li")):
        area = turn.all("textarea")[0]
        text = area.children[0] if area.children else ""
        found.append((turn.all("label")[0].text.partition(" (")[0], str(text).removeprefix("\n")))
    return found


def panel(page: Page, id: str) -> str:
    return next(each for each in page.root.all("section") if each.attrs.get("id") == id).text


def figures(page: Page) -> dict[str, str]:
    lists = [each for each in page.root.all("dl") if "figures" in each.attrs.get("class", "")]
    return {each.all("dt")[0].text: each.all("dd")[0].text for one in lists for each in one.all("div")}


def send(admin: Browser, fields: dict[str, Any], to: str = PAGE) -> Page:
    """The form by hand, with the token of the page."""
    token = next(each for each in admin.open(PAGE).root.all("input") if each.attrs.get("name") == "csrf_token").attrs["value"]
    answer = admin.client.post(to, data={"csrf_token": token, "do": "send", **fields}, headers=ORIGIN)
    answer.request.environ["wsgi.input"].close()  # of the test's own client, where it is a file
    return Page(admin, answer)


def test_an_answer_with_its_figures_and_where_it_is_in_the_log(playing: Desk, admin: Browser, upstream: Upstream) -> None:
    upstream.queue({"name": "thinking", "text": "Hello.\n\nHow are you?", "gap": 0.01})
    page = admin.open(f"{PAGE}?model=messages/m").fill({MESSAGE.format(1): "hello", "System prompt": "Be kind."}).press("Send")
    assert_clean(page)
    assert said(page) == [("You", "hello"), ("Model", "Hello.\n\nHow are you?"), ("You", "")]
    assert "I should answer politely" in page.text
    told = figures(page)
    assert (told["Tokens in"], told["Tokens out"], told["Cost"]) == ("19", "17", "unknown")
    assert re.fullmatch(r"[\d.,]+ (ms|s)", told["First content"]) and "tokens out a second" in page.text
    assert "strategy=priority; reason=prefix messages; attempts=1" in page.text
    assert "Counted for Playground" in page.text
    playing.services.ledger.drain()
    row = page.follow("In the log")
    assert row.status == 200 and "Playground" in row.text
    assert upstream.last().json["system"] == [{"type": "text", "text": "Be kind."}]


def test_an_empty_gateway_says_what_comes_first(desk: Desk) -> None:
    page = desk.admin().open(PAGE)
    assert_clean(page)
    assert page.follow("Add a provider").path == "/dashboard/providers/add"


def test_a_conversation_goes_on_and_is_edited(admin: Browser, upstream: Upstream) -> None:
    upstream.queue({"text": "First."}, {"text": "Second."}, {"text": "Third."})
    page = admin.open(f"{PAGE}?model=chat/m").fill({MESSAGE.format(1): "one"}).press("Send")
    page = page.fill({MESSAGE.format(3): "two", "Model (message 2 )": "Edited."}).press("Send")
    assert [(turn["role"], turn["content"]) for turn in upstream.last().json["messages"]] == [
        ("user", "one"),
        ("assistant", "Edited."),
        ("user", "two"),
    ]
    assert [text for _, text in said(page)] == ["one", "Edited.", "two", "Second.", ""]
    page = page.press("Ask again instead of message 4")
    assert [text for _, text in said(page)] == ["one", "Edited.", "two", "Third.", ""]
    assert len(upstream.last().json["messages"]) == 3
    page = page.press("Delete message 1")
    assert [text for _, text in said(page)] == ["Edited.", "two", "Third.", ""]
    assert len(upstream.requests()) == 3


def test_a_tools_result_is_typed_in(admin: Browser, upstream: Upstream) -> None:
    upstream.queue({"name": "tools", "tool_input": [{"city": "Rome"}, {"city": "Oslo"}]}, "tool")
    page = admin.open(f"{PAGE}?model=messages/m")
    page = page.fill({MESSAGE.format(1): "weather?", "Tools": EXAMPLE}).press("Send")
    assert_clean(page)
    assert [who for who, _ in said(page)] == ["You", "Model"]  # the model waits for the tools, not for a message
    first, second = (f"What get_weather gives back (call {number}) in message 2" for number in (1, 2))
    page = page.fill({first: "sunny"}).press("Send")
    assert page.status == 400 and "Type in what it gives back" in page.text
    assert len(upstream.requests()) == 1
    page = page.fill({second: "snow"}).press("Send")
    assert said(page)[-2][1].startswith("The tool said: sunny")
    turn = upstream.last().json["messages"][2]
    assert [(block["type"], block["content"]) for block in turn["content"]] == [("tool_result", "sunny"), ("tool_result", "snow")]


def test_images_go_along_and_stay(admin: Browser, upstream: Upstream) -> None:
    upstream.queue("image", "image")
    fields = {"model": "messages/m", "format": "openai_chat", "turns-0-role": "user", "turns-0-text": "what is it?"}
    page = send(admin, {**fields, "turns-0-files": [(BytesIO(PNG), "a.png"), (BytesIO(PNG[:100]), "b.png")]})
    assert said(page)[1][1] == f"I see image/png, {len(PNG)} bytes; image/png, 100 bytes"
    assert "Image 1 PNG, 2.1 kB" in page.text
    page = page.fill({MESSAGE.format(3): "and now?"}).press("Send")
    assert [len(turn["content"]) for turn in upstream.last().json["messages"]] == [3, 1, 1]
    data = base64.b64encode(PNG).decode()
    raw = panel(page, "as-anthropic_messages")
    assert data[:60] in raw and data not in raw and "characters of base64]" in raw


def test_an_image_that_no_model_takes_is_refused(admin: Browser, upstream: Upstream) -> None:
    fields = {"model": "chat/m", "format": "openai_chat", "turns-0-role": "user", "turns-0-text": "what is it?"}
    for content, name, why in (
        (b"<svg onload=alert(1)>", "a.png", "a.png is no PNG, JPEG, GIF or WebP"),
        (PNG + bytes(MOST_EACH), "big.png", "big.png is larger than 5 MB"),
        (b"RIFF____WAVE", "c.webp", "c.webp is no PNG"),
    ):
        page = send(admin, {**fields, "turns-0-files": (BytesIO(content), name)})
        assert page.status == 400 and why in page.text
    four = [(BytesIO(PNG + bytes(4 * MEGABYTE)), f"{number}.png") for number in range(4)]
    page = send(admin, {**fields, "turns-0-files": four})
    assert page.status == 400 and "Together the images are larger than 15 MB" in page.text and "Image 3" in page.text
    assert send(admin, {**fields, "turns-0-text": "x" * 25 * MEGABYTE}).status == 413
    assert upstream.requests() == []


def tool(default: str) -> str:
    return '[{"name": "f", "parameters": {"default": ' + default + "}}]"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"turns-0-text": " "}, "There is nothing to answer yet: write a message."),
        ({"model": ""}, "Which model or combo?"),
        ({"max_tokens": "0"}, "A whole number from 1."),
        ({"temperature": "3"}, "From 0 to 2."),
        ({"top_p": "x"}, "Not a valid decimal value."),
        ({"tools": "[{"}, "This is no JSON"),
        ({"tools": "[1]"}, "Tools are a JSON list of objects"),
        ({"tools": tool('"\\ud800"')}, "This is no JSON that can be sent"),
        ({"tools": tool("[" * 600 + "]" * 600)}, "nested more than 200 levels deep"),
        ({"tools": tool("[" * 5000 + "]" * 5000)}, "This is no JSON that can be sent"),
        ({"tools": tool("NaN")}, "This is no JSON that can be sent"),
        ({"tools": tool("1e999")}, "This is no JSON that can be sent"),
        ({"tools": tool("18446744073709551616")}, "a whole number in them has more than 64 bits"),
        ({"tools": '[{"type": "function", "function": {}}]'}, "name"),
        ({"format": "smoke"}, "Not a valid choice."),
        ({"turns-0-role": "assistant", "turns-0-calls": "{}"}, "The conversation can't be read back."),
    ],
)
def test_what_is_not_right_stands_beside_its_field(admin: Browser, upstream: Upstream, fields: dict[str, str], why: str) -> None:
    usual = {"model": "chat/m", "format": "openai_chat", "turns-0-role": "user", "turns-0-text": "hello"}
    page = send(admin, usual | fields)
    assert page.status == 400 and why in page.text
    assert send(admin, usual | fields, f"{PAGE}/ask").status in (400, 422)
    assert upstream.requests() == []


@pytest.mark.parametrize("depth", [300, 900])
def test_arguments_that_are_nested_deep_are_shown_all_the_same(admin: Browser, upstream: Upstream, depth: int) -> None:
    call = {"id": "a", "name": "f", "arguments": '{"a":' * depth + "1" + "}" * depth}
    fields = {"turns-0-role": "assistant", "turns-0-calls": json.dumps([call]), "turns-0-result-0": "x"}
    for format, model in (("openai_chat", "chat/m"), ("anthropic_messages", "messages/m"), ("gemini", "gemini/m")):
        page = send(admin, fields | {"format": format, "model": model})
        assert page.status == 200 and call["arguments"] in page.text
    sent = upstream.requests("/v1/chat/completions")[0].json
    assert sent["messages"][0]["tool_calls"][0]["function"]["arguments"] == call["arguments"]


def test_scripts_get_the_form_back_when_it_is_not_right(admin: Browser) -> None:
    page = send(admin, {"model": "chat/m", "format": "openai_chat", "stream": "y", "turns-7-role": "user"}, f"{PAGE}/ask")
    assert page.status == 422 and [each.attrs["id"] for each in page.root.all("form")] == ["playground"]
    assert "There is nothing to answer yet" in page.text and not page.root.all("main")


def test_a_key_may_be_chosen_and_its_limits_hold(playing: Desk, admin: Browser, upstream: Upstream) -> None:
    playing.services.keys.create({"name": "laptop", "requests_per_minute": 1}, playing.by)
    playing.services.keys.create({"name": "narrow", "allowed_models": ["other/*"]}, playing.by)
    page = admin.open(f"{PAGE}?model=chat/m").fill({MESSAGE.format(1): "hi", "As client key": "narrow"}).press("Send")
    assert page.status == 400 and "isn't allowed to ask the model 'chat/m'" in page.text
    page = page.fill({"As client key": "laptop"}).press("Send")
    assert "Counted for laptop" in page.text
    page = page.fill({MESSAGE.format(3): "again"}).press("Send")
    assert "Status 429" in page.text and said(page)[-1] == ("You", "again")
    assert len(upstream.requests()) == 1


def test_a_key_that_was_deleted_meanwhile_does_not_ask(playing: Desk, admin: Browser, upstream: Upstream) -> None:
    made, _ = playing.services.keys.create({"name": "gone"}, playing.by)
    page = admin.open(f"{PAGE}?model=chat/m").fill({MESSAGE.format(1): "hi", "As client key": "gone"})
    configuration = playing.services.configuration.current()
    playing.services.keys.delete(made.id, playing.by)
    page = page.press("Send")
    assert page.status == 400 and "Not a valid choice." in page.text
    form = PlaygroundForm(MultiDict({"key": made.id}))
    form.know(configuration)  # it is deleted between two looks
    assert form.chosen is not None and form.chosen.id == made.id
    assert upstream.requests() == []


def test_a_fallback_shows_every_attempt(admin: Browser, upstream: Upstream) -> None:
    upstream.queue({"name": "529", "message": "Too much today"}, model="one")
    upstream.queue({"text": "From the second."}, model="two")
    page = admin.open(f"{PAGE}?model=both").fill({MESSAGE.format(1): "hi"}).press("Send")
    assert said(page)[1][1] == "From the second."
    first, second = panel(page, "line-1"), panel(page, "line-2")
    assert f"POST {upstream.v1}/chat/completions" in first and "HTTP 529" in first and "Too much today" in first
    assert (
        f"POST {upstream.v1}/messages" in second
        and "event: message_start" in second
        and "anthropic-version: 2023-06-01" in second
    )
    assert "Bearer sk-...abcd" in first and "x-api-key: sk-...abcd" in second
    assert KEY not in page.html
    assert "data: [DONE]" in panel(page, "line-answered")


def test_a_failure_says_what_to_do_and_keeps_the_message(admin: Browser, upstream: Upstream) -> None:
    upstream.queue({"name": "cut", "text": "half of it is here and more", "pieces": 6}, model="broken")
    page = admin.open(f"{PAGE}?model=messages/broken").fill({MESSAGE.format(1): "hi"}).press("Send")
    assert said(page) == [("You", "hi")]
    assert "What was said before it broke off half" in page.text
    upstream.queue("401", model="refused")
    page = page.fill({"Model or combo": "chat/refused"}).press("Send")
    assert "upstream_auth_error" in page.text and "make a new key there" in page.text
    assert figures(page) == {}


def test_what_a_model_says_stays_text(admin: Browser, upstream: Upstream) -> None:
    told = f"{HOSTILE}</textarea></script><script>alert(1)</script>"
    upstream.queue({"say": "tool", "text": told, "thinking": told, "tool": "get_weather", "tool_input": {"city": told}})
    upstream.queue({"name": "400", "message": told})
    page = admin.open(f"{PAGE}?model=chat/m").fill({MESSAGE.format(1): told, "System prompt": told}).press("Send")
    assert_clean(page)
    assert (told in said(page)[0][1], said(page)[1][1]) == (True, told)
    page = page.fill({"What get_weather gives back in message 2": told}).press("Send")
    assert_clean(page)
    assert HOSTILE in page.text


def test_what_nobody_sees_is_told_where_it_is_read_and_kept_where_it_is_sent(admin: Browser, upstream: Upstream) -> None:
    upstream.queue({"say": "tool", "text": f"{TURNED}\x7f", "tool": "get_weather", "tool_input": {"city": f"{TURNED}\x7f"}})
    page = admin.open(f"{PAGE}?model=chat/m").fill({MESSAGE.format(1): TURNED}).press("Send")
    assert said(page) == [("You", TURNED), ("Model", f"{TURNED}\x7f")]
    assert "\\u202e" in panel(page, "as-gemini") and "\u202e" not in panel(page, "line-1")
    page.fill({"What get_weather gives back in message 2": TURNED}).press("Send")
    _, answer, result = upstream.last().json["messages"]
    assert answer["content"] == f"{TURNED}\x7f" and result["content"] == TURNED
    assert json.loads(answer["tool_calls"][0]["function"]["arguments"]) == {"city": f"{TURNED}\x7f"}


def test_an_end_that_can_not_be_drawn_says_so(playing: Desk, upstream: Upstream) -> None:
    form = PlaygroundForm(MultiDict({"model": "chat/m", "format": "openai_chat", "stream": "y"}))
    form.know(playing.services.configuration.current())
    turns = (Turn(0, text="hi"),)
    made = draft(form, messages("", turns))
    with playing.app.test_request_context(PAGE):
        g.request_id = playing.services.clock.new_id()
        asked = ask_of(playing.services, format=made.format, document=made.document, model=made.model, stream=True)

    def draw(template: str, **values: Any) -> str:
        raise LookupError(template)

    ready = Prepared(Sheet(form, turns), made, asked, "http://localhost")
    *_, text, end = stream(playing.services, ready, ClientLine(None), "/log", draw)
    assert text.startswith(b"event: text")
    over = json.loads(end.partition(b"data: ")[2])
    assert over["failed"] is True and over["problem"].startswith("Something went wrong inside the gateway.")


# Formats ---------------------------------------------------------------------------------------------


PARAMETERS = {"Max tokens": "4000", "Temperature": "0.5", "Top P": "0.9", "Reasoning effort": "low"}


def test_one_request_in_all_four_formats(admin: Browser, upstream: Upstream) -> None:
    page = admin.open(f"{PAGE}?model=chat/m").fill({MESSAGE.format(1): "hi", "System prompt": "short", "Stop at": "END"})
    page = page.fill(PARAMETERS).press("Send")
    sent = upstream.last().json
    wanted = {"max_tokens": 4000, "temperature": 0.5, "top_p": 0.9, "reasoning_effort": "low", "stop": ["END"], "stream": True}
    assert sent.items() >= wanted.items()
    assert sent["messages"] == [{"role": "system", "content": "short"}, {"role": "user", "content": "hi"}]
    assert "As it was asked." in panel(page, "as-openai_chat")
    messages = panel(page, "as-anthropic_messages")
    assert "POST /v1/messages" in messages and '"stop_sequences"' in messages and '"budget_tokens"' in messages
    assert "Left out or changed: temperature, top_p" in messages  # thinking takes none of them
    assert "Left out or changed: stop" in panel(page, "as-openai_responses")
    gemini = panel(page, "as-gemini")
    assert "POST /v1beta/models/chat/m:streamGenerateContent?alt=sse" in gemini and '"maxOutputTokens": 4000' in gemini


@pytest.mark.parametrize("format", ["OpenAI Chat", "OpenAI Responses", "Anthropic Messages", "Gemini"])
def test_the_line_for_curl_is_the_request_that_was_asked(admin: Browser, upstream: Upstream, format: str) -> None:
    page = admin.open(f"{PAGE}?model=chat/m").fill({MESSAGE.format(1): 'it\'s "so" $HOME `x`', "Client format": format})
    page = page.fill({"Streamed": "off"}).press("Send")
    assert said(page)[1][1] == "Hello from the scripted upstream."
    line = next(each for each in page.root.all("pre") if each.attrs.get("id") == "play-curl")
    words = shlex.split("".join(str(child) for child in line.children).replace("\\\n", " "))
    assert words[0] == "curl" and words[1].startswith("http://localhost/v1")
    assert any("YOUR_KEY" in word for word in words)
    body = json.loads(words[-1])
    assert 'it\'s \\"so\\" $HOME `x`' in json.dumps(body)
    assert "stream" not in body
    assert '"stream"' not in panel(page, "line-received") and "HTTP 200" in panel(page, "line-answered")


def test_what_a_format_has_no_place_for_is_told(admin: Browser, upstream: Upstream) -> None:
    page = admin.open(f"{PAGE}?model=chat/m").fill(
        {MESSAGE.format(1): "hi", "Client format": "OpenAI Responses", "Stop at": "END"}
    )
    assert "Left out or changed: stop" in panel(page.press("Send"), "as-openai_responses")
    assert "stop" not in upstream.last().json


def test_tools_are_read_as_any_format_writes_them() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    written: dict[str, Any] = {
        "openai_chat": {"type": "function", "function": {"name": "look", "description": "d", "parameters": schema}},
        "openai_responses": {"type": "function", "name": "look", "description": "d", "parameters": schema},
        "anthropic_messages": {"name": "look", "description": "d", "input_schema": schema},
        "gemini": {"functionDeclarations": [{"name": "look", "description": "d", "parametersJsonSchema": schema}]},
        "bare": {"name": "look", "description": "d", "parameters": schema},
    }
    for tool in written.values():
        for text in (json.dumps([tool]), json.dumps({"tools": [tool]})):
            [read] = read_tools(text, "gemini")
            assert isinstance(read, ir.Tool) and (read.name, read.description, read.schema) == ("look", "d", schema)
    [native] = read_tools('[{"type": "web_search_20250305", "name": "web_search"}]', "anthropic_messages")
    assert isinstance(native, ir.NativeTool)
    with pytest.raises(BadRequest, match="JSON list"):
        read_tools("[]", "openai_chat")


# Parts ------------------------------------------------------------------------------------------------


def test_turns_are_changed_by_their_number() -> None:
    turns = (Turn(4, text="a"), Turn(2, "assistant", "b"), Turn(9, text="c"))
    assert changed(turns, "delete:2") == (turns[0], turns[2])
    assert changed(turns, "again:2") == (turns[0],)
    assert changed(turns, "delete:1") == changed(turns, "send") == turns
    assert [turn.number for turn in open_ended(turns[:2])] == [4, 2, 5]
    assert open_ended(turns) == turns


def test_speed_is_told_only_where_it_is_known() -> None:
    row = {"id": "x", "at": 0.0, "kind": "ok", "output_tokens": 30, "first_ms": 500, "total_ms": 1500, "streamed": True}
    assert speed(view_of(row)) == 30.0
    assert speed(view_of(row | {"streamed": False})) == 20.0
    assert speed(view_of(row | {"output_tokens": None})) is None
    assert speed(view_of(row | {"total_ms": 500})) is None
    assert speed(view_of(row | {"kind": "stream_cut"})) is None
