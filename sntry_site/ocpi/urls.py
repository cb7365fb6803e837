"""The addresses of OCPI."""

from django.urls import path

from . import credentials, locations, sessions, tariffs, versions

urlpatterns = [
    path("versions", versions.versions, name="ocpi-versions"),
    path("<str:version>", versions.details, name="ocpi-details"),
    path("<str:version>/credentials", credentials.credentials, name="ocpi-credentials"),
    path("<str:version>/locations", locations.locations, name="ocpi-locations"),
    path("<str:version>/locations/<str:location>", locations.one, name="ocpi-location"),
    path("<str:version>/locations/<str:location>/<str:evse>", locations.one, name="ocpi-evse"),
    path("<str:version>/locations/<str:location>/<str:evse>/<str:connector>", locations.one, name="ocpi-connector"),
    path("<str:version>/tariffs", tariffs.tariffs, name="ocpi-tariffs"),
    path("<str:version>/sessions", sessions.sessions, name="ocpi-sessions"),
    path("<str:version>/cdrs", sessions.cdrs, name="ocpi-cdrs"),
]
