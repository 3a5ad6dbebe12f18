from typing import Any

import pytest

from services.gateway.client_address import UNKNOWN, ClientAddresses, network_of

PROXIES = ("10.0.0.0/8", "2001:db8:ffff::/48")


def scope(peer: str | None, *headers: tuple[str, str], scheme: str = "http") -> dict[str, Any]:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    return {"type": "http", "scheme": scheme, "client": (peer, 1) if peer else None, "headers": raw}


@pytest.mark.parametrize(
    ("peer", "headers", "expected"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        (None, [("X-Forwarded-For", "198.51.100.1")], UNKNOWN),
        # Nobody but a known proxy is believed.
        ("203.0.113.7", [("X-Forwarded-For", "198.51.100.1"), ("X-Real-IP", "198.51.100.1")], "203.0.113.7"),
        ("10.0.0.1", [("X-Forwarded-For", "198.51.100.1")], "198.51.100.1"),
        # What a client wrote itself stands further left.
        ("10.0.0.1", [("X-Forwarded-For", "1.1.1.1, 198.51.100.1, 10.2.3.4")], "198.51.100.1"),
        ("10.0.0.1", [("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "198.51.100.1")], "198.51.100.1"),
        ("10.0.0.1", [("X-Forwarded-For", "10.9.9.9, 10.2.3.4")], "10.9.9.9"),
        ("10.0.0.1", [("X-Forwarded-For", "1.1.1.1, garbage, 10.2.3.4")], "10.2.3.4"),
        ("10.0.0.1", [("X-Forwarded-For", "1.1.1.1, garbage")], "10.0.0.1"),
        ("10.0.0.1", [("X-Forwarded-For", "198.51.100.1:4711")], "198.51.100.1"),
        ("10.0.0.1", [("X-Forwarded-For", "[2001:db8::1]:4711")], "2001:db8::1"),
        ("10.0.0.1", [("X-Forwarded-For", "::ffff:198.51.100.1")], "198.51.100.1"),
        ("::ffff:10.0.0.1", [("X-Forwarded-For", "198.51.100.1")], "198.51.100.1"),
        ("2001:db8:ffff::1", [("X-Forwarded-For", "2001:db8::5")], "2001:db8::5"),
        ("10.0.0.1", [], "10.0.0.1"),
        # The order in which headers are asked.
        ("10.0.0.1", [("Forwarded", "for=8.8.8.8"), ("X-Real-IP", "9.9.9.9")], "9.9.9.9"),
        ("10.0.0.1", [("CF-Connecting-IP", "9.9.9.9"), ("X-Client-IP", "8.8.8.8")], "9.9.9.9"),
        ("10.0.0.1", [("X-Client-IP", "9.9.9.9"), ("X-Forwarded", "8.8.8.8")], "9.9.9.9"),
        ("10.0.0.1", [("X-Forwarded", "9.9.9.9"), ("Forwarded-For", "8.8.8.8")], "9.9.9.9"),
        ("10.0.0.1", [("Forwarded-For", "9.9.9.9"), ("Forwarded", "for=8.8.8.8")], "9.9.9.9"),
        ("10.0.0.1", [("X-Forwarded-For", "unknown"), ("X-Real-IP", "9.9.9.9")], "9.9.9.9"),
        ("10.0.0.1", [("Forwarded", 'for=1.1.1.1, for="[2001:db8::1]:80";proto=https, for=10.1.1.1')], "2001:db8::1"),
        ("10.0.0.1", [("Forwarded", "for=_hidden;by=1.2.3.4")], "10.0.0.1"),
    ],
)
def test_the_client_is_the_nearest_hop_that_is_no_proxy(
    peer: str | None, headers: list[tuple[str, str]], expected: str
) -> None:
    assert ClientAddresses(PROXIES).of(scope(peer, *headers)) == expected


def test_without_proxies_no_header_is_believed() -> None:
    given = scope("10.0.0.1", ("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-Proto", "https"))
    assert ClientAddresses().of(given) == "10.0.0.1"
    assert not ClientAddresses().uses_tls(given)


def test_encryption_that_a_proxy_ends_counts() -> None:
    addresses = ClientAddresses(PROXIES)
    assert addresses.uses_tls(scope("203.0.113.7", scheme="https"))
    assert addresses.uses_tls(scope("10.0.0.1", ("X-Forwarded-Proto", "http, https")))
    assert not addresses.uses_tls(scope("10.0.0.1", ("X-Forwarded-Proto", "https, http")))
    assert not addresses.uses_tls(scope("203.0.113.7", ("X-Forwarded-Proto", "https")))


def test_all_addresses_of_an_ipv6_customer_are_one() -> None:
    assert network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::9") == "2001:db8:1:2::"
    assert network_of("198.51.100.1") == "198.51.100.1"
    assert network_of(UNKNOWN) == UNKNOWN


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="proxy"):
        ClientAddresses(["proxy.example.com"])
