"""Legacy text completions at a provider that has them: the native lane, at the address of this endpoint."""

from __future__ import annotations

from omniroute.providers.urls import endpoint_url
from omniroute.relay.native import NativeLane
from omniroute.routing.route import Target

FORMAT = "openai_completions"


def has_completions(target: Target) -> bool:
    return endpoint_url(target.provider, "completions") is not None


class CompletionsLane(NativeLane):
    def url(self) -> str:
        url = endpoint_url(self._target.provider, "completions")
        assert url is not None, "has_completions was asked before"
        return url
