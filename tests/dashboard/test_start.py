"""The guided path: it lands at the first open step, keeps one on it, and never keeps a key."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from omniroute.dashboard.asking import HEADERS
from tests.dashboard.browsing import ORIGIN, Browser, Page
from tests.dashboard.conftest import BAD_KEY, KEY, Desk
from tests.dashboard.test_keys import shown_key
from tests.upstream.relay import Relay
from tests.upstream.script import TEXT

START = "/dashboard/start"
LINES = "application/x-ndjson"


@pytest.fixture
def here(open_desk: Callable[..., Desk], relay: Relay) -> Desk:
    """A gateway whose AgentRouter is the scripted relay."""
    return open_desk(provider_base_urls=(("agentrouter", relay.url),))


@pytest.fixture
def visitor(here: Desk) -> Browser:
    return here.admin()


@pytest.fixture
def answering(here: Desk) -> Desk:
    """With a provider that works."""
    here.services.probe.test(here.connection("agentrouter"))
    return here


def shown(page: Page) -> str:
    """The step that is shown."""
    return next((each.attrs["id"] for each in page.root.all("a") if each.attrs.get("aria-current") == "step"), "")


def test_the_path_lands_at_the_first_step_that_is_open(here: Desk, visitor: Browser) -> None:
    assert shown(visitor.open(START)) == "start-step-provider"
    here.services.probe.test(here.connection("agentrouter"))
    assert shown(visitor.open(START)) == "start-step-key"
    here.services.keys.create({"name": "laptop"}, here.by)
    assert shown(visitor.open(START)) == "start-step-message"
    here.log_row("by-dashboard", status=200, kind="ok", client=HEADERS["user-agent"])
    page = visitor.open(START)
    assert shown(page) == "start-step-client"
    assert "Waiting for your client" in page.text
    here.log_row("by-client", status=200, kind="ok", client="curl/8", requested_model="agentrouter/glm-5.1")
    page = visitor.open(START)
    assert "You are set up" in page.text
    assert page.follow("Go to Home").path == "/"


def test_any_step_can_be_skipped_and_done_again(answering: Desk, visitor: Browser) -> None:
    page = visitor.open(f"{START}?step=provider")
    assert "Add another provider" in page.text
    page = page.follow("Next")
    assert shown(page) == "start-step-key"
    page = page.follow("Skip")
    assert shown(page) == "start-step-message"
    page = page.follow("Skip")
    assert shown(page) == "start-step-client"
    assert "Put one of your keys in place of YOUR_KEY" in page.text
    assert page.follow("Leave for now").path == "/"


def test_what_is_done_is_said_beside_each_step(answering: Desk, visitor: Browser) -> None:
    answering.services.keys.create({"name": "laptop"}, answering.by)
    (nav,) = [each for each in visitor.open(START).root.all("nav") if each.attrs.get("id") == "start-steps"]
    told = [each.text for each in nav.all("a")]
    assert told[:2] == ["Add a provider AgentRouter", "Make a key laptop"]
    assert told[2].startswith("3 Send a test message")


def test_the_search_works_with_and_without_scripts(visitor: Browser) -> None:
    whole = visitor.open(f"{START}?step=provider&q=agentr")
    tiles = visitor.open(f"{START}?step=provider&q=agentr", **{"HX-Request": "true"})
    for found in (whole, tiles):
        assert [each.attrs["href"] for each in found.root.all("a") if "row-link" in each.attrs.get("class", "")] == [
            f"{START}/providers/agentrouter"
        ]
    assert "<html" not in tiles.html
    assert "Nothing fits" in visitor.open(f"{START}?step=provider&q=zzzz").text


def test_a_key_is_checked_before_it_is_saved(here: Desk, visitor: Browser) -> None:
    page = visitor.open(f"{START}/providers/agentrouter").fill({"API key": BAD_KEY})
    part = page.press("Check", **{"HX-Request": "true"})
    assert "Not valid" in part.text
    assert "<html" not in part.html
    page = page.press("Check")
    assert "Not valid" in page.text
    assert BAD_KEY not in page.html
    assert here.services.connections.list() == ()


def test_saving_a_working_key_leads_to_the_next_step(here: Desk, visitor: Browser) -> None:
    page = visitor.open(START).follow("AgentRouter").fill({"API key": KEY}).press("Save and go on")
    assert shown(page) == "start-step-key"
    assert "is connected" in page.toasts[0]
    assert KEY not in page.html
    (row,) = here.services.connections.list()
    assert row.test_status == "active"


def test_a_key_that_does_not_work_is_mended_on_the_spot(here: Desk, visitor: Browser) -> None:
    page = visitor.open(f"{START}/providers/agentrouter").fill({"API key": BAD_KEY}).press("Save and go on")
    assert page.path == f"{START}/providers/agentrouter"
    assert "key is refused" in page.text
    assert "doesn't work" in visitor.open(START).text
    again = visitor.open(START).follow("Mend AgentRouter").press("Check")
    assert "Not valid" in again.text
    page = page.fill({"API key": KEY}).press("Save and go on")
    assert shown(page) == "start-step-key"
    assert len(here.services.connections.list()) == 1


def test_a_missing_key_is_asked_for(visitor: Browser) -> None:
    page = visitor.open(f"{START}/providers/agentrouter").press("Save and go on")
    assert page.status == 400
    assert "Paste the key here." in page.text
    assert visitor.open(f"{START}/providers/nobody").status == 404


def test_a_relay_of_ones_own_comes_back_to_the_path(here: Desk, visitor: Browser, relay: Relay) -> None:
    page = visitor.open(START).follow("Add Claude Code Compatible")
    page = page.fill({"Name": "Team", "Prefix": "team", "Base URL": relay.url, "API key": KEY}).press("Check")
    assert "Valid" in page.text
    page = page.fill({"API key": KEY}).press("Add")
    assert shown(page) == "start-step-key"
    (row,) = here.services.connections.list()
    assert (row.provider_name, row.test_status) == ("Team", "active")
    assert len(here.services.models.for_provider(row.provider_id)) == 4


def test_a_relay_without_its_key_is_asked_for_it_next(here: Desk, visitor: Browser, relay: Relay) -> None:
    page = visitor.open(START).follow("Add Claude Code Compatible")
    page = page.fill({"Name": "Team", "Prefix": "team", "Base URL": relay.url}).press("Add")
    assert page.path.startswith(f"{START}/providers/anthropic-compatible-cc-")
    page = page.fill({"API key": KEY}).press("Save and go on")
    assert shown(page) == "start-step-key"
    node = here.services.nodes.list()[0].id
    assert len(here.services.models.for_provider(node)) == 4  # what it lists is kept: there is something to choose


def test_outside_the_path_the_form_of_a_node_is_as_it_was(here: Desk, visitor: Browser, relay: Relay) -> None:
    page = visitor.open("/dashboard/nodes/add/claude-code-compatible")
    page = page.fill({"Name": "Team", "Prefix": "team", "Base URL": relay.url, "Validate": KEY}).press("Add")
    assert page.path.startswith("/dashboard/providers/")
    assert here.services.connections.list() == ()


def with_key(visitor: Browser) -> Page:
    return visitor.open(f"{START}?step=key").press("Make the key")


def test_the_key_is_on_the_page_that_made_it_and_nowhere_else(answering: Desk, visitor: Browser) -> None:
    page = visitor.open(f"{START}?step=key")
    assert page.control("Name of the key").attrs["value"] == "My first key"
    page = page.press("Make the key")
    key = shown_key(page)
    (row,) = answering.services.keys.list()
    assert (row.name, row.scopes) == ("My first key", ("relay",))
    assert f"ANTHROPIC_AUTH_TOKEN={key}" in page.text
    assert "claude --model agentrouter/claude-opus-4-6" in page.text
    assert page.answer.headers["Cache-Control"] == "no-store"
    for path in (START, f"{START}?step=client", f"{START}?step=message", "/dashboard/keys"):
        assert key not in visitor.open(path).html
    assert visitor.open(f"{START}/key").path == START
    assert visitor.open(f"{START}?step=key").control("Name of the key").attrs["value"] == "Another key"


def test_a_key_needs_a_name(here: Desk, visitor: Browser) -> None:
    page = visitor.open(f"{START}?step=key").fill({"Name of the key": ""}).press("Make the key")
    assert page.status == 400
    assert "Say who or what uses it." in page.text
    assert here.services.keys.list() == ()


def test_the_message_is_answered_and_the_key_stays_in_the_lines(answering: Desk, visitor: Browser) -> None:
    page = with_key(visitor)
    key = shown_key(page)
    page = page.press("Send")
    assert page.status == 200
    assert TEXT in page.text
    assert "It works." in page.text
    assert shown_key(page) == key
    assert "Answered by agentrouter/claude-opus-4-6" in page.text
    facts = {each.attrs["data-fact"]: each.text for each in page.root.walk() if "data-fact" in each.attrs}
    assert facts["tokens"].endswith("out")
    assert facts["time"].endswith("s")


def test_without_a_key_the_message_goes_all_the_same(answering: Desk, visitor: Browser) -> None:
    page = visitor.open(f"{START}?step=message").fill({"Message": "hello"}).press("Send")
    assert TEXT in page.text
    assert "Connect your client" in page.text
    assert "sk-or-" not in page.html


def test_a_message_that_fails_says_what_to_do(answering: Desk, visitor: Browser, relay: Relay) -> None:
    relay.queue("quota")
    page = visitor.open(f"{START}?step=message").press("Send")
    assert "It works." not in [each.text for each in page.root.all("strong") if not hidden(each)]
    (note,) = [each for each in page.root.walk() if "data-failed" in each.attrs]
    assert not hidden(note)
    assert "credit" in note.text
    assert "Look at the provider" in note.text
    assert "See this request in the log" in page.links()


def hidden(element) -> bool:  # type: ignore[no-untyped-def]
    return element is not None and ("hidden" in element.attrs or hidden(element.parent))


def test_a_script_gets_the_answer_as_it_comes(answering: Desk, visitor: Browser) -> None:
    page = visitor.open(f"{START}?step=message").press("Send", Accept=LINES)
    told = [json.loads(line) for line in page.answer.get_data(as_text=True).splitlines()]
    assert page.answer.mimetype == LINES
    assert "".join(line.get("text", "") for line in told) == TEXT
    assert told[-1]["done"]["model"] == "agentrouter/claude-opus-4-6"
    assert told[-1]["log"].startswith("/dashboard/logs/")


def test_a_script_is_told_of_a_failure(answering: Desk, visitor: Browser, relay: Relay) -> None:
    relay.queue("quota")
    page = visitor.open(f"{START}?step=message").press("Send", Accept=LINES)
    told = [json.loads(line) for line in page.answer.get_data(as_text=True).splitlines()]
    failed = next(line["failed"] for line in told if "failed" in line)
    assert failed["message"]
    assert failed["remedy"]
    assert "done" in told[-1]


@pytest.mark.parametrize("accepted", ["text/html", LINES])
def test_a_key_that_was_switched_off_meanwhile_is_told(answering: Desk, visitor: Browser, accepted: str) -> None:
    page = with_key(visitor)
    (row,) = answering.services.keys.list()
    answering.services.keys.update(row.id, {"is_active": False}, answering.by)
    values = {"csrf_token": csrf(page), "key": shown_key(page), "model": "agentrouter/glm-5.1", "prompt": "hello"}
    answer = visitor.client.post(f"{START}/message", data=values, headers={**ORIGIN, "Accept": accepted})
    assert answer.mimetype == accepted
    assert "The API key is switched off." in answer.get_data(as_text=True)


@pytest.mark.parametrize("accepted", ["text/html", LINES])
def test_a_key_that_was_deleted_meanwhile_does_not_ask(answering: Desk, visitor: Browser, relay: Relay, accepted: str) -> None:
    page = with_key(visitor)
    (row,) = answering.services.keys.list()
    answering.services.keys.delete(row.id, answering.by)
    before = len(relay.requests())
    values = {"csrf_token": csrf(page), "key": shown_key(page), "model": "agentrouter/glm-5.1", "prompt": "hello"}
    answer = visitor.client.post(f"{START}/message", data=values, headers={**ORIGIN, "Accept": accepted})
    told = answer.get_data(as_text=True)
    assert answer.mimetype == accepted and "This key has been deleted." in told and "ake another one" in told
    assert len(relay.requests()) == before and shown_key(page) not in told


def test_a_model_that_is_not_listed_can_be_typed(answering: Desk, visitor: Browser, relay: Relay) -> None:
    answering.services.connections.update(answering.services.connections.list()[0].id, {"is_active": False}, answering.by)
    answering.connection(answering.node(relay))
    page = visitor.open(f"{START}?step=message").fill({"Model": "team/glm-5.1"}).press("Send")
    assert TEXT in page.text
    assert "Answered by team/glm-5.1" in page.text


def test_an_empty_message_is_not_sent(answering: Desk, visitor: Browser) -> None:
    page = visitor.open(f"{START}?step=message").fill({"Message": ""}).press("Send")
    assert page.status == 400
    assert "Write something." in page.text


def test_before_any_provider_the_message_says_what_comes_first(visitor: Browser) -> None:
    page = visitor.open(f"{START}?step=message")
    assert "Nobody could answer yet" in page.text
    assert visitor.open(f"{START}/message").path == START


def test_the_lines_follow_the_model_and_keep_the_key(answering: Desk, visitor: Browser) -> None:
    page = with_key(visitor)
    key = shown_key(page)
    values = {"csrf_token": csrf(page), "key": key, "model": "agentrouter/glm-5.1"}
    part = visitor.send(f"{START}/lines", values, **{"HX-Request": "true"})
    assert "<html" not in part.html
    assert "claude --model agentrouter/glm-5.1" in part.text
    assert f"ANTHROPIC_AUTH_TOKEN={key}" in part.text
    whole = visitor.send(f"{START}/lines", values)
    assert shown_key(whole) == key


@pytest.mark.parametrize("sent", ["sk-or-not-one-of-ours", "<script>alert(1)</script>", ""])
def test_only_a_key_of_this_gateway_is_ever_put_back_on_the_page(answering: Desk, visitor: Browser, sent: str) -> None:
    values = {"csrf_token": csrf(visitor.open(START)), "key": sent, "model": "agentrouter/glm-5.1"}
    page = visitor.send(f"{START}/lines", values)
    assert "Your new key" not in page.text
    assert "YOUR_KEY" in page.text
    assert not sent or sent not in page.html


def csrf(page: Page) -> str:
    return next(each.attrs["value"] for each in page.root.all("input") if each.attrs.get("name") == "csrf_token")


def test_the_dashboards_own_requests_are_no_clients(answering: Desk, visitor: Browser) -> None:
    answering.services.keys.create({"name": "quiet", "no_log": True}, answering.by)
    page = visitor.open("/dashboard/playground?model=agentrouter/glm-5.1")
    page.fill({"You (message 1 )": "hi", "As client key": "quiet"}).press("Send")
    answering.services.ledger.drain()
    assert "Waiting for your client" in visitor.open(f"{START}?step=client").text
    answering.log_row("theirs", status=200, kind="ok", client="curl/8", at=1.0)
    for number in range(25):
        answering.log_row(f"own-{number}", status=200, kind="ok", client=HEADERS["user-agent"])
    assert "You are set up" in visitor.open(START).text


def test_the_list_of_steps_renews_itself_only_when_something_changed(answering: Desk, visitor: Browser) -> None:
    (nav,) = [each for each in visitor.open(START).root.all("nav") if each.attrs.get("id") == "start-steps"]
    address = nav.attrs["hx-get"]
    assert visitor.client.get(address).status_code == 204
    answering.services.keys.create({"name": "laptop"}, answering.by)
    part = visitor.open(address)
    assert part.status == 200
    assert "laptop" in part.text


def test_a_clients_first_request_is_told(answering: Desk, visitor: Browser) -> None:
    asked = {"HX-Request": "true"}
    assert visitor.client.get(f"{START}/heard", headers=asked).status_code == 204
    answering.log_row("own", status=200, kind="ok", client=HEADERS["user-agent"])
    assert visitor.client.get(f"{START}/heard", headers=asked).status_code == 204
    answering.log_row("theirs", status=200, kind="ok", client="curl/8", requested_model="agentrouter/glm-5.1")
    part = visitor.open(f"{START}/heard", **asked)
    assert "A client of yours was answered by agentrouter/glm-5.1" in part.text
    assert part.answer.headers["HX-Trigger"] == "heard"
    assert visitor.open(f"{START}/heard").path == START
