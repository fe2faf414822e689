"""The address guard, address by address."""

from __future__ import annotations

from pathlib import Path

import pytest

from omniroute.address_guard import AddressGuard
from omniroute.errors import AddressRefused
from omniroute.settings import Settings

PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"]
PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "::1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "fc00::1",
    "::ffff:10.0.0.1",
    "198.18.0.1",
    "64:ff9b::a00:1",
    "64:ff9b::5db8:d70e",
    "64:ff9b:1::a00:1",
    "2002:a00:1::1",
    "2002:5db8:d70e::1",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",
]
NEVER = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.1.1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "ff02::1",
]


def allowed(guard: AddressGuard, address: str, host: str = "host.example") -> bool:
    try:
        guard.check(host, address)
    except AddressRefused as refused:
        assert address.partition("%")[0] in str(refused) or "::" in address
        return False
    return True


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert allowed(AddressGuard(private=False), address)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_the_rule(address: str) -> None:
    assert not allowed(AddressGuard(private=False), address)
    assert allowed(AddressGuard(private=True), address)


@pytest.mark.parametrize("address", NEVER)
def test_some_are_never_allowed(address: str) -> None:
    everything = AddressGuard.from_settings(Settings(allow_private_upstreams=("0.0.0.0/0", "::/0", "host.example")))
    assert not allowed(AddressGuard(private=True), address)
    assert not allowed(everything, address)


def test_a_list_names_hosts_and_networks(tmp_path: Path) -> None:
    guard = AddressGuard.from_settings(Settings(data_dir=tmp_path, allow_private_upstreams=("nas.lan", "10.0.0.0/8", "fc00::/7")))
    assert allowed(guard, "192.168.1.5", host="NAS.lan")
    assert not allowed(guard, "192.168.1.5", host="other.lan")
    assert allowed(guard, "10.1.2.3") and allowed(guard, "::ffff:10.1.2.3") and allowed(guard, "fc00::1")
    assert not allowed(guard, "172.16.0.1")


@pytest.mark.parametrize(
    ("host", "rule", "expected"),
    [("127.0.0.1", "auto", True), ("0.0.0.0", "auto", False), ("0.0.0.0", "true", True), ("127.0.0.1", "false", False)],
)
def test_auto_follows_the_bind(host: str, rule: str, expected: bool) -> None:
    assert allowed(AddressGuard.from_settings(Settings(host=host, allow_private_upstreams=rule)), "127.0.0.1") is expected
