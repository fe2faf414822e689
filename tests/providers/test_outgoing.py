from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.errors import BadRequest
from omniroute.providers.catalog import Provider, load
from omniroute.providers.headers import HOP_BY_HOP, NEVER_SET
from omniroute.providers.nodes import Node, as_provider
from omniroute.providers.outgoing import USER_AGENT, masked, upstream_headers
from omniroute.security.redaction import secret_name

CATALOG = load()
KEY = "sk-test-0123456789abcdef"
CHAT, MESSAGES = "openai_chat", "anthropic_messages"
PROFILE_BETAS = "claude-code-20250219,interleaved-thinking-2025-05-14,effort-2025-11-24,redact-thinking-2026-02-12"

# As Claude Code 2.1.197 sends them through a WSGI server, which re-cases the names.
CLAUDE_CODE = {
    "Accept": "application/json",
    "Authorization": "Bearer sk-or-gateway",
    "X-Api-Key": "sk-or-gateway",
    "Content-Type": "application/json",
    "User-Agent": "claude-cli/2.1.197 (external, sdk-cli)",
    "X-Claude-Code-Session-Id": "11112222-3333-4444-5555-666677778888",
    "X-Stainless-Arch": "x64",
    "X-Stainless-Lang": "js",
    "X-Stainless-Os": "Linux",
    "X-Stainless-Package-Version": "0.94.0",
    "X-Stainless-Retry-Count": "0",
    "X-Stainless-Runtime": "node",
    "X-Stainless-Runtime-Version": "v26.3.0",
    "X-Stainless-Timeout": "300",
    "Anthropic-Beta": "claude-code-20250219,context-management-2025-06-27",
    "Anthropic-Dangerous-Direct-Browser-Access": "true",
    "Anthropic-Version": "2026-10-21",
    "X-App": "cli",
    "Connection": "keep-alive",
    "Host": "localhost:20128",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Content-Length": "76000",
}
NEVER_SENT = {
    "Authorization": "Bearer sk-or-gateway",
    "X-Api-Key": "sk-or-gateway",
    "X-Goog-Api-Key": "sk-or-gateway",
    "Cookie": "session=1",
    "X-Forwarded-For": "10.0.0.1",
    "X-Forwarded-Host": "h",
    "X-Forwarded-Proto": "https",
    "Forwarded": "for=10.0.0.1",
    "X-Real-Ip": "10.0.0.1",
    "Via": "1.1 x",
    "Host": "localhost:20128",
    "Content-Length": "5",
    "Content-Encoding": "br",
    "Accept-Encoding": "br, zstd",
    "Accept": "*/*",
    "Connection": "close, X-Codex-Window-Id",
    "Keep-Alive": "5",
    "Te": "trailers",
    "Trailer": "x",
    "Transfer-Encoding": "chunked",
    "Upgrade": "websocket",
    "Proxy-Authorization": "Basic eDp5",
    "Expect": "100-continue",
    "Origin": "http://evil.example",
    "Referer": "http://evil.example",
    "Openai-Organization": "org-theirs",
    "Openai-Project": "proj-theirs",
    "X-Omniroute-Connection": "1",
    "X-Something": "else",
}


def native(provider_id: str) -> Provider:
    provider = CATALOG.get(provider_id)
    assert provider is not None
    return provider


def cc_node(*custom: tuple[str, str | None]) -> Provider:
    one = Node(
        "anthropic-compatible-cc-1", "R", "r", "anthropic-compatible", "cc", None, "https://r.example", custom_headers=custom
    )
    return as_provider(one, CATALOG)


def send(
    provider: Provider,
    caller: Mapping[str, str] | None = None,
    *,
    credential: str | None = KEY,
    stream: bool = False,
    timeout: float = 600,
    caller_format: str = CHAT,
) -> dict[str, str]:
    """The headers by lower-case name, after a look that none came twice."""
    sent = upstream_headers(
        provider, CATALOG.wires, credential, caller or {}, stream=stream, timeout=timeout, caller_format=caller_format
    )
    by_name = {name.lower(): value for name, value in sent}
    assert len(by_name) == len(sent)
    return by_name


# Every provider ---------------------------------------------------------------------------


def test_a_plain_request() -> None:
    assert send(native("openai")) == {
        "authorization": f"Bearer {KEY}",
        "content-type": "application/json",
        "accept": "application/json",
        "accept-encoding": "gzip, deflate",
        "user-agent": USER_AGENT,
    }


