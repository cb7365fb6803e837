"""The feed: what happened to the fleet, line by line."""

from stations.models import FleetEvent, Scope

from .access import seen
from .fields import Id, Moment, Row, Text, Whole, Word
from .money import Money
from .rows import Filter, Rows, after, many


class EventRow(Row):
    id = Whole(source="pk", help_text="Grows; go on after the last one you have by `after`.")
    at = Moment()
    kind = Word(FleetEvent.Kind.choices)
    site = Id(source="site.external_id", allow_null=True)
    message = Text(max_length=300)
    old_price = Money(allow_null=True)
    new_price = Money(allow_null=True)


class Events(Rows):
    """What happened, oldest first; nothing is ever changed or taken out before it is half a year old."""

    row, feeds = EventRow, ("id",)
    filters = {
        "after": after(),
        "site": Filter("site__external_id__in", many(Id())),
        "kind": Filter("kind__in", many(Word(FleetEvent.Kind.choices))),
        "since": Filter("at__gte", Moment(required=False)),
    }
    scopes, staff = {"GET": Scope.EVENTS_READ}, {"GET": "stations.view_fleetevent"}

    def rows(self, request):
        return seen(FleetEvent, request.user)
