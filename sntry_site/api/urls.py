"""Every address of the partner API. Ids of places may hold slashes, so that nothing stands behind them."""

from django.urls import path, re_path, register_converter

from . import (
    chargers,
    events,
    exports,
    maintenance,
    planned,
    prices,
    reliability,
    sessions,
    sites,
    staff,
    telemetry,
    webhooks,
)
from .requests import Nothing


class PlaceId:
    """The ID of a site or charger: any characters but controls."""

    regex = r"[^\x00-\x1f\x7f]{1,64}"

    def to_python(self, value: str) -> str:
        """As it is."""
        return value

    def to_url(self, value: str) -> str:
        """As it is."""
        return value


class RowId:
    """The number of a row; no longer than the database knows numbers."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        """The number."""
        return int(value)

    def to_url(self, value: int) -> str:
        """Its digits."""
        return str(value)


register_converter(PlaceId, "place")
register_converter(RowId, "row")

ADDRESSES = {
    "sites/": sites.Sites,
    "sites/<place:id>/": sites.OneSite,
    "site-states/": sites.SiteStates,
    "chargers/": chargers.Chargers,
    "chargers/<place:id>/": chargers.OneCharger,
    "charger-states/": chargers.ChargerStates,
    "status-reports/": chargers.StatusReports,
    "sessions/": sessions.Sessions,
    "readings/": sessions.Readings,
    "risk/sites/": sites.RiskNow,
    "risk/chargers/": chargers.ChargerRisks,
    "risk/history/": chargers.Risks,
    "prices/now/": prices.PricesNow,
    "prices/schedule/": prices.PriceSchedule,
    "prices/history/": prices.PriceHistory,
    "incidents/": maintenance.Incidents,
    "incidents/<row:id>/": maintenance.OneIncident,
    "work-orders/": maintenance.WorkOrders,
    "work-orders/<row:id>/": maintenance.OneWorkOrder,
    "work-orders/<row:id>/comments/": maintenance.Comments,
    "planned-work/": planned.PlannedWorks,
    "planned-work/<row:id>/call-off/": planned.CallOff,
    "outages/": reliability.Outages,
    "uptime/": reliability.Uptime,
    "session-success/": reliability.SessionSuccess,
    "events/": events.Events,
    "exports/": exports.Exports,
    "exports/<row:id>/": exports.OneExport,
    "exports/<row:id>/file/": exports.ExportFile,
    "exports/ev-chart/": exports.EvChart,
    "webhooks/": webhooks.Webhooks,
    "webhooks/<row:id>/": webhooks.OneWebhook,
    "webhooks/<row:id>/secret/": webhooks.NewSecret,
    "webhooks/<row:id>/test/": webhooks.Test,
    "webhooks/<row:id>/deliveries/": webhooks.Deliveries,
    "telemetry/status/": telemetry.StatusIngest,
    "telemetry/sessions/": telemetry.SessionIngest,
    "telemetry/readings/": telemetry.ReadingIngest,
    "staff/tick/": staff.Tick,
    "staff/stress/": staff.Stress,
    "staff/heal/": staff.Heal,
    "staff/retrain/": staff.Retrain,
    "staff/pricing-stops/": staff.Stops,
    "staff/pricing-stops/<row:id>/end/": staff.EndStop,
}


def name_of(address: str) -> str:
    """The name of an address: api-work-orders-id-comments."""
    words = address.replace("<place:id>", "id").replace("<row:id>", "id").strip("/").replace("/", "-")
    return f"api-{words}"


urlpatterns = [
    *[path(address, view.as_view(), name=name_of(address)) for address, view in ADDRESSES.items()],
    re_path(r"^(?P<rest>(?s:.*))\Z", Nothing.as_view(), name="api-nothing"),  # a line break in an address, too
]
