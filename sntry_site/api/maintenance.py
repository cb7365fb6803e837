"""Incidents and work orders: read, reported, and talked about."""

from django.utils import timezone

from maintenance.models import DriverReport, Incident, OrderComment, WorkOrder
from maintenance.sending import tell_causes
from maintenance.states import Priority, Severity, State
from stations.models import Charger, Scope, Site
from telemetry.models import Cause

from .access import seen, seen_or_404
from .fields import Body, Id, Moment, OrderNumber, Row, Text, Whole, Word, YesNo
from .posting import Posted, made
from .problems import Problem
from .rows import CHANGE, FOLLOWED, Filter, One, Rows, after, in_words, many, row_fields, select

OF_SITE = {"site": Filter("site__external_id__in", many(Id()))}


class IncidentRow(Row):
    id = Whole(source="pk")
    site = Id(source="site.external_id")
    charger = Id(source="charger.external_id", allow_null=True, help_text="Null: the whole site.")
    source = Word(Incident.Source.choices)
    severity = Word(Severity.choices)
    cause = Word(Cause.choices)
    summary = Text()
    opened_at = Moment()
    acknowledged_at = Moment(allow_null=True)
    closed_at = Moment(allow_null=True, help_text="Null: it is open.")
    merged_into = Whole(source="merged_into_id", allow_null=True)
    change = Whole(source="change_number", help_text=CHANGE)


class IncidentReport(Body):
    """What a partner says is wrong."""

    site = Id()
    charger = Id(required=False, allow_null=True, help_text="Left out: the whole site.")
    problem = Word(DriverReport.Problem.choices)
    text = Text(required=False, allow_blank=True, max_length=250)


class Incidents(Rows, Posted):
    """Incidents, followed by order=change and changed_after; POST reports one."""

    row, body, orders, statuses = IncidentRow, IncidentReport, ("id", "change", "opened_at"), (200, 201)
    feeds = ("id", "change")
    filters = {
        **FOLLOWED,
        **OF_SITE,
        "source": Filter("source__in", many(Word(Incident.Source.choices))),
        "severity": Filter("severity__in", many(Word(Severity.choices))),
        "is_open": Filter("closed_at__isnull", YesNo(required=False)),
        "since": Filter("opened_at__gte", Moment(required=False)),
        "until": Filter("opened_at__lt", Moment(required=False)),
    }
    scopes = {"GET": Scope.MAINTENANCE_READ, "POST": Scope.MAINTENANCE_WRITE}
    staff = {"GET": "maintenance.view_incident"}

    def rows(self, request):
        return seen(Incident, request.user)

    def send(self, request):
        """201 with a new incident; 200 with the one that was open already, which now says that it was reported again.

        What is dangerous is critical at once, told on the board, and its work order is urgent.
        """
        sent = self.sent(request)
        site, charger = place_of(request, sent)
        problem = DriverReport.Problem(sent["problem"])
        who = f"partner {request.auth.partner.name}"
        text, now = sent.get("text", ""), timezone.now()
        incident, is_new = Incident.objects.report(site, charger, problem, text, now, who)
        if problem == DriverReport.Problem.DANGER:
            DriverReport.objects.call_dangerous(incident, who, text or problem.label, now)
        tell_causes([incident.pk], anew=problem == DriverReport.Problem.DANGER)
        return made(one_of(Incident, self.row, incident.pk), 201 if is_new else 200)


def place_of(request, sent: dict) -> tuple[Site, Charger | None]:
    """The site and the charger that were named; a Problem where they are not the caller's, or not at one place."""
    site = seen_or_404(Site, request.user, external_id=sent["site"])
    if not sent.get("charger"):
        return site, None
    charger = seen_or_404(Charger, request.user, external_id=sent["charger"])
    if charger.site_id != site.pk:
        message = f"{charger.external_id} is not at {site.external_id}."
        raise Problem(409, message, [{"path": "/charger", "message": message}])
    return site, charger


def one_of(model, row, pk: int) -> dict:
    """A row just written, as it is shown."""
    names = list(row_fields(row))
    return in_words(select(model.objects.filter(pk=pk), row, names), row, names)[0]


class OneIncident(One):
    """An incident."""

    row, path = IncidentRow, "pk"
    scopes, staff = {"GET": Scope.MAINTENANCE_READ}, {"GET": "maintenance.view_incident"}

    def rows(self, request):
        return seen(Incident, request.user)


class WorkOrderRow(Row):
    id = Whole(source="pk")
    number = OrderNumber(source="pk", help_text="By which people call it.")
    incident = Whole(source="incident_id")
    site = Id(source="site.external_id")
    charger = Id(source="charger.external_id", allow_null=True)
    state = Word(State.choices)
    priority = Word(Priority.choices)
    cause = Word(Cause.choices)
    title = Text()
    opened_at = Moment()
    changed_at = Moment()
    due_at = Moment(allow_null=True)
    resolved_at = Moment(allow_null=True)
    closed_at = Moment(allow_null=True)
    change = Whole(source="change_number", help_text=CHANGE)


class WorkOrders(Rows):
    """Work orders, without who works on them; followed by order=change and changed_after."""

    row, orders, feeds = WorkOrderRow, ("id", "change", "changed_at"), ("id", "change")
    filters = {
        **FOLLOWED,
        **OF_SITE,
        "state": Filter("state__in", many(Word(State.choices))),
        "priority": Filter("priority__in", many(Word(Priority.choices))),
        "is_open": Filter("closed_at__isnull", YesNo(required=False)),
        "changed_since": Filter("changed_at__gte", Moment(required=False)),
    }
    scopes, staff = {"GET": Scope.MAINTENANCE_READ}, {"GET": "maintenance.view_workorder"}

    def rows(self, request):
        return seen(WorkOrder, request.user)


class OneWorkOrder(One):
    """A work order."""

    row, path = WorkOrderRow, "pk"
    scopes, staff = {"GET": Scope.MAINTENANCE_READ}, {"GET": "maintenance.view_workorder"}

    def rows(self, request):
        return seen(WorkOrder, request.user)


class CommentRow(Row):
    id = Whole(source="pk")
    kind = Word(OrderComment.Kind.choices)
    text = Text(max_length=1000)
    at = Moment()
    partner = Text(source="partner.name", allow_null=True, help_text="Null: a colleague.")


class CommentIn(Body):
    """Something to say about an order, or to ask of whoever does it."""

    kind = Word(OrderComment.Kind.choices, required=False)
    text = Text(max_length=1000, min_length=1)


class Comments(Rows, Posted):
    """What partners say about a work order; POST says something, or asks for something (kind "request")."""

    row, body, feeds, filters = CommentRow, CommentIn, ("id",), {"after": after()}
    scopes = {"GET": Scope.MAINTENANCE_READ, "POST": Scope.MAINTENANCE_WRITE}
    staff = {"GET": "maintenance.view_ordercomment"}

    def get(self, request, id):
        """A page of comments, oldest first."""
        self.order = seen_or_404(WorkOrder, request.user, pk=id)
        return super().get(request)

    def rows(self, request):
        return seen(OrderComment, request.user).filter(order=self.order)

    def send(self, request, id):
        """201; 409 if the order has ended."""
        order, sent = seen_or_404(WorkOrder, request.user, pk=id), self.sent(request)
        if order.closed_at:
            raise Problem(409, f"{order.number} has ended; report an incident if something is wrong again.")
        comment = OrderComment.objects.create(order=order, at=timezone.now(), partner=request.auth.partner, **sent)
        return made(one_of(OrderComment, self.row, comment.pk))
