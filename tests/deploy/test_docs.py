"""docs/operations.md and the README say what is so: the commands, the files that they quote, the settings that they name."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.processes import PYTHON, ROOT
from omniroute.settings import READERS
from tests.gateway import Gateway
from tests.upstream.client import Upstream
from tests.upstream.raw import post

PAGE = (ROOT / "docs" / "operations.md").read_text()
README = (ROOT / "README.md").read_text()
RUN = (
    "docker run -d --name omniroute --restart unless-stopped -p 20128:20128 -v omniroute-data:/app/data "
    "-e ENABLE_CC_COMPATIBLE_PROVIDER=true omniroute"
)
KEYLESS = "-p 127.0.0.1:20128:20128 -v omniroute-data:/app/data -e REQUIRE_API_KEY=false"
# Others' variables.
THEIRS = {"POSTGRES_PASSWORD"}


@pytest.mark.parametrize("text", [PAGE, README], ids=["operations", "readme"])
def test_both_remedies_of_the_401_are_shown(text: str) -> None:
    assert f"    {RUN}\n" in text and KEYLESS in text and "make a key" in text.lower() and "401" in text


def test_every_setting_that_is_named_exists() -> None:
    named = set(re.findall(r"\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b", PAGE)) | set(re.findall(r"`(HOST|PORT)[=`]", PAGE))
    assert len(named) > 20 and named - THEIRS <= READERS.keys()


def test_every_link_leads_somewhere() -> None:
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", line.lower()).strip().replace(" ", "-") for line in re.findall(r"^#+ (.*)$", PAGE, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        path, _, anchor = target.partition("#")
        assert (ROOT / "docs" / path).exists() if path else anchor in anchors, target


def test_what_it_quotes_of_nginx_is_the_file() -> None:
    (quoted,) = re.findall(r"```nginx\n(.*?)```", PAGE, re.S)
    assert quoted in (ROOT / "deploy" / "nginx.conf").read_text()


def test_the_copy_that_it_tells_to_make_is_whole(gateway: Callable[..., Gateway], tmp_path: Path, upstream: Upstream) -> None:
    """Made while the gateway runs, restored as a second one's data."""
    command = re.search(r"`python3 -c \"(import sqlite3;[^\"`]+)\"`", PAGE)
    assert command
    first = gateway(ALLOW_PRIVATE_UPSTREAMS="true")
    first.add_upstream("chat", upstream.v1)
    key = first.make_key()
    script = command[1].replace("data/omniroute.db", str(first.data_dir / "omniroute.db"))
    script = script.replace("copy.db", str(tmp_path / "copy.db"))
    subprocess.run([PYTHON, "-c", script], check=True, timeout=60)
    data = tmp_path / "restored" / "data"
    data.mkdir(parents=True)
    (tmp_path / "copy.db").rename(data / "omniroute.db")
    shutil.copy(first.data_dir / "server.env", data)
    second = gateway(tmp_path / "restored", ALLOW_PRIVATE_UPSTREAMS="true")
    said = {"messages": [{"role": "user", "content": "hi"}], "model": "chat/m"}
    assert post(second.url, "/v1/chat/completions", {"Authorization": f"Bearer {key}"}, **said).status == 200