def test_a_plain_stream() -> None:
    sent = send(native("openai"), stream=True)
    assert sent["accept"] == "text/event-stream"
    assert sent["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("auth", "name", "value"),
    [("bearer", "authorization", f"Bearer {KEY}"), ("x-api-key", "x-api-key", KEY), ("x-goog-api-key", "x-goog-api-key", KEY)],
)
def test_the_credential(auth: str, name: str, value: str) -> None:
    sent = send(replace(native("openai"), auth=auth))
    assert [found for found in ("authorization", "x-api-key", "x-goog-api-key") if found in sent] == [name]
    assert sent[name] == value


@pytest.mark.parametrize(("auth", "credential"), [("none", KEY), ("query", KEY), ("bearer", None), ("bearer", "")])
def test_no_credential_header(auth: str, credential: str | None) -> None:
    assert not {"authorization", "x-api-key"} & send(replace(native("openai"), auth=auth), credential=credential).keys()


@pytest.mark.parametrize("provider_id", sorted(CATALOG.providers))
@pytest.mark.parametrize("caller_format", [CHAT, MESSAGES])
@pytest.mark.parametrize("agent", ["OpenAI/Python 3.54.0", "claude-cli/2.1.197 (external, sdk-cli)"])
def test_what_never_goes_upstream(provider_id: str, caller_format: str, agent: str) -> None:
    bare = send(native(provider_id), {"User-Agent": agent}, caller_format=caller_format)
    assert send(native(provider_id), {**NEVER_SENT, "User-Agent": agent}, caller_format=caller_format) == bare
    assert "sk-or-gateway" not in str(bare)


@pytest.mark.parametrize(
    "name", ["openai-beta", "x-client-request-id", "session-id", "thread-id", "X-Codex-Turn-Metadata", "Idempotency-Key"]
)
def test_what_passes_to_openai_formats(name: str) -> None:
    for format in (CHAT, "openai_responses"):
        assert send(replace(native("openai"), format=format), {name: " v "})[name.lower()] == "v"
    assert send(native("openai"), {name: ""}).get(name.lower()) is None


def test_nothing_of_anthropic_passes_to_openai_formats() -> None:
    assert send(native("openai"), CLAUDE_CODE, caller_format=MESSAGES) == send(native("openai"))


def test_nothing_passes_to_a_format_without_a_list() -> None:
    provider = replace(native("gemini"), format="gemini", auth="x-goog-api-key")
    assert send(provider, {"openai-beta": "x", "anthropic-beta": "x"}) == send(provider)


# Messages upstreams without a profile -------------------------------------------------------


@pytest.mark.parametrize(
    ("caller", "caller_format", "version", "beta"),
    [
        ({}, MESSAGES, "2023-06-01", None),
        ({"anthropic-version": "2026-10-21"}, MESSAGES, "2026-10-21", None),
        ({"Anthropic-Version": "2026-10-21, 2026-10-21"}, MESSAGES, "2026-10-21", None),
        ({"Anthropic-Version": "2026-10-21", "anthropic-version": "2023-06-01"}, MESSAGES, "2026-10-21", None),
        ({"anthropic-beta": "a, b,a"}, MESSAGES, "2023-06-01", "a, b,a"),
        ({"anthropic-beta": "a", "Anthropic-Beta": "b"}, MESSAGES, "2023-06-01", "a,b"),
        ({}, CHAT, "2023-06-01", None),
        ({"anthropic-version": "2026-10-21"}, CHAT, "2023-06-01", None),
        ({"anthropic-beta": "a"}, CHAT, "2023-06-01", "a"),
    ],
)
def test_version_and_betas(caller: Mapping[str, str], caller_format: str, version: str, beta: str | None) -> None:
    sent = send(native("anthropic"), caller, caller_format=caller_format)
    assert sent["anthropic-version"] == version
    assert sent.get("anthropic-beta") == beta
    assert sent["x-api-key"] == KEY
    assert sent["user-agent"] == USER_AGENT


def test_other_anthropic_headers_pass_only_natively() -> None:
    caller = {
        "anthropic-dangerous-direct-browser-access": "true",
        "idempotency-key": "i",
        "x-stainless-lang": "python",
        "x-app": "cli",
    }
    sent = send(native("anthropic"), caller, caller_format=MESSAGES)
    assert sent["anthropic-dangerous-direct-browser-access"] == "true"
    assert sent["idempotency-key"] == "i"
    assert not {"x-stainless-lang", "x-app"} & sent.keys()
    assert "anthropic-dangerous-direct-browser-access" not in send(native("anthropic"), caller)


