"""Who signs in, who tried in vain, and who is locked out: counted by django-axes, and told to the audit log."""

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Sum

from .client_address import client_address
from .models import AuditEntry
from .revocation import rights_changed

UNKNOWN = "(unknown)"  # in place of a name that nobody has, because people type passwords into the field for names


class Doors(AxesDatabaseHandler):
    """The counting of log-ins, which also leaves a trace of each; tries during a lock leave none, so that nobody
    fills the log."""

    def is_locked(self, request, credentials=None) -> bool:
        """Whether this name waits at this address, or the address as a whole, under whatever names it has tried."""
        request.address_is_locked = _has_failed_too_often(request)
        return request.address_is_locked or super().is_locked(request, credentials)

    def user_login_failed(self, sender, credentials, request=None, **kwargs):
        """Count and note a wrong password, and the lock that it may bring."""
        was_locked = getattr(request, "axes_locked_out", False)
        super().user_login_failed(sender, credentials, request, **kwargs)
        if request is None or was_locked:
            return
        request.address_is_locked = _has_failed_too_often(request)
        request.axes_locked_out |= request.address_is_locked
        action = "locked out" if request.axes_locked_out else "log-in failed"
        tried = get_client_username(request, credentials) or ""
        known = tried if User.objects.filter(username=tried).exists() else UNKNOWN
        about = {"whole_address": True} if request.address_is_locked else {}
        AuditEntry.objects.note(action, name=known, address=client_address(request), **about)

    def user_logged_in(self, sender, request, user, **kwargs):
        """Forget the wrong ones, and note the log-in."""
        super().user_logged_in(sender, request, user, **kwargs)
        AuditEntry.objects.note("logged in", by=user, address=client_address(request))

    def user_logged_out(self, sender, request, user, **kwargs):
        """Note that somebody has signed out."""
        super().user_logged_out(sender, request, user, **kwargs)
        if user is not None:
            AuditEntry.objects.note("logged out", by=user, address=client_address(request))


def _has_failed_too_often(request) -> bool:
    """Without an address (a local socket) nobody is told from anybody, and only names are counted."""
    if request.axes_ip_address is None:
        return False
    lately = AccessAttempt.objects.filter(
        ip_address=request.axes_ip_address, attempt_time__gte=get_cool_off_threshold(request)
    )
    return (lately.aggregate(all=Sum("failures_since_start"))["all"] or 0) >= settings.FAILURES_OF_AN_ADDRESS


class PasswordChanged:
    """Stands among the validators because Django tells those of each new password, wherever it was set."""

    def validate(self, password, user=None):
        """Nothing is asked of a password here."""

    def get_help_text(self) -> str:
        return ""

    def password_changed(self, password, user=None):
        """Note it, and close what is open under the old one."""
        AuditEntry.objects.note("password set", about=user)
        if user.last_login is not None:
            rights_changed([user.pk])
