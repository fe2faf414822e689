"""Bodies as Gemini's clients send them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from omniroute.errors import BadRequest
from omniroute.formats import FORMATS, ir
from omniroute.formats.gemini import parse_request
from omniroute.formats.reasoning import seal
from tests.formats.samples_gemini import FULL, PNG

HI = {"role": "user", "parts": [{"text": "Hi"}]}


def parse(*contents: Any, **more: Any) -> ir.Request:
    return parse_request({"contents": [HI, *contents], **more})


def parts(*given: dict[str, Any], role: str = "user") -> tuple[ir.AnyPart, ...]:
    return parse({"role": role, "parts": list(given)}).messages[-1].parts


def test_snake_case_is_the_same() -> None:
    """The API reads both, and its own documentation has both."""
    snake = {
        "system_instruction": {"parts": {"text": "Be brief."}},
        "contents": [
            {"parts": [{"inline_data": {"mime_type": "image/png", "data": PNG}}]},
            {"role": "model", "parts": [{"function_call": {"name": "f"}, "thought_signature": "U0lH"}]},
            {"parts": [{"function_response": {"name": "f", "response": {"output": "ok"}}}]},
        ],
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]}],
        "tool_config": {"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}},
        "generation_config": {"max_output_tokens": 5, "top_p": 0.5, "response_mime_type": "application/json"},
        "service_tier": "flex",
    }
    camel = {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f"}, "thoughtSignature": "U0lH"}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "ok"}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {"maxOutputTokens": 5, "topP": 0.5, "responseMimeType": "application/json"},
        "serviceTier": "flex",
    }
    assert parse_request(snake) == parse_request(camel)
    assert parse_request(snake).unread == ()


@pytest.mark.parametrize("contents", ["Hi", ["Hi"], {"parts": "Hi"}, {"parts": {"text": "Hi"}}, [{"parts": ["Hi"]}], [HI]])
def test_a_text_or_one_object_stands_for_a_list(contents: Any) -> None:
    assert parse_request({"contents": contents}).messages == (ir.Message("user", (ir.Text("Hi"),)),)


def test_the_url_says_the_model_and_the_stream() -> None:
    request = parse(model="models/other")
    assert (request.model, request.stream, request.include_usage, dict(request.unknown)) == ("", False, True, {})


def test_calls_without_ids_and_their_results_find_each_other() -> None:
    """By name and order: two calls of one name, a third beside them, answered in another order."""
    model = {"role": "model", "parts": [{"functionCall": {"name": name}} for name in ("f", "g", "f")]}
    results = [
        {"functionResponse": {"name": name, "response": {"output": said}}} for name, said in zip("gff", "123", strict=True)
    ]
    request = parse(model, {"role": "user", "parts": results})
    calls = [part.id for part in request.messages[1].parts if isinstance(part, ir.ToolCall)]
    assert len(set(calls)) == 3
    answered = {part.call_id: part.parts[0] for part in request.messages[2].parts if isinstance(part, ir.ToolResult)}
    assert answered == {calls[1]: ir.Text("1"), calls[0]: ir.Text("2"), calls[2]: ir.Text("3")}
    assert parse(model, {"role": "user", "parts": results}) == request, "ids are the same each time"


def test_a_call_that_was_never_answered_takes_no_later_result() -> None:
    call = {"role": "model", "parts": [{"functionCall": {"name": "f"}}]}
    result = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}
    request = parse(call, HI, call, result)
    last = request.messages[3].parts[0]
    assert isinstance(last, ir.ToolCall)
    assert request.messages[4].parts == (ir.ToolResult(last.id, ()),)
    split = parse(call, call, {"role": "function", "parts": [*result["parts"], *result["parts"]]})
    assert len({part.call_id for part in split.messages[2].parts if isinstance(part, ir.ToolResult)}) == 2


@pytest.mark.parametrize(
    ("response", "read"),
    [
        ({"output": "ok"}, ir.ToolResult("fc_1", (ir.Text("ok"),))),
        ({"result": "ok"}, ir.ToolResult("fc_1", (ir.Text("ok"),))),
        ({"error": "bad"}, ir.ToolResult("fc_1", (ir.Text("bad"),), is_error=True)),
        ({"error": {"code": 4}}, ir.ToolResult("fc_1", (ir.Text('{"code":4}'),), is_error=True)),
        ({"output": [1]}, ir.ToolResult("fc_1", (ir.Text('{"output":[1]}'),))),
        ({"city": "Paris"}, ir.ToolResult("fc_1", (ir.Text('{"city":"Paris"}'),))),
        ({}, ir.ToolResult("fc_1", ())),
    ],
)
def test_what_a_function_returned(response: dict[str, Any], read: ir.ToolResult) -> None:
    call = {"role": "model", "parts": [{"functionCall": {"name": "f", "id": "fc_1"}}]}
    result = {"functionResponse": {"name": "f", "id": "fc_1", "response": response}}
    assert parse(call, {"role": "user", "parts": [result]}).messages[2].parts == (read,)


@pytest.mark.parametrize(
    ("part", "read"),
    [
        ({"inlineData": {"mimeType": "image/PNG", "data": "a-_="}}, ir.Image(ir.Source("base64", "a+/=", "image/png"))),
        ({"inlineData": {"mimeType": "audio/mpeg", "data": "AA"}}, ir.Audio("AA", "mp3")),
        (
            {"inlineData": {"mimeType": "application/pdf", "data": "AA", "displayName": "a.pdf"}},
            ir.Document(ir.Source("base64", "AA", "application/pdf"), title="a.pdf"),
        ),
        ({"fileData": {"fileUri": "https://e.test/a.JPG?x=1"}}, ir.Image(ir.Source("url", "https://e.test/a.JPG?x=1"))),
        (
            {"fileData": {"fileUri": "https://e.test/a", "mimeType": "image/webp"}},
            ir.Image(ir.Source("url", "https://e.test/a", "image/webp")),
        ),
        ({"fileData": {"fileUri": "https://e.test/a.pdf"}}, ir.Document(ir.Source("url", "https://e.test/a.pdf"))),
        (
            {"fileData": {"fileUri": "gs://b/a.pdf", "mimeType": "application/pdf"}},
            ir.Document(ir.Source("file", "gs://b/a.pdf", "application/pdf")),
        ),
        (
            {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x", "mimeType": "image/png"}},
            ir.Image(ir.Source("file", "https://generativelanguage.googleapis.com/v1beta/files/x", "image/png")),
        ),
    ],
)
def test_media(part: dict[str, Any], read: ir.AnyPart) -> None:
    assert parts(part) == (read,)


@pytest.mark.parametrize(
    "part",
    [
        {"inlineData": {"mimeType": "video/mp4", "data": "AA"}, "videoMetadata": {"fps": 1}},
        {"fileData": {"fileUri": "https://youtu.be/x", "mimeType": "video/mp4"}},
        {"executableCode": {"language": "PYTHON", "code": "1"}},
    ],
)
def test_what_only_gemini_has_stays_as_it_came(part: dict[str, Any]) -> None:
    assert parts(part) == (ir.Opaque("gemini", part),)
    assert parts({"inlineData": {"mimeType": "image/png", "data": PNG}, "thoughtSignature": "U0"}, role="model") == (
        ir.Opaque("gemini", {"inlineData": {"mimeType": "image/png", "data": PNG}, "thoughtSignature": "U0"}),
    )


def test_thoughts_and_signatures() -> None:
    sealed = ir.Reasoning("Hm.", signature="EqQB", origin="anthropic_messages")
    given = [
        {"text": "Hm.", "thought": True, "thoughtSignature": base64.urlsafe_b64encode(seal(sealed).encode()).decode()},
        {"text": "So.", "thought": True},
        {"text": "I look.", "thoughtSignature": "VEVYVA=="},
        {"functionCall": {"name": "f", "id": "a"}, "thoughtSignature": "Q0FMTA=="},
        {"thoughtSignature": "RU5E"},
    ]
    assert parts(*given, role="model") == (
        sealed,
        ir.Reasoning("So."),
        ir.Text("I look."),
        ir.Reasoning("", signature="VEVYVA==", origin="gemini"),
        ir.ToolCall("a", "f", "{}", signature="Q0FMTA==", origin="gemini"),
        ir.Reasoning("", signature="RU5E", origin="gemini"),
    )


def test_a_streamed_answer_comes_back_in_pieces_and_is_one_turn() -> None:
    """What `chats` of google-genai 3.6.1 keeps of a stream: a content for each chunk, the last one with an empty text."""
    pieces = [
        {"text": "The", "thought": True},
        {"text": " user", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": "VEg="},
        {"text": "So", "thought": True},
        {"text": "I"},
        {"text": " "},
        {"text": "look."},
        {"text": "", "thoughtSignature": "VEVYVA=="},
        {"text": "More."},
        {"functionCall": {"name": "f", "id": "a"}},
        {"text": ""},
    ]
    request = parse(*({"role": "model", "parts": [piece]} for piece in pieces), HI)
    assert [message.role for message in request.messages] == ["user", "assistant", "user"]
    assert request.messages[1].parts == (
        ir.Reasoning("The user", signature="VEg=", origin="gemini"),
        ir.Reasoning("So"),
        ir.Text("I look."),
        ir.Reasoning("", signature="VEVYVA==", origin="gemini"),
        ir.Text("More."),
        ir.ToolCall("a", "f", "{}"),
    )


def test_what_stands_by_itself_is_joined_with_nothing() -> None:
    sealed = base64.b64encode(seal(ir.Reasoning("", data="UkVE", origin="anthropic_messages")).encode()).decode()
    given = [
        {"text": "Hm.", "thought": True},
        {"text": "", "thoughtSignature": "VEVYVA=="},
        {"text": "", "thought": True, "thoughtSignature": sealed},
        {"text": "a", "partMetadata": {"x": 1}},
        {"text": "b"},
        {"text": "c", "partMetadata": {"x": 2}},
    ]
    assert parts(*given, role="model") == (
        ir.Reasoning("Hm."),
        ir.Reasoning("", signature="VEVYVA==", origin="gemini"),
        ir.Reasoning("", data="UkVE", origin="anthropic_messages"),
        ir.Text("a", unknown={"partMetadata": {"x": 1}}),
        ir.Text("b"),
        ir.Text("c", unknown={"partMetadata": {"x": 2}}),
    )


def test_tools() -> None:
    tools = parse(
        tools=[{"functionDeclarations": [{"name": "f", "behavior": "BLOCKING"}], "urlContext": {}}, {"googleSearch": {}}]
    ).tools
    assert tools == (
        ir.Tool("f", unknown={"behavior": "BLOCKING"}),
        ir.NativeTool("gemini", {"urlContext": {}}, name="urlContext"),
        ir.NativeTool("gemini", {"googleSearch": {}}, name="googleSearch"),
    )
    assert tools[0].path == "tools.0.functionDeclarations.0"


@pytest.mark.parametrize(
    ("config", "choice", "unknown"),
    [
        ({"mode": "AUTO"}, ir.ToolChoice("auto"), {}),
        ({"mode": "NONE"}, ir.ToolChoice("none"), {}),
        ({"mode": "ANY"}, ir.ToolChoice("required"), {}),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ir.ToolChoice("named", name="f"), {}),
        ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, ir.ToolChoice("required", allowed=("f", "g")), {}),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}, ir.ToolChoice("auto", allowed=("f",)), {}),
        ({"mode": "VALIDATED"}, ir.ToolChoice("auto"), {"toolConfig.functionCallingConfig.mode": "VALIDATED"}),
        ({"mode": "MODE_UNSPECIFIED"}, ir.ToolChoice("auto"), {}),
    ],
)
def test_tool_choice_comes_and_goes(config: dict[str, Any], choice: ir.ToolChoice, unknown: dict[str, Any]) -> None:
    request = parse(
        toolConfig={"functionCallingConfig": config}, tools=[{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}]
    )
    assert (request.tool_choice, request.unknown) == (choice, unknown)
    body, dropped = FORMATS["gemini"].render_request(request)
    assert dropped == ()
    again = body["toolConfig"]["functionCallingConfig"]
    assert again == config or config["mode"] == "MODE_UNSPECIFIED"


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({"responseMimeType": "application/json"}, ir.ResponseFormat("json_object")),
        ({"responseMimeType": "text/plain"}, ir.ResponseFormat("text")),
        ({"responseSchema": {"type": "STRING"}}, ir.ResponseFormat("json_schema", {"type": "string"})),
        (
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "string"}},
            ir.ResponseFormat("json_schema", {"type": "string"}),
        ),
        ({"_responseJsonSchema": {"type": "string"}}, ir.ResponseFormat("json_schema", {"type": "string"})),
        ({}, None),
    ],
)
def test_response_formats(config: dict[str, Any], wanted: ir.ResponseFormat | None) -> None:
    assert parse(generationConfig=config).response_format == wanted


def test_an_enum_as_text_is_geminis_alone() -> None:
    config = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a"]}}
    request = parse(generationConfig=config)
    assert request.response_format is None
    body, dropped = FORMATS["gemini"].render_request(request)
    assert (body["generationConfig"], dropped) == (config, ())
    _, lost = FORMATS["openai_chat"].render_request(request)
    assert lost == ("generationConfig.responseMimeType", "generationConfig.responseSchema")


@pytest.mark.parametrize(
    ("document", "param"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": [{"role": "model", "parts": []}]}, "contents"),
        ({"contents": [{"role": "user"}]}, "contents.0.parts"),
        ({"contents": [5]}, "contents.0"),
        ({"contents": [{"role": "system", "parts": ["x"]}]}, "contents.0.role"),
        ({"contents": [{"parts": [{}]}]}, "contents.0.parts.0"),
        ({"contents": [{"parts": [{"text": 5}]}]}, "contents.0.parts.0.text"),
        ({"contents": [{"parts": [{"functionCall": {"name": "f"}}]}]}, "contents.0.parts.0"),
        ({"contents": [{"parts": [{"text": "x", "thought": True}]}]}, "contents.0.parts.0"),
        ({"contents": [{"parts": [{"functionResponse": {"name": "f"}}]}]}, "contents.0.parts.0.functionResponse"),
        ({"contents": [{"role": "model", "parts": [{"functionResponse": {"name": "f"}}]}]}, "contents.0.parts.0"),
        ({"contents": [{"role": "model", "parts": [{"functionCall": {"args": {}}}]}]}, "contents.0.parts.0.functionCall.name"),
        (
            {"contents": [{"role": "model", "parts": [{"functionCall": {"name": "f", "id": "a"}}] * 2}]},
            "contents.0.parts.1.functionCall.id",
        ),
        ({"contents": "x", "generationConfig": {"topK": 1.5}}, "generationConfig.topK"),
        ({"contents": "x", "toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, "toolConfig.functionCallingConfig.mode"),
        (
            {"contents": "x", "toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["f"]}}},
            "toolConfig.functionCallingConfig.mode",
        ),
        ({"contents": "x", "tools": [{"functionDeclarations": [{}]}]}, "tools.0.functionDeclarations.0.name"),
    ],
)
def test_a_wrong_body_names_its_field(document: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_request(document)
    assert refused.value.param == param


def test_nothing_of_a_full_request_is_left_unread() -> None:
    request = parse_request(FULL)
    assert request.unread == ()
    assert set(request.unknown) == {
        "cachedContent",
        "generationConfig.mediaResolution",
        "generationConfig.responseModalities",
        "generationConfig.speechConfig",
        "safetySettings",
        "toolConfig.retrievalConfig",
    }
    more = parse({"role": "user", "parts": [{"text": "x"}], "extra": 1}, generationConfig={"thinkingConfig": {"new": 1}})
    assert set(more.unread) == {"contents.1.extra", "generationConfig.thinkingConfig.new"}
