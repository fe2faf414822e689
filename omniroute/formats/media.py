"""Images and files inside JSON: data URLs, and base64 without a word about what it is."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from omniroute.errors import BadRequest
from omniroute.formats.ir import Source

# RFC 2397; parameters such as charset are allowed before ;base64 and dropped.
_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),(.*)", re.DOTALL | re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}\Z")
# How the base64 of a file begins, by its first bytes.
_BEGINNINGS = (
    ("iVBOR", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("JVBERi", "application/pdf"),
)
_ENDINGS = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "html": "text/html",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "mp4": "video/mp4",
    "webm": "video/webm",
}


def read_url(url: str, path: str) -> Source:
    """What an `image_url` or `file_data` holds: an http(s) URL, a data URL, or bare base64 of a known kind of file.

    Raises BadRequest naming `path` for anything else.
    """
    if url.startswith(("http://", "https://")):
        return Source("url", url)
    found = _DATA_URL.match(url)
    if found is not None:
        media_type, parameters, data = found.groups()
        if parameters.lower().endswith(";base64"):
            return Source("base64", data, media_type.lower() or None)
        return Source("base64", base64.b64encode(unquote_to_bytes(data)).decode(), media_type.lower() or "text/plain")
    for beginning, media_type in _BEGINNINGS:
        if url.startswith(beginning) and _BASE64.match(url):
            return Source("base64", url, media_type)
    raise BadRequest(f"'{path}' must be an http(s) URL or a data URL.", param=path)


def data_url(source: Source, otherwise: str) -> str:
    """A base64 source as a data URL; `otherwise` is the media type if the source does not say."""
    return f"data:{source.media_type or otherwise};base64,{source.data}"


def file_name(source: Source) -> str:
    """A name for a file that the caller gave none: hosts look at its ending."""
    kind = source.media_type or "application/pdf"
    return "document." + next((ending for ending, media_type in _ENDINGS.items() if media_type == kind), "bin")


def type_of_url(url: str) -> str | None:
    """What the ending of a URL's path says that it is; None if it does not tell."""
    name = url.partition("?")[0].partition("#")[0]
    return _ENDINGS.get(name.rpartition(".")[2].lower()) if "/" in name else None


def text_of(source: Source) -> str | None:
    """The text of a base64 source whose media type is text; None if it is none."""
    if source.kind != "base64" or not (source.media_type or "").startswith("text/"):
        return None
    try:
        return base64.b64decode(source.data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
