"""The address that a request came from, seen through the proxies that are known."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import Scope

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

UNKNOWN: Final = "unknown"
_STATE: Final = "client_address"
_IPV6_CUSTOMER_BITS: Final = 64
"""Whoever has one address of such a network has all of them."""

_SOURCES: Final = (
    "X-Forwarded-For",
    "X-Real-IP",
    "CF-Connecting-IP",
    "X-Client-IP",
    "X-Forwarded",
    "Forwarded-For",
    "Forwarded",
)
"""In the order in which they are asked; the first that names an address counts."""


class ClientAddresses:
    """Believes address headers only of `trusted_proxies`, which must set or extend them.

    Args:
        trusted_proxies: networks in CIDR form, or single addresses.

    Raises:
        ValueError: one of them is neither.
    """

    def __init__(self, trusted_proxies: Iterable[str] = ()) -> None:
        self._trusted: Sequence[Network] = tuple(ip_network(text, strict=False) for text in trusted_proxies)

    def of(self, scope: Scope) -> str:
        """The address of the client: the nearest hop that is none of our proxies. `unknown` for local sockets."""
        state = scope.setdefault("state", {})
        if _STATE not in state:
            state[_STATE] = self._find(scope)
        return state[_STATE]

    def uses_tls(self, scope: Scope) -> bool:
        """Whether the client's connection is encrypted, also if one of our proxies ends the encryption."""
        if scope["scheme"] in ("https", "wss"):
            return True
        told = Headers(scope=scope).getlist("X-Forwarded-Proto")
        return bool(told) and self._is_proxy(_peer(scope)) and told[-1].rpartition(",")[2].strip().lower() == "https"

    def _find(self, scope: Scope) -> str:
        peer = _peer(scope)
        if peer is None:
            return UNKNOWN
        if not self._is_proxy(peer):
            return str(peer)
        headers = Headers(scope=scope)
        for name in _SOURCES:
            values = headers.getlist(name)
            if not values:
                continue
            found = self._nearest_client(_hops(name, ",".join(values)))
            if found is not None:
                return str(found)
        return str(peer)

    def _nearest_client(self, hops: Sequence[str]) -> Address | None:
        """The right-most hop that is no proxy of ours; what stands left of it may be made up by the client."""
        nearest: Address | None = None
        for hop in reversed(hops):
            address = _parse(hop)
            if address is None:
                return nearest
            nearest = address
            if not self._is_proxy(address):
                return address
        return nearest

    def _is_proxy(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._trusted)


def address_of(connection: HTTPConnection) -> str:
    """The client's address, once a middleware has asked for it."""
    return getattr(connection.state, _STATE, UNKNOWN)


def network_of(address: str) -> str:
    """What limits count for an address: itself, or of an IPv6 address the first address of its /64."""
    parsed = _parse(address)
    if not isinstance(parsed, IPv6Address):
        return address
    return str(IPv6Network((parsed, _IPV6_CUSTOMER_BITS), strict=False).network_address)


def _peer(scope: Scope) -> Address | None:
    client = scope.get("client")
    return _parse(client[0]) if client else None


def _hops(name: str, value: str) -> list[str]:
    parts = [part.strip() for part in value.split(",")]
    if name != "Forwarded":
        return parts
    hops: list[str] = []
    for part in parts:
        pairs = (pair.partition("=") for pair in part.split(";"))
        hops.append(next((value.strip().strip('"') for key, _, value in pairs if key.strip().lower() == "for"), ""))
    return hops


def _parse(text: str) -> Address | None:
    """An address with or without a port; an IPv4 address in IPv6 form becomes the former."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
