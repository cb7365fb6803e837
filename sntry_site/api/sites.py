"""Sites: what they are, which their owners may change, and how they are now."""

from stations.models import LocationType, PricingType, Scope, Site
from stations.models.places import ChargerType
from telemetry.models import RiskLevel, SiteState
from telemetry.models.readings import SiteStatus, Weather

from .access import seen
from .changes import Changed
from .fields import Body, Id, Label, Moment, Number, Row, Text, Word, YesNo
from .money import Money
from .rows import Filter, Rows, many


class SiteRow(Row):
    id = Id(source="external_id")
    name = Text()
    operator = Text(source="operator.name")
    city = Text()
    region = Text()
    latitude = Number(allow_null=True)
    longitude = Number(allow_null=True)
    location_type = Word(LocationType.choices)
    charger_type = Word(ChargerType.choices)
    power_kw = Number(help_text="Rated power of one port.")
    ports_total = Number()
    amenities = Text()
    pricing_type = Word(PricingType.choices)
    base_price = Money(help_text="Price without any change in force, per kWh or minute.")
    currency = Text(source="operator.currency")
    session_minutes = Number(help_text="Of a usual session.")
    contact_phone = Text()
    time_zone = Text(help_text="Empty: that of the data.")


class SiteChange(Body):
    """What an owner may change of a site; prices and places stay with the operator's staff."""

    name = Text(required=False, min_length=1)
    amenities = Text(required=False, allow_blank=True, max_length=500)
    contact_phone = Text(required=False, allow_blank=True, max_length=30)
    access_notes = Text(required=False, allow_blank=True, max_length=1000)
    safety_notes = Text(required=False, allow_blank=True, max_length=1000)
    time_zone = Text(required=False, allow_blank=True, max_length=40)


SITE_FILTERS = {
    "id": Filter("external_id__in", many(Id())),
    "city": Filter("city", Text(required=False, max_length=100)),
    "location_type": Filter("location_type__in", many(Word(LocationType.choices))),
    "charger_type": Filter("charger_type__in", many(Word(ChargerType.choices))),
}


class Sites(Rows):
    """Sites of the operator: what they are."""

    row, filters, orders = SiteRow, SITE_FILTERS, ("id", "name")
    scopes, staff = {"GET": Scope.SITES_READ}, {"GET": "stations.view_site"}

    def rows(self, request):
        return seen(Site, request.user)


class OneSite(Changed):
    """A site; PATCH changes what its owner may change, by If-Match."""

    row, body, unseen = SiteRow, SiteChange, ("access_notes", "safety_notes")
    scopes = {"GET": Scope.SITES_READ, "PATCH": Scope.SITES_WRITE}
    staff = {"GET": "stations.view_site", "PATCH": "stations.change_site"}

    def rows(self, request):
        return seen(Site, request.user)


class SiteStateRow(Row):
    site = Id(source="site.external_id")
    at = Moment(allow_null=True, help_text="Null: nothing was measured yet.")
    status = Label(SiteStatus)
    ports_available = Number()
    ports_occupied = Number()
    ports_out_of_service = Number()
    utilization = Number(help_text="0 to 1.")
    usual_utilization = Number(help_text="0 to 1; the mean of its whole history.")
    wait_minutes = Number()
    temperature_f = Number()
    precipitation_mm = Number()
    weather = Label(Weather)
    traffic_index = Number(help_text="1 to 10.")
    is_stressed = YesNo(help_text="Held under stress by staff (simulated).")


class SiteStates(Rows):
    """How sites are now."""

    row, orders, key = SiteStateRow, ("site",), "site_id"
    filters = {
        "site": Filter("site__external_id__in", many(Id())),
        "since": Filter("at__gt", Moment(required=False), about="Only those measured after this time."),
    }
    scopes, staff = {"GET": Scope.TELEMETRY_READ}, {"GET": "telemetry.view_sitestate"}

    def rows(self, request):
        return seen(SiteState, request.user)


class RiskNowRow(Row):
    site = Id(source="site.external_id")
    at = Moment(allow_null=True)
    risk = Number(help_text="Of the site's worst charger, within 24 h, 0 to 1.")
    p_any = Number(allow_null=True, help_text="That any of its chargers fails within 24 h, 0 to 1.")
    level = Word(RiskLevel.choices)
    reason = Text()
    expected_loss = Money(help_text="Per hour, in the operator's currency.")


class RiskNow(Rows):
    """The risk of sites now, and why."""

    row, orders, key = RiskNowRow, ("site", "risk"), "site_id"
    filters = {
        "site": Filter("site__external_id__in", many(Id())),
        "level": Filter("level__in", many(Word(RiskLevel.choices))),
    }
    scopes, staff = {"GET": Scope.RISK_READ}, {"GET": "telemetry.view_sitestate"}

    def rows(self, request):
        return seen(SiteState, request.user)
