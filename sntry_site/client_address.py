"""From where a request comes."""

from ipaddress import ip_address

from django.conf import settings


def client_address(request) -> str:
    """Who asks: behind our own proxy, whom that has seen, which is the last one that it names."""
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.BEHIND_PROXY else ""
    return forwarded.rsplit(",", 1)[-1].strip() or request.META.get("REMOTE_ADDR", "")


def counted_address(request) -> str | None:
    """The same where it is an address of the internet, for a column that takes no other; None over a local socket."""
    try:
        return str(ip_address(client_address(request)))
    except ValueError:
        return None
