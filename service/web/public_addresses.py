"""Which IP addresses belong to the public Internet: the only ones to which clients may send this server.

A server that connects to what strangers name could be used to reach services on its own machine, in its network, or a
cloud's metadata.
"""

import ipaddress

NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses that stand for IPv4 ones behind a translator; the last four bytes are the IPv4 address."""


def is_public(text: str) -> bool:
    """Whether an address is public, and so is the one that it stands for."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.teredo is not None:
            return False
        inner = address.ipv4_mapped or translated(address)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def translated(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address to which the network translates an IPv6 address: 6to4 or NAT64."""
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour
