"""What an attempt's outcome does to health and to the stored state of a connection."""

from __future__ import annotations

import logging
from collections.abc import Callable

import gevent

from omniroute.clock import Clock
from omniroute.connections.operations import Connections
from omniroute.errors import OperationError
from omniroute.routing.candidates import Candidate
from omniroute.routing.failures import Failure
from omniroute.state.health import HealthBoard

log = logging.getLogger(__name__)


class Consequences:
    """`confirm(connection_id)` runs a Test: a refused key is terminal only when a second, separate answer says so."""

    def __init__(self, board: HealthBoard, connections: Connections, clock: Clock, confirm: Callable[[str], object]) -> None:
        self._board = board
        self._connections = connections
        self._clock = clock
        self._confirm = confirm
        self._confirming: set[str] = set()

    def succeeded(self, candidate: Candidate, began: float, combo: str = "") -> None:
        """`began` is when the attempt did, in epoch seconds."""
        self._board.succeeded(candidate, began, combo)
        if not candidate.connection.succeeded:
            gevent.spawn(self._store, lambda: self._connections.record_success(candidate.connection.id))

    def failed(self, candidate: Candidate, failure: Failure) -> None:
        connection = candidate.connection
        self._board.failed(candidate, failure)
        if failure.rule.terminal is not None:
            status, reason = failure.rule.terminal, f"{failure.message.rstrip('.')}. {failure.remedy}"
            gevent.spawn(self._store, lambda: self._connections.mark(connection.id, status, reason))
        elif failure.kind == "upstream_auth_error" and connection.id not in self._confirming:
            self._confirming.add(connection.id)
            gevent.spawn(self._test, connection.id)

    def _test(self, connection_id: str) -> None:
        try:
            self._store(lambda: self._confirm(connection_id))
        finally:
            self._confirming.discard(connection_id)

    def _store(self, work: Callable[[], object]) -> None:
        try:
            work()
        except OperationError as exc:
            log.warning("a connection's state could not be stored: %s", exc)
