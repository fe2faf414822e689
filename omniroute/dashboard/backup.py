"""Settings, Backup: download the whole configuration, and restore one after looking at what that would do.

Between the list that is shown and the button that confirms it, the confirming form itself carries the document, sealed by this
gateway: that works without scripts, keeps nothing on the server, asks for no passphrase twice, and does what was shown or
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from flask import Response, flash, request
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, Form, PasswordField, RadioField

from omniroute.backup.kinds import KINDS
from omniroute.backup.operations import LARGEST, OutOfDate, Preview
from omniroute.backup.plan import Change
from omniroute.dashboard.forms import SelectChoice, refuse
from omniroute.dashboard.routes import Route
from omniroute.dashboard.settings import section_page
from omniroute.dashboard.shell import go
from omniroute.edge.current import actor, host
from omniroute.edge.hosts import Hosts
from omniroute.errors import Invalid, OperationError
from omniroute.services import Services

MOST_SHOWN = 200  # names of one kind and fate; what is more is only counted

VERBS = ("added", "changed", "removed")

# (the one, the many) of each kind, as the pages call them
WORDS = {
    "nodes": ("provider", "providers"),
    "connections": ("connection", "connections"),
    "models": ("model", "models"),
    "combos": ("combo", "combos"),
    "aliases": ("alias", "aliases"),
    "keys": ("client key", "client keys"),
    "budgets": ("budget", "budgets"),
    "prices": ("price", "prices"),
    "settings": ("setting", "settings"),
}


class DownloadForm(Form):
    secrets = BooleanField("Include keys")
    password = PasswordField("Your password")
    passphrase = PasswordField("Passphrase for this file")


class RestoreForm(Form):
    passphrase = PasswordField("Passphrase", id="restore-passphrase")
    mode = RadioField(
        "What is not in the file",
        choices=(SelectChoice("replace", "Goes: afterwards all is as in the file"), SelectChoice("merge", "Stays")),
        default="replace",
    )


@dataclass(frozen=True, slots=True)
class Fate:
    """Those of one kind that share a fate, and how many more there are than are named."""

    kind: str
    verb: str
    rows: tuple[Change, ...]
    more: int


def backup(services: Services) -> ResponseReturnValue:
    return show(DownloadForm(), RestoreForm())


def download(services: Services) -> ResponseReturnValue:
    form = DownloadForm(request.form)
    try:
        if form.secrets.data:
            if not form.password.data:
                raise Invalid("Type your password.", {"password": "Type your password: without it keys are not given out."})
            file = services.backup.export_with_secrets(actor(), form.password.data, form.passphrase.data or "")
        else:
            file = services.backup.export(actor())
    except OperationError as refusal:
        return show(form, RestoreForm(), refuse(form, refusal))
    response = Response(file.raw, mimetype="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def preview(services: Services) -> ResponseReturnValue:
    """Of the chosen file, read once: what the page then confirms is not this file again but what was made of it."""
    form, chosen_file = RestoreForm(request.form), request.files.get("file")
    try:
        if chosen_file is None or not chosen_file.filename:
            raise Invalid("Choose the file that was downloaded as a backup.", {"file": "Choose a file."})
        with closing(chosen_file):  # a large one is a file on the disk by now
            raw = chosen_file.read()
        upload = services.backup.read(raw, form.passphrase.data or "")
        found = services.backup.preview(upload, form.mode.data or "", actor(), Hosts(services.settings).way_kept(host()))
        if len(found.carried) > LARGEST:
            raise Invalid("This file is too large for a browser. On the server: python -m omniroute import-config <file>")
    except OperationError as refusal:
        return refused_file(form, refusal)
    return list_changes(found)


def restore(services: Services) -> ResponseReturnValue:
    try:
        done = services.backup.restore_shown(request.form.get("carried", ""), actor(), Hosts(services.settings).way_kept(host()))
    except OutOfDate as refusal:
        return list_changes(refusal.preview, refusal.message, refusal.status)
    except OperationError as refusal:
        return refused_file(RestoreForm(), refusal)
    counts = {verb: sum(of_kind.values()) for verb, of_kind in done.plan.counts().items()}
    flash(f"Restored: {', '.join(f'{count} {verb}' for verb, count in counts.items()) or 'nothing was different'}.", "good")
    if done.plan.lacking:
        told = "; ".join(f"{each.name} ({', '.join(each.what)})" for each in done.plan.lacking[:5])
        more = f", and {len(done.plan.lacking) - 5} more" if len(done.plan.lacking) > 5 else ""
        flash(f"Still to be pasted on the page Providers: {told}{more}. Until then these are off.", "warn")
    return go("backup")


def show(
    form: DownloadForm, restoring: RestoreForm, status: int = 200, wrong: Mapping[str, str] | None = None
) -> ResponseReturnValue:
    return section_page("backup.html", "backup", form=form, restoring=restoring, wrong=wrong or {}, status=status)


def refused_file(form: RestoreForm, refusal: OperationError) -> ResponseReturnValue:
    """Beside the field, or as a list of what is wrong in the file, by place."""
    wrong = {name: text for name, text in refusal.fields.items() if name not in form._fields and name != "file"}
    if wrong:
        form.form_errors = [refusal.message.partition(". ")[0].rstrip(".") + "."]
        return show(DownloadForm(), form, refusal.status, wrong)
    return show(DownloadForm(), form, refuse(form, refusal))


def list_changes(found: Preview, message: str = "", status: int = 200) -> ResponseReturnValue:
    fates = tuple(fates_of(found))
    return section_page(
        "backup_preview.html",
        "backup",
        found=found,
        message=message,
        lost=[each for each in fates if each.verb == "removed"],
        comes=[each for each in fates if each.verb != "removed"],
        table=table(found),
        going=sum(found.plan.counts().get("removed", {}).values()),
        words=WORDS,
        status=status,
    )


def table(found: Preview) -> list[tuple[str, tuple[int, ...], int]]:
    """(kind, [added, changed, removed], as it is) of what there is any of."""
    counts, same = found.plan.counts(), found.plan.same
    rows = [(kind.name, tuple(counts.get(verb, {}).get(kind.name, 0) for verb in VERBS), same[kind.name]) for kind in KINDS]
    return [(WORDS[kind][1].capitalize(), numbers, stay) for kind, numbers, stay in rows if stay or any(numbers)]


def fates_of(found: Preview) -> Iterator[Fate]:
    for kind in KINDS:
        for verb in reversed(VERBS):
            rows = tuple(each for each in found.plan.changes if (each.kind, each.verb) == (kind.name, verb))
            if rows:
                yield Fate(kind.name, verb, rows[:MOST_SHOWN], max(0, len(rows) - MOST_SHOWN))


ROUTES = (
    Route("GET", "/dashboard/settings/backup", "backup", backup),
    Route("POST", "/dashboard/settings/backup/download", "backup_download", download),
    Route("POST", "/dashboard/settings/backup/preview", "backup_preview", preview),
    Route("POST", "/dashboard/settings/backup/restore", "backup_restore", restore),
)
