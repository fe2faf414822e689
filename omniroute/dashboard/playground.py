"""The Playground: ask any model or combo as a client would, see what comes, what it costs, and what went over the line.

Without scripts the form is sent to the page, and the page comes back with the answer in it. With scripts the same form goes to
`/ask`, which answers with a stream of events; what they bring of HTML is made here, from the same parts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Response, request, url_for
from flask.typing import ResponseReturnValue

from omniroute.dashboard import log
from omniroute.dashboard.asking import (
    Begun,
    Happening,
    Outcome,
    Tally,
    Text,
    Thinking,
    Tool,
    Waiting,
    ask_of,
    client_line,
    exchange,
    gathered,
)
from omniroute.dashboard.choices import askable
from omniroute.dashboard.drawing import Draw, drawer
from omniroute.dashboard.playground_form import EXAMPLE, Draft, PlaygroundForm, draft, read_tools
from omniroute.dashboard.playground_raw import Raw, raw
from omniroute.dashboard.playground_turns import (
    MOST_EACH,
    Turn,
    answered,
    area,
    changed,
    checked,
    messages,
    next_number,
    open_ended,
    read_turns,
)
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import page, part
from omniroute.errors import WENT_WRONG, BadRequest, Problem, RequestError
from omniroute.formats.sse import HEARTBEAT, encode
from omniroute.relay.ask import Ask
from omniroute.relay.client_line import ClientLine
from omniroute.relay.witness import ROOM
from omniroute.services import Services
from omniroute.threads import off_loop
from omniroute.usage.logs import LogView

BROKE_OFF = "What came until then is counted; the log has it."
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The form and its conversation, with what is wrong with the latter as a whole."""

    form: PlaygroundForm
    turns: tuple[Turn, ...]
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that is ready to be asked. `root` is the gateway's address as the browser reached it."""

    sheet: Sheet
    draft: Draft
    ask: Ask
    root: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a request, for the page. `partial` is what was said before it failed; `speed` in tokens a second."""

    row: LogView
    lines: list[log.Line]
    decision: log.Decision | None
    counted: str
    priced: str | None
    speed: float | None
    problem: Problem | None
    partial: str
    raw: Raw


def playground(services: Services) -> ResponseReturnValue:
    """The page; on POST with what its buttons ask for, which is the answer where it was sent."""
    if request.method == "GET":
        return _page(services, Sheet(_form(services), (Turn(0),)))
    do = request.form.get("do", "")
    form, turns = _form(services), changed(read_turns(request.form, request.files), do)
    if do.startswith("delete:"):
        return _page(services, Sheet(form, open_ended(turns)))
    prepared = _prepared(services, form, turns)
    if isinstance(prepared, Sheet):
        return _page(services, prepared, 400)
    outcome = gathered(exchange(services, prepared.ask, client_line()))
    return _page(services, Sheet(form, _after(prepared, outcome)), result=off_loop(lambda: _result(prepared, outcome)))


def ask(services: Services) -> ResponseReturnValue:
    """The answer as events: `accepted`, `begun`, `text`, `thinking`, `tool`, and `over` with the parts of the page that follow.

    A form that is not right yet comes back as it is, with 422.
    """
    form, turns = _form(services), changed(read_turns(request.form, request.files), request.form.get("do", ""))
    prepared = _prepared(services, form, turns)
    if isinstance(prepared, Sheet):
        return part("parts/playground_form.html", 422, sheet=prepared, **_choices(services))
    log_address = url_for("dashboard.log", log_id=prepared.ask.request_id)
    told = stream(services, prepared, client_line(), log_address, drawer())
    response = Response(told, content_type="text/event-stream; charset=utf-8")
    response.headers["Cache-Control"] = "no-store, no-transform"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold the answer back
    return response


def _form(services: Services) -> PlaygroundForm:
    """Filled in from what was sent, on GET from the address: `?model=`."""
    configuration = services.configuration.current()
    if request.method == "POST":
        form = PlaygroundForm(request.form)
    else:
        form = PlaygroundForm(data={"model": request.args.get("model", "")[:300], "stream": True})
    form.know(configuration)
    return form


def _prepared(services: Services, form: PlaygroundForm, turns: tuple[Turn, ...]) -> Prepared | Sheet:
    """Ready to ask, or the sheet with what is not right yet beside its fields."""
    turns, wrong = checked(turns)
    sound = form.validate()
    try:
        read_tools(form.tools.data or "", form.format.data or "openai_chat")
    except BadRequest as exc:
        form.tools.errors = (*form.tools.errors, exc.message)
        sound = False
    sheet = Sheet(form, open_ended(turns), wrong)
    if wrong or not sound:
        return sheet
    try:
        made = draft(form, messages(form.system.data or "", turns))
        asked = ask_of(
            services, format=made.format, document=made.document, model=made.model, stream=made.stream, key=form.chosen
        )
    except RequestError as exc:
        beside = form.key if form.key.data and not isinstance(exc, BadRequest) else form.format
        beside.errors = (*beside.errors, exc.message)
        return sheet
    return Prepared(Sheet(form, turns), made, asked, services.settings.public_url or request.host_url.rstrip("/"))


def stream(services: Services, prepared: Prepared, line: ClientLine, log_address: str, draw: Draw) -> Iterator[bytes]:
    """Bytes of the stream. What the model says goes out as JSON, to be shown as text. Needs nothing of Flask's request."""
    yield _event("accepted", {"id": prepared.ask.request_id, "log": log_address})
    tally = Tally()
    try:
        for happening in exchange(services, prepared.ask, line):
            tally.add(happening)
            if (said := _said(happening)) is not None:
                yield said
        over = off_loop(lambda: _over(prepared, tally.outcome(), draw))
    except Exception:  # the edge: nobody above could tell the reader
        logger.exception("the page for request %s could not be made", prepared.ask.request_id)
        over = {"failed": True, "turns": "", "result": "", "problem": f"{WENT_WRONG} {BROKE_OFF}"}
    yield _event("over", over)


