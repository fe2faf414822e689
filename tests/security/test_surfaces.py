"""Every route's answer, good or bad: its headers are those of its surface, and it tells nothing of what is inside."""

from __future__ import annotations

import re
from collections.abc import Iterator

import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse, create_environ
from werkzeug.wrappers import Response

from bench.gateway import PASSWORD
from omniroute.edge.headers import CONTENT_SECURITY_POLICY
from omniroute.edge.hosts import Hosts
from omniroute.edge.tiers import Tier, tier_of
from omniroute.errors import BadRequest
from omniroute.settings import Settings
from tests.edge.conftest import ORIGIN, House, house, opened
from tests.edge.test_tiers import UNSAFE, asked
from tests.security.test_route_ids import TELLTALES

__all__ = ["house", "opened"]

# Every answer has these, each once; what only a browser reads stands in PAGE.
ALL = {"X-Content-Type-Options": "nosniff"}
PAGE = ALL | {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
    "X-Frame-Options": "DENY",
}
PROGRAMS = (Tier.CLIENT, Tier.MANAGE, Tier.LOOPBACK)
# Header names that an answer may have beside them: who adds one writes it here.
KNOWN = {
    "allow",
    "cache-control",
    "content-disposition",
    "content-length",
    "content-type",
    "date",
    "etag",
    "hx-redirect",
    "last-modified",
    "location",
    "request-id",
    "retry-after",
    "service-worker-allowed",
    "set-cookie",
    "vary",
    "www-authenticate",
    "x-accel-buffering",
    "x-request-id",
    "x-should-retry",
}


UNCHANGING = ("/manifest.webmanifest", "/offline", "/service-worker.js")  # the same for everybody, and kept by browsers


def every(house: House) -> Iterator[tuple[Tier, str, str]]:
    for rule in house.app.url_map.iter_rules():
        tier = tier_of(rule.rule, rule.methods)
        assert tier is not None
        if not rule.websocket:
            yield from ((tier, method, path) for method, path in asked(rule))
            yield tier, "OPTIONS", next(asked(rule))[1]


def answers(house: House) -> Iterator[tuple[Tier, str, str, TestResponse]]:
    """Each route asked by nobody, by the admin without a token, and with a key: refusals, pages and documents."""
    relay, manage = house.key("relay"), house.key("manage")
    for tier, method, path in every(house):
        browser = house.browser()
        for client, headers in (
            (house.client, {}),
            (browser, ORIGIN if method not in UNSAFE else {}),
            (house.client, {"Authorization": f"Bearer {manage if tier is Tier.MANAGE else relay}"}),
        ):
            body = {"json": {}} if method in UNSAFE else {}
            yield tier, method, path, client.open(path, method=method, headers=headers, **body)


