"""Every address of the partner API."""

from django.urls import re_path

from .requests import Nothing

urlpatterns = [
    re_path(r"^(?P<rest>.*)$", Nothing.as_view(), name="api-nothing"),
]
