"""Which addresses an upstream may have. Asked at connect time about the resolved address, so a name can't rebind.

Kinds of address, worst first: metadata and link-local (never), unroutable (never), private (by the rule), public.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from omniroute.errors import AddressRefused
from omniroute.settings import PrivateRule, Settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Instance metadata services hand credentials to whoever asks from the machine.
# Sources, 2026-11: AWS (169.254.169.254, fd00:ec2::254; ECS 169.254.170.2; EKS 169.254.170.23, fd00:ec2::23), Google and
# Azure (169.254.169.254; Azure's wire server 168.63.129.16), Alibaba (100.100.100.200), Oracle (192.0.0.192).
METADATA: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32")
)
# Addresses that carry an IPv4 address inside: judged by what is inside as well. RFC 6052, RFC 8215, RFC 3056, RFC 4380.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """`private` says whether private and loopback addresses are allowed; `listed` are hosts and networks that are."""

    private: bool
    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def from_settings(cls, settings: Settings) -> AddressGuard:
        rule: PrivateRule = settings.allow_private_upstreams
        if rule == "auto":
            return cls(private=settings.loopback)
        if isinstance(rule, str):
            return cls(private=rule == "true")
        hosts, networks = set(), []
        for entry in rule:
            try:
                networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                hosts.add(entry)
        return cls(private=False, hosts=frozenset(hosts), networks=tuple(networks))

    def check(self, host: str, text: str) -> None:
        """Raise AddressRefused unless `text`, an address that `host` resolved to, may be connected to."""
        address = ipaddress.ip_address(text.partition("%")[0])
        inner = _inside(address)
        for each in {address, inner}:
            if any(each.version == net.version and each in net for net in METADATA):
                raise AddressRefused(host, str(each), "a link-local or cloud metadata address is never an upstream")
            if each.is_unspecified or each.is_multicast or (each.is_reserved and each.version == 4):
                raise AddressRefused(host, str(each), "no host has this address")
        if self.private or host.lower() in self.hosts:
            return
        if any(each.version == net.version and each in net for each in (address, inner) for net in self.networks):
            return
        if not inner.is_global or _tunnelled(address):
            raise AddressRefused(host, str(address), "a private address; allow it with ALLOW_PRIVATE_UPSTREAMS")


def _inside(address: Address) -> Address:
    """The IPv4 address that an IPv6 one carries, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in NAT64 or address in LOCAL_NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _tunnelled(address: Address) -> bool:
    """6to4, Teredo and NAT64 reach hosts by a way that this guard can't see the end of."""
    return isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None and _inside(address) is not address
