"""The models of a provider: the catalogue's, those found upstream, and those that a user added."""

from __future__ import annotations

from typing import Any

from omniroute.connections.models import ModelView
from omniroute.edge import current
from omniroute.edge.bodies import MODEL_HIDE, MODEL_NAMED, MODELS_ADD, MODELS_OF
from omniroute.manage.endpoint import Endpoint
from omniroute.services import Services


def listed(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"models": services.models.for_provider(given["provider"]), "next": None}


def add(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"models": services.models.add(given["provider"], given["model_ids"], "custom", current.actor()), "next": None}


def hide(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    change = services.models.hide if given["is_hidden"] else services.models.show
    change(given["provider"], given["model_id"], current.actor())
    return {"models": services.models.for_provider(given["provider"]), "next": None}


def delete(services: Services, given: dict[str, Any]) -> None:
    services.models.delete(given["provider"], given["model_id"], current.actor())


def refresh(services: Services, given: dict[str, Any], connection_id: str) -> dict[str, Any]:
    """Ask the upstream for its list, with this connection's key; the ones found before make room."""
    provider_id = services.connections.get(connection_id).provider_id
    found = services.models.refresh(provider_id, services.probe.models(connection_id), current.actor())
    return {
        "added": found.added,
        "removed": found.removed,
        "models": services.models.for_provider(provider_id),
        "next": None,
    }


LIST = {"models": tuple[ModelView, ...], "next": str | None}

ENDPOINTS = (
    Endpoint("GET", "/api/provider-models", "The models of a provider", listed, LIST, query=MODELS_OF),
    Endpoint("POST", "/api/provider-models", "Add models by hand", add, LIST, status=201, body=MODELS_ADD),
    Endpoint("PATCH", "/api/provider-models", "Hide a model, or show it again", hide, LIST, body=MODEL_HIDE, query=MODEL_NAMED),
    Endpoint("DELETE", "/api/provider-models", "Delete a model that was added or found", delete, status=204, query=MODEL_NAMED),
    Endpoint(
        "POST",
        "/api/providers/<connection_id>/models/refresh",
        "Read the upstream's list of models again",
        refresh,
        {"added": int, "removed": int, **LIST},
    ),
)
