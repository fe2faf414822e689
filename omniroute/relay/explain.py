"""What would happen to a request, without sending it: who is asked, in which order, and who is left out and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omniroute.clock import Clock
from omniroute.errors import RequestError
from omniroute.routing.candidates import View
from omniroute.routing.configuration import ClientKey
from omniroute.routing.plan import plan
from omniroute.routing.resolve import require_allowed, resolve
from omniroute.state.configuration import ConfigurationStore
from omniroute.state.health import HealthBoard


@dataclass(frozen=True, slots=True)
class Explain:
    configuration: ConfigurationStore
    board: HealthBoard
    clock: Clock

    def explain(self, model: str, key: ClientKey | None = None) -> dict[str, Any]:
        """JSON of `GET /api/resolve`, as `key` would see it. A name that nobody answers to is an answer here, not an error."""
        configuration = self.configuration.current()
        try:
            if key is not None:
                require_allowed(key, model)
            resolution = resolve(model, configuration)
        except RequestError as exc:
            problem = exc.problem()
            return {"model": model, "error": {"status": problem.status, "class": problem.kind, "message": problem.message}}
        steps = plan(resolution, configuration, self.board.health, View(self.clock.now(), figures=self.board.figures))
        return {
            "model": model,
            "reason": steps.reason,
            "longContext": resolution.long_context,
            "attempts": [
                {
                    "target": step.target.shown,
                    "canonical": step.target.canonical,
                    "connectionId": step.connection.id,
                    "connection": step.connection.name,
                    "format": step.target.provider.format,
                }
                for step in steps.candidates
            ],
            "leftOut": [
                {
                    "target": each.named,
                    "connectionId": each.connection.id if each.connection else None,
                    "connection": each.connection.name if each.connection else None,
                    "why": each.why,
                    "class": each.kind,
                    "until": each.until,
                }
                for each in steps.left_out
            ],
        }
