"""The live fleet board."""

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse


@login_required
def page(request):
    return HttpResponse("board")


class BoardConsumer(AsyncJsonWebsocketConsumer):
    pass
