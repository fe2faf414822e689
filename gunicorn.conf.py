"""gunicorn: gevent workers, bound where the settings say, and an orderly end.

Nothing is imported before the patch that is not ours: gevent must come first.
"""

# ruff: noqa: E402
from gevent import monkey

monkey.patch_all()

import gc
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import gevent
from gevent.lock import BoundedSemaphore

from omniroute.errors import DatabaseAway, SettingError
from omniroute.models.glance import glance
from omniroute.models.schema import SchemaError, require_current
from omniroute.settings import Settings, is_loopback

try:
    settings = Settings.from_env()
except SettingError as exc:
    raise SystemExit(f"omniroute: {exc}") from None

# Each stream holds two sockets, so a thousand streams need more files than the usual 1,024.
_, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))

bind = [f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"]
worker_class = "omniroute.edge.worker.Worker"  # gevent
workers = settings.web_concurrency
worker_connections = 1000
timeout = 60  # a heartbeat of the loop, no limit on requests
graceful_timeout = max(27, int(settings.drain_seconds) + 12)  # Heroku kills at 30 s
keepalive = 75
backlog = 2048
limit_request_field_size = 16384  # long lists of betas
limit_request_fields = 120
control_socket_disable = True
forwarded_allow_ips = ""  # PROXY_HOPS decides, in omniroute/edge/hosts.py
proc_name = "omniroute"
loglevel = settings.log_level.lower()
accesslog = None

STARTED = time.time()
END_AFTER = settings.drain_seconds
UNTIL_CLOSED = 1.1  # seconds in which gunicorn's worker closes its listeners: at a reload, who comes until then is served here
# Seconds that clients have to take their last event, at SIGTERM and at SIGINT. Who gives streams little time has little himself.
LAST_WORDS, AT_ONCE = min(4.0, max(1.0, END_AFTER / 2)), 1.0

CLOSE_EVERY = 10.0  # seconds between looks for idle connections that upstreams have closed

# Files in which the workers count together, wherever prometheus_client is imported afterwards.
METRICS = "PROMETHEUS_MULTIPROC_DIR"
os.environ.setdefault(METRICS, str(settings.data_dir.absolute() / "metrics"))
METRICS_ROOM = 512 * 1024  # bytes of each file: two thousand counters


def on_starting(server: Any) -> None:
    _need_free_port(server)
    _need_tables()
    _empty_metrics()


def _need_free_port(server: Any) -> None:
    """A port that somebody else has: one line that names the setting, where gunicorn would try for seconds."""
    if {"GUNICORN_FD", "LISTEN_FDS"} & os.environ.keys():
        return  # the sockets are handed over, open
    for address in server.cfg.address:
        if not isinstance(address, tuple):
            continue
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as exc:
                where = f"HOST={address[0]} PORT={address[1]}"
                raise SystemExit(f"omniroute: {where} can't be used: {exc.strerror}; set another HOST or PORT in .env") from None


def _need_tables() -> None:
    """Those of this version: one line, where workers would fail one by one. A database that is away may come back later.

    A process of its own asks Postgres: the master imports nothing of what its workers load.
    """
    seen = glance(settings.sqlalchemy_url)
    try:
        if seen is not None:
            require_current(seen.revision)
            return
    except SchemaError as exc:
        raise SystemExit(f"omniroute: {exc}") from None
    command, env = [sys.executable, "-m", "omniroute", "check-tables"], os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run(command, env=env, stderr=subprocess.PIPE, text=True, check=False).stderr
    if told.startswith("Error: "):
        raise SystemExit(f"omniroute: {told.strip().removeprefix('Error: ')}")


def _empty_metrics() -> None:
    """Counters begin with the gateway. A folder that can't be written is no reason not to start."""
    folder = Path(os.environ[METRICS])
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in folder.glob("*.db"):
            old.unlink()
    except OSError:
        os.environ[METRICS] = tempfile.mkdtemp(prefix="omniroute-metrics-")


def when_ready(server: Any) -> None:
    """A bind from the command line that the settings do not know of would open what they think is closed."""
    for listener in server.LISTENERS:
        address = listener.sock.getsockname()
        if settings.loopback and isinstance(address, tuple) and not is_loopback(address[0]):
            server.log.error("omniroute: bound to %s while HOST is %s; set HOST instead of --bind", address[0], settings.host)
            raise SystemExit(1)


def post_fork(server: Any, worker: Any) -> None:
    """Have the disk's blocks for the worker's counters now: prometheus_client makes files with holes in them and maps them
    into memory, and who writes into a hole on a full disk is killed. Without room the worker counts by itself.
    """
    folder, pid = Path(os.environ[METRICS]), os.getpid()
    empty = folder / f"{pid}.new"
    try:
        for place in (folder / f"{kind}_{pid}.db" for kind in ("counter", "gauge_livesum", "histogram")):
            if place.exists():
                continue  # an earlier worker had this pid: what it counted stays
            with empty.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, METRICS_ROOM)
            empty.rename(place)
    except OSError as exc:
        empty.unlink(missing_ok=True)
        server.log.warning("omniroute: no room for the workers' metrics in %s: %s", folder, exc.strerror)
        del os.environ[METRICS]


