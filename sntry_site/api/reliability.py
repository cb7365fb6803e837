"""Outages, uptime and whether drivers succeed, by the functions that the reliability pages use."""

from datetime import datetime, timedelta

from django.utils import timezone
from rest_framework import serializers

from stations.access import operator_ids
from stations.models import Scope, Site
from telemetry.analyses.inputs import Inputs, PageOfInputs
from telemetry.analyses.scope import Scope as Period
from telemetry.analyses.scope import day_start
from telemetry.analyses.use_answers import attempts
from telemetry.models import Outage
from telemetry.models.outages import Exclusion
from telemetry.reliability.answers import CannotAnswer
from telemetry.reliability.uptime import EXCLUSIONS, period_uptime

from .access import seen, seen_or_404
from .bodies import dumps
from .chargers import OF_CHARGER
from .fields import LAST, Id, Moment, Number, Row, Text, Whole, Word, YesNo
from .problems import Problem
from .requests import Endpoint
from .rows import Filter, Rows, answer, with_parameters
from .sessions import checked, in_z

MOST_DAYS = {"uptime": 366, "success": 31}
MOST_CHARGERS = 1000  # of a page


class OutageRow(Row):
    id = Whole(source="pk")
    charger = Id(source="charger.external_id")
    site = Id(source="charger.site.external_id")
    started_at = Moment()
    ended_at = Moment(allow_null=True, help_text="Null: it goes on.")
    began_before_first_report = YesNo(source="left_censored")
    status = Text(help_text="The fault state in which it began.")
    error_code = Text()
    vendor_code = Text()
    excluded_reason = serializers.ChoiceField([*Exclusion.choices, ("", "it counts")])
    excluded_evidence = Text()


class Outages(Rows):
    """Spells in which chargers could not be used, derived from their status reports."""

    row, orders = OutageRow, ("started_at",)
    filters = {
        **OF_CHARGER,
        "since": Filter("started_at__gte", Moment(required=False)),
        "until": Filter("started_at__lt", Moment(required=False)),
        "is_open": Filter("ended_at__isnull", YesNo(required=False)),
    }
    scopes, staff = {"GET": Scope.RELIABILITY_READ}, {"GET": "telemetry.view_outage"}

    def rows(self, request):
        return seen(Outage, request.user)


class UptimeRow(Row):
    charger = Id()
    site = Id()
    minutes = Number(help_text="Of the period in which it was in service.")
    outage_minutes = Number()
    excluded_minutes = Number(help_text="With a reason that the programme accepts, and evidence.")
    uptime_percent = Number()
    is_above_97 = YesNo()
    figure = Word(["federal figure", "not the federal figure"])


class Uptime(Endpoint):
    """Uptime of each charger over a period of whole days (UTC), by the formula of 23 CFR 680.116(b)."""

    row, limit_class, has_pages = UptimeRow, "heavy", True
    scopes, staff = {"GET": Scope.RELIABILITY_READ}, {"GET": "telemetry.view_outage"}
    extras = {"since": Moment(), "until": Moment()}
    parameters = {
        "since": Moment(required=False),
        "until": Moment(required=False),
        "site": Id(required=False),
        "programme": Word(list(EXCLUSIONS), required=False),
        "after": Id(required=False, help_text="Only chargers behind this id: the next page."),
    }

    def get(self, request):
        """At most 1,000 chargers at once, by id; at most 366 days, the last 365 unless asked otherwise."""
        values = checked(request, self.parameters)
        period = period_of(request, values, 365, MOST_DAYS["uptime"])
        inputs = PageOfInputs(period, values.get("after", ""), MOST_CHARGERS)
        shown = inputs.chargers.rename(columns={"charger_id": "port_id"})
        outages = inputs.outages.rename(columns={"charger_id": "port_id"})
        found = period_uptime(outages, shown[["port_id", "since"]], period.start, period.end,
                              values.get("programme", "nevi"))  # fmt: skip
        rows = found.merge(shown[["port_id", "charger", "site"]], "left", "port_id").drop(columns="port_id")
        rows = rows.rename(columns={"percent": "uptime_percent", "passes": "is_above_97", "label": "figure"})
        following = None
        if inputs.has_more:
            ends = {"since": in_z(period.start), "until": in_z(period.end)}
            following = with_parameters(request, **ends, after=shown["charger"].iloc[-1])
        body = {"since": period.start, "until": period.end, "next": following}
        return answer(request, dumps({"results": rows.to_dict("records"), **body}))


class FigureRow(Row):
    name = Text()
    value = Number(allow_null=True)
    ci_low = Number(allow_null=True, help_text="Of the interval of 95 %.")
    ci_high = Number(allow_null=True)
    unit = Text()
    note = Text()


class SessionSuccess(Endpoint):
    """Whether drivers succeed: attempts and visits, with intervals, by the rules of ChargeX; of whole days (UTC)."""

    row, limit_class = FigureRow, "heavy"
    scopes, staff = {"GET": Scope.RELIABILITY_READ}, {"GET": "telemetry.view_chargingsession"}
    extras = {"sentence": Text(max_length=1000), "since": Moment(), "until": Moment()}
    parameters = {"since": Moment(required=False), "until": Moment(required=False), "site": Id(required=False)}

    def get(self, request):
        """At most 31 days, the last 28 unless asked otherwise. 409 where nobody tried to charge."""
        values = checked(request, self.parameters)
        period = period_of(request, values, 28, MOST_DAYS["success"])
        try:
            found = attempts(Inputs(period))
        except CannotAnswer as error:
            raise Problem(409, f"This cannot be answered: {error}.") from None
        figures = [
            {"name": one.label, "value": one.value, "ci_low": one.low, "ci_high": one.high, "unit": one.unit,
             "note": one.note} for one in found.figures
        ]  # fmt: skip
        body = {"sentence": found.sentence, "since": period.start, "until": period.end}
        return answer(request, dumps({"results": figures, **body}))


def period_of(request, values: dict, usual: int, most: int) -> Period:
    """The period asked for in whole days, and whose chargers it is about."""
    until = day_start(min(values.get("until", LAST), timezone.now()).date())
    since: datetime = values.get("since", until - timedelta(days=usual))
    since = max(day_start(since.date()), until - timedelta(days=most))
    if since >= until:
        message = "The period must have at least one whole day (UTC)."
        raise Problem(409, message, [{"path": "/since", "message": message}])
    site = values.get("site", "")
    if site:
        seen_or_404(Site, request.user, external_id=site)
    operators = operator_ids(request.user)
    return Period(since, until, None if operators is None else tuple(sorted(operators)), site)
