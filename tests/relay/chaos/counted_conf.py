"""gunicorn's real configuration without what runs beside the requests: then each statement is a request's, or a log row's."""

import runpy
from pathlib import Path
from typing import Any

from gevent.lock import BoundedSemaphore

globals().update(runpy.run_path(str(Path(__file__).parents[3] / "gunicorn.conf.py")))


def post_worker_init(worker: Any) -> None:
    """In place of the real one, which starts polling."""
    worker.finishing, worker.finished, worker.interrupted, worker.beside = BoundedSemaphore(), False, False, []
    worker.wsgi.extensions["omniroute"].board.tick()
