"""What every endpoint does alike with what comes in."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniroute.manage import ENDPOINTS
from tests.manage.conftest import Api

BAD = [b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"name": NaN}', b"[" * 100_000, b'{"a":' * 5_000]


@pytest.mark.parametrize("body", BAD)
def test_a_body_that_is_no_object_is_refused(api: Api, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {api.key}"}
    answer = api.house.client.post("/api/keys", data=body, content_type="application/json", headers=headers)
    assert answer.status_code == 400
    assert answer.get_json()["error"]["message"]


def test_a_body_of_another_type_is_refused(api: Api) -> None:
    headers = {"Authorization": f"Bearer {api.key}"}
    answer = api.house.client.post("/api/keys", data=b'{"name": "k"}', content_type="text/plain", headers=headers)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (415, "unsupported_media_type")


def test_a_body_may_be_left_out_where_nothing_is_required(api: Api) -> None:
    assert api("POST", "/api/providers/test-all")[0] == 200
    assert api("POST", "/api/keys")[0] == 400


def test_the_key_parameter_is_a_credential_not_a_filter(api: Api) -> None:
    assert api.house.client.get(f"/api/usage/logs?key={api.key}").status_code == 200


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
WRITING = [
    endpoint for endpoint in ENDPOINTS if endpoint.body and "test" not in endpoint.path and "validate" not in endpoint.path
]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_body_makes_an_endpoint_fail(api: Api, data: st.DataObject) -> None:
    endpoint = data.draw(st.sampled_from(WRITING))
    names = [field.json for field in endpoint.body or ()]
    body = data.draw(st.dictionaries(st.sampled_from(names) | st.text(max_size=8), json_values, max_size=6))
    path = endpoint.path.replace("<node_id>", "x").replace("<connection_id>", "x").replace("<key_id>", "x")
    status, told = api(endpoint.method, path, body)
    assert status < 500, told
