"""The verbs: download the configuration, look what restoring one would do, and restore it, all of it or nothing."""

from __future__ import annotations

import base64
import binascii
import contextlib
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, NoReturn

import orjson

from omniroute.accounts.operations import Accounts
from omniroute.backup import sealing
from omniroute.backup.document import Document, framed, parsed, written
from omniroute.backup.keeping import Keeper, collected
from omniroute.backup.kinds import KINDS, Stored, configuration_of, read_stored
from omniroute.backup.plan import MODES, Mode, Plan, Planner
from omniroute.backup.reading import Reader
from omniroute.backup.sealing import Secrets
from omniroute.backup.writing import Moved, write
from omniroute.clock import Clock, moment
from omniroute.connections.credentials import Credentials
from omniroute.errors import Conflict, DatabaseAway, Invalid, VaultError
from omniroute.limits.limit import Limit
from omniroute.models.db import Database
from omniroute.providers.catalog import Catalog
from omniroute.providers.nodes import is_cc
from omniroute.security.audit import Actor, record
from omniroute.security.passwords import password_problem
from omniroute.security.vault import Vault
from omniroute.settings import Settings
from omniroute.state.configuration import ConfigurationStore
from omniroute.state.recount import Recount
from omniroute.threads import off_loop

LARGEST = 32 * 1024 * 1024  # bytes of a document that comes over HTTP
SUBJECT = "configuration"
TRIES = 5  # plans that are made before one is given up because somebody changes something all the time
PREVIEW_SECONDS = 3600.0
PURPOSE = "restore"

Accept = Callable[[Mapping[str, Any]], None]  # is given the settings as they will be; raises what it does not accept


