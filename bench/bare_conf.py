"""gunicorn's settings for the bare relay; the gateway's own differ only in what the gateway needs."""

from gevent import monkey

monkey.patch_all()

import resource  # noqa: E402

_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

worker_class = "gevent"
workers = 2
worker_connections = 1000
backlog = 2048
keepalive = 75
timeout = 60
graceful_timeout = 5
control_socket_disable = True
loglevel = "warning"
