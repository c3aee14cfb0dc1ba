"""An address as a log writes it, in the one form in which addresses are compared."""

import ipaddress
from functools import lru_cache


@lru_cache(maxsize=1 << 16)
def canonical_address(text: str) -> str:
    """Return an address in canonical form (RFC 5952); an IPv4 address that is mapped into IPv6 as what it is.

    Raises:
        ValueError: It is none.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise ValueError(f"{text!r} is an address of one link only")
        address = address.ipv4_mapped or address
    return str(address)
