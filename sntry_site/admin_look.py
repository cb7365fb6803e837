"""How the admin looks: the colours and type of our own pages, and the order of its sidebar."""

from django.templatetags.static import static
from django.urls import reverse_lazy


def _link(title: str, icon: str, name: str) -> dict:
    def allowed(request) -> bool:
        app, model, _ = name.split("_", 2)
        return request.user.has_perm(f"{app}.view_{model}")

    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{name}"), "permission": allowed}


def _may_import(request) -> bool:
    from .pages.import_page import may_import  # not above, because settings read this module before there are models

    return may_import(request.user)


def _may_export(request) -> bool:
    from .pages.exports import may_export

    return may_export(request.user)


def _group(title: str, *items: dict) -> dict:
    return {"title": title, "separator": True, "collapsible": False, "items": list(items)}


NAVIGATION = [
    {
        "items": [
            {"title": "Dashboard", "icon": "dashboard", "link": reverse_lazy("admin:index")},
            {"title": "Fleet board", "icon": "map", "link": reverse_lazy("board"), "active": lambda request: False},
        ]
    },
    _group(
        "Fleet",
        _link("Sites", "ev_station", "stations_site_changelist"),
        _link("Chargers", "power", "stations_charger_changelist"),
        _link("Operators", "domain", "stations_operator_changelist"),
        _link("Events", "notifications", "stations_fleetevent_changelist"),
    ),
    _group(
        "Maintenance",
        _link("Work orders", "build", "maintenance_workorder_changelist"),
        _link("Incidents", "warning", "maintenance_incident_changelist"),
        _link("Root-cause notes", "description", "maintenance_rootcausenote_changelist"),
        _link("Planned work", "event_repeat", "maintenance_plannedwork_changelist"),
        _link("Planned times", "calendar_month", "maintenance_plannedspell_changelist"),
        _link("Remote attempts", "restart_alt", "maintenance_remoteattempt_changelist"),
        _link("Drivers' reports", "campaign", "maintenance_driverreport_changelist"),
        _link("Parts", "settings_input_component", "maintenance_part_changelist"),
        _link("Stock", "inventory_2", "maintenance_stock_changelist"),
        _link("Stock movements", "swap_vert", "maintenance_stockmovement_changelist"),
        {
            "title": "What healed itself",
            "icon": "healing",
            "link": reverse_lazy("healed"),
            "permission": lambda request: request.user.has_perm("maintenance.view_remoteattempt"),
        },
        _link("Technicians", "engineering", "maintenance_technician_changelist"),
        _link("Service centres", "home_repair_service", "maintenance_servicecentre_changelist"),
    ),
    _group(
        "Telemetry",
        _link("Outages", "power_off", "telemetry_outage_changelist"),
        _link("Status reports", "history", "telemetry_statusreport_changelist"),
        _link("Readings", "speed", "telemetry_reading_changelist"),
        _link("Sessions", "bolt", "telemetry_chargingsession_changelist"),
        _link("Soft events", "graphic_eq", "telemetry_softevents_changelist"),
        _link("Risks", "trending_up", "telemetry_risk_changelist"),
        _link("Root causes", "troubleshoot", "telemetry_diagnosis_changelist"),
        _link("Cause groups", "workspaces", "telemetry_causegroup_changelist"),
        _link("Risk by charger", "monitoring", "telemetry_chargerrisk_changelist"),
        _link("Models", "model_training", "telemetry_modelversion_changelist"),
    ),
    _group(
        "Prices",
        _link("Price changes", "sell", "pricing_pricechange_changelist"),
        _link("Proposals", "rule", "pricing_priceproposal_changelist"),
        _link("Policies", "policy", "pricing_surgepolicy_changelist"),
        {
            "title": "Policy lab",
            "icon": "science",
            "link": reverse_lazy("policy-lab"),
            "permission": lambda request: request.user.has_perm("pricing.view_surgepolicy"),
        },
        _link("Kill switch", "dangerous", "pricing_pricingstop_changelist"),
    ),
    _group(
        "System",
        _link("Jobs", "hourglass_top", "stations_job_changelist"),
        {
            "title": "Import a file",
            "icon": "upload_file",
            "link": reverse_lazy("import"),
            "permission": _may_import,
        },
        {"title": "Exports", "icon": "download", "link": reverse_lazy("exports"), "permission": _may_export},
        {
            "title": "World check",
            "icon": "fact_check",
            "link": reverse_lazy("world-check"),
            "permission": _may_import,
        },
        _link("Ticks", "timer", "telemetry_tick_changelist"),
        _link("Outbox", "outbox", "stations_outbox_changelist"),
        _link("Partners", "handshake", "stations_partner_changelist"),
        _link("Partners' keys", "key", "stations_partnerkey_changelist"),
        _link("Webhooks", "webhook", "stations_webhook_changelist"),
        _link("Webhook deliveries", "send", "stations_webhookdelivery_changelist"),
        _link("OCPI connections", "hub", "stations_ocpiconnection_changelist"),
        _link("Audit log", "policy", "stations_auditentry_changelist"),
        _link("Users", "person", "auth_user_changelist"),
        _link("Roles", "group", "auth_group_changelist"),
    ),
]

UNFOLD = {
    "SITE_TITLE": "Sntry",
    "SITE_HEADER": "Sntry",
    "SITE_SUBHEADER": "Operations",
    "SITE_SYMBOL": "bolt",
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "BORDER_RADIUS": "10px",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("img/icon.svg")}],
    "STYLES": [
        lambda request: static("css/colours.css"),
        lambda request: static("css/admin.css"),
        lambda request: static("css/cause-note.css"),
    ],
    "COLORS": {
        "base": {
            "50": "#f6f7f9",
            "100": "#eef1f4",
            "200": "#dde2e9",
            "300": "#c3cad4",
            "400": "#9aa7b6",
            "500": "#5b6470",
            "600": "#414b57",
            "700": "#323e4f",
            "800": "#263241",
            "900": "#151d28",
            "950": "#0e141c",
        },
        "primary": {
            "50": "#eff5ff",
            "100": "#dbe8ff",
            "200": "#bfd6ff",
            "300": "#93bbff",
            "400": "#6ea8ff",
            "500": "#6ea8ff",
            "600": "#0b5fff",
            "700": "#0a52db",
            "800": "#0c44b0",
            "900": "#103d8c",
            "950": "#0d2656",
        },
        "font": {
            "subtle-light": "#5b6470",
            "subtle-dark": "#9aa7b6",
            "default-light": "#17202b",
            "default-dark": "#e8edf3",
            "important-light": "#17202b",
            "important-dark": "#e8edf3",
        },
    },
    "DASHBOARD_CALLBACK": "sntry_site.pages.dashboard.fill",
    "SIDEBAR": {"show_search": True, "command_search": True, "show_all_applications": False, "navigation": NAVIGATION},
}