def test_claude_code_keeps_its_headers_without_a_profile() -> None:
    sent = send(native("anthropic"), CLAUDE_CODE, caller_format=MESSAGES)
    for name in ("User-Agent", "X-App", "X-Stainless-Timeout", "X-Claude-Code-Session-Id", "Anthropic-Beta", "Anthropic-Version"):
        assert sent[name.lower()] == CLAUDE_CODE[name]
    assert sent["x-api-key"] == KEY
    assert "authorization" not in sent


# The wire profile ----------------------------------------------------------------------------


@pytest.mark.parametrize("provider", [native("agentrouter"), cc_node()], ids=["native", "node"])
@pytest.mark.parametrize("caller_format", [CHAT, MESSAGES])
def test_the_published_table_in_its_order(provider: Provider, caller_format: str) -> None:
    sdk = {
        "User-Agent": "Anthropic/Python 2.12.0",
        "anthropic-version": "2026-10-21",
        "x-stainless-lang": "python",
        "X-App": "mine",
    }
    sent = upstream_headers(provider, CATALOG.wires, KEY, sdk, stream=True, timeout=90.4, caller_format=caller_format)
    assert sent == [
        ("Authorization", f"Bearer {KEY}"),
        ("Content-Type", "application/json"),
        ("Accept", "text/event-stream"),
        ("Accept-Encoding", "gzip, deflate"),
        ("User-Agent", "claude-cli/2.1.158 (external, sdk-cli)"),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", PROFILE_BETAS),
        ("anthropic-dangerous-direct-browser-access", "true"),
        ("x-app", "cli"),
        ("X-Stainless-Lang", "js"),
        ("X-Stainless-Package-Version", "0.94.0"),
        ("X-Stainless-OS", "MacOS"),
        ("X-Stainless-Arch", "arm64"),
        ("X-Stainless-Runtime", "node"),
        ("X-Stainless-Runtime-Version", "v24.3.0"),
        ("X-Stainless-Retry-Count", "0"),
        ("X-Stainless-Timeout", "90"),
    ]


@pytest.mark.parametrize(("timeout", "sent"), [(600, "600"), (0.2, "1"), (59.6, "60")])
def test_the_timeout_in_whole_seconds(timeout: float, sent: str) -> None:
    headers = send(cc_node(("X-Limit", "{timeout}")), timeout=timeout)
    assert (headers["x-stainless-timeout"], headers["x-limit"]) == (sent, sent)


@pytest.mark.parametrize(
    ("own", "beyond"),
    [
        ("context-1m-2025-08-07", ",context-1m-2025-08-07"),
        ("effort-2025-11-24 , new-1,new-1, new-2", ",new-1,new-2"),
        (PROFILE_BETAS, ""),
        (",, ,", ""),
    ],
)
@pytest.mark.parametrize("caller_format", [CHAT, MESSAGES])
def test_own_betas_follow_the_profiles(own: str, beyond: str, caller_format: str) -> None:
    sent = send(cc_node(), {"User-Agent": "python", "anthropic-beta": own}, caller_format=caller_format)
    assert sent["anthropic-beta"] == PROFILE_BETAS + beyond


def test_claude_code_itself_is_sent_as_it_is() -> None:
    sent = upstream_headers(cc_node(), CATALOG.wires, KEY, CLAUDE_CODE, stream=True, timeout=600, caller_format=MESSAGES)
    by_name = {name.lower(): value for name, value in sent}
    assert len(by_name) == len(sent)
    for name, value in CLAUDE_CODE.items():
        lower = name.lower()
        if lower in ("user-agent", "x-app") or lower.startswith(("anthropic-", "x-stainless-", "x-claude-code-")):
            assert by_name[lower] == value
    assert by_name["authorization"] == f"Bearer {KEY}"
    assert by_name["accept"] == "text/event-stream"
    assert by_name["accept-encoding"] == "gzip, deflate"
    assert "sk-or-gateway" not in str(sent)
    assert ("X-Stainless-OS", "Linux") in sent  # the profile's spelling of the name