def post_worker_init(worker: Any) -> None:
    """Start what runs beside the requests of this worker."""
    worker.finishing, worker.finished, worker.interrupted, worker.beside = BoundedSemaphore(), False, False, []
    services = worker.wsgi.extensions["omniroute"]
    services.metrics.since = STARTED
    services.board.tick()  # before the first request: what was known when the last worker ended still counts
    beside = [
        gevent.spawn(_watch_configuration, services),
        gevent.spawn(_exchange_health, services.board),
        gevent.spawn(_flush_health, services.board),
        gevent.spawn(_keep_tickets, services.books.meter),
        gevent.spawn(_close_dropped, services.relay.transport),
        gevent.spawn(_tell_metrics, services),
    ]
    if settings.background_jobs != "off":
        from omniroute.jobs import jobs_of  # here: the master imports nothing of what its workers load

        worker.jobs = jobs_of(services)
        beside.append(gevent.spawn(worker.jobs.run))
    worker.beside = beside
    gevent.spawn(_watch_for_end, worker, services)
    if worker.age == 1:
        _announce(services)
    _spare_what_stays()


def _spare_what_stays() -> None:
    """Modules, tables and routes are there for as long as the worker is: a collection that looks through all of them again takes
    0.1 s, in which no stream moves, and there was one every few hundred requests.
    """
    gc.collect()
    gc.freeze()


def worker_int(worker: Any) -> None:
    """SIGINT and SIGQUIT wait for nobody; but clients are told, and what they used is written down. gunicorn throws an end into
    whatever the worker does as soon as this returns, and Ctrl-C in a terminal comes twice: so the worker's own end is in here,
    and the second time waits for the first, whose end it shares.
    """
    if not hasattr(worker, "finishing"):
        return  # it has not even begun
    if worker.interrupted:
        gevent.sleep(graceful_timeout)
    worker.interrupted = True
    services = worker.wsgi.extensions["omniroute"]
    services.relay.stop_taking()
    worker.wsgi.extensions["omniroute_sockets"].close_idle()
    _end_all(worker, services, AT_ONCE)
    _finish(worker)


def worker_exit(server: Any, worker: Any) -> None:
    if hasattr(worker, "finishing"):  # a worker that could not start has nothing to write
        _finish(worker)


def _finish(worker: Any) -> None:
    """Write what is left of the log, and send what is left of the traces; once, and a second caller waits for the first."""
    with worker.finishing:
        if worker.finished:
            return
        services = worker.wsgi.extensions["omniroute"]
        gevent.killall(worker.beside, timeout=2)  # first: they use what is closed below
        services.ledger.drain()
        if hasattr(worker, "jobs"):
            worker.jobs.close()
        if services.traces is not None:
            services.traces.close()
        services.board.close()
        services.database.close()
        worker.finished = True


def child_exit(server: Any, worker: Any) -> None:
    """What a worker has counted stays; how it was doing when it ended does not. This is what prometheus_client's
    mark_process_dead does, which the first process needs nothing else of.
    """
    for told in Path(os.environ[METRICS]).glob(f"gauge_live*_{worker.pid}.db"):
        told.unlink(missing_ok=True)


def _announce(services: Any) -> None:
    print(f"OmniRoute is ready at {settings.address}", flush=True)
    try:
        _announce_state(services)
    except DatabaseAway:
        print("The database can't be reached. Requests are refused until it can; nothing need be started again.", flush=True)


def _announce_state(services: Any) -> None:
    token = services.accounts.setup_token()
    if token is not None:
        print(f"Set the dashboard's password here, once: {settings.address}/setup?token={token}", flush=True)
    if settings.require_api_key == "false" and not settings.loopback and not _keys_for_all(services):
        print("WARNING: REQUIRE_API_KEY=false on a public address: anybody who reaches it spends your credit.", flush=True)
        print("In a container, publish the port on this machine only: -p 127.0.0.1:20128:20128", flush=True)


def _keys_for_all(services: Any) -> bool:
    from omniroute.edge.callers import always_chosen  # here: the master imports nothing of what its workers load

    return always_chosen(services.configuration.current().settings)


def _watch_configuration(services: Any) -> None:
    """Edits made on other machines; those on this one are seen at once."""
    while True:
        gevent.sleep(0.5)
        services.configuration.poll()


def _exchange_health(board: Any) -> None:
    """With the other workers: what one learns, the others act on within a second."""
    while True:
        board.tick()
        gevent.sleep(0.25)


def _flush_health(board: Any) -> None:
    """What requests here have learned, as it comes but at most twenty times a second."""
    while True:
        board.wait()
        board.flush()
        gevent.sleep(0.05)


def _keep_tickets(meter: Any) -> None:
    """What requests have reserved stays theirs while they run."""
    while True:
        gevent.sleep(meter.keep_every)
        meter.keep()


def _close_dropped(transport: Any) -> None:
    """Upstreams close what is idle for long; each of those would keep a file open here."""
    while True:
        gevent.sleep(CLOSE_EVERY)
        transport.close_dropped()


def _tell_metrics(services: Any) -> None:
    """How this worker is doing, for whichever is asked for /metrics."""
    while True:
        ledger, streams = services.ledger, len(services.relay.live.flows)
        services.metrics.tell(ledger.waiting, ledger.dropped, streams, services.database.in_use)
        gevent.sleep(1)


def _watch_for_end(worker: Any, services: Any) -> None:
    """SIGTERM: take nothing new, let streams finish, and end what is left while there is time to say so."""
    while worker.alive:
        gevent.sleep(0.2)
    gevent.sleep(UNTIL_CLOSED)
    services.relay.stop_taking()
    worker.wsgi.extensions["omniroute_sockets"].close_idle()
    gevent.sleep(END_AFTER)
    _end_all(worker, services, LAST_WORDS)


def _end_all(worker: Any, services: Any, seconds: float) -> None:
    """End what is open. Who does not take his last event in time is cut off: gunicorn waits for every connection."""
    services.relay.end_all()
    until = time.monotonic() + seconds
    while services.relay.busy and time.monotonic() < until:
        gevent.sleep(0.05)
    worker.wsgi.extensions["omniroute_sockets"].close_all()