def _said(happening: Happening) -> bytes | None:
    match happening:
        case Begun():
            return _event("begun", {"provider": happening.headers.get("X-OmniRoute-Provider", "")})
        case Text():
            return _event("text", {"text": happening.text})
        case Thinking():
            return _event("thinking", {"text": happening.text})
        case Tool():
            return _event("tool", {"name": happening.name, "arguments": happening.arguments})
        case Waiting():
            return HEARTBEAT
    return None


def _over(prepared: Prepared, outcome: Outcome, draw: Draw) -> dict[str, Any]:
    """The end of the stream: the turns that are new, and what came of it."""
    before, after = prepared.sheet.turns, _after(prepared, outcome)
    new = after[len(before) :] if outcome.problem is None else ()
    return {
        "failed": outcome.problem is not None,
        "turns": "".join(draw("parts/playground_turn.html", turn=turn, area=area) for turn in new),
        "result": draw("parts/playground_result.html", result=_result(prepared, outcome)),
    }


def _event(name: str, value: dict[str, Any]) -> bytes:
    return encode(orjson.dumps(value), name)


def _after(prepared: Prepared, outcome: Outcome) -> tuple[Turn, ...]:
    """The conversation once the answer is part of it; a failure leaves it as it was, to be sent again."""
    before = prepared.sheet.turns
    if outcome.problem is not None:
        return open_ended(before)
    return open_ended((*before, answered(outcome.done.parts, next_number(before))))


def _result(prepared: Prepared, outcome: Outcome) -> Result:
    """To be made off the loop: masking megabytes takes a while, which nobody else's stream has to wait for."""
    row, witness = outcome.done.row, prepared.ask.witness
    assert witness is not None  # `ask_of` gives every request one
    return Result(
        row=row,
        lines=log.lines(row),
        decision=log.decision(row.decision or ""),
        counted=log.COUNTED.get(row.usage_source, ""),
        priced=log.PRICED.get(row.price_source or ""),
        speed=speed(row),
        problem=outcome.problem,
        partial=outcome.text[:ROOM] if outcome.problem is not None else "",
        raw=raw(prepared.draft, prepared.ask, witness.exchanges(), outcome.done.answered, prepared.root),
    )


def speed(row: LogView) -> float | None:
    """Tokens out a second, of a stream since its first content; None where it can't be told."""
    if row.output_tokens is None or row.total_ms is None or row.kind != "ok":
        return None
    ms = row.total_ms - (row.first_ms or 0) if row.streamed else row.total_ms
    return 1000 * row.output_tokens / ms if ms > 0 else None


def _page(services: Services, sheet: Sheet, status: int = 200, result: Result | None = None) -> ResponseReturnValue:
    return page(
        "playground.html",
        here="playground",
        title="Playground",
        status=status,
        sheet=sheet,
        result=result,
        **_choices(services),
    )


def _choices(services: Services) -> dict[str, Any]:
    configuration = services.configuration.current()
    connected = any(configuration.connections.values())
    return {"names": askable(configuration), "connected": connected, "example": EXAMPLE, "most_each": MOST_EACH, "area": area}


ROUTES = (
    Route("GET POST", "/dashboard/playground", "playground", playground),
    Route("POST", "/dashboard/playground/ask", "playground_ask", ask),
)
