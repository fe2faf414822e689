"""The dashboard as an app: the manifest is whole, the offline page stands alone, the service worker keeps that and no more."""

from __future__ import annotations

import json
import re
import struct

from omniroute.dashboard.assets import FOLDER
from tests.dashboard.conftest import Desk


def test_the_manifest_names_icons_of_the_size_that_they_have(desk: Desk) -> None:
    client = desk.app.test_client()
    answer = client.get("/manifest.webmanifest")
    assert answer.headers["Content-Type"] == "application/manifest+json"
    told = json.loads(answer.data)
    assert (told["start_url"], told["scope"], told["display"]) == ("/", "/", "standalone")
    assert {(icon["sizes"], icon["purpose"]) for icon in told["icons"]} >= {("192x192", "any"), ("512x512", "any")}
    assert any(icon["purpose"] == "maskable" for icon in told["icons"])
    for icon in told["icons"]:
        picture = client.get(icon["src"])
        assert picture.headers["Content-Type"] == "image/png"
        width, height = struct.unpack(">II", picture.data[16:24])
        assert f"{width}x{height}" == icon["sizes"]


def test_the_offline_page_tells_nothing_and_needs_nobody(desk: Desk) -> None:
    desk.admin()
    answer = desk.app.test_client().get("/offline")
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert "/dashboard" not in answer.text.replace("dashboard&#39;s", "")
    assert 'href=""' in answer.text  # "Try again" asks for the address that was wanted


def test_the_worker_keeps_all_that_the_offline_page_is_drawn_with_and_nothing_else(desk: Desk) -> None:
    client = desk.app.test_client()
    text = client.get("/service-worker.js").text
    found = re.search(r"const FILES = (\[.*?\]);", text)
    assert found
    kept = json.loads(found[1])
    assert kept[0] == "/offline"
    assert all(address.startswith("/static/") for address in kept[1:])
    page = client.get("/offline").text
    named = {address.replace("&amp;", "&") for address in re.findall(r'(?:href|src)="(/static/[^"#]+)', page)}
    unkept = named - set(kept)
    assert {address.partition("?")[0] for address in unkept} <= {"/static/icons/apple-touch-180.png"}  # only when it is installed
    for address in kept:
        assert client.get(address).status_code == 200


def test_a_changed_file_makes_another_worker(desk: Desk) -> None:
    client = desk.app.test_client()
    answer = client.get("/service-worker.js")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Content-Type"].startswith("text/javascript")
    digest = re.search(r"app\.css\?v=(\w+)", answer.text)
    assert digest
    assert digest[1] in client.get("/offline").text
    assert (FOLDER / "app.css").exists()
