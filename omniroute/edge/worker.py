"""gunicorn's gevent worker, which here knows of its connections from the moment they are there."""

from __future__ import annotations

from typing import Any

from gunicorn.workers.ggevent import GeventWorker  # type: ignore[import-untyped]


class Worker(GeventWorker):  # type: ignore[misc]
    """A connection that has asked for nothing yet (a browser's spare one, a balancer's probe) must not hold up the end."""

    def handle(self, listener: Any, client: Any, address: Any) -> None:
        self.wsgi.extensions["omniroute_sockets"].opened(client)
        super().handle(listener, client, address)
