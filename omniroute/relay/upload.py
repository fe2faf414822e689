"""A multipart form on its way through: kept on disk, its few small fields read, sent on byte for byte but for `model`.

Memory holds one piece at a time, however long the file is. The whole is kept because fields may stand after the file (curl sends
them as they were typed), and because the next connection must get it too when one fails.

Rules of the form: RFC 7578 and RFC 2046 section 5.1 (read 2026-11-27).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from tempfile import SpooledTemporaryFile
from typing import IO

from omniroute.errors import BadRequest, BodyTooLarge

PIECE = 65536
IN_MEMORY = 1024 * 1024  # bytes of a form that never see the disk
LONGEST_HEAD = 16384  # bytes of one part's headers
LONGEST_VALUE = 2000  # bytes of a field that is read here
MOST_PARTS = 1000

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_PADDING = b" \t"


@dataclass(frozen=True, slots=True)
class Field:
    """A text field, and where its value stands in the form."""

    value: str
    start: int
    end: int


class Upload:
    """A form that came whole. `fields` holds those that were wanted and are there; `close` gives the disk back."""

    def __init__(self, file: IO[bytes], size: int, boundary: str, fields: dict[str, Field]) -> None:
        self._file = file
        self.size, self.boundary, self.fields = size, boundary, fields

    @property
    def content_type(self) -> str:
        return f'multipart/form-data; boundary="{self.boundary}"'

    def with_model(self, model: str) -> Form:
        """The form as it goes upstream, its field `model` replaced; as often as wanted, one after the other."""
        return Form(self, self.fields["model"], model.encode())

    def read(self, start: int, end: int) -> Iterator[bytes]:
        self._file.seek(start)
        while start < end:
            data = self._file.read(min(PIECE, end - start))
            start += len(data)
            yield data

    def close(self) -> None:
        self._file.close()


class Form:
    """A body that is made piece by piece, each time from its start. Its length is that in bytes."""

    def __init__(self, upload: Upload, field: Field, value: bytes) -> None:
        self._upload, self._field, self._value = upload, field, value

    def __len__(self) -> int:
        return self._upload.size - (self._field.end - self._field.start) + len(self._value)

    def __iter__(self) -> Iterator[bytes]:
        yield from self._upload.read(0, self._field.start)
        yield self._value
        yield from self._upload.read(self._field.end, self._upload.size)


def receive(read: Callable[[int], bytes], content_type: str, wanted: frozenset[str], limit: int) -> Upload:
    """Take a form in. `wanted` are the names of the text fields to read, `limit` the most bytes it may have.

    Raises BadRequest for what is no form or one that is cut off, BodyTooLarge.
    """
    boundary = read_boundary(content_type)
    file: IO[bytes] = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the Upload closes it
    try:
        scan, size = _Scan(boundary.encode(), wanted), 0
        while data := read(PIECE):
            size += len(data)
            if size > limit:
                raise BodyTooLarge("The request's body is too large.")
            file.write(data)
            scan.feed(data)
        return Upload(file, size, boundary, scan.end())
    except BaseException:
        file.close()
        raise


def read_boundary(content_type: str) -> str:
    """What separates the parts. Raises BadRequest when this is no form or names none."""
    message = Message()
    message["content-type"] = content_type
    if message.get_content_type() != "multipart/form-data":
        raise BadRequest("The body must be a form: send it as 'Content-Type: multipart/form-data', with the audio as 'file'.")
    boundary = message.get_boundary("")
    if not _BOUNDARY.fullmatch(boundary):
        raise BadRequest("The Content-Type names no usable boundary; leave this header to your HTTP client.")
    return boundary


class _Scan:
    """Finds parts in bytes that come in pieces, holding no more than a separator's length of a file."""

    def __init__(self, boundary: bytes, wanted: frozenset[str]) -> None:
        self._separator = b"\r\n--" + boundary
        self._wanted = wanted
        self._held = bytearray(b"\r\n")  # the first separator may stand at the very start
        self._base = -2  # where in the form `_held` begins
        self._step: Callable[[], bool] = self._value
        self._parts = 0
        self._name: str | None = None  # of the part that is being read, if it is wanted
        self._start = 0
        self._text = bytearray()
        self._fields: dict[str, Field] = {}

    def feed(self, data: bytes) -> None:
        self._held += data
        while self._step():
            pass

    def end(self) -> dict[str, Field]:
        if self._step != self._over:
            raise BadRequest("The form breaks off: its last boundary is missing.")
        return self._fields

    def _value(self) -> bool:
        """A part's value, or what stands before the first part: up to the next separator."""
        found = self._held.find(self._separator)
        ready = found if found >= 0 else len(self._held) - len(self._separator)
        if ready > 0:
            self._take(ready)
        if found < 0:
            return False
        self._step = self._separated
        return True

    def _separated(self) -> bool:
        """What follows a separator says whether it is one, and whether it is the last."""
        rest = self._held[len(self._separator) : len(self._separator) + LONGEST_HEAD]
        plain = rest.lstrip(_PADDING)
        if len(plain) < 2 and len(rest) < LONGEST_HEAD:
            return False
        last = rest.startswith(b"--")
        if not last and not plain.startswith(b"\r\n"):  # a longer text that begins like it
            self._take(1)
            self._step = self._value
            return True
        self._close_part()
        self._drop(len(self._separator) + (2 if last else len(rest) - len(plain)))
        self._step = self._over if last else self._head
        return True

    def _head(self) -> bool:
        """A part's headers. What is held begins with the line end before them."""
        found = self._held.find(b"\r\n\r\n")
        if found < 0 and len(self._held) <= LONGEST_HEAD:
            return False
        if not 0 <= found <= LONGEST_HEAD:
            raise BadRequest("A part of the form has headers without end.")
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise BadRequest(f"The form has more than {MOST_PARTS} parts.")
        self._open_part(bytes(self._held[:found]))
        self._drop(found + 4)
        self._start = self._base
        self._step = self._value
        return True

    def _over(self) -> bool:
        """Whatever comes after the last separator is nobody's."""
        self._drop(len(self._held))
        return False

    def _open_part(self, head: bytes) -> None:
        message = Message()
        for line in head.decode("utf-8", "replace").split("\r\n"):
            header, _, value = line.partition(":")
            if header.strip().lower() == "content-disposition":
                message["content-disposition"] = value.strip()
        name = message.get_param("name", None, "content-disposition")
        plain = message.get_param("filename", None, "content-disposition") is None
        self._name = name if isinstance(name, str) and plain and name in self._wanted else None
        self._text.clear()

    def _close_part(self) -> None:
        name, self._name = self._name, None
        if name is None:
            return
        if name in self._fields:
            raise BadRequest(f"The form has more than one field '{name}'.", param=name)
        try:
            value = self._text.decode()
        except UnicodeDecodeError as exc:
            raise BadRequest(f"'{name}' must be a text in UTF-8.", param=name) from exc
        self._fields[name] = Field(value, self._start, self._start + len(self._text))

    def _take(self, size: int) -> None:
        if self._name is not None:
            self._text += self._held[:size]
            if len(self._text) > LONGEST_VALUE:
                raise BadRequest(f"'{self._name}' is too long.", param=self._name)
        self._drop(size)

    def _drop(self, size: int) -> None:
        del self._held[:size]
        self._base += size
