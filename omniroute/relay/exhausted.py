"""What a client is told when every target failed, or none could be asked."""

from __future__ import annotations

import math

from omniroute.errors import LONGEST_RETRY, LeftOutNote, PriceUnknown, Problem
from omniroute.relay.ledger import Entry
from omniroute.routing.candidates import LeftOut
from omniroute.routing.failures import RULES, Failure
from omniroute.routing.plan import Plan
from omniroute.security.redaction import redact

LIMITED = frozenset({"rate_limited", "quota_exhausted", "over_quota"})
TERMINAL = {"error": "its connection is in error", "banned": "its account is banned"}
SHOWN = 30  # targets that are named


def problem_of(failure: Failure, entry: Entry, left: tuple[LeftOut, ...] = ()) -> Problem:
    """The failure of one attempt, as the request's."""
    told, kept = failure.told, failure.status == failure.upstream_status
    return Problem(
        status=failure.status,
        kind=failure.kind,
        message=redact(failure.message),
        remedy=failure.remedy,
        type=told.type if kept else None,
        code=told.code if kept else None,
        param=told.param,
        details=told.details if kept else None,
        request_id=entry.ask.request_id,
        retry_after=failure.wait,
        attempts=entry.notes(),
        left_out=_notes(left),
        headers=failure.headers or {},
    )


def all_failed(failures: list[Failure], left: tuple[LeftOut, ...], entry: Entry, now: float) -> Problem:
    """The first failure that the client can act on, else the last, with the earliest time that is worth another try."""
    chosen = next((failure for failure in failures if failure.about_the_request), failures[-1])
    problem = problem_of(chosen, entry, left)
    if chosen.about_the_request or (len(failures) == 1 and not left):
        return problem
    waits = [failure.wait or 0.0 for failure in failures]
    waits += [max(0.0, each.until - now) for each in left if each.until is not None]
    earliest = min(waits)
    headers = {name: value for name, value in problem.headers.items() if not name.startswith("retry-after")}
    return problem.changed(retry_after=math.ceil(earliest) if earliest > 0 else None, headers=headers)


def none_available(left: tuple[LeftOut, ...], entry: Entry, plan: Plan, now: float) -> Problem:
    """Nothing could be tried: every connection is disabled, refused, busy, or cooling until a stated time."""
    if not left:
        return Problem(
            404,
            "no_connection",
            f"No connection named '{redact(entry.ask.pinned or '')[:100]}' serves this model.",
            "Leave X-OmniRoute-Connection out, or give the id of one of this provider's connections.",
            request_id=entry.ask.request_id,
        )
    kinds = {each.kind for each in left}
    listed = "; ".join(dict.fromkeys(f"{each.named}: {_why(each)}" for each in left[:SHOWN]))
    if kinds == {"not_there"}:
        status, kind, remedy = 404, "no_connection", "Dashboard -> Combos: open this combo; it says what each step lacks."
    elif kinds == {"does_not_fit"}:
        status, kind, remedy = 400, "context_too_long", RULES["context_too_long"].remedy
    elif kinds == {"price_unknown"}:
        status, kind, remedy = 403, "price_unknown", PriceUnknown.remedy
    elif kinds <= LIMITED:
        status, kind, remedy = 429, kinds.pop() if len(kinds) == 1 else "rate_limited", "Wait and repeat."
    else:
        status, kind, remedy = 503, "no_target_available", _remedy(left)
    waits = [each.until for each in left if each.until is not None]
    retry_after = max(1.0, math.ceil(min(waits) - now)) if waits else 1.0 if "busy" in kinds else None
    long = retry_after is not None and retry_after > LONGEST_RETRY
    return Problem(
        status,
        kind,
        redact(f"No connection can be asked now ({listed})."[:2000]),
        remedy,
        request_id=entry.ask.request_id,
        retry_after=retry_after,
        left_out=_notes(left),
        headers={"x-should-retry": "false"} if long else {},
    )


def _remedy(left: tuple[LeftOut, ...]) -> str:
    """What the first of those asks for that time does not heal."""
    kinds = [each.kind for each in left if each.until is None]
    if kinds and set(kinds) == {"busy"}:
        return "Wait and repeat, or raise 'Requests at once' of the connection."
    if kinds and set(kinds) == {"disabled"}:
        return "Dashboard -> Providers: switch one of the connections on."
    known = next((RULES[each.kind].remedy for each in left if each.kind in RULES), "")
    return known or "Open the provider's page on the dashboard, press Test, and follow its remedy."


def _why(each: LeftOut) -> str:
    """A terminal status has its reason in the upstream's words, which are the operator's to read."""
    return TERMINAL.get(each.kind) or redact(each.why)[:300]


def _notes(left: tuple[LeftOut, ...]) -> tuple[LeftOutNote, ...]:
    """As the client may see them: targets and reasons, no account."""
    notes = [LeftOutNote(each.named, _why(each), each.kind, each.until) for each in left]
    return tuple(dict.fromkeys(notes))[:SHOWN]
