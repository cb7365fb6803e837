"""The addresses of the technicians' pages, below `/work/`."""

from django.urls import path

from . import chargers, day, order, photo_pages, route

urlpatterns = [
    path("", day.page, name="work-day"),
    path("route/", route.page, name="work-route"),
    path("route/data/", route.data, name="work-route-data"),
    path("orders/<int:pk>/", order.page, name="work-order"),
    path("orders/<int:pk>/status/", order.status, name="work-status"),
    path("orders/<int:pk>/step/", order.step, name="work-step"),
    path("orders/<int:pk>/draft/", order.draft, name="work-draft"),
    path("orders/<int:pk>/items/<int:item>/", order.answer, name="work-item"),
    path("orders/<int:pk>/parts/<int:need>/", order.part, name="work-part"),
    path("orders/<int:pk>/parts/add/", order.add_part, name="work-add-part"),
    path("orders/<int:pk>/photos/", photo_pages.add, name="work-photos"),
    path("photos/<int:pk>/", photo_pages.show, name="work-photo"),
    path("photos/<int:pk>/remove/", photo_pages.remove, name="work-photo-remove"),
    path("chargers/<path:external_id>/code.svg", chargers.code, name="work-charger-code"),
    path("chargers/<path:external_id>/", chargers.page, name="work-charger"),
]
