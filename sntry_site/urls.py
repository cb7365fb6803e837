"""Every address of the site."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from .pages import board

urlpatterns = [
    path("", board.page, name="board"),
    path("login/", LoginView.as_view(template_name="login.html", redirect_authenticated_user=True), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
]

websocket_urlpatterns = [
    path("live/board/", board.BoardConsumer.as_asgi()),
]
