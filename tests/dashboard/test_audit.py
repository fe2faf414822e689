"""The Audit page: what was done, by whom, from what to what; filters, chips, pages, exports."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from omniroute.models.audit import AuditRow
from omniroute.routing.health import ResilienceSettings
from omniroute.security.audit import SCAN, SYSTEM, Actor, AuditFilters, record
from tests.dashboard.browsing import Browser, Element, Page
from tests.dashboard.conftest import Desk
from tests.upstream.relay import Relay

LAPTOP = Actor("key", "Laptop", "192.0.2.7")


def entries(page: Page) -> list[Element]:
    return [each for each in page.root.all("li") if each.attrs.get("class") == "audit-entry"]


def told(page: Page) -> list[str]:
    """What each entry says in words."""
    return [each.text for entry in entries(page) for each in entry.all("p") if each.attrs.get("class") == "audit-words"]


def table(entry: Element) -> list[tuple[str, str]]:
    """(field, change) of each line."""
    rows = [row for body in entry.all("tbody") for row in body.all("tr")]
    return [(row.all("th")[0].text, row.all("td")[0].text) for row in rows]


def write(desk: Desk, action: str, subject: str, by: Actor = LAPTOP, **given: object) -> None:
    now = desk.services.clock.now()
    desk.services.database.write(lambda session: record(session, now, by, action, subject, **given))  # type: ignore[arg-type]


def test_what_was_done_in_words(desk: Desk, relay: Relay) -> None:
    services, admin = desk.services, desk.admin()
    node = desk.node(relay)
    row = desk.connection(node, name="first")
    services.connections.update(row, {"is_active": False}, LAPTOP)
    services.connections.update(row, {"priority": 3, "api_key": "sk-good-another-0123456789", "max_concurrent": 2}, LAPTOP)
    services.models.add(node, ["one"], "custom", LAPTOP)
    services.models.add(node, ["two", "three"], "custom", LAPTOP)
    services.models.hide(node, "two", LAPTOP)
    key, _ = services.keys.create({"name": "CI"}, desk.by)
    services.budgets.put({"api_key_id": key.id, "period": "month", "limit_usd": "2.50"}, desk.by)
    services.prices.put(node, "vendor/big", {"input": "1.5"}, desk.by)
    services.resilience.reset({"connection_id": row}, desk.by)
    services.resilience.reset({}, desk.by)
    services.connections.mark(row, "error", "It said no.", SYSTEM)
    page = admin.open("/dashboard/audit?show=all")
    assert told(page) == [
        "Marked the connection ‘ first ’ of Team as failing",
        "Forgot what was held against anybody",
        "Forgot what was held against first",
        "Set the price of ‘ vendor/big ’ at Team",
        "Set a budget for the key ‘ CI ’, for each month",
        "Made the key ‘ CI ’",
        "Hid the model ‘ two ’ of Team from clients",
        "Added 2 models to Team",
        "Added the model one to Team",
        "Changed the connection ‘ first ’ of Team",
        "Switched the connection ‘ first ’ of Team off",
        "Added the connection ‘ first ’ of Team",
        "Added the provider ‘ Team ’",
        "Set up the gateway with its first password",
    ]
    assert table(entries(page)[0]) == [("State", "from untested to error"), ("Reason", "from none to It said no.")]
    assert table(entries(page)[4]) == [("Limit in USD", "$2.5"), ("Warning at", "80 %"), ("Timezone", "UTC")]
    assert table(entries(page)[9]) == [
        ("Key ends in", "from abcd to 6789"),
        ("Priority", "from 0 to 3"),
        ("Requests at once", "from none to 2"),
    ]
    assert entries(page)[9].text.count("Key Laptop") == 1 and "192.0.2.7" in entries(page)[9].text


def test_lists_and_long_values(desk: Desk, relay: Relay) -> None:
    combos, node = desk.services.combos, desk.node(relay)
    connection = desk.connection(node, name="first")
    made = combos.create({"name": "c", "steps": ["team/a", "team/b"]}, desk.by)
    steps = [
        "team/b",
        {"model": "team/a", "weight": 4, "label": "x", "connection_id": connection, "tags": ["eu"], "enabled": False},
    ]
    combos.update(made.id, {"steps": steps, "tags": ["t" * 40, "u"]}, desk.by)
    combos.update(made.id, {"steps": [steps[1], "team/b"]}, desk.by)
    write(desk, "key.update", "key:x", before={"name": "a"}, after={"name": "n" * 300})
    page = desk.admin().open("/dashboard/audit")
    long, order, change = entries(page)[1:4]
    assert [each.text for each in long.all("summary")] == ["n" * 120 + "… show all"]
    assert [each.text for each in long.all("div") if each.parent and each.parent.tag == "details"] == ["n" * 300]
    stepped = "team/a, through first, weight 4, x, tags eu, off"
    assert dict(table(change))["Steps"] == f"taken out team/a added {stepped}"
    assert dict(table(change))["Tags"] == f"added {'t' * 40} added u"
    assert table(order) == [("Steps", f"from team/b, {stepped} to {stepped}, team/b")]


def test_what_is_gone_keeps_its_name(desk: Desk, relay: Relay) -> None:
    services, node = desk.services, desk.node(relay)
    row = desk.connection(node, name="first")
    services.connections.update(row, {"is_active": False}, desk.by)
    services.nodes.delete(node, desk.by)
    page = desk.admin().open("/dashboard/audit")
    assert told(page)[:4] == [
        "Set up the gateway with its first password",
        "Deleted the provider ‘ Team ’ with its connections and models",
        "Switched the connection ‘ first ’ of Team off",
        "Added the connection ‘ first ’ of Team",
    ]


def test_what_the_gateway_did_by_itself_is_hidden_until_asked_for(desk: Desk, admin: Browser) -> None:
    row = desk.connection("agentrouter", name="first")
    desk.services.connections.mark(row, "error", "No.", SYSTEM)
    page = admin.open("/dashboard/audit")
    assert not [text for text in told(page) if text.startswith("Marked")]
    page = page.follow("By the gateway itself, too")
    assert told(page)[0] == "Marked the connection ‘ first ’ of AgentRouter as failing"
    assert told(page.fill({"Who": "The gateway itself"}).press("Filter"))[1:] == []
    assert told(admin.open("/dashboard/audit?actor=system"))[1:] == []


@pytest.mark.parametrize(
    ("field", "value", "chip", "found"),
    [
        ("Kind of thing", "Keys", "Kind Keys", ["Changed the key ‘ CI ’", "Made the key ‘ CI ’"]),
        ("Who", "Key Laptop", "By the key Laptop", ["Changed the key ‘ CI ’"]),
        ("What was done", "Made the key ‘…’", "Action Made the key ‘…’", ["Made the key ‘ CI ’"]),
        ("Text", "ci", "Text ci", ["Changed the key ‘ CI ’", "Made the key ‘ CI ’"]),
    ],
)
def test_filters(desk: Desk, admin: Browser, field: str, value: str, chip: str, found: list[str]) -> None:
    key, _ = desk.services.keys.create({"name": "CI"}, desk.by)
    desk.services.keys.update(key.id, {"expires_at": 4_000_000_000.0, "no_log": True}, LAPTOP)
    desk.services.keys.create({"name": "Laptop", "scopes": ["manage"]}, desk.by)
    desk.services.aliases.put("fast", "openai/x", 0, desk.by)
    page = admin.open("/dashboard/audit").fill({field: value}).press("Filter")
    chips = [each.text for box in page.root.all("ul") if box.attrs.get("aria-label") == "Filters" for each in box.all("li")]
    assert chips == [chip]
    assert [text for text in told(page) if "Laptop" not in text] == found
    assert len(told(page.follow(f"Take out {chip.replace(' ', ': ', 1)}"))) > len(found)


def test_a_time_and_what_means_nothing(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/audit?since=2030-01-01T00:00")
    assert "No change fits these filters" in page.text and "From 2030" not in page.text
    assert "from 2030-01-01T00:00" in page.text
    page = admin.open("/dashboard/audit?kind=nonsense&actor=nobody&since=x&range=1h&show=few&before=y&action=thing.other")
    assert "There is no kind of thing that is called nonsense." in page.text
    assert "Nobody who changes things is called nobody." in page.text
    assert [each.label for each in page.root.all("a") if each.label.startswith("Take out")] == [
        "Take out Action: thing.other",
        "Take out Time: Last hour",
    ]


def test_the_history_of_one_thing(desk: Desk, relay: Relay, admin: Browser) -> None:
    services, node = desk.services, desk.node(relay)
    row = desk.connection(node, name="first")
    combo = services.combos.create({"name": "one", "steps": ["team/a"]}, desk.by)
    key, _ = services.keys.create({"name": "CI"}, desk.by)
    for path, words in (
        (f"/dashboard/connections/{row}/edit", "Added the connection ‘ first ’ of Team"),
        (f"/dashboard/combos/{combo.id}", "Added the combo ‘ one ’"),
        (f"/dashboard/keys/{key.id}/edit", "Made the key ‘ CI ’"),
        (f"/dashboard/nodes/{node}/edit", "Added the provider ‘ Team ’"),
        (f"/dashboard/providers/{node}", "Added the provider ‘ Team ’"),
    ):
        page = admin.open(path).follow("History")
        assert told(page) == [words], path
        assert "About" in page.text
    page = admin.open("/dashboard/audit").follow("History of first")
    assert told(page) == ["Added the connection ‘ first ’ of Team"]
    assert "History of first" not in page.links()


def test_pages(desk: Desk, admin: Browser) -> None:
    for number in range(60):
        write(desk, "alias.put", f"alias:a{number}", after={"model": "x/y"})
    page = admin.open("/dashboard/audit?kind=alias")
    assert len(entries(page)) == 50
    older = page.follow("Older")
    assert len(entries(older)) == 10 and "Older" not in older.links()
    seen = {each.attrs["id"] for each in (*entries(page), *entries(older))}
    assert len(seen) == 60
    assert [each.attrs["id"] for each in entries(older.follow("Newest"))] == [each.attrs["id"] for each in entries(page)]


def test_the_exports_hold_what_the_page_is_asked_for(desk: Desk, admin: Browser) -> None:
    desk.services.keys.create({"name": "=cmd()"}, desk.by)
    row = desk.connection("agentrouter")
    desk.services.connections.mark(row, "error", "No.", SYSTEM)
    page = admin.open("/dashboard/audit?kind=connection")
    lines = [json.loads(line) for line in admin.client.get(page.links()["JSONL of these changes"]).text.splitlines()]
    assert [(line["action"], line["after"]["provider"]) for line in lines] == [("connection.create", "agentrouter")]
    assert urlsplit(page.links()["CSV of these changes"]).query == "kind=connection&hideSystem=true"
    text = admin.client.get(page.links()["CSV of these changes"]).text.splitlines()
    assert text[0] == "id,at,actorKind,actorName,address,action,subject,before,after"
    assert len(text) == 2 and ",connection.create," in text[1]


def test_a_change_that_is_not_to_be_seen_says_so(desk: Desk, admin: Browser) -> None:
    row = desk.connection("agentrouter")
    desk.services.connections.update(row, {"is_active": True}, desk.by)
    page = admin.open("/dashboard/audit")
    assert "Saved; nothing changed that may be shown here." in entries(page)[0].text


def test_breakers_are_told_by_their_labels(desk: Desk, admin: Browser) -> None:
    desk.services.resilience.change_settings({"breaker_failures": 9}, desk.by)
    page = admin.open("/dashboard/audit")
    was = ResilienceSettings().breaker_failures
    assert table(entries(page)[0]) == [("Failures that open a breaker", f"from {was} to 9")]
    assert len(desk.services.audit.page(AuditFilters(kind="health")).rows) == 1


def test_a_text_that_is_not_among_the_newest_is_looked_for_on(desk: Desk, admin: Browser) -> None:
    write(desk, "key.update", "key:x", after={"name": "Rare"})
    at = desk.services.clock.now()
    same = {"actor_kind": "cli", "actor_name": "x", "action": "thing.done", "subject": "thing:1"}
    many = [{"id": str(number), "at": at + number / 1000, **same} for number in range(SCAN)]
    desk.services.database.write(lambda session: session.execute(sa.insert(AuditRow), many) and None)
    page = admin.open("/dashboard/audit?text=rare")
    assert told(page) == [] and "looks at 20,000 changes at a time" in page.text
    assert told(page.follow("Older")) == ["Changed the key ‘ Rare ’"]
    assert page.follow("Older").text.count("Nothing is older") == 0
