"""Chargers: what they are, how they are now, and what they said before."""

from stations.models import Charger, Scope
from telemetry.models import ChargerRisk, ChargerState, ChargerStatus, Risk, RiskLevel, StatusReport

from .access import seen
from .changes import Changed
from .fields import Body, Id, Moment, Number, Row, Text, Whole, Word
from .rows import Filter, Rows, after, many

OF_SITE = Filter("site__external_id__in", many(Id()))


class ChargerRow(Row):
    id = Id(source="external_id")
    site = Id(source="site.external_id")
    cabinet_id = Text(help_text="OCPP identity, shared by the ports of a cabinet.")
    cabinet_port = Number()
    connector_type = Text()
    model = Text()
    power_kw = Number()


class ChargerChange(Body):
    """What an owner may change of a charger."""

    connector_type = Text(required=False, allow_blank=True, max_length=50)
    model = Text(required=False, allow_blank=True, max_length=100)
    power_kw = Number(required=False, min_value=0, max_value=2000)


class Chargers(Rows):
    """Chargers: one is what one car plugs into."""

    row = ChargerRow
    filters = {"id": Filter("external_id__in", many(Id())), "site": OF_SITE}
    scopes, staff = {"GET": Scope.SITES_READ}, {"GET": "stations.view_charger"}

    def rows(self, request):
        return seen(Charger, request.user)


class OneCharger(Changed):
    """A charger; PATCH changes what its owner may change, by If-Match."""

    row, body = ChargerRow, ChargerChange
    scopes = {"GET": Scope.SITES_READ, "PATCH": Scope.SITES_WRITE}
    staff = {"GET": "stations.view_charger", "PATCH": "stations.change_charger"}

    def rows(self, request):
        return seen(Charger, request.user)


class ChargerStateRow(Row):
    charger = Id(source="charger.external_id")
    site = Id(source="charger.site.external_id")
    status = Word(ChargerStatus.choices)
    since = Moment(allow_null=True)
    error_code = Text()
    vendor_code = Text()
    temperature_c = Number(allow_null=True)
    last_report_at = Moment(allow_null=True)


OF_CHARGER = {
    "charger": Filter("charger__external_id__in", many(Id())),
    "site": Filter("charger__site__external_id__in", many(Id())),
}


class ChargerStates(Rows):
    """How chargers are now."""

    row, orders, key = ChargerStateRow, ("charger",), "charger_id"
    filters = {**OF_CHARGER, "status": Filter("status__in", many(Word(ChargerStatus.choices)))}
    scopes, staff = {"GET": Scope.TELEMETRY_READ}, {"GET": "telemetry.view_chargerstate"}

    def rows(self, request):
        return seen(ChargerState, request.user)


def period(path: str) -> dict[str, Filter]:
    """From when to when; only of some places, because a whole network's history is walked in order of arrival."""
    needs = ("charger", "site")
    return {
        "since": Filter(f"{path}__gte", Moment(required=False), needs, "From this time on."),
        "until": Filter(f"{path}__lt", Moment(required=False), needs, "Before this time."),
    }


class StatusReportRow(Row):
    id = Whole(source="pk", help_text="Grows in the order of arrival.")
    charger = Id(source="charger.external_id")
    reported_at = Moment()
    status = Word(ChargerStatus.choices)
    error_code = Text()
    vendor_code = Text()
    temperature_c = Number(allow_null=True)
    received_at = Moment()


class StatusReports(Rows):
    """What chargers said, each report a row, in the order of arrival; by time of report of some chargers or sites."""

    row, all_orders, feeds = StatusReportRow, ("id", "reported_at"), ("id",)
    filters = {
        "after": after(),
        **OF_CHARGER,
        **period("reported_at"),
        "status": Filter("status", Word(ChargerStatus.choices)),
    }
    scopes, staff = {"GET": Scope.TELEMETRY_READ}, {"GET": "telemetry.view_statusreport"}

    def rows(self, request):
        return seen(StatusReport, request.user)


class ChargerRiskRow(Row):
    charger = Id(source="charger.external_id")
    site = Id(source="charger.site.external_id")
    at = Moment()
    risk = Number(source="probability", allow_null=True, help_text="Null: it is out of order now.")
    reason = Text()


class ChargerRisks(Rows):
    """The risk of chargers now, and why."""

    row, orders, key, filters = ChargerRiskRow, ("charger",), "charger_id", OF_CHARGER
    scopes, staff = {"GET": Scope.RISK_READ}, {"GET": "telemetry.view_chargerrisk"}

    def rows(self, request):
        return seen(ChargerRisk, request.user)


class RiskRow(Row):
    id = Whole(source="pk")
    site = Id(source="site.external_id")
    charger = Id(source="charger.external_id", allow_null=True)
    at = Moment()
    risk = Number(source="probability")
    p_any = Number(allow_null=True)
    level = Word(RiskLevel.choices)
    reason = Text()


class Risks(Rows):
    """The risk of sites as it was: a row at each change of level, and each hour above low."""

    row, feeds = RiskRow, ("id",)
    filters = {
        "after": after(),
        "site": OF_SITE,
        "level": Filter("level__in", many(Word(RiskLevel.choices))),
        "since": Filter("at__gte", Moment(required=False)),
        "until": Filter("at__lt", Moment(required=False)),
    }
    scopes, staff = {"GET": Scope.RISK_READ}, {"GET": "telemetry.view_risk"}

    def rows(self, request):
        return seen(Risk, request.user)
