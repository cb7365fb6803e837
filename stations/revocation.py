"""Taking rights away at once: sessions that end, and open sockets that are told to look at their rights again."""

from collections.abc import Iterable

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.views import LogoutView
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from .live import RIGHTS, publish


def rights_changed(user_ids: Iterable[int] | None) -> None:
    """Let the open sockets of these people (None: of everybody) check their rights once this is committed."""
    users = None if user_ids is None else sorted(user_ids)
    transaction.on_commit(lambda: publish(RIGHTS, {"users": users}))


def end_sessions(user_ids: Iterable[int]) -> int:
    """Sign these people out everywhere; how many sessions that were."""
    wanted = {str(number) for number in user_ids}
    living = Session.objects.filter(expire_date__gt=timezone.now())
    keys = [one.session_key for one in living.iterator(1000) if one.get_decoded().get(SESSION_KEY) in wanted]
    Session.objects.filter(session_key__in=keys).delete()
    rights_changed(int(number) for number in wanted)
    return len(keys)


class SignOut(LogoutView):
    """Ends the session, and then what is open in it."""

    def post(self, request, *args, **kwargs):
        """Tell the sockets once the session is gone."""
        who = request.user.pk
        response = super().post(request, *args, **kwargs)
        if who is not None:
            rights_changed([who])
        return response
