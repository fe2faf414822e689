"""Failures as the relay would have met them, for pages that show what is held against whom."""

from __future__ import annotations

from omniroute.errors import UpstreamError, UpstreamNetwork, UpstreamStatus
from omniroute.routing.candidates import Candidate
from omniroute.routing.failures import classify
from omniroute.routing.route import Target
from tests.dashboard.conftest import Desk


def answered(desk: Desk, connection_id: str, model: str, status: int, retry_after: int | None = None) -> None:
    """An upstream's answer with an error status to a request for `model`."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    failed(desk, connection_id, model, UpstreamStatus(status, headers, b'{"error": {"message": "So it said."}}'))


def unreachable(desk: Desk, connection_id: str, model: str, times: int = 5) -> None:
    """Nobody listens; so many times as open a breaker."""
    for _ in range(times):
        failed(desk, connection_id, model, UpstreamNetwork("refused", "127.0.0.1", 9, "nothing listens"))


def failed(desk: Desk, connection_id: str, model: str, error: UpstreamError) -> None:
    services = desk.services
    configuration, now = services.configuration.current(), services.clock.now()
    connection = configuration.connection(connection_id)
    assert connection is not None
    provider = configuration.providers[connection.provider_id]
    candidate = Candidate(Target(provider, model).through(connection), connection)
    services.explain.board.failed(candidate, classify(error, provider.failures, succeeded=True, now=now))
