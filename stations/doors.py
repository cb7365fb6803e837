"""Who signs in, who tried in vain, and who is locked out: counted by django-axes, and told to the audit log."""

from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username

from .models import AuditEntry
from .revocation import rights_changed


class Doors(AxesDatabaseHandler):
    """The counting of log-ins, which also leaves a trace of each; tries during a lock leave none, so that nobody
    fills the log."""

    def user_login_failed(self, sender, credentials, request=None, **kwargs):
        """Count and note a wrong password, and the lock that it may bring."""
        was_locked = getattr(request, "axes_locked_out", False)
        super().user_login_failed(sender, credentials, request, **kwargs)
        if request is None or was_locked:
            return
        tried = get_client_username(request, credentials) or ""
        action = "locked out" if request.axes_locked_out else "log-in failed"
        AuditEntry.objects.note(action, name=tried, address=request.axes_ip_address)

    def user_logged_in(self, sender, request, user, **kwargs):
        """Forget the wrong ones, and note the log-in."""
        super().user_logged_in(sender, request, user, **kwargs)
        AuditEntry.objects.note("logged in", by=user, address=request.axes_ip_address)

    def user_logged_out(self, sender, request, user, **kwargs):
        """Note that somebody has signed out."""
        super().user_logged_out(sender, request, user, **kwargs)
        if user is not None:
            AuditEntry.objects.note("logged out", by=user, address=request.axes_ip_address)


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
