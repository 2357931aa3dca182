"""Which addresses are never contacted."""

from __future__ import annotations

import ipaddress
import socket


def is_link_local(host: str) -> bool:
    """Whether ``host`` has a link-local address, behind which clouds keep their credentials; also one mapped into IPv6.

    Raises:
        OSError: the name cannot be resolved.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return any(_is_link_local(str(address[0]).partition("%")[0]) for *_, address in found)


def _is_link_local(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return address.is_link_local or (getattr(address, "ipv4_mapped", None) or address).is_link_local
