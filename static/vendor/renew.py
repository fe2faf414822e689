#!/usr/bin/env python3
"""Fetch the front-end libraries anew and record what was fetched: `python static/vendor/renew.py`.

Change a version in PACKAGES, run this, look at the pages, commit the folder. It needs npm; the product does not.
Nothing is built: files are copied as their package has them, save `sprite.svg`, which is the picked icons of
@tabler/icons side by side in one file. `vendor.json` lists every file with its SHA-256, and a test compares.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent

PACKAGES = {
    "@tabler/core": {"version": "1.6.1", "as": "tabler", "files": {"dist/css/tabler.min.css": "tabler.min.css"}},
    "htmx.org": {"version": "2.0.11", "as": "htmx", "files": {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "LICENSE"}},
    "@fontsource-variable/inter": {
        "version": "5.3.0",
        "as": "inter",
        "files": {"files/inter-latin-wght-normal.woff2": "inter-latin.woff2", "LICENSE": "LICENSE"},
    },
    "uplot": {
        "version": "1.6.32",
        "as": "uplot",
        "files": {"dist/uPlot.iife.min.js": "uplot.min.js", "dist/uPlot.min.css": "uplot.min.css", "LICENSE": "LICENSE"},
    },
    "@tabler/icons": {"version": "3.51.0", "as": "tabler-icons", "files": {"LICENSE": "LICENSE"}, "sprite": "sprite.svg"},
}

# What the templates use, by the package's own names (outline set).
ICONS = """
    activity alert-circle alert-triangle api arrow-left arrow-right arrows-exchange book-2 bolt chart-bar check chevron-down chevron-right
    circle-check circle-x clipboard clock cloud-off code coin cpu device-desktop dots-vertical download edit external-link eye eye-off
    file-text filter gauge history home info-circle key list-details lock logout menu-2 message-2 moon player-pause player-play
    plug-connected plug-connected-x plus puzzle refresh route search send server-2 settings shield-check shield-lock sitemap
    stack-2 sun terminal-2 trash user x
""".split()

# @tabler/core ships no licence file (1.6.1): this is the text of its repository's LICENSE.
TABLER_LICENCE = """MIT License

Copyright (c) 2018-2026 The Tabler Authors

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,
ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def renew() -> None:
    """Replace every vendored folder and write vendor.json."""
    for old in HERE.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
    recorded = [row for name, package in PACKAGES.items() for row in fetch(name, package)]
    (HERE / "vendor.json").write_text(json.dumps({"files": recorded}, indent=2) + "\n")


def fetch(name: str, package: dict) -> list[dict[str, str]]:
    """Copy one package's files into `<as>-<version>/` and describe them."""
    folder = HERE / f"{package['as']}-{package['version']}"
    folder.mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        packed = subprocess.run(
            ["npm", "pack", "--silent", f"{name}@{package['version']}"], cwd=scratch, check=True, capture_output=True, text=True
        )
        with tarfile.open(Path(scratch) / packed.stdout.split()[-1]) as archive:
            archive.extractall(scratch, filter="data")
        source = Path(scratch) / "package"
        for inside, outside in package["files"].items():
            shutil.copy(source / inside, folder / outside)
        if package.get("sprite"):
            (folder / package["sprite"]).write_text(sprite(source / "icons" / "outline"))
    if name == "@tabler/core":
        (folder / "LICENSE").write_text(TABLER_LICENCE)
    return [
        {
            "name": package["as"],
            "version": package["version"],
            "package": name,
            "file": str(path.relative_to(HERE)),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(folder.iterdir())
    ]


def sprite(folder: Path) -> str:
    """One <symbol> an icon; `<use href="...#home">` takes it, and its colour comes from the text around."""
    symbols = []
    for icon in ICONS:
        inner = re.search(r"<svg[^>]*>(.*)</svg>", (folder / f"{icon}.svg").read_text(), re.S).group(1)
        inner = re.sub(r'\s*<path stroke="none" d="M0 0h24v24H0z" fill="none" />', "", inner)
        symbols.append(f'<symbol id="{icon}" viewBox="0 0 24 24">{" ".join(inner.split())}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


if __name__ == "__main__":
    renew()
