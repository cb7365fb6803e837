"""From where a request comes."""

from ipaddress import ip_address, ip_network

from django.conf import settings

UNKNOWN = "unknown"  # over a local socket


def client_address(request) -> str:
    """Who asks: behind our own proxy, whom that has seen, which is the last one that it names."""
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.BEHIND_PROXY else ""
    return forwarded.rsplit(",", 1)[-1].strip() or request.META.get("REMOTE_ADDR", "")


def counted(request) -> str:
    """Whom every limit counts: the address, of IPv6 the network of one customer (/64), who has all that is in it."""
    return network_of(client_address(request))


def counted_address(request) -> str | None:
    """The same for a column of addresses, a network by its first one; None where there is none."""
    known = counted(request)
    return None if known == UNKNOWN else known.removesuffix("/64")


def network_of(said: str) -> str:
    """The address, of IPv6 the network of one customer (/64)."""
    try:
        address = ip_address(said)
    except ValueError:
        return UNKNOWN
    if address.version == 6 and not address.ipv4_mapped:
        return str(ip_network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)
