from __future__ import annotations

from cryptography.fernet import Fernet

from omniroute.models.upstreams import ConnectionRow, NodeRow
from omniroute.providers.values import Field, Provider
from omniroute.security.vault import Vault
from omniroute.state.rows import connection_value, node_value


def test_sealed_fields_stay_sealed_and_sealed_headers_are_opened() -> None:
    vault = Vault([Fernet.generate_key().decode()])
    sealed = vault.seal("hidden")
    connection = connection_value(
        ConnectionRow(id="c", provider_id="p", name="C", fields={"pin": {"sealed": sealed}, "region": "eu"})
    )
    assert connection.fields == {"pin": sealed, "region": "eu"}
    headers = [["x-token", {"sealed": sealed}], ["x-app", None], ["x-team", "blue"]]
    node = node_value(NodeRow(id="n", custom_headers=headers), vault)
    assert node.custom_headers == (("x-token", "hidden"), ("x-app", None), ("x-team", "blue"))


def test_the_address_that_fields_make() -> None:
    fields = (Field("region", "Region", required=True, fills="label"), Field("pin", "PIN", secret=True))
    provider = Provider("p", "P", "native", "openai_chat", "https://{region}.example", fields=fields)
    row = ConnectionRow(id="c", provider_id="p", name="C", fields={"pin": {"sealed": "..."}, "region": "eu"})
    assert connection_value(row, provider).base_url == "https://eu.example"
    assert connection_value(row).base_url == ""
    assert connection_value(ConnectionRow(id="c", provider_id="p", name="C", fields={}), provider).base_url == ""
