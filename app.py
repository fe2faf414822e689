"""The composition root: the one place where all layers meet."""

from __future__ import annotations

from flask import Flask

from omniroute import dashboard, manage
from omniroute.accounts.operations import Accounts
from omniroute.address_guard import AddressGuard
from omniroute.api.blueprint import OnceV1
from omniroute.api.blueprint import blueprint as api_blueprint
from omniroute.api.outgoing import problem_writer
from omniroute.backup.operations import Backup
from omniroute.clock import Clock
from omniroute.combos.aliases import Aliases
from omniroute.combos.operations import Combos
from omniroute.connections.models import ModelList
from omniroute.connections.nodes import Nodes
from omniroute.connections.operations import Connections
from omniroute.connections.resilience import Resilience, chosen_settings
from omniroute.edge.install import Program, install
from omniroute.edge.sockets import ClientSockets
from omniroute.http import Transport
from omniroute.keys.budgets import Budgets
from omniroute.keys.operations import Keys
from omniroute.logs import configure_logs
from omniroute.models.db import Database
from omniroute.observe import traces_for
from omniroute.observe.metrics import Metrics
from omniroute.preferences.operations import Preferences, chosen
from omniroute.providers import catalog as catalogs
from omniroute.relay.combo_probe import ComboProbe
from omniroute.relay.consequences import Consequences
from omniroute.relay.conversation import Conversation
from omniroute.relay.explain import Explain
from omniroute.relay.ledger import Ledger
from omniroute.relay.probe import Probe
from omniroute.relay.retrieval import Retrieval
from omniroute.relay.service import Live, Relay, Times
from omniroute.responses.operations import Responses
from omniroute.security.audit import AuditLog
from omniroute.security.sessions import Sessions
from omniroute.security.throttle import LoginThrottle
from omniroute.security.vault import Vault
from omniroute.services import Services
from omniroute.settings import Settings
from omniroute.state.configuration import ConfigurationStore
from omniroute.state.health import HealthBoard
from omniroute.state.opened import shared_state
from omniroute.state.recount import Recount
from omniroute.usage.alerts import Alerts
from omniroute.usage.books import Books
from omniroute.usage.log_queue import LogQueue
from omniroute.usage.logs import LogReports
from omniroute.usage.prices import Prices
from omniroute.usage.pulse import Pulse
from omniroute.usage.reports import UsageReports
from omniroute.usage.standing import Standings


def create_app(settings: Settings | None = None, clock: Clock | None = None) -> Flask:
    """The WSGI program. Raises SettingError, BadCatalog."""
    settings, clock = settings or Settings.from_env(), clock or Clock()
    configure_logs(settings.log_level)
    app = Program(__name__, static_folder=None)  # the dashboard serves its own files
    services = make_services(settings, clock)
    app.extensions["omniroute"] = services
    install(app, services, client_problem=problem_writer(services.ledger), page_problem=dashboard.page_problem)
    app.register_blueprint(api_blueprint(services))
    app.register_blueprint(manage.blueprint(services))
    app.register_blueprint(dashboard.blueprint(services))
    app.wsgi_app = sockets = ClientSockets(OnceV1(app.wsgi_app), settings.body_seconds)  # type: ignore[method-assign]
    app.extensions["omniroute_sockets"] = sockets
    return app


def make_services(settings: Settings, clock: Clock) -> Services:
    """Every collaborator, each made once and given to those that need it."""
    catalog, vault = catalogs.load().moved(settings.provider_base_urls), Vault(settings.storage_encryption_keys)
    database = Database(settings.sqlalchemy_url, connections=settings.database_connections)
    configuration = ConfigurationStore(database, catalog, vault, settings, clock)
    shared = shared_state(settings, database)
    recount = Recount(database, shared, clock)
    connections = Connections(database, configuration, catalog, vault, settings, recount, clock)
    transport = Transport(
        AddressGuard.from_settings(settings), settings.connect_seconds, answer_body=settings.max_answer_mb * 1024 * 1024
    )
    look, credential = configuration.current, connections.credential
    board = HealthBoard(clock, shared, settings=lambda: chosen_settings(look().settings), quotas=lambda: look().quotas())
    probe = Probe(catalog, transport, configuration, connections, connections.credential, board, clock)
    combos = Combos(database, configuration, catalog, clock)
    keys = Keys(database, configuration, recount, clock)
    accounts = Accounts(database, Sessions(database, clock), LoginThrottle(database, clock), settings, clock)
    books, logs = Books(database, shared, vault, configuration.current, clock), LogReports(database, configuration.current)
    metrics, traces = Metrics(configuration.current, lambda: board.health, clock), traces_for(settings, clock)
    observers = (metrics.observe,) if traces is None else (metrics.observe, traces.observe)
    ledger = Ledger(LogQueue(books.journal, keys.record_use), clock, observers)
    standings = Standings(configuration.current, shared, board.learned, clock)
    conversation = Conversation(Responses(database, vault, clock))
    retrieval = Retrieval(catalog, transport, look, credential, conversation, ledger, books.meter, clock)
    relay = Relay(
        catalog=catalog,
        transport=transport,
        look=look,
        credential=credential,
        board=board,
        ledger=ledger,
        meter=books.meter,
        conversation=conversation,
        consequences=Consequences(board, connections, clock, probe.test),
        clock=clock,
        times=Times(settings.first_event_seconds, settings.idle_seconds, settings.answer_seconds, settings.heartbeat_seconds),
        live=Live(),
    )
    return Services(
        settings=settings,
        clock=clock,
        catalog=catalog,
        database=database,
        configuration=configuration,
        shared=shared,
        accounts=accounts,
        backup=Backup(database, configuration, catalog, vault, settings, accounts, recount, clock),
        keys=keys,
        budgets=Budgets(database, configuration, recount, clock),
        nodes=Nodes(database, configuration, catalog, vault, settings, clock),
        connections=connections,
        models=ModelList(database, configuration, catalog, clock),
        combos=combos,
        aliases=Aliases(database, configuration, clock),
        prices=Prices(database, configuration, catalog, clock),
        resilience=Resilience(configuration, board, connections, clock),
        preferences=Preferences(database, configuration, clock),
        audit=AuditLog(database),
        logs=logs,
        books=books,
        usage=UsageReports(database, configuration.current, logs, clock),
        pulse=Pulse(database, configuration.current, logs, board, lambda settings: chosen(settings, "time_zone"), clock),
        ledger=ledger,
        metrics=metrics,
        traces=traces,
        board=board,
        standings=standings,
        alerts=Alerts(standings, configuration, board, lambda: ledger.dropped, clock),
        relay=relay,
        retrieval=retrieval,
        probe=probe,
        combo_probe=ComboProbe(probe, combos, configuration, board),
        explain=Explain(configuration, board, clock),
    )
