"""Planned maintenance: when sites are worked on; partners who keep sites plan theirs."""

from datetime import timedelta

from django.utils import timezone
from rest_framework import serializers

from maintenance.models import PlannedSpell, PlannedWork
from stations.models import Charger, Scope, Site

from .access import seen, seen_or_404
from .fields import Body, Id, Moment, Nothing, Row, Text, Whole, Word
from .maintenance import one_of
from .posting import Posted, made
from .problems import Problem
from .rows import Filter, Rows, many

LATEST = timedelta(days=730)
CHARGERS_AT_ONCE = 200


class SpellRow(Row):
    id = Whole(source="pk")
    work = Whole(source="work_id")
    site = Id(source="work.site.external_id")
    title = Text(source="work.title")
    starts_at = Moment()
    ends_at = Moment()
    state = Word(PlannedSpell.State.choices)


class WorkIn(Body):
    """Work to be done at a site, for all of its chargers unless some are named."""

    site = Id()
    chargers = serializers.ListField(child=Id(), required=False, max_length=CHARGERS_AT_ONCE)
    title = Text(min_length=1)
    first_at = Moment(help_text="When it begins for the first time; within two years from now.")
    minutes = Whole(min_value=5, max_value=7 * 24 * 60)
    repeats = serializers.ChoiceField(PlannedWork.Repeats.choices, required=False, help_text="Empty: once.")


class PlannedWorks(Rows, Posted):
    """When work is planned, each time a row; POST plans work, during which its chargers are out of service."""

    row, body, orders = SpellRow, WorkIn, ("id", "starts_at")
    filters = {
        "site": Filter("work__site__external_id__in", many(Id())),
        "state": Filter("state__in", many(Word(PlannedSpell.State.choices))),
        "since": Filter("ends_at__gt", Moment(required=False), about="Only what ends after this time."),
        "until": Filter("starts_at__lt", Moment(required=False), about="Only what begins before this time."),
    }
    scopes = {"GET": Scope.MAINTENANCE_READ, "POST": Scope.MAINTENANCE_WRITE}
    staff = {"GET": "maintenance.view_plannedspell"}

    def rows(self, request):
        return seen(PlannedSpell, request.user)

    def send(self, request):
        """201 with its first time; 409 if that is over already, or not within two years."""
        sent, now = self.sent(request), timezone.now()
        site = seen_or_404(Site, request.user, external_id=sent["site"])
        lasts = timedelta(minutes=sent["minutes"])
        if not now < sent["first_at"] + lasts or sent["first_at"] > now + LATEST:
            _conflict("/first_at", "Choose a time from now on and within two years.")
        named = sent.pop("chargers", [])
        chargers = list(seen(Charger, request.user).filter(site=site, external_id__in=named))
        if missing := sorted(set(named) - {charger.external_id for charger in chargers}):
            _conflict("/chargers", f"{missing[0]} is not a charger of {site.external_id}.")
        work = PlannedWork.objects.create(**{**sent, "site": site})
        work.chargers.set(chargers)
        work.lay_out(now)
        first = work.spells.order_by("starts_at").first()
        return made(one_of(PlannedSpell, self.row, first.pk))


class CallOff(Posted):
    """Call off one time of planned work that has not begun."""

    row, body, statuses, scopes = SpellRow, Nothing, (200,), {"POST": Scope.MAINTENANCE_WRITE}

    def send(self, request, id):
        """200 with the row; 409 if it has begun or ended."""
        self.sent(request)
        spell = seen_or_404(PlannedSpell, request.user, pk=id)
        state = PlannedSpell.State
        if not PlannedSpell.objects.filter(pk=spell.pk, state=state.PLANNED).update(state=state.CALLED_OFF):
            raise Problem(409, f"It is {spell.shown_state.label.lower()}; only what is planned can be called off.")
        return made(one_of(PlannedSpell, self.row, spell.pk), 200)


def _conflict(path: str, message: str):
    raise Problem(409, message, [{"path": path, "message": message}])
