"""Bodies that somebody asked to keep: what came in, and what went out, cut to size."""

from __future__ import annotations

from collections.abc import Mapping

from omniroute.preferences.operations import chosen
from omniroute.relay.ask import Ask
from omniroute.usage.bodies import Bodies


class Tap:
    """Takes down an answer on its way. `room` is in bytes, for the request and for the answer each."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._parts: list[bytes] = []
        self._size = 0

    @staticmethod
    def wanted(ask: Ask, settings: Mapping[str, object]) -> Tap | None:
        """One where the key or the settings ask for it, and the request does not forbid it."""
        asked = chosen(settings, "log_bodies") == "on" or (ask.key is not None and ask.key.log_bodies)
        if not asked or ask.no_log:
            return None
        return Tap(chosen(settings, "log_body_kb") * 1024)

    def take(self, data: bytes) -> None:
        if self._size < self._room:
            self._parts.append(data[: self._room - self._size])
        self._size += len(data)

    def bodies(self, ask: Ask, at: float) -> Bodies:
        """A form with a file is not kept: `ask.body` is empty then."""
        response = b"".join(self._parts) if self._size else None
        return Bodies(ask.request_id, at, ask.body[: self._room] or None, len(ask.body), response, self._size)
