"""Settings, Backup: download, look, restore, without a script."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import orjson
import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from tests.dashboard.browsing import ORIGIN, Browser, Page
from tests.dashboard.conftest import KEY, PASSWORD, Desk
from tests.upstream.relay import Relay

HERE = "/dashboard/settings/backup"
MARKUP = "<script>alert(1)</script>"
FORMULA = "=HYPERLINK(1)"


@pytest.fixture
def furnished(desk: Desk, relay: Relay) -> Desk:
    node = desk.node(relay, name=MARKUP)
    desk.connection(node, name=FORMULA)
    desk.services.combos.create({"name": "fast", "steps": ["team/claude"]}, desk.by)
    desk.services.keys.create({"name": "CI"}, desk.by)
    return desk


def sent(admin: Browser, raw: bytes, passphrase: str = "", mode: str = "replace") -> Page:
    """The page that comes after choosing the file."""
    file = FileStorage(io.BytesIO(raw), "omniroute-backup.json", "file", "application/json")
    return posted(admin, f"{HERE}/preview", passphrase=passphrase, mode=mode, file=file)


def posted(admin: Browser, path: str, **values: Any) -> Page:
    """A form as a browser sends one that may bring a file."""
    boundary, body = encode_multipart({**tokens(admin), **values})
    content_type = f"multipart/form-data; boundary={boundary}"
    return admin._page(admin.client.post(path, data=body, content_type=content_type, headers=ORIGIN))


def tokens(admin: Browser, **more: str) -> dict[str, str]:
    """What a form of that page sends, beside what is given."""
    page = admin.open(HERE)
    return {"csrf_token": next(e.attrs["value"] for e in page.root.all("input") if e.attrs.get("name") == "csrf_token"), **more}


def file_of(admin: Browser, **more: str) -> bytes:
    answer = admin.client.post(f"{HERE}/download", data=tokens(admin, **more), headers=ORIGIN)
    assert answer.mimetype == "application/json", answer.get_data(as_text=True)
    return answer.get_data()


def test_the_file_is_a_download_that_nobody_keeps(furnished: Desk) -> None:
    admin = furnished.admin()
    answer = admin.client.post(f"{HERE}/download", data=tokens(admin), headers=ORIGIN)
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="omniroute-backup-20')
    assert (answer.headers["Cache-Control"], answer.mimetype) == ("no-store", "application/json")
    document = orjson.loads(answer.get_data())
    assert document["secrets"] is None and KEY not in str(document)


def test_keys_only_with_the_password(furnished: Desk) -> None:
    admin = furnished.admin()
    page = admin.send(f"{HERE}/download", tokens(admin, secrets="y"))
    assert page.status == 400 and "Type your password" in page.text
    page = admin.send(f"{HERE}/download", tokens(admin, secrets="y", password="not the one"))
    assert page.status == 401 and "The password is wrong." in page.text and "not the one" not in page.html
    page = admin.send(f"{HERE}/download", tokens(admin, secrets="y", password=PASSWORD, passphrase="short"))
    assert page.status == 400 and "The passphrase needs at least 10 characters." in page.text
    assert page.control("Your password").attrs["type"] == page.control("Passphrase for this file").attrs["type"] == "password"
    document = orjson.loads(file_of(admin, secrets="y", password=PASSWORD))
    assert document["secrets"]["cipher"] == "AES-256-GCM" and KEY not in str(document)


def test_a_restore_is_shown_then_done(furnished: Desk) -> None:
    admin = furnished.admin()
    raw = file_of(admin, secrets="y", password=PASSWORD, passphrase="four random words here")
    services = furnished.services
    services.combos.create({"name": "later", "steps": ["team/claude"]}, furnished.by)
    services.keys.create({"name": "Ops", "scopes": ["relay", "manage"]}, furnished.by)
    services.connections.delete(services.connections.list()[0].id, furnished.by)

    page = sent(admin, raw, "four random words here")
    assert page.status == 200 and "This is lost" in page.text
    assert "1 connection added" in page.text and "1 combo removed" in page.text and "1 client key removed" in page.text
    assert "May manage this gateway" in page.text
    assert f"{MARKUP}: {FORMULA}" in page.text and MARKUP not in page.html
    assert KEY not in page.html and len(services.combos.list()) == 2  # nothing is done yet
    assert page.links()["Cancel"] == HERE

    page = page.press("Restore and remove 2")
    assert (page.path, page.toasts) == (HERE, ["Restored: 1 added, 2 removed."])
    assert [combo.name for combo in services.combos.list()] == ["fast"]
    (row,) = services.configuration.current().connections[services.nodes.list()[0].id]
    assert services.connections.credential(row) == KEY

    page = sent(admin, raw)
    assert "Nothing would change" in page.text and "Restore" not in page.buttons()


def test_without_the_passphrase_it_says_what_has_to_be_pasted(furnished: Desk) -> None:
    admin = furnished.admin()
    raw = file_of(admin, secrets="y", password=PASSWORD)
    services = furnished.services
    services.nodes.delete(services.nodes.list()[0].id, furnished.by)
    page = sent(admin, raw)
    assert "stay closed without the passphrase" in page.text and "API key sk-...abcd" in page.text
    page = page.press("Restore")
    assert any("Still to be pasted" in toast for toast in page.toasts)
    assert not services.connections.list()[0].is_active
    assert "Paste its API key" in admin.open(f"/dashboard/providers/{services.nodes.list()[0].id}").text


def test_merge_leaves_what_is_not_in_the_file(furnished: Desk) -> None:
    admin = furnished.admin()
    raw = file_of(admin)
    furnished.services.keys.create({"name": "Ops"}, furnished.by)
    assert "1 client key removed" in sent(admin, raw).text
    page = sent(admin, raw, mode="merge")
    assert "Nothing would change" in page.text and "stays" in page.text


def test_what_is_wrong_stands_on_the_page_by_place(furnished: Desk) -> None:
    admin = furnished.admin()
    document = orjson.loads(file_of(admin))
    document["configuration"]["nodes"][0] |= {"prefix": "combo", "baseUrl": MARKUP}
    page = sent(admin, orjson.dumps(document))
    assert page.status == 400 and "nodes[0].prefix" in page.text and "nodes[0].baseUrl" in page.text
    assert MARKUP not in page.html
    for raw, told in ((b"", "The file is empty."), (b"x", "no JSON"), (b"[]", "no backup")):
        page = sent(admin, raw)
        assert page.status == 400 and told in page.text
    page = admin.send(f"{HERE}/preview", tokens(admin))
    assert page.status == 400 and "Choose" in page.text
    page = sent(admin, file_of(admin, secrets="y", password=PASSWORD), "not its passphrase")
    assert page.status == 400 and "does not open the keys" in page.text and "not its passphrase" not in page.html


def test_a_list_that_is_out_of_date_is_shown_anew(furnished: Desk) -> None:
    admin = furnished.admin()
    raw = file_of(admin)
    furnished.services.keys.create({"name": "Ops"}, furnished.by)
    page = sent(admin, raw)
    furnished.services.keys.create({"name": "Made meanwhile"}, furnished.by)
    page = page.press("Restore and remove 1")
    assert page.status == 409 and "has changed since this list was made" in page.text and "Made meanwhile" in page.text
    page = page.press("Restore and remove 2")
    assert page.path == HERE and len(furnished.services.keys.list()) == 1


def test_what_was_not_carried_by_us_is_not_restored(furnished: Desk) -> None:
    admin = furnished.admin()
    page = admin.send(f"{HERE}/restore", tokens(admin, carried="00000000:gAAAA"))
    assert page.status == 400 and "Choose the file again" in page.text
    page = admin.send(f"{HERE}/restore", tokens(admin))
    assert page.status == 400


def test_a_large_house_is_carried_from_the_list_to_its_confirmation(furnished: Desk) -> None:
    """In a field of the form that is larger than those of other forms may be."""
    admin = furnished.admin()
    document = orjson.loads(file_of(admin))
    (row,) = document["configuration"]["keys"]
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(7_000)]
    document["configuration"]["keys"] += [{**row, "id": digest[:36], "sha256": digest} for digest in digests]
    page = sent(admin, orjson.dumps(document))
    (carried,) = (each.attrs["value"] for each in page.root.all("input") if each.attrs.get("name") == "carried")
    assert len(carried) > 500_000
    assert posted(admin, f"{HERE}/restore", carried=carried).toasts == ["Restored: 7000 added."]
    assert len(furnished.services.keys.list()) == 7_001


def test_long_lists_are_cut(furnished: Desk) -> None:
    admin = furnished.admin()
    document = orjson.loads(file_of(admin))
    document["configuration"]["aliases"] = [{"pattern": f"alias-{number}", "model": "fast"} for number in range(230)]
    page = sent(admin, orjson.dumps(document))
    assert "230 aliases added" in page.text and "and 30 more" in page.text and "alias-199" in page.text
    assert "alias-200" not in page.text
