"""Static files: compressed, cached by content, and nothing else from that folder."""

from __future__ import annotations

import gzip
import hashlib
import json
import re

import pytest

from omniroute.dashboard.assets import FOLDER, load
from tests.dashboard.conftest import Desk

VENDOR = FOLDER / "vendor"


@pytest.mark.parametrize("row", json.loads((VENDOR / "vendor.json").read_text())["files"], ids=lambda row: row["file"])
def test_vendored_files_are_what_was_recorded(row: dict[str, str]) -> None:
    assert hashlib.sha256((VENDOR / row["file"]).read_bytes()).hexdigest() == row["sha256"]
    assert f"{row['name']}-{row['version']}/" in row["file"]


def test_every_vendored_file_is_recorded_and_each_folder_has_its_licence() -> None:
    recorded = {row["file"] for row in json.loads((VENDOR / "vendor.json").read_text())["files"]}
    there = {path.relative_to(VENDOR).as_posix() for path in VENDOR.glob("*/*")}
    assert there == recorded
    assert {path.parent.name for path in VENDOR.glob("*/LICENSE")} == {path.name for path in VENDOR.iterdir() if path.is_dir()}


def test_files_come_compressed_with_their_type(desk: Desk) -> None:
    answer = desk.app.test_client().get("/static/app.css", headers={"Accept-Encoding": "gzip, br"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert gzip.decompress(answer.data) == (FOLDER / "app.css").read_bytes()
    assert "Accept-Encoding" in answer.headers["Vary"]


def test_a_client_that_takes_no_gzip_gets_none(desk: Desk) -> None:
    answer = desk.app.test_client().get("/static/app.css", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in answer.headers
    assert answer.data == (FOLDER / "app.css").read_bytes()


def test_the_address_with_the_hash_may_be_kept_and_the_bare_one_not(desk: Desk) -> None:
    client = desk.app.test_client()
    digest = load(FOLDER)["app.css"].digest
    assert "immutable" in client.get(f"/static/app.css?v={digest}").headers["Cache-Control"]
    assert "immutable" in client.get("/static/vendor/inter-5.3.0/inter-latin.woff2").headers["Cache-Control"]
    assert "no-cache" in client.get("/static/app.css").headers["Cache-Control"]
    assert "no-cache" in client.get("/static/app.css?v=older").headers["Cache-Control"]


def test_an_unchanged_file_is_not_sent_again(desk: Desk) -> None:
    client = desk.app.test_client()
    etag = client.get("/static/app.css").headers["ETag"]
    assert client.get("/static/app.css", headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize("path", ["vendor/vendor.json", "vendor/renew.py", "../app.py", "%2e%2e/app.py", "nothing.css", "vendor"])
def test_nothing_else_is_served(desk: Desk, path: str) -> None:
    assert desk.app.test_client().get(f"/static/{path}").status_code == 404


def test_our_style_sheet_asks_only_for_files_that_are_there() -> None:
    for address in re.findall(r"url\(\"?([^)\"]+)", (FOLDER / "app.css").read_text()):
        assert (FOLDER / address).is_file()


def test_home_transfers_little(desk: Desk) -> None:
    """Script and style of a page, compressed: at most 150 kB."""
    page = desk.admin().open("/")
    sheets = [link.attrs["href"] for link in page.root.all("link") if link.attrs["rel"] == "stylesheet"]
    scripts = [script.attrs["src"] for script in page.root.all("script")]
    client = desk.app.test_client()
    sizes = {path: len(client.get(path, headers={"Accept-Encoding": "gzip"}).data) for path in sheets + scripts}
    assert sum(sizes.values()) <= 150_000, sizes
