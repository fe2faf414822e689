"""Who may come without a key, and what each credential is worth."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniroute.clock import Clock
from omniroute.edge.callers import Caller, Callers, covers, credentials
from omniroute.errors import Forbidden, RequestError, Unauthorized
from omniroute.security.audit import CLI
from omniroute.settings import Settings
from tests.edge.conftest import House, Open

LOCAL: dict[str, Any] = {
    "REQUEST_METHOD": "POST",
    "REMOTE_ADDR": "127.0.0.1",
    "HTTP_HOST": "localhost:20128",
    "CONTENT_LENGTH": "12",
    "CONTENT_TYPE": "application/json",
    "QUERY_STRING": "",
    "wsgi.url_scheme": "http",
}
CHAT = "/v1/chat/completions"


def callers(house: House, **settings: Any) -> Callers:
    return Callers(Settings(**settings), house.services.configuration, house.clock)


def refusal(of: Callers, environ: dict[str, Any], rule: str = CHAT) -> RequestError | None:
    try:
        of.client(environ, rule)
    except RequestError as exc:
        return exc
    return None


# Who needs a key ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"REMOTE_ADDR": "::1", "HTTP_HOST": "[::1]:20128"},
        {"REMOTE_ADDR": "::ffff:127.0.0.1"},
        {"REMOTE_ADDR": "127.0.0.2", "HTTP_HOST": "127.0.0.1"},
        {"CONTENT_TYPE": "application/json; charset=utf-8"},
        {"CONTENT_TYPE": "application/vnd.api+json"},
        {"CONTENT_LENGTH": "0", "CONTENT_TYPE": ""},
        {"CONTENT_LENGTH": "", "CONTENT_TYPE": ""},
        {"HTTP_ORIGIN": "http://localhost:20128"},
        {"HTTP_SEC_FETCH_SITE": "none"},
        {"HTTP_AUTHORIZATION": "Bearer "},  # some clients send an empty key when none is set
        {"HTTP_X_API_KEY": ""},
    ],
)
def test_this_machine_needs_no_key(house: House, changed: dict[str, str]) -> None:
    caller = callers(house).client(LOCAL | changed, CHAT)
    assert caller == Caller("keyless", None, "keyless", caller.address)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"REMOTE_ADDR": "192.168.1.7"}, "another machine"),
        ({"REMOTE_ADDR": ""}, "another machine"),
        ({"REMOTE_ADDR": "::ffff:10.0.0.1"}, "another machine"),
        ({"HTTP_HOST": "gateway.example.com"}, "the Host is not"),
        ({"HTTP_HOST": "127.0.0.1.nip.io"}, "the Host is not"),
        ({"HTTP_HOST": ""}, "the Host is not"),
        ({"HTTP_X_FORWARDED_FOR": "1.2.3.4"}, "through a proxy"),
        ({"HTTP_X_FORWARDED_PROTO": ""}, "through a proxy"),
        ({"HTTP_FORWARDED": "for=1.2.3.4"}, "through a proxy"),
        ({"HTTP_VIA": "1.1 x"}, "through a proxy"),
        ({"HTTP_X_REAL_IP": "1.2.3.4"}, "through a proxy"),
        ({"HTTP_CF_CONNECTING_IP": "1.2.3.4"}, "through a proxy"),
        ({"HTTP_TAILSCALE_USER_LOGIN": "a"}, "through a proxy"),
        ({"HTTP_ORIGIN": "http://localhost:3000"}, "page of another site"),
        ({"HTTP_ORIGIN": "null"}, "page of another site"),
        ({"HTTP_SEC_FETCH_SITE": "cross-site"}, "page of another site"),
        ({"CONTENT_TYPE": "text/plain"}, "Content-Type: application/json"),
        ({"CONTENT_TYPE": ""}, "Content-Type: application/json"),
        ({"CONTENT_TYPE": "application/jsonp"}, "Content-Type: application/json"),
        ({"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_TYPE": "text/plain"}, "Content-Type"),
    ],
)
def test_everybody_else_needs_one_and_is_told_why(house: House, changed: dict[str, str], told: str) -> None:
    refused = refusal(callers(house), LOCAL | changed)
    assert isinstance(refused, Unauthorized)
    assert told in refused.message


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"host": "0.0.0.0"}, "listens on 0.0.0.0"),
        ({"host": "::"}, "listens on ::"),
        ({"proxy_hops": 1}, "PROXY_HOPS is set"),
        ({"public_url": "https://gateway.example.com"}, "PUBLIC_URL is set"),
        ({"require_api_key": "true"}, "REQUIRE_API_KEY is true"),
    ],
)
def test_settings_that_always_want_a_key(house: House, settings: dict[str, Any], told: str) -> None:
    refused = refusal(callers(house, **settings), LOCAL)
    assert isinstance(refused, Unauthorized)
    assert told in refused.message
    assert "dashboard's Keys page" in refused.remedy
    assert "'-e REQUIRE_API_KEY=false' with '-p 127.0.0.1:20128:20128'" in refused.remedy


def test_required_false_serves_all_but_foreign_pages(house: House) -> None:
    open_house = callers(house, require_api_key="false", host="0.0.0.0", trusted_hosts=("gateway.example.com",))
    anywhere = LOCAL | {"REMOTE_ADDR": "203.0.113.9", "HTTP_HOST": "gateway.example.com", "CONTENT_TYPE": "text/plain"}
    assert open_house.client(anywhere, CHAT).kind == "keyless"
    refused = refusal(open_house, anywhere | {"HTTP_ORIGIN": "http://evil.example"})
    assert refused is not None and "another site" in refused.message


@pytest.mark.parametrize(
    ("name", "settings", "served"),
    [
        ("localhost:20128", {}, True),
        ("127.0.0.1:20128", {}, True),
        ("192.168.1.7:20128", {}, True),
        ("[2001:db8::1]:20128", {}, True),
        ("evil.example:20128", {}, False),
        ("127.0.0.1.nip.io:20128", {}, False),
        ("gateway.example.com", {"trusted_hosts": ("gateway.example.com",)}, True),
        ("gateway.example.com", {"public_url": "https://gateway.example.com"}, True),
        ("evil.example:20128", {"trusted_hosts": ("gateway.example.com",)}, False),
    ],
)
def test_a_page_whose_name_was_pointed_here_does_not_spend_the_owners_credit(
    house: House, name: str, settings: dict[str, Any], served: bool
) -> None:
    """What a container that is published on loopback with REQUIRE_API_KEY=false meets: its own bind is 0.0.0.0."""
    gate = callers(house, require_api_key="false", host="0.0.0.0", **settings)
    own_page = {"HTTP_ORIGIN": f"http://{name}"}
    post = LOCAL | {"HTTP_HOST": name}
    get = {**post, "REQUEST_METHOD": "GET", "CONTENT_LENGTH": "", "CONTENT_TYPE": ""}  # to its own site no browser adds an Origin
    for environ in (post | own_page, get, get | {"HTTP_SEC_FETCH_SITE": "same-origin"}, post):
        refused = refusal(gate, environ)
        assert (refused is None) is served
        if refused is not None:
            assert "TRUSTED_HOSTS" in refused.message and "Keys page" in refused.remedy
            assert refusal(gate, environ | {"HTTP_X_API_KEY": house.key("relay")}) is None
    if not served:
        house.services.preferences.update({"allowed_hosts": [name.partition(":")[0]]}, CLI)
        assert refusal(gate, post | own_page) is None and refusal(gate, get) is None


def test_a_rebound_name_gets_nothing_by_reading_or_writing(opened: Open) -> None:
    house = opened(require_api_key="false", host="0.0.0.0")
    chat = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    for name, read, written in (("evil.example:20128", 401, 401), ("192.0.2.7:20128", 200, 404), ("localhost:20128", 200, 404)):
        base = f"http://{name}"
        assert house.client.get("/v1/models", base_url=base).status_code == read
        assert house.client.post(CHAT, base_url=base, json=chat).status_code == written


AWAY = {"REMOTE_ADDR": "203.0.113.9", "HTTP_HOST": "gateway.example.com"}


@pytest.mark.parametrize(
    ("settings", "changed", "keyless"),
    [
        ({}, {}, True),
        ({}, AWAY, False),
        ({"host": "0.0.0.0"}, {}, False),
        ({"public_url": "https://gateway.example.com"}, {}, False),
        ({"require_api_key": "true"}, {}, False),
        ({"require_api_key": "false"}, {}, True),
        ({"require_api_key": "false", "host": "0.0.0.0"}, AWAY, False),
        ({"require_api_key": "false", "host": "0.0.0.0", "trusted_hosts": ("gateway.example.com",)}, AWAY, True),
    ],
)
def test_the_preference_only_tightens_what_the_environment_says(
    house: House, settings: dict[str, Any], changed: dict[str, str], keyless: bool
) -> None:
    gate, environ, key = callers(house, **settings), LOCAL | changed, house.key("relay")
    assert (refusal(gate, environ) is None) is keyless
    house.services.preferences.update({"require_api_key": "always"}, CLI)
    refused = refusal(gate, environ)
    assert isinstance(refused, Unauthorized) and "An API key is needed" in refused.message
    assert refusal(gate, environ | {"HTTP_X_API_KEY": key}) is None
    if keyless:
        assert "chose so on the dashboard (Settings, Security)" in refused.message
        assert "Keys page" in refused.remedy and "REQUIRE_API_KEY" not in refused.remedy
    house.services.preferences.update({"require_api_key": "as started"}, CLI)
    assert (refusal(gate, environ) is None) is keyless


# Credentials ----------------------------------------------------------------------------

WAYS = [
    lambda key: {"HTTP_AUTHORIZATION": f"Bearer {key}"},
    lambda key: {"HTTP_AUTHORIZATION": f"bearer  {key} "},
    lambda key: {"HTTP_AUTHORIZATION": key},
    lambda key: {"HTTP_X_API_KEY": key},
    lambda key: {"HTTP_X_GOOG_API_KEY": key},
    lambda key: {"QUERY_STRING": f"alt=sse&key={key}"},
]


@pytest.mark.parametrize("way", WAYS)
def test_a_key_is_taken_from_each_place(house: House, way: Any) -> None:
    key = house.key("relay")
    caller = callers(house, require_api_key="true").client(LOCAL | way(key), CHAT)
    assert (caller.kind, caller.name, caller.key and caller.key.scopes) == ("key", "relay", frozenset({"relay"}))


@pytest.mark.parametrize("way", WAYS)
def test_a_wrong_key_is_refused_from_each_place_even_where_none_is_needed(house: House, way: Any) -> None:
    assert isinstance(refusal(callers(house), LOCAL | way("sk-or-wrong")), Unauthorized)


def test_one_good_one_among_several_is_enough(house: House) -> None:
    key = house.key("relay")
    environ = LOCAL | {"HTTP_AUTHORIZATION": "Bearer sk-ant-of-another-shop", "HTTP_X_API_KEY": key}
    assert callers(house).client(environ, CHAT).kind == "key"
    environ = LOCAL | {"HTTP_AUTHORIZATION": f"Bearer {key}", "HTTP_X_API_KEY": "x", "QUERY_STRING": "key=y&key=z"}
    assert callers(house).client(environ, CHAT).kind == "key"


def test_an_expired_key_says_so_and_a_good_one_beside_it_works(house: House) -> None:
    old = house.key("relay", expires_at=house.clock.now() + 10)
    new = house.key("relay")
    house.clock.move(10)
    refused = refusal(callers(house), LOCAL | {"HTTP_X_API_KEY": old})
    assert refused is not None and refused.message == "The API key has expired."
    assert callers(house).client(LOCAL | {"HTTP_X_API_KEY": old, "HTTP_AUTHORIZATION": f"Bearer {new}"}, CHAT).kind == "key"


def test_a_key_that_is_switched_off_or_deleted_is_refused_at_once(house: House) -> None:
    view, key = house.services.keys.create({"name": "k"}, CLI)
    gate = callers(house)
    environ = LOCAL | {"HTTP_X_API_KEY": key}
    assert gate.client(environ, CHAT).kind == "key"
    house.services.keys.update(view.id, {"is_active": False}, CLI)
    refused = refusal(gate, environ)
    assert refused is not None and refused.message == "The API key is switched off."
    house.services.keys.delete(view.id, CLI)
    refused = refusal(gate, environ)
    assert refused is not None and refused.message == "The API key is not known here."


def test_a_refusal_never_repeats_the_key(house: House) -> None:
    refused = refusal(callers(house), LOCAL | {"HTTP_X_API_KEY": "sk-or-canary-canary"})
    assert refused is not None
    assert "canary" not in refused.message + refused.remedy


def test_scopes_open_their_own_side_only(house: House) -> None:
    gate, relay, manage = callers(house), house.key("relay"), house.key("manage")
    assert isinstance(refusal(gate, LOCAL | {"HTTP_X_API_KEY": manage}), Forbidden)
    with pytest.raises(Forbidden):
        gate.manager(LOCAL | {"HTTP_X_API_KEY": relay}, "/api/keys")
    known = gate.manager(LOCAL | {"HTTP_X_API_KEY": manage}, "/api/keys")
    assert known is not None and known.name == "manage"
    assert gate.manager(LOCAL, "/api/keys") is None


def test_a_key_may_be_bound_to_endpoints(house: House) -> None:
    gate, key = callers(house), house.key("relay", allowed_endpoints=["/v1/messages", "/v1beta/*"])
    environ = LOCAL | {"HTTP_X_API_KEY": key}
    assert isinstance(refusal(gate, environ, CHAT), Forbidden)
    assert refusal(gate, environ, "/v1/messages") is None
    assert refusal(gate, environ, "/v1/messages/count_tokens") is None
    assert refusal(gate, environ, "/v1beta/models/<path:model>:generateContent") is None


@pytest.mark.parametrize(
    ("allowed", "rule", "is_covered"),
    [
        ("/v1/messages", "/v1/messages", True),
        ("/v1/messages/", "/v1/messages", False),
        ("/v1/messages", "/v1/messages-extra", False),
        ("/v1/models", "/v1/models/<path:model_id>", True),
        ("/v1", "/v1/chat/completions", True),
        ("/v1", "/v1beta/models", False),
        ("/v1/*", "/v1/chat/completions", True),
        ("*", "/api/keys", True),
        ("/v1/chat/*", "/v1/messages", False),
    ],
)
def test_what_an_entry_covers(allowed: str, rule: str, is_covered: bool) -> None:
    assert covers((allowed,), rule) is is_covered


def test_resolve_has_a_key_parameter_of_its_own(house: House) -> None:
    key = house.key("manage")
    gate = callers(house)
    assert gate.manager(LOCAL | {"QUERY_STRING": "model=a&key=some-id"}, "/api/resolve") is None
    found = gate.manager(LOCAL | {"QUERY_STRING": f"key={key}"}, "/api/keys")
    assert found is not None


def test_the_loopback_tier(house: House) -> None:
    gate, key = callers(house, host="0.0.0.0", proxy_hops=1), house.key("manage")
    away = LOCAL | {"REMOTE_ADDR": "203.0.113.9"}
    assert gate.local(LOCAL, "/metrics").kind == "keyless"
    assert gate.local(away | {"HTTP_AUTHORIZATION": f"Bearer {key}"}, "/metrics").kind == "key"
    for environ in (away, LOCAL | {"HTTP_X_FORWARDED_FOR": "203.0.113.9"}, LOCAL | {"HTTP_AUTHORIZATION": "Bearer x"}):
        with pytest.raises(Unauthorized):
            gate.local(environ, "/metrics")


# Keys made elsewhere --------------------------------------------------------------------


def test_a_key_made_by_another_machine_works_at_once_but_a_flood_does_not_read_on(house: House, opened: Open) -> None:
    """The other machine shares the database but not this one's beacon file: only the re-reading can show its key."""
    far = Settings(data_dir=house.services.settings.data_dir / "elsewhere", secret_key="x", storage_encryption_keys=())
    far.data_dir.mkdir()
    there = type(house.services.configuration)(house.services.database, house.services.catalog, vault_of(house), far, Clock())
    there.current()
    gate = Callers(Settings(require_api_key="true"), there, house.clock)
    first = house.key("relay")
    assert gate.client(LOCAL | {"HTTP_X_API_KEY": first}, CHAT).kind == "key"
    second = house.key("relay")
    assert isinstance(refusal(gate, LOCAL | {"HTTP_X_API_KEY": second}), Unauthorized)
    house.clock.move(0.2)
    assert gate.client(LOCAL | {"HTTP_X_API_KEY": second}, CHAT).kind == "key"


def vault_of(house: House) -> Any:
    from omniroute.security.vault import Vault

    return Vault(house.services.settings.storage_encryption_keys)


# Anything at all ------------------------------------------------------------------------


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(max_codepoint=255), max_size=60), st.text(max_size=40), st.sampled_from([0, 1, 2]))
def test_no_header_and_no_query_crashes_it(house: House, header: str, query: str, place: int) -> None:
    name = ("HTTP_AUTHORIZATION", "HTTP_X_API_KEY", "HTTP_X_GOOG_API_KEY")[place]
    environ = LOCAL | {name: header, "QUERY_STRING": f"key={query}&{query}"}
    refused = refusal(callers(house), environ)
    assert refused is None or refused.status == 401
    assert all(credentials(environ))
