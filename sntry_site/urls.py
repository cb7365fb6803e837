"""Every address of the site."""

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.urls import include, path

from pricing.lab.page import policy_lab_page
from stations.revocation import SignOut
from stations.second_factor import second_factor_page

from .api import docs
from .pages import (
    assistant,
    board,
    board_events,
    board_history,
    board_route,
    dashboard,
    dispatch,
    drive,
    find,
    health,
    jobs,
    kpis,
    maintenance_calendar,
    metrics,
    policy_reports,
    reliability,
    report,
    site_actions,
    sites,
)
from .pages.exports import ev_chart_file, exports_page
from .pages.healed import healed_page
from .pages.import_page import import_page
from .pages.site_feed import SiteConsumer
from .pages.world_check import world_check_page

handler500 = "sntry_site.pages.failed.failed"

urlpatterns = [
    path("", board.page, name="board"),
    path("board/events/", board_events.page, name="board-events"),
    path("board/frame/", board_history.frame, name="board-frame"),
    path("board/route/", board_route.page, name="board-route"),
    path("board/sites/<int:pk>/", site_actions.panel, name="site-actions"),
    path("board/sites/<int:pk>/stress/", site_actions.stress, name="site-stress"),
    path("board/sites/<int:pk>/heal/", site_actions.heal, name="site-heal"),
    path("board/sites/<int:pk>/dispatch/", site_actions.dispatch, name="site-dispatch"),
    path("sites/<path:external_id>/", sites.page, name="site"),
    path("drive/", drive.page, name="drive"),
    path("drive/map.json", drive.where, name="drive-map"),
    path("drive/sites/<str:cell>.json", drive.data, name="drive-data"),
    path("drive/route/", drive.route, name="drive-route"),
    path("drive/prices/<path:external_id>/", drive.prices, name="drive-prices"),
    path("report/<path:external_id>/", report.page, name="report"),
    path("dispatch/", dispatch.page, name="dispatch"),
    path("dispatch/proposal/", dispatch.proposal, name="dispatch-proposal"),
    path("dispatch/calendar/", maintenance_calendar.page, name="maintenance-calendar"),
    path("dispatch/kpis/", kpis.page, name="dispatch-kpis"),
    path("dispatch/duplicates/", dispatch.duplicates, name="dispatch-duplicates"),
    path("dispatch/send/", dispatch.send, name="dispatch-send"),
    path("work/", include("maintenance.phone.urls")),
    path("reliability/", reliability.index, name="reliability"),
    path("reliability/report/<int:operator>/", reliability.report, name="reliability-report"),
    path("reliability/<slug:slug>/", reliability.page, name="reliability-question"),
    path("login/", LoginView.as_view(template_name="login.html", redirect_authenticated_user=True), name="login"),
    path("login/code/", second_factor_page, name="second-factor"),
    path("admin/logout/", SignOut.as_view(), name="logout"),  # in place of the admin's own
    path("logout/", SignOut.as_view(), name="logout"),  # behind it, because a name leads to its last address
    path("jobs/", jobs.index, name="jobs"),
    path("jobs/ended/", jobs.ended, name="jobs-ended"),
    path("jobs/<int:pk>/", jobs.page, name="job"),
    path("jobs/<int:pk>/cancel/", jobs.cancel, name="job-cancel"),
    path("jobs/<int:pk>/file/", jobs.file, name="job-file"),
    path("assistant/", assistant.page, name="assistant"),
    path("assistant/ask/", assistant.ask, name="assistant-ask"),
    path("assistant/words/<slug:token>/", assistant.words, name="assistant-words"),
    path("find/", find.find, name="find"),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("policy-reports/", policy_reports.report, name="policy-reports"),
    path("api/docs/", docs.page, name="api-docs"),
    path("api/schema/", docs.schema, name="api-schema"),
    path("api/v1/", include("sntry_site.api.urls")),
    path("admin/feed/", admin.site.admin_view(dashboard.feed), name="dashboard-feed"),
    path("ocpi/", include("sntry_site.ocpi.urls")),
    path("admin/import/", admin.site.admin_view(import_page), name="import"),
    path("admin/exports/", admin.site.admin_view(exports_page), name="exports"),
    path("admin/exports/ev-chart/", admin.site.admin_view(ev_chart_file), name="export-ev-chart"),
    path("admin/world-check/", admin.site.admin_view(world_check_page), name="world-check"),
    path("admin/healed/", admin.site.admin_view(healed_page), name="healed"),
    path("admin/policy-lab/", admin.site.admin_view(policy_lab_page), name="policy-lab"),
    path("admin/", admin.site.urls),
]

websocket_urlpatterns = [
    path("live/board/", board.BoardConsumer.as_asgi()),
    path("live/site/", SiteConsumer.as_asgi()),
    path("live/jobs/", jobs.JobsConsumer.as_asgi()),
]
