"""Rows as the ledger settles them, and how Prometheus' text is read."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from bench.processes import direct

AT = 1_800_000_000.0


def attempt(target: str = "chat/large", at_ms: int = 5, ms: int = 900, kind: str = "ok", **more: Any) -> dict[str, Any]:
    status = 200 if kind == "ok" else 500
    given = {"target": target, "connection": "first", "at_ms": at_ms, "ms": ms, "class": kind, "status": status}
    return given | {"message": "", "detail": ""} | more


def row(**more: Any) -> dict[str, Any]:
    """A request that was answered."""
    given = {
        "id": "a-request",
        "at": AT,
        "method": "POST",
        "path": "/v1/chat/completions",
        "endpoint": "/v1/chat/completions",
        "format": "openai_chat",
        "streamed": False,
        "requested_model": "chat/large",
        "key_id": "key-1",
        "key_name": "a key",
        "status": 200,
        "kind": "ok",
        "message": "",
        "remedy": "",
        "usage_source": "reported",
        "input_tokens": 10,
        "output_tokens": 20,
        "cached_tokens": 4,
        "cache_write_tokens": 0,
        "reasoning_tokens": None,
        "cost": 1_234,
        "first_ms": 300,
        "total_ms": 905,
        "attempts": [attempt()],
        "provider_id": "chat",
        "provider_prefix": "chat",
        "upstream_model": "large",
        "connection_id": "connection-1",
        "connection_name": "first",
        "combo": None,
        "step_id": None,
        "finish": "stop",
        "client": "a client",
    }
    return given | more


def refused(**more: Any) -> dict[str, Any]:
    """What is known of a request that never became one."""
    given = {"id": "a-request", "at": AT, "usage_source": "absent", "method": "POST", "path": "/v1/messages"}
    return given | {"endpoint": "/v1/messages", "format": "anthropic_messages", "status": 401, "kind": "unauthorized"} | more


Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Read:
    """What /metrics told. Sums over the labels that are not named."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples: Samples = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = frozenset(sample.labels.items())
                assert (sample.name, labels) not in self.samples, f"{sample.name} {sample.labels} is told twice"
                self.samples[sample.name, labels] = sample.value

    def __call__(self, name: str, **labels: str) -> float:
        """`class_` is the label "class"."""
        wanted = {(label.rstrip("_"), value) for label, value in labels.items()}
        return sum(value for (each, having), value in self.samples.items() if each == f"omniroute_{name}" and wanted <= having)

    def labels(self, name: str) -> list[dict[str, str]]:
        return [dict(having) for each, having in self.samples if each == f"omniroute_{name}"]


def read(url: str) -> Read:
    """From a gateway."""
    with direct.open(f"{url}/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return Read(answer.read().decode())
