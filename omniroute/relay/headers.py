"""What the gateway tells of an answer beside it."""

from __future__ import annotations

from omniroute.relay.ledger import Entry


def answer_headers(entry: Entry) -> dict[str, str]:
    """What is known once the answer has begun; see docs/api.md."""
    candidate = entry.candidate
    assert candidate is not None
    headers = {
        "X-OmniRoute-Provider": candidate.target.provider.prefix,
        "X-OmniRoute-Model": candidate.target.model,
        "X-OmniRoute-Connection": candidate.connection.id,
        "X-OmniRoute-Decision": entry.decision,
        **_times(entry),
        **entry.limit_headers,
    }
    if entry.upstream_request_id:
        headers["X-OmniRoute-Upstream-Request-Id"] = entry.upstream_request_id
    if entry.dropped:
        headers["X-OmniRoute-Dropped"] = _listed(entry.dropped)
    if entry.usage is not None and entry.usage.input is not None:
        headers["X-OmniRoute-Tokens-In"] = str(entry.usage.input)
    if entry.usage is not None and entry.usage.output is not None and not entry.ask.stream:
        headers["X-OmniRoute-Tokens-Out"] = str(entry.usage.output)
        if (micro_dollars := entry.cost) is not None:
            headers["X-OmniRoute-Cost"] = f"{micro_dollars / 1_000_000:.6f}"
    return headers


def _listed(names: tuple[str, ...], room: int = 2000) -> str:
    """The names for a header, as many as fit; all of them stand in the log row."""
    text = ", ".join(names)
    return text if len(text) <= room else text[: text.rindex(",", 0, room)] + ", ..."


def _times(entry: Entry) -> dict[str, str]:
    """The gateway's own part, and the upstream's; browsers show the second header in their network tools (W3C Server Timing)."""
    own = f"{entry.overhead_ms:.1f}"
    return {"X-OmniRoute-Overhead-Ms": own, "Server-Timing": f"gateway;dur={own}, upstream;dur={entry.upstream_ms:.1f}"}
