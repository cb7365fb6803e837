"""Which kind of address is for whom: every pattern of the site stands in exactly one class, or the matrix test fails.

A name that is new is added to its class here, and its parameters to `arguments`, on purpose and by hand.
"""

from sntry_site.api.urls import ADDRESSES, name_of

PUBLIC = {
    "login", "logout", "healthz", "readyz", "report", "api-docs", "api-schema", "drive", "drive-data", "drive-prices",
    "drive-route", "drive-map", "policy-reports",
}  # fmt: skip
STAFF = {
    "board", "board-events", "board-frame", "board-route", "site-actions", "site-stress", "site-heal", "site-dispatch",
    "site", "dispatch", "dispatch-proposal", "maintenance-calendar", "dispatch-kpis", "dispatch-duplicates",
    "dispatch-send", "reliability", "reliability-report", "reliability-question", "assistant", "assistant-ask",
    "assistant-words", "jobs", "jobs-ended", "job", "job-cancel", "job-file",
}  # fmt: skip
SIGNED_IN = {"find"}
SECOND_FACTOR = {"second-factor"}  # any of the staff (tests/test_second_factor.py)
TECHNICIANS = {
    "work-day", "work-route", "work-route-data", "work-order", "work-status", "work-step", "work-draft", "work-item",
    "work-part", "work-add-part", "work-photos", "work-photo", "work-photo-remove", "work-charger", "work-charger-code",
}  # fmt: skip
# Pages of the admin that belong to no model; the pages of models are known by their names.
ADMIN = {
    "import", "exports", "export-ev-chart", "world-check", "healed", "policy-lab", "search", "index", "password_change",
    "password_change_done", "autocomplete", "dashboard-feed", "view_on_site", "app_list", None,
}  # fmt: skip
# Other platforms with a token of their own (tests/test_ocpi.py); nobody of the callers here has one.
OCPI = {f"ocpi-{each}" for each in ("versions", "details", "credentials", "locations", "location", "evse", "connector",
                                    "tariffs", "sessions", "cdrs")}  # fmt: skip
ADMIN_PUBLIC = {"login", "logout", "jsi18n"}  # the form to sign in, and words for scripts
ACTIONS = (
    "changelist", "add", "change", "delete", "history", "export", "import", "save_view", "change_view", "progress",
    "file", "password_change", "drift", "retrain", "promote",
)  # fmt: skip
MONITORS = {"metrics"}  # a token of their own (tests/test_metrics.py), or a superuser
API = {name_of(address): view for address, view in ADDRESSES.items()}
WRITING = ("_add", "_change", "_delete", "_import", "_retrain", "_promote")  # what a viewer must not send to
ONLY_LOOKED_AT = {"stations_job_change", "telemetry_modelversion_change"}  # whatever is sent, they show themselves
CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


def class_of(route: str, name: str | None, models: set[str]) -> str | None:
    """The class of a pattern; None where nobody has said it."""
    if route.startswith("admin/"):
        if name in ADMIN_PUBLIC:
            return "public"
        of_model = name and any(name == f"{model}_{action}" for model in models for action in ACTIONS)
        is_redirect = name is None and route.endswith("<path:object_id>/")
        return "admin" if of_model or is_redirect or name in ADMIN else None
    if name == "api-nothing":
        return "nothing"
    known = {"public": PUBLIC, "staff": STAFF, "signed in": SIGNED_IN, "technicians": TECHNICIANS, "api": API}
    known |= {"ocpi": OCPI, "monitors": MONITORS, "second factor": SECOND_FACTOR}
    return next((each for each, names in known.items() if name in names), None)


def may(kind: str, name: str | None, who: str, method: str) -> bool:
    """Whether this caller may be served; whether the method is possible at all is the view's own matter."""
    if kind == "public" or who == "superuser":
        return True
    if kind == "second factor":
        return who in ("ops", "viewer")
    if kind == "technicians":
        return who == "technician" or (name == "work-charger-code" and who in ("ops", "viewer"))
    if kind == "signed in":
        return who in ("technician", "ops", "viewer")
    if kind in ("staff", "admin"):
        if name in ONLY_LOOKED_AT:
            return who in ("ops", "viewer")
        changes = kind == "admin" and method in CHANGING and (name or "").endswith(WRITING) and name not in ADMIN
        return who == "ops" or (who == "viewer" and not changes)
    if kind == "api":
        rules = API[name].scopes if who.startswith("partner") else API[name].staff
        if who == "viewer" and method != "GET":
            return False
        return method in rules and who not in ("anonymous", "technician")
    return False