def test_every_answer_has_the_headers_of_its_surface(house: House) -> None:
    wrong = []
    for tier, method, path, answer in answers(house):
        for name, value in (ALL if tier in PROGRAMS else PAGE).items():
            if answer.headers.getlist(name) != [value]:
                wrong.append((method, path, answer.status_code, name, answer.headers.getlist(name)))
        if strange := {name.lower() for name, _ in answer.headers} - KNOWN - {name.lower() for name in PAGE}:
            wrong.append((method, path, answer.status_code, "strange", sorted(strange)))
        if not path.startswith(("/static/", *UNCHANGING)) and "no-store" not in answer.headers.get(
            "Cache-Control", "no-store, must be said"
        ):
            wrong.append((method, path, answer.status_code, "Cache-Control", answer.headers.getlist("Cache-Control")))
        for cookie in answer.headers.getlist("Set-Cookie"):
            dropped = path == "/api/auth/logout" and cookie.startswith("omniroute_session=;")
            if (tier in PROGRAMS and not dropped) or not {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; ")):
                wrong.append((method, path, answer.status_code, "Set-Cookie", cookie.partition("=")[0]))
    assert wrong == [], "\n".join(map(str, wrong))


def test_over_https_cookies_are_bound_to_the_host_and_the_line(house: House) -> None:
    house.browser()
    client = house.app.test_client()
    page = client.get("/login", base_url="https://localhost")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert token is not None
    given = {"password": PASSWORD, "csrf_token": token[1]}
    answer = client.post("/login", base_url="https://localhost", data=given, headers={"Origin": "https://localhost"})
    cookies = page.headers.getlist("Set-Cookie") + answer.headers.getlist("Set-Cookie")
    assert {each.partition("=")[0] for each in cookies} == {"__Host-omniroute", "__Host-omniroute-form"}
    for cookie in cookies:
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; ")) and "Domain=" not in cookie
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


# When it goes wrong inside ------------------------------------------------------------------------------


def test_what_breaks_inside_is_told_to_nobody(house: House) -> None:
    """The tables are gone: whatever a view or the gate raises then, an answer says only that, and by which id to find it."""
    relay, manage = house.key("relay"), house.key("manage")
    browser = house.browser()
    house.services.configuration.refresh()
    with house.services.database.unit_of_work() as session:
        names = sa.inspect(session.connection()).get_table_names()
    kept = {"sessions", "session_rows", "alembic_version"}
    house.services.database.write(
        lambda session: [session.execute(sa.text(f"DROP TABLE {name}")) for name in names if name not in kept] and None
    )
    broken = 0
    for tier, method, path in every(house):
        key = {"Authorization": f"Bearer {manage if tier is Tier.MANAGE else relay}"}
        for client, headers in ((browser, ORIGIN), (house.client, key)):
            body = {"json": {}} if method in UNSAFE else {}
            answer = client.open(path, method=method, headers=headers, **body)
            broken += answer.status_code >= 500
            found = TELLTALES.search(answer.text) if answer.status_code >= 400 else None
            assert found is None, (method, path, answer.status_code, found)
            if answer.status_code >= 400:  # the page About tells the admin where things lie
                assert str(house.services.settings.data_dir) not in answer.text, path
            if tier not in (Tier.MANAGE, Tier.PAGE):  # who manages the gateway reads what is wrong with its database
                assert "no such table" not in answer.text, (method, path)
            if answer.status_code == 500:
                assert answer.headers["X-Request-Id"] in answer.text, (method, path)
    assert broken > 20


# The Host header ----------------------------------------------------------------------------------------

NAMES = st.sampled_from(
    ["localhost", "127.0.0.1", "[::1]", "gateway.example.com", "example.com", "evil.example", "lan", "nas.lan"]
)
GLUE = st.sampled_from(
    ["", ".", ":", "@", "/", "\\", ",", " ", "\t", "\r\n", "\0", "%00", "#", "?", ":80", ":0", ":99999", "-", "_"]
)
HOST_TEXTS = st.one_of(
    st.text(max_size=60), st.builds("".join, st.lists(st.one_of(NAMES, GLUE, st.characters(max_codepoint=255)), max_size=5))
)


def ours(text: str, names: set[str], below: str) -> bool:
    """Said in another way than the program has it: the text is one of these names, perhaps with a port of digits."""
    name, colon, port = text.rpartition(":") if not text.endswith("]") and ":" in text else (text, "", "")
    if colon and not (port.isascii() and port.isdigit() and len(port) <= 5):
        return False
    name = "".join(chr(ord(each) + 32) if "A" <= each <= "Z" else each for each in name)
    label = re.fullmatch(r"[a-z0-9_.-]*", name.removesuffix(below)) is not None
    return name in names or (below != "" and (name == below[1:] or (name.endswith(below) and label and len(name) <= 253)))


@given(HOST_TEXTS)
@settings(max_examples=600, deadline=None)
def test_no_text_passes_for_a_name_that_it_is_not(text: str) -> None:
    loopback = Hosts(Settings())
    named = Hosts(Settings(host="0.0.0.0", trusted_hosts=("gateway.example.com", ".lan")))
    for hosts, names, below in (
        (loopback, {"localhost", "127.0.0.1", "[::1]"}, ""),
        (named, {"gateway.example.com"}, ".lan"),
    ):
        try:
            hosts.check(text, "/v1/models")
        except BadRequest:
            assert not ours(text, names, below)
        else:
            assert ours(text, names, below)


@given(st.text(alphabet=st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=80))
@example(".")
@example("a..b")
@example("xn--a")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_host_says_no_answer_repeats_it_as_an_address(house: House, text: str) -> None:
    """No redirect, link or cookie is made from it, and a Host that isn't ours is a 400 on every kind of route."""
    for path in ("/", "/login", "/api/keys", "/v1/models", "/nothing"):
        environ = create_environ(path) | {"HTTP_HOST": text}  # not by a test client: it reads the name itself, and stumbles
        answer = Response.from_app(house.app, environ)
        if not ours(text, {"localhost", "127.0.0.1", "[::1]"}, ""):
            assert answer.status_code == 400, (text, path)
        assert not (answer.location or "/").startswith(("http", "//"))
        assert "Domain=" not in str(answer.headers)