@dataclass(frozen=True, slots=True)
class File:
    name: str
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Upload:
    """A document with its secrets, as far as they could be opened. `closed`: there are some, and no passphrase was given."""

    document: Document
    secrets: Secrets = field(repr=False)
    closed: bool = False

    @property
    def altered(self) -> bool:
        """Somebody has changed the configuration since its secrets were sealed beside it."""
        return bool(self.secrets.digest) and self.secrets.digest != sealing.digest_of(self.document.configuration)


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen. `notes` are sentences. `carried` is the whole of it, sealed, for `restore_shown`."""

    made_at: float
    program: str
    plan: Plan
    notes: tuple[str, ...]
    carried: str = field(default="", repr=False)


class OutOfDate(Conflict):
    """What was shown is not what would happen now. `preview` is what would."""

    def __init__(self, preview: Preview) -> None:
        super().__init__("The configuration has changed since this list was made. Look at it again; nothing was restored.")
        self.preview = preview


class Backup:
    def __init__(
        self,
        database: Database,
        store: ConfigurationStore,
        catalog: Catalog,
        vault: Vault,
        settings: Settings,
        accounts: Accounts,
        recount: Recount,
        clock: Clock,
    ) -> None:
        self._database, self._store, self._catalog, self._vault, self._clock = database, store, catalog, vault, clock
        self._credentials = Credentials(vault, settings.secret_key)
        self._cc_on = settings.enable_cc_compatible_provider
        self._accounts, self._recount = accounts, recount

    # Out ----------------------------------------------------------------------------------------

    def export(self, by: Actor, passphrase: str = "") -> File:
        """The configuration; with a passphrase its secrets too, sealed under that. Raises Invalid, VaultError.

        For who may have the secrets: others go through `export_with_secrets`.
        """
        stored, now = self._stored(), self._clock.now()
        configuration = off_loop(lambda: configuration_of(stored))
        sealed = None
        if passphrase:
            kept = off_loop(lambda: collected(stored, configuration, self._catalog, self._vault))
            sealed = sealing.seal(kept, passphrase)
        raw = off_loop(lambda: written(configuration, sealed, now))
        told = {"with_secrets": sealed is not None, **{name: len(rows) for name, rows in configuration.items()}}
        self._database.write(lambda session: record(session, now, by, "settings.export", SUBJECT, after=told))
        return File(f"omniroute-backup-{datetime.fromtimestamp(now, UTC):%Y-%m-%d}.json", raw)

    def export_with_secrets(self, by: Actor, password: str, passphrase: str = "") -> File:
        """With the secrets, sealed under a passphrase, or else under the admin's password, which is needed in any case.

        Raises WrongPassword, Throttled, Invalid.
        """
        if passphrase:
            require_passphrase(passphrase)
        self._accounts.confirm(password, by, "settings.export_refused", SUBJECT)
        return self.export(by, passphrase or password)

    # In -----------------------------------------------------------------------------------------

    def read(self, raw: bytes | Mapping[str, Any], passphrase: str = "") -> Upload:
        """A document as text, or as JSON that was parsed. Raises Invalid."""
        document = framed(raw) if isinstance(raw, Mapping) else off_loop(lambda: parsed(raw))
        if document.sealed is None:
            return Upload(document, sealing.NONE)
        if not passphrase:
            return Upload(document, sealing.NONE, closed=True)
        return Upload(document, sealing.unseal(document.sealed, passphrase))

    def preview(self, upload: Upload, mode: str, by: Actor, accept: Accept | None = None) -> Preview:
        """What restoring it would do: all of it is done, looked at, and taken back. Raises as `restore`."""
        plan = self._done(upload, _mode(mode), by, accept=accept, only_look=True)
        preview = self._shown(upload, plan)
        carried = off_loop(lambda: self._carry(upload, plan))
        return Preview(preview.made_at, preview.program, plan, preview.notes, carried)

    def restore(self, upload: Upload, mode: str, by: Actor, accept: Accept | None = None) -> Preview:
        """Do it, and tell what was done. Raises Invalid, NotAllowed, Conflict, DatabaseAway; then nothing was changed."""
        return self._shown(upload, self._done(upload, _mode(mode), by, accept=accept))

    def restore_shown(self, carried: str, by: Actor, accept: Accept | None = None) -> Preview:
        """Do what a preview has shown. Raises OutOfDate when that is not what would happen by now, else as `restore`."""
        upload, mode, shown = off_loop(lambda: self._uncarried(carried))
        try:
            return self._shown(upload, self._done(upload, mode, by, accept=accept, shown=shown))
        except _NotAsShown:
            raise OutOfDate(self.preview(upload, mode, by, accept)) from None

    # Within -------------------------------------------------------------------------------------

    def _stored(self) -> Stored:
        with self._database.unit_of_work() as session:
            return read_stored(session)

    def _plan(self, upload: Upload, mode: Mode, by: Actor) -> Plan:
        stored, now = self._stored(), self._clock.now()
        keeper = Keeper(upload.secrets, stored, self._catalog, self._vault)

        def made() -> Plan:
            own = {kind.name: {} for kind in KINDS} if mode == "replace" else stored.rows
            read = Reader(upload.document, own, keeper, self._credentials, now).read()
            return Planner(stored, self._catalog, by, now, self._clock.new_id).plan(read, mode)

        return off_loop(made)

    def _done(
        self,
        upload: Upload,
        mode: Mode,
        by: Actor,
        *,
        accept: Accept | None = None,
        shown: str | None = None,
        only_look: bool = False,
    ) -> Plan:
        for _ in range(TRIES):
            plan = self._plan(upload, mode, by)
            if shown is not None and plan.fingerprint != shown:
                raise _NotAsShown
            if accept is not None:
                accept(plan.settings)
            limits = () if only_look else self._with_log(plan.limits)
            for limit in limits:
                self._recount.at_least(limit)
            try:
                self._store.change(partial(self._write, plan=plan, upload=upload, by=by, only_look=only_look))
            except Moved:
                continue
            except _Looked:
                return plan
            for limit in limits:
                with contextlib.suppress(DatabaseAway):  # then it counts too much rather than too little
                    self._recount.exactly(limit)
            return plan
        raise Conflict("The configuration is being changed all the time; nothing was restored. Try again in a moment.")

    def _write(self, session: Any, plan: Plan, upload: Upload, by: Actor, only_look: bool) -> None:
        write(session, plan, self._catalog)
        self._store.loaded(session)  # what can't be read as a configuration is rolled back
        if only_look:
            raise _Looked
        told = {"mode": plan.mode, "made_at": moment(upload.document.made_at), "to_type_in": len(plan.lacking), **plan.counts()}
        now = self._clock.now()
        for each in plan.told:
            action = (
                "restore.added" if each.verb == "added" else "restore.removed" if each.verb == "removed" else "restore.changed"
            )
            record(session, now, by, action, each.subject, each.before, each.after)
        record(session, now, by, "settings.import", SUBJECT, after=told)

    def _with_log(self, limits: Iterable[Limit]) -> tuple[Limit, ...]:
        """Those of keys and connections that the log has something of; a counter is named "key:<id>:..." or "connection:<id>"."""
        limits = tuple(limits)
        owners = self._recount.owners() if limits else set()
        return tuple(limit for limit in limits if limit.counter.split(":")[1] in owners)

    def _shown(self, upload: Upload, plan: Plan) -> Preview:
        return Preview(upload.document.made_at, upload.document.program, plan, tuple(self._notes(upload, plan)))

    def _notes(self, upload: Upload, plan: Plan) -> Iterable[str]:
        if upload.closed:
            yield "The keys in the file stay closed without the passphrase that it was made with."
        if upload.altered:
            yield (
                "The file was changed after it was made. Its keys go only to the addresses that they were kept for; "
                "look closely at everything else."
            )
        if plan.unknown_providers:
            yield f"This program does not know {', '.join(plan.unknown_providers)}. What belongs there is kept, and not used."
        if not self._cc_on and any(is_cc(row["id"]) for row in plan.writes["nodes"].insert):
            yield (
                "Claude Code compatible providers are kept, and not used before ENABLE_CC_COMPATIBLE_PROVIDER=true is set "
                "and the gateway is started again."
            )

    # From the page that shows to the request that confirms --------------------------------------

    def _carry(self, upload: Upload, plan: Plan) -> str:
        told = {
            "purpose": PURPOSE,
            "until": self._clock.now() + PREVIEW_SECONDS,
            "document": {
                "made_at": upload.document.made_at,
                "program": upload.document.program,
                "rows": upload.document.rows,
                "settings": upload.document.settings,
            },
            "secrets": sealing.as_json(upload.secrets),
            "closed": upload.closed,
            "mode": plan.mode,
            "shown": plan.fingerprint,
        }
        return self._vault.seal(base64.b64encode(zlib.compress(orjson.dumps(told))).decode())

    def _uncarried(self, carried: str) -> tuple[Upload, Mode, str]:
        """Raises Invalid for what this gateway has not sealed, or too long ago."""
        try:
            told = orjson.loads(zlib.decompress(base64.b64decode(self._vault.open(carried), validate=True)))
        except (VaultError, binascii.Error, zlib.error, orjson.JSONDecodeError):
            told = {}
        if not isinstance(told, dict) or told.get("purpose") != PURPOSE:
            raise Invalid("What was to be restored got lost on the way. Choose the file again; nothing was restored.")
        if told["until"] < self._clock.now():
            raise Invalid("This list is more than an hour old. Choose the file again; nothing was restored.")
        document = Document(**told["document"], sealed=None)
        return Upload(document, sealing.of_json(told["secrets"]), told["closed"]), _mode(told["mode"]), told["shown"]


class _Looked(Exception):
    """Takes back what was done to look at it."""


class _NotAsShown(Exception):
    """There is another plan by now than the one that was shown."""


def require_passphrase(passphrase: str) -> None:
    """Raises Invalid for one that is guessed first."""
    if problem := password_problem(passphrase):
        told = problem.replace("password", "passphrase")
        raise Invalid(told, {"passphrase": told})


def _mode(text: str) -> Mode:
    return next((mode for mode in MODES if mode == text), None) or _refuse_mode()


def _refuse_mode() -> NoReturn:
    told = f"Mode must be one of {', '.join(MODES)}."
    raise Invalid(told, {"mode": told})
