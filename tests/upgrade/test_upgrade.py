"""From each revision, with rows, to today's: nothing is lost, the tables are those of a new installation, and it is served."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from omniroute.models.schema import HEAD, REVISIONS
from omniroute.models.tables import METADATA
from tests.gateway import Gateway, running_gateway
from tests.relay.limits.houses import House
from tests.upgrade.olden import CLIENT_KEY, SESSION, Olden, Rows, structure
from tests.upstream.client import Upstream
from tests.upstream.raw import Answer, Client

DROPPED = {"counters", "reservations", "alembic_version"}  # of the old ones; nothing used the first two before 0005


def test_every_revision_has_its_rows() -> None:
    """Whoever adds a revision adds `<revision>.sql` beside this file."""
    assert {path.stem for path in Path(__file__).parent.glob("*.sql")} == set(REVISIONS)


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_row_is_kept(olden: Olden, request: pytest.FixtureRequest, revision: str) -> None:
    olden.bring_to(revision)
    before = olden.rows()
    assert all(before[table] for table in before.keys() - DROPPED), "a table without rows shows nothing"
    done = olden.told("prepare")
    assert (done.returncode, done.stderr) == (0, "")
    after = olden.rows()
    assert after["alembic_version"] == [{"version_num": HEAD}]
    for table in before.keys() - DROPPED:
        kept = [{name: row[name] for name in old} for old, row in zip(before[table], after[table], strict=True)]
        assert kept == before[table], table
    new = request.getfixturevalue("sqlite_url" if olden.is_sqlite else "postgres_url")
    assert structure(olden) == structure(Olden(olden.folder, new))
    with olden.connected() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    copied(olden, revision, before, done.stdout)


def copied(olden: Olden, revision: str, before: Rows, told: str) -> None:
    """Raises AssertionError unless a copy was made of an SQLite file that was migrated, and of nothing else."""
    if revision == HEAD:
        assert told == "" and olden.copies() == []
    elif not olden.is_sqlite:
        assert told == "The database is brought to this version.\n" and olden.copies() == []
    else:
        (copy,) = olden.copies()
        assert told == f"The database as it was is kept in {copy}.\nThe database is brought to this version.\n"
        assert copy.name.startswith(f"omniroute-{revision}-") and copy.stat().st_mode & 0o777 == 0o600
        assert Olden(olden.folder, f"sqlite:///{copy}").rows() == before


@pytest.mark.parametrize("revision", ["0001", "0004"])
def test_it_is_served(olden: Olden, upstream: Upstream, revision: str) -> None:
    olden.bring_to(revision, upstream.url)
    with running_gateway(olden.folder, **olden.env) as gateway:
        requests_go_on(gateway, upstream)
        if revision >= "0004":
            later_things_go_on(gateway, upstream)
        pages_go_on(gateway)
        sums_go_on(gateway)
        House(gateway, olden.env, olden.folder).books_agree()


def asked(gateway: Gateway, path: str, **fields: Any) -> Answer:
    with Client(gateway.url) as client:
        return client.post(path, fields, {"Authorization": f"Bearer {CLIENT_KEY}"}).read()


def chat(gateway: Gateway, model: str) -> Answer:
    return asked(gateway, "/v1/chat/completions", model=model, messages=[{"role": "user", "content": "hi"}])


def requests_go_on(gateway: Gateway, upstream: Upstream) -> None:
    """The old key of a client, the old credential and headers, and what the key may not ask."""
    assert chat(gateway, "old-chat/m-1").status == 200
    seen = upstream.last("/chat/completions")
    assert (seen.key, seen.header("x-team-token")) == ("sk-old-chat-key-0001", "blue team")
    assert chat(gateway, "groq/anything").status == 403
    with Client(gateway.url) as client:
        listed = client.get("/v1/models", {"Authorization": f"Bearer {CLIENT_KEY}"}).read().json["data"]
    assert {"old-chat/m-1", "old-claude/m-2"} <= {each["id"] for each in listed}


def later_things_go_on(gateway: Gateway, upstream: Upstream) -> None:
    """A combo by an alias, a response that was kept, and a cooldown that is not over."""
    assert chat(gateway, "gpt-anything").status == 200
    assert gateway.log_rows(1, model="gpt-anything")[0]["combo"] == "both"
    before = len(upstream.requests())
    limited = chat(gateway, "old-claude/m-2")
    assert limited.status == 429 and 1 <= int(limited.headers["retry-after"]) <= 600
    assert len(upstream.requests()) == before
    with Client(gateway.url) as client:
        kept = client.get("/v1/responses/resp_00000000000000000000000000000001", {"Authorization": f"Bearer {CLIENT_KEY}"}).read()
    assert kept.status == 200 and kept.json["output"][0]["content"][0]["text"] == "This was kept."
    combos = {each["name"]: each for each in gateway.api("GET", "/api/combos")["combos"]}
    assert (combos["both"]["enabled"], combos["turned off"]["enabled"]) == (True, False)


def pages_go_on(gateway: Gateway) -> None:
    """Who had signed in still is, the password is the old one, and the pages show what is old."""
    cookies = {"running": f"omniroute_session={SESSION}", "over": "omniroute_session=another"}
    with Client(gateway.url) as client:
        assert client.get("/api/keys", {"Cookie": cookies["running"]}).read().status == 200
        assert client.get("/api/keys", {"Cookie": cookies["over"]}).read().status == 401
        page = client.get("/dashboard/logs", {"Cookie": cookies["running"]}).read()
        assert page.status == 200 and b"old-claude/m-2" in page.body and b"no-such/model" in page.body
    gateway.log_in()
    keys = {each["name"]: each for each in gateway.api("GET", "/api/keys")["keys"]}
    assert keys["lost one"]["expired"] and not keys["lost one"]["isActive"] and keys["lost one"]["noLog"]
    assert (keys["laptop"]["logBodies"], keys["laptop"]["requestsPerMinute"]) == (False, None)
    held = {each["name"]: each for each in gateway.api("GET", "/api/providers")["connections"]}
    assert (held["the work one"]["maxConcurrent"], held["switched off"]["testStatus"]) == (4, "banned")
    told = gateway.api("GET", "/api/settings")["settings"]
    assert (told["theme"], told["timeZone"]) == ("dark", "Europe/Berlin")
    assert {"setup", "connection.update"} <= {each["action"] for each in gateway.api("GET", "/api/audit")["entries"]}


def sums_go_on(gateway: Gateway) -> None:
    """What the old rows say is in the sums, and each row says what it said."""
    rows = {each["id"]: each for each in gateway.log_rows(3)}
    first, second, third = (rows[f"10000000-0000-4000-8000-00000000000{n}"] for n in (1, 2, 3))
    assert (first["inputTokens"], first["cachedTokens"], first["cost"], first["keyName"]) == (100, 10, None, "laptop")
    assert (second["usageSource"], len(second["attempts"]), second["dropped"]) == ("estimated", 2, ["top_k"])
    assert (third["status"], third["class"], third["inputTokens"]) == (404, "unknown_model", None)
    since = datetime.fromtimestamp(time.time() - 5 * 86_400, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    total = gateway.api("GET", f"/api/usage/summary?since={since}")["totals"]
    assert (total["requests"], total["failed"]) == (len(rows), sum(each["class"] != "ok" for each in rows.values()))
    assert total["tokens"] == sum((each["inputTokens"] or 0) + (each["outputTokens"] or 0) for each in rows.values()) >= 150
