"""Rows as files: CSV for spreadsheets, JSON Lines for programs. Made page by page; nothing is held between two pages."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson
from flask import Response

from omniroute.clock import moment
from omniroute.manage.shapes import as_json, schema_of
from omniroute.models.paging import LONGEST, Page
from omniroute.usage.logs import LogView

CSV, JSONL = "text/csv; charset=utf-8; header=present", "application/x-ndjson"

Pages = Iterable[Page[Any]]  # of views
Asked = Callable[[str | None, int], Page[Any]]  # by cursor and limit

# A cell that begins so is a formula to a spreadsheet (OWASP, "CSV Injection", and its ASVS 5.0, 1.2.10; looked up 2026-11-27).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")


def columns_of(view: type) -> tuple[str, ...]:
    return tuple(schema_of(view)["properties"])


COLUMNS = columns_of(LogView)


def as_csv(what: str, now: float, page: Asked, columns: tuple[str, ...] = COLUMNS) -> Response:
    """A file that is called after `what` is in it and `now`, in epoch seconds. Raises what the first `page` raises."""
    return _download(f"{what}-{_stamp(now)}.csv", csv_file(_pages(page), columns), CSV)


def as_jsonl(what: str, now: float, page: Asked) -> Response:
    return _download(f"{what}-{_stamp(now)}.jsonl", jsonl_file(_pages(page)), JSONL)


def _download(name: str, made: Iterator[bytes], media: str) -> Response:
    answer = Response(made, content_type=media)
    answer.headers["Content-Disposition"] = f'attachment; filename="omniroute-{name}"'
    return answer


def _stamp(now: float) -> str:
    return f"{moment(now)[:19].replace(':', '')}Z"


def _pages(page: Asked) -> Pages:
    """The first one is asked for at once: what is wrong is told before the file begins."""
    return _from(page(None, LONGEST), page)


def _from(found: Page[Any], page: Asked) -> Iterator[Page[Any]]:
    yield found
    while found.next is not None:
        found = page(found.next, LONGEST)
        yield found


def csv_file(pages: Pages, columns: tuple[str, ...] = COLUMNS) -> Iterator[bytes]:
    """A line of names, then a line a row. `attempts` is their number; the names in `dropped` have spaces between them; an object
    is JSON.
    """
    yield _lines([columns])
    for page in pages:
        rows = [as_json(row) for row in page.rows]
        yield _lines([[_cell(row[name], name) for name in columns] for row in rows])


def jsonl_file(pages: Pages) -> Iterator[bytes]:
    """A JSON object a row, as in `GET /api/usage/logs` and `GET /api/audit`."""
    for page in pages:
        yield b"".join(orjson.dumps(as_json(row), option=orjson.OPT_APPEND_NEWLINE) for row in page.rows)


def _lines(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any, name: str) -> str:
    if name == "attempts":
        return str(len(value))
    if isinstance(value, dict):
        return orjson.dumps(value).decode()
    if isinstance(value, list):
        value = " ".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text
