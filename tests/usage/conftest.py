from __future__ import annotations

from tests.state.conftest import other, shared, store_url

__all__ = ["other", "shared", "store_url"]