def test_the_profile_fills_what_claude_code_left_out() -> None:
    caller = {"User-Agent": "claude-cli/3.0.0", "X-Stainless-Timeout": "120"}
    sent = send(cc_node(), caller, caller_format=MESSAGES)
    assert sent["user-agent"] == "claude-cli/3.0.0"
    assert sent["x-stainless-timeout"] == "120"
    assert sent["anthropic-beta"] == PROFILE_BETAS
    assert sent["x-app"] == "cli"


def test_claude_code_in_another_format_is_another_caller() -> None:
    sent = send(cc_node(), CLAUDE_CODE, caller_format=CHAT)
    assert sent["user-agent"] == "claude-cli/2.1.158 (external, sdk-cli)"
    assert sent["x-stainless-os"] == "MacOS"
    assert sent["anthropic-beta"] == PROFILE_BETAS + ",context-management-2025-06-27"
    assert "x-claude-code-session-id" not in sent


def test_nothing_else_disturbs_the_profile() -> None:
    assert "idempotency-key" not in send(cc_node(), {"idempotency-key": "i"}, caller_format=MESSAGES)
    assert send(cc_node(), {"anthropic-new": "1"}, caller_format=MESSAGES)["anthropic-new"] == "1"


# The operator's own headers ----------------------------------------------------------------------


def test_custom_headers_add_replace_and_remove() -> None:
    provider = cc_node(("X-Team", "blue"), ("user-agent", "mine/1"), ("X-APP", None), ("x-stainless-timeout", "5"))
    sent = send(provider)
    assert sent["x-team"] == "blue"
    assert sent["user-agent"] == "mine/1"
    assert "x-app" not in sent
    assert sent["x-stainless-timeout"] == "5"


def test_custom_headers_are_final_for_claude_code_too() -> None:
    provider = cc_node(("User-Agent", "mine/1"), ("X-App", None), ("X-Stainless-Timeout", None))
    sent = send(provider, CLAUDE_CODE, caller_format=MESSAGES)
    assert sent["user-agent"] == "mine/1"
    assert not {"x-app", "x-stainless-timeout"} & sent.keys()


@pytest.mark.parametrize(
    ("custom", "caller", "caller_format", "beta"),
    [
        (("anthropic-beta", "one"), {}, MESSAGES, "one"),
        (("Anthropic-Beta", "one,two"), {"anthropic-beta": "two,three"}, MESSAGES, "one,two,three"),
        (("anthropic-beta", "one"), {"anthropic-beta": "two"}, CHAT, "one,two"),
        (("anthropic-beta", "one"), CLAUDE_CODE, MESSAGES, CLAUDE_CODE["Anthropic-Beta"]),
        (("anthropic-beta", None), {"anthropic-beta": "two"}, MESSAGES, None),
        (("anthropic-beta", None), CLAUDE_CODE, MESSAGES, None),
    ],
)
def test_an_edited_list_of_betas(
    custom: tuple[str, str | None], caller: Mapping[str, str], caller_format: str, beta: str | None
) -> None:
    assert send(cc_node(custom), caller, caller_format=caller_format).get("anthropic-beta") == beta


def test_a_removed_user_agent_becomes_the_gateways() -> None:
    assert send(cc_node(("User-Agent", None)))["user-agent"] == USER_AGENT


def test_another_credential_scheme_by_hand() -> None:
    sent = send(cc_node(("Authorization", None), ("api-key", "sk-other")))
    assert "authorization" not in sent
    assert sent["api-key"] == "sk-other"


# Hygiene -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "a\x7fb", "密"])
@pytest.mark.parametrize(
    ("provider", "name", "caller"),
    [
        (native("openai"), "openai-beta", {}),
        (native("anthropic"), "anthropic-beta", {}),
        (native("agentrouter"), "anthropic-beta", {}),
        (native("agentrouter"), "X-Stainless-Lang", {"User-Agent": "claude-cli/2"}),
    ],
)
def test_a_callers_header_that_can_not_be_sent(provider: Provider, name: str, caller: Mapping[str, str], bad: str) -> None:
    with pytest.raises(BadRequest) as caught:
        send(provider, {**caller, name: bad}, caller_format=MESSAGES)
    assert name in caught.value.message
    assert caught.value.param == name
    assert "Evil" not in caught.value.message


def test_a_bad_value_that_does_not_pass_harms_nothing() -> None:
    assert send(native("openai"), {"X-Other": "a\r\nb", "User-Agent": "a\nb"}) == send(native("openai"))


