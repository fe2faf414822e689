"""The whole configuration out and in. Secrets only with the admin's password, whoever asks: a key is not enough for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Response

from omniroute.backup.operations import Preview
from omniroute.backup.plan import Change, Lacking
from omniroute.edge import current
from omniroute.edge.bodies import BACKUP_EXPORT, BACKUP_IMPORT
from omniroute.edge.declarations import BadInput
from omniroute.edge.hosts import Hosts
from omniroute.manage.endpoint import Endpoint
from omniroute.services import Services


def export(services: Services, given: dict[str, Any]) -> Response:
    if given.get("include_secrets"):
        if not given.get("password"):
            raise BadInput("password: is needed for secrets.", {"password": "is needed for secrets"})
        file = services.backup.export_with_secrets(current.actor(), given["password"], given.get("passphrase") or "")
    else:
        file = services.backup.export(current.actor())
    return Response(file.raw, mimetype="application/json", headers={"Content-Disposition": f'attachment; filename="{file.name}"'})


def import_(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    upload = services.backup.read(given["document"], given.get("passphrase") or "")
    mode, by = given.get("mode", "replace"), current.actor()
    accept = Hosts(services.settings).way_kept(current.host())
    if given.get("preview"):
        return _told(services.backup.preview(upload, mode, by, accept), applied=False)
    return _told(services.backup.restore(upload, mode, by, accept), applied=True)


@dataclass(frozen=True, slots=True)
class Counts:
    added: int
    changed: int
    removed: int


def _told(preview: Preview, *, applied: bool) -> dict[str, Any]:
    plan = preview.plan
    counts = {verb: sum(of_kind.values()) for verb, of_kind in plan.counts().items()}
    return {
        "applied": applied,
        "made_at": preview.made_at,
        "program": preview.program,
        "mode": plan.mode,
        "counts": Counts(*(counts.get(verb, 0) for verb in ("added", "changed", "removed"))),
        "changes": plan.changes,
        "lacking": plan.lacking,
        "notes": preview.notes,
    }


ENDPOINTS = (
    Endpoint(
        "POST",
        "/api/settings/export",
        "The whole configuration as a document; secrets only when asked, with the admin's password",
        export,
        {
            "version": int,
            "made_at": str,
            "program": str,
            "schema": str,
            "configuration": dict[str, Any],
            "secrets": dict[str, Any] | None,
        },
        body=BACKUP_EXPORT,
    ),
    Endpoint(
        "POST",
        "/api/settings/import",
        "Restore such a document, all of it or nothing; with preview only what would happen",
        import_,
        {
            "applied": bool,
            "made_at": float,
            "program": str,
            "mode": str,
            "counts": Counts,
            "changes": tuple[Change, ...],
            "lacking": tuple[Lacking, ...],
            "notes": tuple[str, ...],
        },
        body=BACKUP_IMPORT,
    ),
)
