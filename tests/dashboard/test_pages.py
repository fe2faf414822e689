"""What holds for every page: nothing inline, everything labelled, names stay text, no change without the form's token."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import pytest

from omniroute.dashboard.unseen import shown as seen
from omniroute.errors import UpstreamStatus
from tests.dashboard.browsing import ORIGIN, Browser, Element, Page, Reader
from tests.dashboard.conftest import PASSWORD, Desk
from tests.dashboard.hostile import HOSTILE, LINK, LONG, NAME, SCRIPT, TURNED, WORKED_OUT, pages, parts, settle
from tests.dashboard.test_backup import file_of, sent
from tests.dashboard.trouble import failed
from tests.upstream.relay import Relay, error

__all__ = ["HOSTILE", "assert_clean"]

EMPTY = [
    "/",
    "/login",
    *(f"/dashboard/{name}" for name in ("providers", "providers/add", "combos", "keys", "limits", "logs", "audit")),
]
EMPTY += [*(f"/dashboard/{name}" for name in ("usage", "usage?range=custom", "playground", "search", "start", "settings"))]
HTML = "text/html; charset=utf-8"


@pytest.fixture
def full(desk: Desk, relay: Relay) -> tuple[Desk, dict[str, str]]:
    """A gateway whose every name is hostile, and its ids."""
    ids = settle(desk.services, desk.by, relay.url)
    said = f'{{"error": {{"message": "{SCRIPT} {TURNED}"}}}}'.encode()
    failed(desk, ids["connection_id"], SCRIPT, UpstreamStatus(429, {"retry-after": "600"}, said))
    return desk, ids


def test_names_stay_text_and_nothing_is_inline(full: tuple[Desk, dict[str, str]]) -> None:
    desk, ids = full
    admin = desk.admin()
    desk.services.accounts.login(PASSWORD, "127.0.0.1", f"{LONG} Firefox")  # another session
    for path in pages(ids):
        page = admin.open(path)
        assert_clean(page)
        assert_turned_nowhere(page)
        assert WORKED_OUT not in page.html, f"{path}: a template worked it out"
    assert_clean(admin.open("/dashboard/keys").follow(f"Rotate {seen(NAME)}").press("Replace key"))


def test_parts_and_downloads_are_not_taken_for_pages(full: tuple[Desk, dict[str, str]]) -> None:
    """A piece of a page is as clean; what is none says what it is, and no browser guesses otherwise."""
    desk, ids = full
    client = desk.admin().client
    for path in parts(ids):
        answer = client.get(path, headers={"HX-Request": "true"}, buffered=False)
        assert answer.status_code < 500, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        if answer.content_type == HTML:
            piece = Reader(answer.get_data(as_text=True)).root
            for each in piece.walk():
                assert_harmless(each, path)
            assert "\u202e" not in answer.get_data(as_text=True), path
        answer.close()


def test_what_upstreams_say_stays_text(full: tuple[Desk, dict[str, str]], relay: Relay) -> None:
    """The verdict of a Test, the models of a discovery, and the toasts of both."""
    desk, ids = full
    admin, path = desk.admin(), f"/dashboard/providers/{ids['node_id']}"
    relay.always(error(401, "new_api_error", f"{LONG} {TURNED}"))
    for page in (
        admin.open(path).press(f"Test {seen(NAME)}"),
        admin.open(path).press(f"Disable {seen(NAME)}"),
        admin.open(path).press("Discover"),
        admin.open("/dashboard/health"),
    ):
        assert_clean(page)
        assert_turned_nowhere(page)


def test_what_is_sent_comes_back_as_text(full: tuple[Desk, dict[str, str]]) -> None:
    """Previews and refusals of what was typed in, pasted and uploaded; and a message that nobody answers."""
    desk, ids = full
    admin, node = desk.admin(), ids["node_id"]
    whole = file_of(admin)
    desk.services.combos.delete(ids["combo_id"], desk.by)
    desk.services.connections.delete(ids["connection_id"], desk.by)
    desk.services.keys.create({"name": f"{TURNED} {SCRIPT}"}, desk.by)  # goes with the restore
    wrong = json.dumps({"combos": [{"name": LONG, "steps": [{"model": LONG, LONG: 1}]}], LONG: LONG})
    for page in (
        sent(admin, whole),
        sent(admin, wrong.encode()),
        sent(admin, whole.replace(b'"strategy":"priority"', f'"strategy":"{SCRIPT}"'.encode())),
        admin.open("/dashboard/combos/import").fill({"JSON": wrong}).press("Import"),
        admin.open(f"/dashboard/providers/{node}/bulk").fill({"API keys": f"{NAME}, sk-1\n{SCRIPT}\n{LONG}"}).press("Preview"),
        admin.open("/dashboard/aliases").fill({"Clients ask for": LONG, "And get": LINK}).press("Save alias"),
        admin.open("/dashboard/keys/add").fill({"Name": LONG + LONG}).press("Create key"),
        admin.open(f"/dashboard/nodes/{node}/edit").fill({"Base URL": LINK, "Chat path": SCRIPT}).press("Save"),
        admin.open(f"/dashboard/playground?model={quote(f'team/{SCRIPT}')}").fill({"You (message 1 )": LONG}).press("Send"),
    ):
        assert_clean(page)
        assert_turned_nowhere(page)


def test_a_gateway_without_anything_is_clean_too(admin: Browser) -> None:
    for path in EMPTY:
        assert_clean(admin.open(path))


def assert_clean(page: Page) -> None:
    """The strict content policy has nothing to refuse, and a screen reader finds its way."""
    assert page.status < 500, page.path
    for each in page.root.walk():
        assert_harmless(each, page.path)
        where = f"{page.path}: <{each.tag} {each.attrs}>"
        if each.tag in ("input", "select", "textarea") and each.attrs.get("type") != "hidden":
            assert named(page, each), f"no label: {where}"
        if each.tag == "button" or (each.tag == "a" and "href" in each.attrs):
            assert each.label, f"no name: {where}"
        if each.tag == "form" and each.attrs.get("method") == "post":
            assert [one for one in each.all("input") if one.attrs.get("name") == "csrf_token"], f"no token: {where}"
    ids = [each.attrs["id"] for each in page.root.walk() if "id" in each.attrs]
    assert len(ids) == len(set(ids)), f"{page.path}: an id twice"
    assert len(page.root.all("main")) == 1
    assert len(page.root.all("h1")) <= 1


def assert_harmless(each: Element, path: str) -> None:
    """No element or attribute that runs something, styles, or leads to where nobody should be led."""
    where, attrs = f"{path}: <{each.tag} {each.attrs}>", each.attrs
    assert each.tag not in ("style", "iframe", "object", "embed", "base", "math"), where
    assert each.tag != "img" or attrs.get("src", "").startswith("/static/"), where
    assert each.tag != "script" or (attrs["src"].startswith("/static/") and not each.text), where
    assert each.tag != "meta" or "http-equiv" not in attrs, where
    assert not [name for name in attrs if name.startswith(("on", "hx-on")) or name in ("style", "srcdoc", "hx-vars", "hx-ext")], (
        where
    )
    assert not attrs.get("hx-vals", "").strip().startswith(("js:", "javascript:")), where
    for name in ("href", "src", "action", "formaction", "hx-get", "hx-post", "xlink:href"):
        address = re.sub(r"[\x00-\x20]", "", attrs.get(name, ""))  # as browsers read it
        assert not re.match(r"(javascript|data|vbscript):", address, re.IGNORECASE), where
        if not attrs.get("rel"):  # a link off the machine says so
            assert not re.match(r"([a-z]+:)?//", address, re.IGNORECASE) or each.tag == "a", where


def assert_turned_nowhere(page: Page) -> None:
    """No text or attribute, save what forms are filled in with, turns round what follows it."""
    for each in page.root.walk():
        attrs = [text for name, text in each.attrs.items() if each.tag not in ("input", "option") or name != "value"]
        texts = [child for child in each.children if isinstance(child, str) and each.tag != "textarea"]
        assert "\u202e" not in "".join([*attrs, *texts]), f"{page.path}: <{each.tag} {each.attrs}>"


def named(page: Page, control: object) -> bool:
    attrs = control.attrs  # type: ignore[attr-defined]
    wrapped = control.within("label")  # type: ignore[attr-defined]
    return bool(
        attrs.get("aria-label") or wrapped or [one for one in page.root.all("label") if one.attrs.get("for") == attrs.get("id")]
    )


def test_no_page_changes_anything_without_its_token(full: tuple[Desk, dict[str, str]]) -> None:
    desk, ids = full
    client, services = desk.admin().client, desk.services

    def configuration() -> tuple[object, ...]:
        return (
            services.nodes.list(),
            services.connections.list(),
            services.keys.list(),
            services.budgets.list(),
            services.combos.list(),
            services.aliases.list(),
            services.prices.list(),
            services.preferences.all(),
            services.resilience.settings(),
        )

    before = configuration()
    posts = [
        rule
        for rule in desk.app.url_map.iter_rules()
        if rule.endpoint.startswith("dashboard.") and "POST" in (rule.methods or ())
    ]
    assert len(posts) >= 40
    for rule in posts:
        path = re.sub(r"<(?:any\((\w+)[^)]*\):)?(\w+)>", lambda found: found[1] or ids.get(found[2], "another"), rule.rule)
        answer = client.post(path, data={"name": "changed", "is_active": "false"}, headers=ORIGIN)
        assert answer.status_code in (400, 403) or rule.rule == "/setup", rule.rule
    assert configuration() == before