def test_a_credential_that_can_not_be_sent() -> None:
    with pytest.raises(ValueError, match="the credential holds a line break") as caught:
        send(native("openai"), credential="sk-test\r\nX: y")
    assert "sk-test" not in str(caught.value)


NAMES = st.one_of(
    st.sampled_from(
        [*CLAUDE_CODE, *NEVER_SENT, *(name.title() for name in NEVER_SET), "anthropic-foo", "ANTHROPIC-FOO", "x-codex-a"]
    ),
    st.from_regex(r"\A[A-Za-z-]{1,12}\Z"),
)
VALUES = st.text(max_size=20)
CUSTOM = st.lists(
    st.tuples(NAMES, st.one_of(st.none(), st.from_regex(r"\A[ -~]{0,12}\Z"))), max_size=5, unique_by=lambda pair: pair[0].lower()
)


@given(
    st.sampled_from([*CATALOG.all(), cc_node()]),
    st.dictionaries(NAMES, VALUES, max_size=12),
    CUSTOM,
    st.booleans(),
    st.sampled_from([CHAT, MESSAGES]),
    st.booleans(),
)
def test_hygiene_whatever_comes(
    provider: Provider,
    caller: dict[str, str],
    custom: list[tuple[str, str | None]],
    stream: bool,
    caller_format: str,
    claude: bool,
) -> None:
    provider = replace(provider, custom_headers=tuple(custom))
    if claude:
        caller = {**{name: value for name, value in caller.items() if name.lower() != "user-agent"}, "User-Agent": "claude-cli/9"}
    try:
        sent = upstream_headers(provider, CATALOG.wires, KEY, caller, stream=stream, timeout=60, caller_format=caller_format)
    except BadRequest:
        return
    names = [name.lower() for name, _ in sent]
    edited = {name.lower() for name, _ in custom}
    assert len(names) == len(set(names))
    assert not HOP_BY_HOP & set(names)
    assert not {"host", "content-length", "content-encoding", "expect"} & set(names)
    assert not {"cookie", "forwarded", "x-forwarded-for", "openai-organization"} & set(names) - edited
    assert dict(sent).get("Accept-Encoding") in ("gzip, deflate", "identity")
    for name, value in sent:
        assert name.isascii()
        value.encode("latin-1")
        assert not set(value) & {chr(code) for code in (*range(32), 127)}
    if "authorization" not in edited and provider.auth == "bearer":
        assert dict(sent)["Authorization"] == f"Bearer {KEY}"


def test_what_one_body_needs_wins_over_everything() -> None:
    node = cc_node(("Content-Type", "text/plain"), ("Accept", "text/plain"))
    content = (("Content-Type", "multipart/form-data; boundary=x"), ("Accept", "audio/mpeg"))
    sent = upstream_headers(node, CATALOG.wires, KEY, {}, stream=False, timeout=600, caller_format=CHAT, content=content)
    assert [value for name, value in sent if name.lower() in ("content-type", "accept")] == [value for _, value in content]


# What people see ---------------------------------------------------------------------------------------


def test_masked() -> None:
    headers = [
        ("Authorization", f"Bearer {KEY}"),
        ("X-Odd", f"<{KEY}>"),
        ("x-api-key", "another-secret-of-theirs-9876"),
        ("X-Relay-Token", "short"),
        ("Cookie", "session=abcdefghijklmnop"),
        ("User-Agent", "x"),
    ]
    assert masked(headers, KEY) == [
        ("Authorization", "Bearer sk-...cdef"),
        ("X-Odd", "<sk-...cdef>"),
        ("x-api-key", "ano...9876"),
        ("X-Relay-Token", "..."),
        ("Cookie", "ses...mnop"),
        ("User-Agent", "x"),
    ]


def test_masked_without_a_credential() -> None:
    assert masked([("Authorization", "Bearer abcdefghijklmnopqrst"), ("x-app", "cli")], None) == [
        ("Authorization", "Bearer abc...qrst"),
        ("x-app", "cli"),
    ]


@pytest.mark.parametrize(
    "word",
    ["api-key", "key", "token", "secret", "password", "passwd", "authorization", "cookie", "credential", "sealed", "digest"],
)
def test_what_is_sealed_is_masked(word: str) -> None:
    for name in (f"X-{word.title()}", f"{word}s"):
        assert secret_name(name) and masked([(name, "canary-0123456789abcdef")], None) == [(name, "can...cdef")]
