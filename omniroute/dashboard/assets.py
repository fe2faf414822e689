"""Static files: read once, compressed once, kept by browsers for a year.

`{{ asset("app.css") }}` in a template is an address with the file's hash in it, so a changed file has a new address
and the old one may be cached for ever. Vendored files carry their version in the path and are treated alike.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from flask import Response, abort, request, url_for

from omniroute.dashboard.routes import Route
from omniroute.services import Services

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}
COMPRESSED = frozenset({".css", ".js", ".svg"})
A_YEAR = 31_536_000  # seconds
FOLDER = Path(__file__).resolve().parents[2] / "static"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, as it is held: in gzip where `packed`, since nearly every browser takes that, and else as it is."""

    held: bytes
    packed: bool
    kind: str
    digest: str

    def as_it_is(self) -> bytes:
        return gzip.decompress(self.held) if self.packed else self.held


@cache
def load(folder: Path) -> Mapping[str, Asset]:
    """Every servable file below `folder` by its path inside. Other kinds of file are not served at all."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = TYPES.get(path.suffix)
        if kind and path.is_file():
            body = path.read_bytes()
            packed = path.suffix in COMPRESSED
            held = gzip.compress(body, 9, mtime=0) if packed else body
            found[path.relative_to(folder).as_posix()] = Asset(held, packed, kind, sha256(body).hexdigest()[:12])
    return MappingProxyType(found)


def address(filename: str) -> str:
    """The cacheable address of a file, for templates. Raises KeyError on a name that isn't there."""
    return url_for("dashboard.asset", filename=filename, v=load(FOLDER)[filename].digest)


def asset(services: Services, filename: str) -> Response:
    found = load(FOLDER).get(filename)
    if found is None:
        abort(404)
    packed = found.packed and bool(request.accept_encodings["gzip"])
    response = Response(found.held if packed else found.as_it_is(), content_type=found.kind)
    if found.packed:
        response.vary.add("Accept-Encoding")
    if packed:
        response.content_encoding = "gzip"
    response.set_etag(found.digest)
    response.cache_control.public = True
    if filename.startswith("vendor/") or request.args.get("v") == found.digest:
        response.cache_control.max_age = A_YEAR
        response.cache_control.immutable = True
    else:
        response.cache_control.no_cache = True
    response.make_conditional(request.environ)
    return response


ROUTES = (Route("GET", "/static/<path:filename>", "asset", asset),)
